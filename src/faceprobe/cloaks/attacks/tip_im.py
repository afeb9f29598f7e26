"""TIP-IM style: move a face towards another person, the best of several chosen again at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from faceprobe.cloaks.attacks.face_window_cloak import WindowCloak, check_name, whole_option
from faceprobe.cloaks.attacks.face_windows import NOTE, plan_windows, read_window
from faceprobe.cloaks.attacks.surrogate import Surrogate, load_surrogates
from faceprobe.cloaks.attacks.surrogate_view import (
    FeatureRows,
    SurrogateView,
    WindowBatch,
    relative,
    window_batch,
)
from faceprobe.cloaks.base import CloakCard, CloakFamily, Subject
from faceprobe.cloaks.names import CloakName
from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.files import sha256_json
from faceprobe.data.photo import digest_faces

if TYPE_CHECKING:
    from torch import Tensor

EPS, STEPS, MOMENTUM = 12 / 255, 100, 1.0
STEP = 1.5 * EPS / STEPS
"""Step of the public code: 1.5 eps over the number of iterations."""
TARGETS, TRIALS = 10, 2
"""Target identities (10 in the public code), and how many are tried at a step (all in the public code)."""
OPTIONS = {"targets", "trials"}


class TipIm(WindowCloak):
    """Targeted, multi-identity (Yang et al., ICCV 2021): 100 signed steps with momentum 1 in the L-infinity
    ball of 12/255, each towards one of the target identities and away from the clean feature.

    As in the paper and its code: the loss is the squared distance to the target minus that to the clean
    feature; the gradient is divided by its mean magnitude before it is added to the momentum; each step tries
    targets and keeps the trial with the largest gain
    log(1 + max over targets of exp(d(x', clean) - d(x', target))).

    Different from the paper: of the (at most 10) targets each step tries only the ``trials`` nearest ones (2
    by default), since the gain depends on the nearest target only; a target is the mean feature of a person's
    photos. Left out: the naturalness term, whose weight in the public code is 0, and the random rotations of
    the input. A photo's own identity is never its target.
    """

    def __init__(
        self,
        card: CloakCard,
        surrogates: Sequence[Surrogate],
        targets: Sequence[Subject],
        limit: int,
        trials: int,
    ) -> None:
        super().__init__(card, surrogates, EPS)
        self.trials = trials
        self.people, self.centres = self._centres(targets, limit)
        self._used_targets = [
            [t.person, t.photo.content_hash, digest_faces(t.photo.faces)]
            for t in targets
            if t.person in self.people
        ]

    def fingerprint_extras(self) -> Any:
        return {"targets": sha256_json(self._used_targets)}

    def optimise(self, batch: WindowBatch, view: SurrogateView) -> tuple[Tensor, int]:
        import torch

        clean = batch.clean
        photos, momentum = clean.clone(), torch.zeros_like(clean)
        allowed = self._allowed(batch)
        trials = min(self.trials, int(allowed.sum(1).min()))
        for _ in range(STEPS):
            with torch.no_grad():
                order = self._near(view, photos, allowed).argsort(dim=1, descending=True, stable=True)
            best = torch.full((len(clean),), -torch.inf, device=clean.device)
            kept_photos, kept_momentum = photos, momentum
            for number in range(trials):
                tried, moved = self._trial(view, photos, momentum, order[:, number])
                with torch.no_grad():
                    gain = self._gain(view, tried, allowed)
                better = (gain > best)[:, None, None, None]
                kept_photos = torch.where(better, tried, kept_photos)
                kept_momentum = torch.where(better, moved, kept_momentum)
                best = torch.maximum(best, gain)
            photos, momentum = kept_photos, kept_momentum
        return photos, STEPS

    def _trial(
        self, view: SurrogateView, photos: Tensor, momentum: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step of every window towards its ``target`` (B,): the photos and their momentum."""

        def closer(part: FeatureRows, features: Tensor) -> Tensor:
            goal = self.centres[part.surrogate][target[part.owner]]
            return relative(part, features) - (features - goal).square().sum(1)

        gradient = view.gradient(photos, closer)
        size = gradient.abs().mean(dim=(1, 2, 3), keepdim=True).clamp_min(1e-20)
        moved = MOMENTUM * momentum + gradient / size
        clean = view.batch.clean
        climbed = clean + (photos + STEP * moved.sign() - clean).clamp(-EPS, EPS)
        return climbed.clamp(0, 1), moved

    def _near(self, view: SurrogateView, photos: Tensor, allowed: Tensor) -> Tensor:
        """Mean cosine of each window's rows with each target, -inf where not allowed: (B, T)."""
        import torch

        near = torch.zeros_like(allowed, dtype=torch.float32)
        for part in view.parts:
            cosine = view.features(part, photos) @ self.centres[part.surrogate].T
            near.index_add_(0, part.owner, cosine * part.weight[:, None])
        return near.masked_fill(~allowed, -torch.inf)

    def _gain(self, view: SurrogateView, photos: Tensor, allowed: Tensor) -> Tensor:
        """The paper's gain, as a mean over surrogates and faces of a window: (B,)."""
        import torch

        total = torch.zeros(len(allowed), device=photos.device)
        for part in view.parts:
            features = view.features(part, photos)
            source = (features - part.clean).norm(dim=1)
            away = torch.cdist(features, self.centres[part.surrogate])
            away = away.masked_fill(~allowed[part.owner], torch.inf)
            gain = torch.log1p((source[:, None] - away).exp().amax(1))
            total.index_add_(0, part.owner, gain * part.weight)
        return total

    def _allowed(self, batch: WindowBatch) -> Tensor:
        import torch

        allowed = torch.tensor([[p != person for p in self.people] for person in batch.people])
        if not bool(allowed.any(1).all()):
            raise BadInput(
                "tip-im: the only target is the photo's own person; give photos of other people too"
            )
        return allowed.to(self.device)

    def _centres(self, targets: Sequence[Subject], limit: int) -> tuple[tuple[str, ...], list[Tensor]]:
        """The first ``limit`` people of ``targets`` with a face, and their mean unit features (T, D)."""
        import torch

        found: dict[str, list[list[Tensor]]] = {}
        for subject in targets:
            if subject.person not in found and len(found) == limit:
                continue
            windows = plan_windows(subject.photo, whole=self.whole).windows
            if not windows:
                continue
            pixels = read_window(subject.photo.pixels, windows[0])
            view = SurrogateView(self.surrogates, window_batch([(windows[0], pixels, 0, "")], self.device))
            rows: list[list[Tensor]] = [[] for _ in self.surrogates]
            for part in view.parts:
                rows[part.surrogate].append(part.clean)
            if all(rows):
                found.setdefault(subject.person, []).append([torch.cat(r).mean(0) for r in rows])
        if not found:
            raise BadInput("tip-im: no target photo shows a face; give clean photos of other people")
        centres = []
        for number in range(len(self.surrogates)):
            means = torch.stack(
                [torch.stack([p[number] for p in photos]).mean(0) for photos in found.values()]
            )
            centres.append(torch.nn.functional.normalize(means, dim=1))
        return tuple(found), centres


