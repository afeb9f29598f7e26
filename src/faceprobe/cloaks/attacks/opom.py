"""OPOM style: one mask for each person, learnt on some of the photos of the person and added to all."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.attacks.differentiable_crop import SIDE, read_grid, sampling_grid
from faceprobe.cloaks.attacks.face_window_cloak import NO_FACE, check_name, fingerprint, whole_option
from faceprobe.cloaks.attacks.face_windows import NOTE, Window, paste, plan_windows, read_window
from faceprobe.cloaks.attacks.perceptual import dssim
from faceprobe.cloaks.attacks.surrogate import Surrogate, load_surrogates
from faceprobe.cloaks.attacks.surrogate_view import ROWS, WindowBatch, window_batch
from faceprobe.cloaks.base import (
    Cloak,
    CloakCard,
    Cloaked,
    CloakFamily,
    FaceReport,
    Subject,
    no_tick,
    photo_seed,
)
from faceprobe.cloaks.names import CloakName
from faceprobe.data.photo import Photo
from faceprobe.faces.crops import NoFace, nearest_the_centre

if TYPE_CHECKING:
    import torch
    from torch import Tensor

EPS, ROUNDS, STEP = 8 / 255, 16, 1 / 255
LEARN = 10
"""Photos of a person that the mask is learnt on; at most half of all, unless the option asks for more."""
OPTIONS = {"learn"}


@dataclass(frozen=True)
class MaskedFace:
    """One photo of a person, prepared for the mask.

    ``face`` is the number of its face, ``window`` lies around it, ``batch`` holds that window alone. ``grid``
    (1, h, w, 2) maps the mask from the template into the window.
    """

    face: int
    window: Window
    batch: WindowBatch
    grid: Tensor

    def masked(self, mask: Tensor) -> Tensor:
        """The window (1, 3, h, w) with ``mask`` (1, 3, 112, 112) warped back onto the face and added."""
        return (self.batch.clean + read_grid(mask, self.grid)).clamp(0, 1)


class Opom(Cloak):
    """One person, one mask (Zhong and Deng, TPAMI 2022).

    As in the paper: a single mask for each person in the L-infinity ball of 8/255, learnt in 16 rounds of
    signed gradient on some photos of that person. It moves their features out of the person's *subspace* (the
    affine hull of the clean features), and is added unchanged to new photos.

    Different from the paper: a round is one step of 1/255 on the sum over all photos learnt on. The hull is
    spanned by all clean features of those photos, without regularisation. The start is random, since a clean
    feature lies in the hull and has no gradient there. The mask lives on the aligned 112 x 112 face; the
    gradient passes through the bilinear warp back into the photo, so the mask is learnt as the photo shows
    it.

    Of several faces in a photo only the one nearest the centre gets the mask. Each photo without an identity
    counts as a person of its own. ``learn`` photos are drawn by the seed; the note of a face says whether the
    mask was learnt on its photo. Every surrogate gets the aligned face.
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
        """See :class:`faceprobe.cloaks.base.Cloak`; ``subjects`` must hold all photos of each person."""
        people: dict[str, list[int]] = defaultdict(list)
        for k, subject in enumerate(subjects):
            people[subject.person].append(k)
        done: dict[int, Cloaked] = {}
        for person, numbers in people.items():
            started = time.perf_counter()
            chosen = self._chosen([subjects[k] for k in numbers], seed)
            mask = self.learn_mask([subjects[k] for k in numbers if subjects[k].name in chosen], person, seed)
            spent = (time.perf_counter() - started) / len(numbers)
            for k in numbers:
                learnt_on = subjects[k].name in chosen
                done[k] = self.add_mask(subjects[k], mask, learnt_on=learnt_on, seconds=spent)
                tick()
        return [done[k] for k in range(len(subjects))]

    def learn_mask(self, subjects: Sequence[Subject], person: str, seed: int) -> NDArray[np.float32] | None:
        """The mask (3, 112, 112) in +-8/255 learnt on ``subjects``; None where none of them shows a face.

        Its random start depends on ``person`` and ``seed``, not on the photos.
        """
        import torch

        faces = [face for subject in subjects if isinstance(face := self._prepare(subject), MaskedFace)]
        if not faces:
            return None
        with torch.no_grad():
            clean = [self._features(faces, None, s) for s in self.surrogates]
        hulls = [affine_hull(rows) for rows in clean]
        draw = torch.Generator().manual_seed(photo_seed(seed, f"mask|{person}"))
        mask = ((2 * torch.rand(1, 3, SIDE, SIDE, generator=draw) - 1) * EPS).to(self.device)
        for _ in range(ROUNDS):
            mask.requires_grad_()
            for surrogate, (centre, span) in zip(self.surrogates, hulls, strict=True):
                for first in range(0, len(faces), ROWS):
                    features = self._features(faces[first : first + ROWS], mask, surrogate)
                    hull_distance(features, centre, span).sum().backward()  # type: ignore[no-untyped-call]
            assert mask.grad is not None
            mask = (mask.detach() + STEP * mask.grad.sign()).clamp(-EPS, EPS)
        learnt: NDArray[np.float32] = mask[0].cpu().numpy()
        return learnt

    def add_mask(
        self,
        subject: Subject,
        mask: NDArray[np.float32] | None,
        *,
        learnt_on: bool = False,
        seconds: float = 0.0,
    ) -> Cloaked:
        """``subject`` with a learnt mask (3, 112, 112) on its central face.

        ``learnt_on`` says that this photo was among those the mask was learnt on.
        """
        import torch

        started = time.perf_counter()
        photo = subject.photo
        target = self._prepare(subject)
        if mask is None or isinstance(target, str):
            note = target if isinstance(target, str) else "no face of this person to learn a mask on"
            reports = tuple(FaceReport(f.box, False, note=note) for f in photo.faces or ())
            return Cloaked(subject.name, photo.pixels, reports, note, seconds)
        with torch.no_grad():
            changed = target.masked(torch.from_numpy(mask[None]).to(self.device))
            change = (changed - target.batch.clean)[0].cpu().numpy()
            rounded = (changed * 255).round() / 255
            face, clean = target.batch.aligned(rounded), target.batch.aligned(target.batch.clean)
            moved = [(s.features(face) - s.features(clean)).square().sum() for s in self.surrogates]
            report = FaceReport(
                (0.0, 0.0, 0.0, 0.0),
                True,
                float(sum(float(m) for m in moved) / len(moved)),
                float(dssim(face, clean)[0]),
                ROUNDS,
                "mask learnt on this photo" if learnt_on else "mask learnt on other photos",
            )
        reports = tuple(
            replace(report, box=f.box)
            if n == target.face
            else FaceReport(f.box, False, note="not the face nearest the centre")
            for n, f in enumerate(photo.faces or ())
        )
        pixels = paste(photo.pixels, [(target.window, change)], EPS)
        return Cloaked(subject.name, pixels, reports, "", seconds + time.perf_counter() - started)

    def _features(self, faces: Sequence[MaskedFace], mask: Tensor | None, surrogate: Surrogate) -> Tensor:
        import torch

        aligned = [f.batch.aligned(f.batch.clean if mask is None else f.masked(mask)) for f in faces]
        return surrogate.features(torch.cat(aligned))

    def _chosen(self, subjects: Sequence[Subject], seed: int) -> set[str]:
        """Names of the photos to learn on: ``learn`` of those with a face, drawn by ``seed`` and name."""
        with_face = [s for s in subjects if isinstance(self._prepare(s), MaskedFace)]
        count = min(self.learn or min(LEARN, (len(with_face) + 1) // 2), len(with_face))
        drawn = sorted(with_face, key=lambda s: (photo_seed(seed, f"learn|{s.name}"), s.name))
        return {s.name for s in drawn[:count]}

    def _prepare(self, subject: Subject) -> MaskedFace | str:
        """``subject`` prepared for a mask, or the reason why it cannot have one."""
        photo = subject.photo
        if photo.faces is None:
            raise ValueError("a cloak needs the photo's faces; run a detector first")
        try:
            face = nearest_the_centre(photo.faces, *photo.pixels.shape[:2])
        except NoFace:
            return NO_FACE
        only = plan_windows(Photo(photo.pixels, photo.content_hash, (face,)), whole=False)
        if not only.windows:
            return "; ".join(only.skipped.values())
        window = only.windows[0]
        matrix = window.maps[0]
        assert matrix is not None
        batch = window_batch([(window, read_window(photo.pixels, window), 0, "")], self.device)
        grid = sampling_grid(matrix, (SIDE, SIDE), window.size, self.device)[None]
        number = next(n for n, f in enumerate(photo.faces) if f is face)
        return MaskedFace(number, window, batch, grid)


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


class OpomFamily(CloakFamily):
    """``opom[SURROGATE+...]?learn=5``; works on all photos of a person at once."""

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
