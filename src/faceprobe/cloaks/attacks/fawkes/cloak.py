"""Fawkes (Shan et al., USENIX Security 2020): all modes of its releases 0.3, 1.0.1 and 1.0.2."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.attacks.fawkes.descent import EPSILON, LARGEST, RHO, SLACK, DescentResult, descend
from faceprobe.cloaks.attacks.fawkes.modes import STEMS, FawkesMode, mode_of, used_surrogates
from faceprobe.cloaks.attacks.fawkes.square import (
    MIN_SCORE,
    MIN_SIDE,
    SIDE,
    Square,
    paste,
    paste_rescaled,
    square_of,
    take,
)
from faceprobe.cloaks.attacks.fawkes.targets import candidates_of, drawn_direction
from faceprobe.cloaks.attacks.surrogate import Surrogate, check_torch, load_surrogates, surrogate_hash
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
from faceprobe.core.errors import WrongUsage
from faceprobe.core.files import sha256_json

if TYPE_CHECKING:
    from torch import Tensor

CITATION = "Shan, Wenger, Zhang, Li, Zheng, Zhao: Fawkes. USENIX Security 2020"
VERSION = 1
"""Part of the fingerprint: raised when the same name gives other pixels."""

PHOTOS = 16
"""Photos that are processed at once."""
FACES, PADDED = 8, 4
"""Faces that are processed at once; a smaller rest is filled up to a multiple of 4. In batches of these sizes
the result of a face does not depend on the other faces, to the bit (CPU, measured). A face alone differs in
the last digit, and 75 steps enlarge that difference."""

UNQUALIFIED = f"no face of at least {MIN_SIDE} px that the detector is sure of (score {MIN_SCORE:g})"
VISIBLE = 0.5 / 255
"""A smaller change of the crop is lost in rounding: the start noise, where all later iterates were out of
bounds. The original code writes such a face unchanged without a message."""

OUT_OF_BOUND = "no iterate stayed within 1.1 of the DSSIM bound"


class Fawkes(Cloak):
    """Fawkes with the constants of ``mode``. ``targets`` are photos of other people, for targeted modes."""

    def __init__(
        self, card: CloakCard, mode: FawkesMode, surrogates: Sequence[Surrogate], targets: Sequence[Subject]
    ) -> None:
        self.card, self.mode, self.surrogates = card, mode, tuple(surrogates)
        self.batch = PHOTOS
        self.device = self.surrogates[0].encoder.device
        self._targets = [(t.identity or t.name, t.photo.content_hash) for t in targets]
        self._candidates = candidates_of(targets, self._features) if mode.targeted else []

    @property
    def fingerprint(self) -> str:
        parts = {
            "fawkes": VERSION,
            "constants": self.card.constants,
            "surrogates": surrogate_hash(self.surrogates),
            "targets": sorted(self._targets) if self.mode.targeted else [],
            "batch": [PHOTOS, FACES, PADDED],
        }
        return sha256_json(parts)

    def apply(
        self, subjects: Sequence[Subject], *, seed: int, tick: Callable[[], None] = no_tick
    ) -> list[Cloaked]:
        """See :class:`Cloak`; the DSSIM bound holds on the 112-pixel crop of each face."""
        started = time.perf_counter()
        photos = [_FacePhoto(subject, self.mode.original) for subject in subjects]
        with _channels_last(self.surrogates):
            directions = self._directions(photos, seed) if self.mode.targeted else {}
            faces = [
                _Face(photo, k, directions.get(photo.person))
                for photo in photos
                for k in range(len(photo.crops))
            ]
            for start in range(0, len(faces), FACES):
                self._cloak(faces[start : start + FACES], seed)
        seconds = time.perf_counter() - started
        done = []
        for photo in photos:  # the steps take nearly all the time, and each face takes the same
            share = len(photo.crops) / len(faces) if faces else 1 / len(photos)
            done.append(photo.finished(share * seconds))
            tick()
        return done

    def _cloak(self, faces: Sequence[_Face], seed: int) -> None:
        """Cloak at most :data:`FACES` faces and keep the result of each in its photo."""
        filled = [*faces, *[faces[0]] * (-len(faces) % PADDED)]
        clean = self._tensor([f.clean for f in filled])
        noise = self._tensor([f.noise(seed) for f in filled])
        goals = None
        if self.mode.targeted:
            directions = self._tensor([f.direction for f in filled if f.direction is not None])
            goals = self._by_surrogate(self._features(clean) + directions)
        result = descend(clean, noise, self.surrogates, self.mode.settings, goals)
        for row, face in enumerate(faces):
            face.keep(result, row)

    def _directions(self, photos: Sequence[_FacePhoto], seed: int) -> dict[str, NDArray[np.float32]]:
        """For each person with a face, 2 * (mean feature of the target - mean feature of the person)."""
        people: dict[str, list[NDArray[np.float32]]] = {}
        for photo in photos:
            people.setdefault(photo.person, []).extend(photo.crops)
        directions = {}
        for person, crops in people.items():
            if crops:
                parts = [
                    self._features(self._tensor(crops[i : i + FACES])) for i in range(0, len(crops), FACES)
                ]
                features = np.concatenate([p.cpu().numpy() for p in parts])
                draw = np.random.default_rng(photo_seed(seed, f"target|{person}"))
                directions[person] = drawn_direction(features, self._candidates, person, draw)
        return directions

    def _features(self, crops: Tensor) -> Tensor:
        """(B, 3, 112, 112) -> (B, sum of D): the unit features of all surrogates, concatenated."""
        import torch

        with torch.no_grad():
            return torch.cat([s.features(crops.to(self.device)) for s in self.surrogates], dim=1)

    def _by_surrogate(self, rows: Tensor) -> list[Tensor]:
        ends = list(accumulate(s.encoder.dim for s in self.surrogates))
        return [rows[:, a:b] for a, b in zip([0, *ends], ends, strict=False)]

    def _tensor(self, arrays: Sequence[NDArray[np.float32]]) -> Tensor:
        import torch

        return torch.from_numpy(np.stack(arrays)).to(self.device)


@contextmanager
def _channels_last(surrogates: Sequence[Surrogate]) -> Iterator[None]:
    """Weights in the order "channels last": 10 to 18 % less processor time a step for the convolutional
    surrogates tried. It is undone for shared encoders, since their features change by rounding with it.
    """
    import torch

    for surrogate in surrogates:
        surrogate.encoder.module.to(memory_format=torch.channels_last)
    try:
        yield
    finally:
        for surrogate in surrogates:
            if surrogate.shared:
                surrogate.encoder.module.to(memory_format=torch.contiguous_format)


@dataclass
class _FacePhoto:
    """A photo: the crops of its qualifying faces, the result for each, and reports on the other faces.

    ``original`` cuts and pastes crops as the original code does.
    """

    subject: Subject
    original: bool
    squares: list[Square] = field(default_factory=list)
    crops: list[NDArray[np.float32]] = field(default_factory=list)
    results: dict[int, tuple[NDArray[np.float32] | None, FaceReport]] = field(default_factory=dict)
    others: list[FaceReport] = field(default_factory=list)

    def __post_init__(self) -> None:
        photo = self.subject.photo
        if photo.faces is None:
            raise ValueError("Fawkes needs the photo's faces; run a detector first")
        height, width = photo.pixels.shape[:2]
        for face in photo.faces:
            square = square_of(face, height, width)
            if square is None:
                note = f"smaller than {MIN_SIDE} px, or a score below {MIN_SCORE:g}"
                self.others.append(FaceReport(face.box, False, note=note))
                continue
            self.squares.append(square)
            self.crops.append(take(photo.pixels, square, stretch=self.original))

    @property
    def person(self) -> str:
        """The identity; the photo's name where it is unknown. Decides the draw of a target."""
        return self.subject.identity or self.subject.name

    def finished(self, seconds: float) -> Cloaked:
        subject = self.subject
        reports = [self.results[k][1] for k in range(len(self.squares))]
        faces = (*reports, *self.others)
        if not any(r.changed for r in reports):
            note = OUT_OF_BOUND if reports else UNQUALIFIED if self.others else "no face found"
            return Cloaked(subject.name, subject.photo.pixels, faces, note, seconds)
        pixels = subject.photo.pixels.copy()
        for k, square in enumerate(self.squares):
            change = self.results[k][0]
            if change is None:
                continue
            if self.original:
                paste_rescaled(pixels, square, self.crops[k], self.crops[k] + change)
            else:
                paste(pixels, square, change)
        return Cloaked(subject.name, pixels, faces, "", seconds)


