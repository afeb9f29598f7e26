"""OPOM style: one mask a person, learnt on some of the person's photos and added to all of them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.attacks.face_warp import SIDE, read_grid, sampling_grid
from faceprobe.cloaks.attacks.perceptual import dssim
from faceprobe.cloaks.attacks.surrogate import Surrogate, load_surrogates
from faceprobe.cloaks.attacks.surrogate_view import ROWS, Group, group_of
from faceprobe.cloaks.attacks.window_cloak import NO_FACE, check_name, fingerprint, who, whole_option
from faceprobe.cloaks.attacks.windows import NOTE, Window, paste, plan, read_window
from faceprobe.cloaks.base import CloakCard, Cloaked, FaceReport, Subject, no_tick, photo_seed
from faceprobe.cloaks.names import CloakName
from faceprobe.data.photo import Photo
from faceprobe.faces.crops import NoFace, nearest_the_centre

if TYPE_CHECKING:
    import torch
    from torch import Tensor

EPS, ROUNDS, STEP = 8 / 255, 16, 1 / 255
LEARN = 10
"""Photos of a person that the mask is learnt on, and never more than half of them unless asked."""
OPTIONS = {"learn"}


@dataclass(frozen=True)
class Shot:
    """One photo of a person, ready for the mask: its face's ``window``, the window's ``group`` of one, and
    the grid (1, h, w, 2) that carries the mask from the template into the window.
    """

    number: int
    face: int
    window: Window
    group: Group
    spread: Tensor

    def masked(self, mask: Tensor) -> Tensor:
        """The window (1, 3, h, w) with ``mask`` (1, 3, 112, 112) warped back onto the face and added."""
        return (self.group.clean + read_grid(mask, self.spread)).clamp(0, 1)


class Opom:
    """One person, one mask (Zhong and Deng, TPAMI 2022).

    The paper's: a single mask a person in the L-infinity ball of 8/255, learnt in 16 rounds of signed
    gradient on some photos of that person, so that the features of all of them leave the person's *subspace*
    (the affine hull of the clean features), and added unchanged to new photos.

    Stand-ins: a round is one step of 1/255 on the sum over all the photos learnt on; the hull is spanned by
    those photos' clean features in full, without regularisation; a random start, since a clean feature lies
    in the hull and has no gradient there; the mask is learnt *through* its way back into the photo, so that
    what is learnt is what the photo will show. It lives on the aligned 112 x 112 face and is warped back
    (bilinear).

    Of several faces in a photo only the one nearest the centre gets the mask: it is one person's. Photos
    without an identity are persons of their own. ``learn`` photos are drawn by the seed; a report's note says
    which photos the mask had seen. Every surrogate sees the aligned face.
    """

    version = 1

    def __init__(self, card: CloakCard, surrogates: Sequence[Surrogate], learn: int) -> None:
        self.card, self.surrogates, self.learn = card, tuple(surrogates), learn
        self.batch = 8
        self.device: torch.device = self.surrogates[0].encoder.device

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.card, self.surrogates, self.version)

    def apply(
        self, subjects: Sequence[Subject], *, seed: int, tick: Callable[[], None] = no_tick
    ) -> list[Cloaked]:
        """Cloak all photos of whole persons; see :class:`faceprobe.cloaks.base.Cloak`."""
        people: dict[str, list[int]] = defaultdict(list)
        for k, subject in enumerate(subjects):
            people[who(subject)].append(k)
        done: dict[int, Cloaked] = {}
        for person, numbers in people.items():
            began = time.perf_counter()
            chosen = self._chosen([subjects[k] for k in numbers], seed)
            mask = self.learn_mask([subjects[k] for k in numbers if subjects[k].name in chosen], person, seed)
            spent = (time.perf_counter() - began) / len(numbers)
            for k in numbers:
                seen = subjects[k].name in chosen
                done[k] = self.add_mask(subjects[k], mask, seen=seen, seconds=spent)
                tick()
        return [done[k] for k in range(len(subjects))]

    def learn_mask(self, subjects: Sequence[Subject], person: str, seed: int) -> NDArray[np.float32] | None:
        """The mask (3, 112, 112) in +-8/255 learnt on ``subjects``; None where none of them shows a face.

        Its random start depends on ``person`` and ``seed``, not on the photos.
        """
        import torch

        shots = [s for k, subject in enumerate(subjects) if isinstance(s := self._shot(k, subject), Shot)]
        if not shots:
            return None
        with torch.no_grad():
            clean = [self._features(shots, None, s) for s in self.surrogates]
        hulls = [affine_hull(rows) for rows in clean]
        draw = torch.Generator().manual_seed(photo_seed(seed, f"mask|{person}"))
        mask = ((2 * torch.rand(1, 3, SIDE, SIDE, generator=draw) - 1) * EPS).to(self.device)
        for _ in range(ROUNDS):
            mask.requires_grad_()
            for surrogate, (centre, span) in zip(self.surrogates, hulls, strict=True):
                for first in range(0, len(shots), ROWS):
                    features = self._features(shots[first : first + ROWS], mask, surrogate)
                    hull_distance(features, centre, span).sum().backward()  # type: ignore[no-untyped-call]
            assert mask.grad is not None
            mask = (mask.detach() + STEP * mask.grad.sign()).clamp(-EPS, EPS)
        learnt: NDArray[np.float32] = mask[0].cpu().numpy()
        return learnt

    def add_mask(
        self, subject: Subject, mask: NDArray[np.float32] | None, *, seen: bool = False, seconds: float = 0.0
    ) -> Cloaked:
        """``subject`` with a learnt mask (3, 112, 112) on its central face; ``seen`` says that the mask was
        learnt on this photo too.
        """
        import torch

        began = time.perf_counter()
        photo = subject.photo
        shot = self._shot(0, subject)
        if mask is None or isinstance(shot, str):
            note = shot if isinstance(shot, str) else "no face of this person to learn a mask on"
            told = tuple(FaceReport(f.box, False, note=note) for f in photo.faces or ())
            return Cloaked(subject.name, photo.pixels, told, note, seconds)
        with torch.no_grad():
            changed = shot.masked(torch.from_numpy(mask[None]).to(self.device))
            change = (changed - shot.group.clean)[0].cpu().numpy()
            rounded = (changed * 255).round() / 255
            face, clean = shot.group.aligned(rounded), shot.group.aligned(shot.group.clean)
            moved = [(s.features(face) - s.features(clean)).square().sum() for s in self.surrogates]
            report = FaceReport(
                (0.0, 0.0, 0.0, 0.0),
                True,
                float(sum(float(m) for m in moved) / len(moved)),
                float(dssim(face, clean)[0]),
                ROUNDS,
                "mask learnt on this photo" if seen else "mask learnt on other photos",
            )
        told = tuple(
            replace(report, box=f.box)
            if n == shot.face
            else FaceReport(f.box, False, note="not the face nearest the centre")
            for n, f in enumerate(photo.faces or ())
        )
        pixels = paste(photo.pixels, [(shot.window, change)], EPS)
        return Cloaked(subject.name, pixels, told, "", seconds + time.perf_counter() - began)

    def _features(self, shots: Sequence[Shot], mask: Tensor | None, surrogate: Surrogate) -> Tensor:
        import torch

        faces = [s.group.aligned(s.group.clean if mask is None else s.masked(mask)) for s in shots]
        return surrogate.features(torch.cat(faces))

    def _chosen(self, subjects: Sequence[Subject], seed: int) -> set[str]:
        """The photos to learn on: those with a face, ``learn`` of them, drawn by ``seed`` and their names."""
        able = [s for s in subjects if isinstance(self._shot(0, s), Shot)]
        count = min(self.learn or min(LEARN, (len(able) + 1) // 2), len(able))
        drawn = sorted(able, key=lambda s: (photo_seed(seed, f"learn|{s.name}"), s.name))
        return {s.name for s in drawn[:count]}

    def _shot(self, number: int, subject: Subject) -> Shot | str:
        """``subject`` ready for a mask, or why it cannot have one."""
        photo = subject.photo
        if photo.faces is None:
            raise ValueError("a cloak needs the photo's faces; run a detector first")
        try:
            face = nearest_the_centre(photo.faces, *photo.pixels.shape[:2])
        except NoFace:
            return NO_FACE
        only = plan(Photo(photo.pixels, photo.content_hash, (face,)), whole=False)
        if not only.windows:
            return "; ".join(only.skipped.values())
        window = only.windows[0]
        matrix = window.maps[0]
        assert matrix is not None
        group = group_of([(window, read_window(photo.pixels, window), 0, "")], self.device)
        spread = sampling_grid(matrix, (SIDE, SIDE), window.size, self.device)[None]
        at = next(n for n, f in enumerate(photo.faces) if f is face)
        return Shot(number, at, window, group, spread)


def affine_hull(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The affine hull of ``rows`` (N, D): a point (D,) in it and an orthonormal basis (R, D), R < N."""
    import torch

    centre = rows.mean(0)
    _, size, basis = torch.linalg.svd(rows - centre, full_matrices=False)
    return centre, basis[size > 1e-5 * size.max().clamp_min(1e-12)]


