"""LowKey (Cherepanova et al., ICLR 2021): push a face away from its own features in several models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from faceprobe.cloaks.attacks import lpips as lpips_term
from faceprobe.cloaks.attacks.face_window_cloak import WindowCloak, check_name
from faceprobe.cloaks.attacks.face_windows import NOTE
from faceprobe.cloaks.attacks.perceptual import Perceptual
from faceprobe.cloaks.attacks.surrogate import Surrogate, load_surrogates
from faceprobe.cloaks.attacks.surrogate_view import SurrogateView, WindowBatch, relative
from faceprobe.cloaks.base import CloakCard, CloakFamily, Subject
from faceprobe.cloaks.names import CloakName

if TYPE_CHECKING:
    from torch import Tensor

CITATION = (
    "Cherepanova et al., LowKey: Leveraging Adversarial Attacks to Protect Social Media Users from Facial"
    " Recognition, ICLR 2021"
)
STEPS, RATE = 50, 0.0025
START = 0.005
"""Half-width of the uniform start noise."""
BLUR, SIGMA = 7, 3.0
"""Window and sigma of the blurred branch, in pixels of the photo."""
WEIGHT = 0.05
"""Weight of the perceptual term."""
BOUND = START + STEPS * RATE

_ALONE = (
    "made with a public stand-in for the authors' ensemble (IR-152 and ResNet-152, ArcFace and CosFace heads)"
)
_WARPED = "every surrogate gets the aligned face, as published, also one that is measured on whole photos"


class LowKey(WindowCloak):
    """Maximises, by 50 signed steps of 0.0025 a pixel from noise of +-0.005,

        mean over heads of ||F(x') - F0||^2 / ||F0||  -  0.05 P(x', x)

    A head is a surrogate on the photo or on the photo blurred by a Gaussian (7 x 7, sigma 3, reflected
    edges) before alignment; F0 is its feature of the clean, unblurred photo. P is half the perceptual
    distance of the aligned face and half that of the photo (here: of the window). The range [0, 1] is
    enforced at the end only. The published code cloaks the first face found; here all faces of a photo are
    cloaked, with the mean over the faces of a window. Every surrogate gets the aligned face, and the mirrored
    one too where its preprocessing says so.

    A window with a side under 32 px has no perceptual term of the photo, since AlexNet's strides would reduce
    it to nothing.
    """

    warp_all = True

    def __init__(
        self, card: CloakCard, surrogates: Sequence[Surrogate], perceptual: Perceptual, weights: str
    ) -> None:
        super().__init__(card, surrogates, BOUND)
        self.perceptual, self.weights = perceptual, weights

    def fingerprint_extras(self) -> Any:
        return {"perceptual": self.weights}

    def optimise(self, batch: WindowBatch, view: SurrogateView) -> tuple[Tensor, int]:
        photos = batch.clean + batch.noise(START)
        faces = [
            (part.rows, part.weight * len(self.surrogates)) for part in view.parts if part.surrogate == 0
        ]
        clean_faces = [batch.aligned(batch.clean, rows) for rows, _ in faces]
        for _ in range(STEPS):
            gradient = view.gradient(photos, relative, transforms=(lambda photo: photo, blurred))
            leaf = photos.detach().requires_grad_()
            for (rows, weight), clean in zip(faces, clean_faces, strict=True):
                visible = (weight * self.perceptual(batch.aligned(leaf, rows), clean)).sum()
                (WEIGHT / 2 * visible).backward()  # type: ignore[no-untyped-call]
            if min(photos.shape[2:]) >= lpips_term.SMALLEST:
                visible = self.perceptual(leaf, batch.clean).sum()
                (WEIGHT / 2 * visible).backward()  # type: ignore[no-untyped-call]
            assert leaf.grad is not None
            photos = photos + RATE * (gradient - leaf.grad).sign()
        return photos.clamp(0, 1), STEPS


def blurred(photos: Tensor) -> Tensor:
    """(B, 3, H, W), both sides at least 4, blurred by LowKey's Gaussian (torchvision, edges reflected)."""
    from torchvision.transforms.v2.functional import gaussian_blur

    result: Tensor = gaussian_blur(photos, [BLUR, BLUR], [SIGMA, SIGMA])
    return result


class LowKeyFamily(CloakFamily):
    """``lowkey[SURROGATE+...;lpips]``; bare ``lowkey`` in results means the authors' own files."""

    stems = ("lowkey",)
    files = (CloakCard("lowkey", "the authors' own output, files of a dataset", CITATION),)

    def card(self, name: CloakName) -> CloakCard:
        surrogates = check_name(name, "lowkey", set(), perceptual=True)
        perceptual = lpips_term.choose(name.perceptual)
        notes: tuple[str, ...] = (_ALONE, _WARPED, NOTE)
        if perceptual == "dssim":
            notes = (
                lpips_term.DSSIM_INSTEAD
                if not name.perceptual
                else "perceptual term: DSSIM instead of LPIPS",
                *notes,
            )
        return CloakCard(
            id=name.shown(surrogates, perceptual),
            about="away from the features of an ensemble of recognisers, photo and blurred photo",
            citation=CITATION,
            constants={
                "steps": STEPS,
                "rate": RATE,
                "start": START,
                "blur": [BLUR, SIGMA],
                "perceptual": perceptual,
                "weight": WEIGHT,
            },
            notes=notes,
        )

    def load(self, name: CloakName, *, device: str, offline: bool, targets: Sequence[Subject]) -> LowKey:
        card = self.card(name)
        surrogates = check_name(name, "lowkey", set(), perceptual=True)
        loaded = load_surrogates(surrogates, device=device, offline=offline)
        perceptual, weights = lpips_term.load_perceptual(
            card.constants["perceptual"], device=loaded[0].encoder.device, offline=offline
        )
        return LowKey(card, loaded, perceptual, weights)


FAMILY = LowKeyFamily()