@dataclass(frozen=True)
class _Face:
    """Face number ``number`` of a photo; ``direction`` (D,) leads to its goal in a targeted run."""

    photo: _FacePhoto
    number: int
    direction: NDArray[np.float32] | None

    @property
    def clean(self) -> NDArray[np.float32]:
        return self.photo.crops[self.number]

    def noise(self, seed: int) -> NDArray[np.float32]:
        """Uniform in [-1, 1], (3, 112, 112); depends on the photo's name and the number of the face."""
        draw = np.random.default_rng([photo_seed(seed, self.photo.subject.name), self.number])
        return draw.uniform(-1, 1, (3, SIDE, SIDE)).astype(np.float32)

    def keep(self, result: DescentResult, row: int) -> None:
        """Keep ``row`` of ``result`` as the result of this face."""
        square = self.photo.squares[self.number]
        box = (float(square.x0), float(square.y0), float(square.x1), float(square.y1))
        steps, kept = int(result.steps[row]), bool(result.kept[row])
        change: NDArray[np.float32] = result.change[row].cpu().numpy()
        if not kept or np.abs(change).max() < VISIBLE:
            report = FaceReport(box, False, steps=steps, note=OUT_OF_BOUND)
            self.photo.results[self.number] = (None, report)
            return
        report = FaceReport(box, True, float(result.shift[row]), float(result.dssim[row]), steps)
        self.photo.results[self.number] = (change, report)


