"""LowKey (Cherepanova et al., ICLR 2021): away from an ensemble's features, plain and blurred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from faceprobe.cloaks.attacks import lpips as lpips_term
from faceprobe.cloaks.attacks.perceptual import Perceptual
from faceprobe.cloaks.attacks.surrogate import Surrogate, load_surrogates
from faceprobe.cloaks.attacks.surrogate_view import Group, Sight, relative
from faceprobe.cloaks.attacks.window_cloak import WindowCloak, check_name
from faceprobe.cloaks.attacks.windows import NOTE
from faceprobe.cloaks.base import CloakCard, Subject
from faceprobe.cloaks.names import CloakName

if TYPE_CHECKING:
    from torch import Tensor

STEPS, RATE = 50, 0.0025
START = 0.005
"""Half-width of the uniform start noise."""
BLUR, SIGMA = 7, 3.0
"""Window and sigma of the blurred branch, in pixels of the photo."""
WEIGHT = 0.05
"""Of the perceptual term."""
BOUND = START + STEPS * RATE

_ALONE = (
    "made with a public stand-in for the authors' ensemble (IR-152 and ResNet-152, ArcFace and CosFace heads)"
)
_WARPED = "every surrogate sees the aligned face, as published, also one that is measured on whole photos"


class LowKey(WindowCloak):
    """Ascends, by 50 signed steps of 0.0025 a pixel from noise of +-0.005,

        mean over heads of ||F(x') - F0||^2 / ||F0||  -  0.05 P(x', x)

    A head is a surrogate on the photo or on the photo blurred by a Gaussian (7 x 7, sigma 3, reflected
    edges) before alignment; F0 is its feature of the clean, unblurred photo. P is half the perceptual
    distance of the aligned face and half that of the photo (here: of the window). The range [0, 1] is
    enforced at the end only. The published code cloaks the first face found; here all of a photo, as a mean
    over those in a window. Every surrogate sees the aligned face, and the mirrored one with it where its
    preprocessing says so.

    A window with a side under 32 px has no perceptual term of the photo: AlexNet's strides leave nothing of
    it.
    """

    warp_all = True

    def __init__(
        self, card: CloakCard, surrogates: Sequence[Surrogate], perceptual: Perceptual, weights: str
    ) -> None:
        super().__init__(card, surrogates, BOUND)
        self.perceptual, self.weights = perceptual, weights

    def more(self) -> Any:
        return {"perceptual": self.weights}

    def optimise(self, group: Group, sight: Sight) -> tuple[Tensor, int]:
        photos = group.clean + group.noise(START)
        faces = [
            (piece.rows, piece.weight * len(self.surrogates))
            for piece in sight.pieces
            if piece.surrogate == 0
        ]
        clean_faces = [group.aligned(group.clean, rows) for rows, _ in faces]
        for _ in range(STEPS):
            gradient = sight.gradient(photos, relative, views=(_same, blurred))
            seen = photos.detach().requires_grad_()
            for (rows, weight), clean in zip(faces, clean_faces, strict=True):
                visible = (weight * self.perceptual(group.aligned(seen, rows), clean)).sum()
                (WEIGHT / 2 * visible).backward()  # type: ignore[no-untyped-call]
            if min(photos.shape[2:]) >= lpips_term.SMALLEST:
                visible = self.perceptual(seen, group.clean).sum()
                (WEIGHT / 2 * visible).backward()  # type: ignore[no-untyped-call]
            assert seen.grad is not None
            photos = photos + RATE * (gradient - seen.grad).sign()
        return photos.clamp(0, 1), STEPS


def blurred(photos: Tensor) -> Tensor:
    """(B, 3, H, W), both sides at least 4, under LowKey's Gaussian: torchvision's, edges reflected."""
    from torchvision.transforms.v2.functional import gaussian_blur

    result: Tensor = gaussian_blur(photos, [BLUR, BLUR], [SIGMA, SIGMA])
    return result


def _same(photos: Tensor) -> Tensor:
    return photos


class LowKeyFamily:
    """``lowkey[SURROGATE+...;lpips]``; bare ``lowkey`` in results means the authors' own files."""

    stems = ("lowkey",)

    def card(self, name: CloakName) -> CloakCard:
        surrogates = check_name(name, "lowkey", set(), perceptual=True)
        which = lpips_term.choose(name.perceptual)
        notes: tuple[str, ...] = (_ALONE, _WARPED, NOTE)
        if which == "dssim":
            notes = (
                lpips_term.STAND_IN if not name.perceptual else "perceptual term: DSSIM instead of LPIPS",
                *notes,
            )
        return CloakCard(
            id=name.shown(surrogates, which),
            about="away from the features of an ensemble of recognisers, photo and blurred photo",
            citation="Cherepanova et al., LowKey: Leveraging Adversarial Attacks to Protect Social Media"
            " Users from Facial Recognition, ICLR 2021",
            constants={
                "steps": STEPS,
                "rate": RATE,
                "start": START,
                "blur": [BLUR, SIGMA],
                "perceptual": which,
                "weight": WEIGHT,
            },
            notes=notes,
        )

    def load(self, name: CloakName, *, device: str, offline: bool, targets: Sequence[Subject]) -> LowKey:
        card = self.card(name)
        surrogates = check_name(name, "lowkey", set(), perceptual=True)
        loaded = load_surrogates(surrogates, device=device, offline=offline)
        on = loaded[0].encoder.device
        perceptual, weights = lpips_term.load_perceptual(
            card.constants["perceptual"], device=on, offline=offline
        )
        return LowKey(card, loaded, perceptual, weights)


FAMILY = LowKeyFamily()