def hull_distance(rows: Tensor, centre: Tensor, span: Tensor) -> Tensor:
    """Squared distance of each row (N, D) to an affine hull: (N,)."""
    away = rows - centre
    across = away - (away @ span.T) @ span
    squared: Tensor = across.square().sum(1)
    return squared


class OpomFamily:
    """``opom[SURROGATE+...]?learn=5``: scope "person"."""

    stems = ("opom",)

    def card(self, name: CloakName) -> CloakCard:
        surrogates = check_name(name, "opom", OPTIONS)
        learn = whole_option(name, "learn", 0, 0, 1000)
        return CloakCard(
            id=name.shown(surrogates),
            about="one mask a person, learnt on some of the person's photos and added to all of them",
            citation="Zhong and Deng, OPOM: Customized Invisible Cloak towards Face Privacy Protection, IEEE"
            " TPAMI 2022",
            scope="person",
            constants={
                "eps": EPS,
                "step": STEP,
                "rounds": ROUNDS,
                "learn": learn or f"half, at most {LEARN}",
            },
            notes=("in the style of OPOM: affine hull without regularisation, one step a round", NOTE),
        )

    def load(self, name: CloakName, *, device: str, offline: bool, targets: Sequence[Subject]) -> Opom:
        card = self.card(name)
        surrogates = check_name(name, "opom", OPTIONS)
        loaded = load_surrogates(surrogates, device=device, offline=offline)
        return Opom(card, loaded, whole_option(name, "learn", 0, 0, 1000))


FAMILY = OpomFamily()