class FawkesFamily(CloakFamily):
    """``fawkes-1.0.2-mid[SURROGATE+...]`` and other modes; bare ``fawkes`` means the authors' own files."""

    stems = STEMS
    files = tuple(
        CloakCard(name, "the authors' own output, files of a dataset", CITATION)
        for name in ("fawkes", "fawkes-v1", "fawkes-v0.3-high")
    )

    def card(self, name: CloakName) -> CloakCard:
        mode = mode_of(name)
        used = used_surrogates(name, mode)
        settings = mode.settings
        objective = "targeted" if mode.targeted else "untargeted"
        notes = []
        if len(name.surrogates) > len(used):
            notes.append(f"this mode sums over {mode.extractors}: those after {used[-1]} are left out")
        if not mode.original:
            notes.append("the change itself is scaled back into the photo (fidelity=fixed)")
        else:
            notes.append("clean and cloaked crops are rescaled apart, as in the original: its gain is wrong")
        return CloakCard(
            id=name.shown(used),
            about=f"Fawkes {name.stem.removeprefix('fawkes-')}, {objective}",
            citation=CITATION,
            scope="person" if mode.targeted else "photo",
            needs_targets=mode.targeted,
            constants={
                "objective": objective,
                "fidelity": "original" if mode.original else "fixed",
                "dssim_bound": settings.bound,
                "dssim_at_most": round((1 + SLACK) * settings.bound, 6),
                "steps": settings.steps,
                "rate": settings.rate,
                "weight": settings.weight,
                "patience": settings.patience,
                "largest_change": LARGEST,
                "adadelta": [RHO, EPSILON],
                "crop": SIDE,
            },
            notes=tuple(notes),
        )

    def load(self, name: CloakName, *, device: str, offline: bool, targets: Sequence[Subject]) -> Cloak:
        card, mode = self.card(name), mode_of(name)
        check_torch("Fawkes")
        if mode.targeted and not targets:
            raise WrongUsage(
                f"{card.id} moves faces towards another person; give clean photos of other people as targets,"
                " or use objective=untargeted"
            )
        return Fawkes(
            card, mode, load_surrogates(used_surrogates(name, mode), device=device, offline=offline), targets
        )


FAMILY = FawkesFamily()