class TipImFamily(CloakFamily):
    """``tip-im[SURROGATE+...]?targets=10&trials=2``; needs clean photos of other people."""

    stems = ("tip-im",)

    def card(self, name: CloakName) -> CloakCard:
        surrogates = check_name(name, "tip-im", OPTIONS)
        return CloakCard(
            id=name.shown(surrogates),
            about="towards the nearest of several other people, chosen again at every step",
            citation="Yang et al., Towards Face Encryption by Generating Adversarial Identity Masks, ICCV"
            " 2021",
            needs_targets=True,
            constants={
                "eps": EPS,
                "step": STEP,
                "steps": STEPS,
                "momentum": MOMENTUM,
                "targets": whole_option(name, "targets", TARGETS, 1, 1000),
                "trials": whole_option(name, "trials", TRIALS, 1, 1000),
            },
            notes=("in the style of TIP-IM: nearest targets only are tried, no naturalness term", NOTE),
        )

    def load(self, name: CloakName, *, device: str, offline: bool, targets: Sequence[Subject]) -> TipIm:
        card = self.card(name)
        if not targets:
            raise WrongUsage("tip-im needs clean photos of other people as targets; none were given")
        surrogates = check_name(name, "tip-im", OPTIONS)
        loaded = load_surrogates(surrogates, device=device, offline=offline)
        return TipIm(card, loaded, targets, card.constants["targets"], card.constants["trials"])


FAMILY = TipImFamily()
