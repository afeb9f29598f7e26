"""TIP-IM style: towards the nearest of several strangers, the best one chosen anew at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from faceprobe.cloaks.attacks.surrogate import Surrogate, load_surrogates
from faceprobe.cloaks.attacks.surrogate_view import Group, Piece, Sight, group_of, relative
from faceprobe.cloaks.attacks.window_cloak import WindowCloak, check_name, who, whole_option
from faceprobe.cloaks.attacks.windows import NOTE, plan, read_window
from faceprobe.cloaks.base import CloakCard, Subject
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
"""Target identities (10 in the public code), and how many of them are tried at a step (there: all)."""
OPTIONS = {"targets", "trials"}


class TipIm(WindowCloak):
    """Targeted, multi-identity (Yang et al., ICCV 2021): 100 signed steps with momentum 1 in the L-infinity
    ball of 12/255, each towards one of the target identities and away from the clean feature.

    As in the paper and its code: the loss is the squared distance to the target less that to the clean
    feature; the gradient is divided by its mean magnitude before it joins the momentum; at each step a trial
    is made for a target and the trial with the largest gain is kept, the gain being
    log(1 + max over targets of exp(d(x', clean) - d(x', target))).

    A stand-in for the paper: of the (at most 10) targets only the ``trials`` nearest ones, 2 unless said
    otherwise, are tried at a step, since the gain looks at the nearest target only; a target is the mean
    feature of a person's photos. Left out: the naturalness term, whose weight in the public code is 0, and
    its random turns of the input. A photo's own identity is never its target.
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
        self._told = [
            [who(t), t.photo.content_hash, digest_faces(t.photo.faces)]
            for t in targets
            if who(t) in self.people
        ]

    def more(self) -> Any:
        return {"targets": sha256_json(self._told)}

    def optimise(self, group: Group, sight: Sight) -> tuple[Tensor, int]:
        import torch

        clean = group.clean
        photos, momentum = clean.clone(), torch.zeros_like(clean)
        allowed = self._allowed(group)
        trials = min(self.trials, int(allowed.sum(1).min()))
        for _ in range(STEPS):
            with torch.no_grad():
                order = self._near(sight, photos, allowed).argsort(dim=1, descending=True, stable=True)
            best = torch.full((len(clean),), -torch.inf, device=clean.device)
            kept_photos, kept_momentum = photos, momentum
            for number in range(trials):
                tried, moved = self._trial(sight, photos, momentum, order[:, number])
                with torch.no_grad():
                    gain = self._gain(sight, tried, allowed)
                better = (gain > best)[:, None, None, None]
                kept_photos = torch.where(better, tried, kept_photos)
                kept_momentum = torch.where(better, moved, kept_momentum)
                best = torch.maximum(best, gain)
            photos, momentum = kept_photos, kept_momentum
        return photos, STEPS

    def _trial(self, sight: Sight, photos: Tensor, momentum: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """One step of every window towards its ``target`` (B,): the photos and their momentum."""

        def closer(piece: Piece, features: Tensor) -> Tensor:
            goal = self.centres[piece.surrogate][target[piece.owner]]
            return relative(piece, features) - (features - goal).square().sum(1)

        gradient = sight.gradient(photos, closer)
        size = gradient.abs().mean(dim=(1, 2, 3), keepdim=True).clamp_min(1e-20)
        moved = MOMENTUM * momentum + gradient / size
        clean = sight.group.clean
        climbed = clean + (photos + STEP * moved.sign() - clean).clamp(-EPS, EPS)
        return climbed.clamp(0, 1), moved

    def _near(self, sight: Sight, photos: Tensor, allowed: Tensor) -> Tensor:
        """Mean cosine of each window's rows with each target, -inf where not allowed: (B, T)."""
        import torch

        near = torch.zeros_like(allowed, dtype=torch.float32)
        for piece in sight.pieces:
            cosine = sight.features(piece, photos) @ self.centres[piece.surrogate].T
            near.index_add_(0, piece.owner, cosine * piece.weight[:, None])
        return near.masked_fill(~allowed, -torch.inf)

    def _gain(self, sight: Sight, photos: Tensor, allowed: Tensor) -> Tensor:
        """The paper's gain, mean over surrogates and faces of a window: (B,)."""
        import torch

        total = torch.zeros(len(allowed), device=photos.device)
        for piece in sight.pieces:
            features = sight.features(piece, photos)
            source = (features - piece.clean).norm(dim=1)
            away = torch.cdist(features, self.centres[piece.surrogate])
            away = away.masked_fill(~allowed[piece.owner], torch.inf)
            gain = torch.log1p((source[:, None] - away).exp().amax(1))
            total.index_add_(0, piece.owner, gain * piece.weight)
        return total

    def _allowed(self, group: Group) -> Tensor:
        import torch

        allowed = torch.tensor([[p != person for p in self.people] for person in group.people])
        if not bool(allowed.any(1).all()):
            raise BadInput(
                "tip-im: the only target is the photo's own person; give photos of other people too"
            )
        return allowed.to(self.device)

    def _centres(self, targets: Sequence[Subject], limit: int) -> tuple[tuple[str, ...], list[Tensor]]:
        """The first ``limit`` people of ``targets`` who show a face, and their mean unit features (T, D)."""
        import torch

        seen: dict[str, list[list[Tensor]]] = {}
        for subject in targets:
            if who(subject) not in seen and len(seen) == limit:
                continue
            windows = plan(subject.photo, whole=self.whole).windows
            if not windows:
                continue
            pixels = read_window(subject.photo.pixels, windows[0])
            sight = Sight(self.surrogates, group_of([(windows[0], pixels, 0, "")], self.device))
            rows: list[list[Tensor]] = [[] for _ in self.surrogates]
            for piece in sight.pieces:
                rows[piece.surrogate].append(piece.clean)
            if all(rows):
                seen.setdefault(who(subject), []).append([torch.cat(r).mean(0) for r in rows])
        if not seen:
            raise BadInput("tip-im: no target photo shows a face; give clean photos of other people")
        centres = []
        for number in range(len(self.surrogates)):
            means = torch.stack(
                [torch.stack([p[number] for p in photos]).mean(0) for photos in seen.values()]
            )
            centres.append(torch.nn.functional.normalize(means, dim=1))
        return tuple(seen), centres


class TipImFamily:
    """``tip-im[SURROGATE+...]?targets=10&trials=2``; needs clean photos of other people."""

    stems = ("tip-im",)

    def card(self, name: CloakName) -> CloakCard:
        surrogates = check_name(name, "tip-im", OPTIONS)
        return CloakCard(
            id=name.shown(surrogates),
            about="towards the nearest of several other people, chosen anew at every step",
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
