"""Fawkes (Shan et al., USENIX Security 2020): all modes of its releases 0.3, 1.0.1 and 1.0.2."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.attacks.fawkes.descent import EPSILON, LARGEST, RHO, SLACK, Found, descend
from faceprobe.cloaks.attacks.fawkes.modes import STEMS, Plan, plan_of, used_surrogates
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
from faceprobe.cloaks.base import Cloak, CloakCard, Cloaked, FaceReport, Subject, no_tick, photo_seed
from faceprobe.cloaks.names import CloakName
from faceprobe.core.errors import WrongUsage
from faceprobe.core.files import sha256_json

if TYPE_CHECKING:
    from torch import Tensor

CITATION = "Shan, Wenger, Zhang, Li, Zheng, Zhao: Fawkes. USENIX Security 2020"
VERSION = 1
"""Part of the fingerprint: raised when the same name gives other pixels."""

PHOTOS = 16
FACES, PADDED = 8, 4
"""Faces that are worked on at once; a smaller rest is filled up to a multiple of 4. At these sizes a face's
numbers come out the same to the bit whatever lies beside it (CPU, measured); alone they differ in the last
digit, which 75 steps enlarge."""

UNQUALIFIED = f"no face of at least {MIN_SIDE} px that the detector is sure of (score {MIN_SCORE:g})"
VISIBLE = 0.5 / 255
"""A smaller change of the crop is lost in rounding: the starting noise, where all later iterates were out of
bounds. The original writes such a face as it came, without a word."""

OUT_OF_BOUND = "no iterate stayed within 1.1 of the DSSIM bound"


class Fawkes:
    """Fawkes, ready to run. Photos must come with their faces; ``targets`` are other people's photos."""

    def __init__(
        self, card: CloakCard, plan: Plan, surrogates: Sequence[Surrogate], targets: Sequence[Subject]
    ) -> None:
        self.card, self.plan, self.surrogates = card, plan, tuple(surrogates)
        self.batch = PHOTOS
        self.device = self.surrogates[0].encoder.device
        self._targets = [(t.identity or t.name, t.photo.content_hash) for t in targets]
        self._candidates = candidates_of(targets, self._features) if plan.targeted else []
        self._arrange_weights()

    @property
    def fingerprint(self) -> str:
        parts = {
            "fawkes": VERSION,
            "constants": self.card.constants,
            "surrogates": surrogate_hash(self.surrogates),
            "targets": sorted(self._targets) if self.plan.targeted else [],
            "batch": [PHOTOS, FACES, PADDED],
        }
        return sha256_json(parts)

    def apply(
        self, subjects: Sequence[Subject], *, seed: int, tick: Callable[[], None] = no_tick
    ) -> list[Cloaked]:
        """Cloak photos whose faces are known; their DSSIM bound holds on the 112-pixel crop of each face.

        Raises :class:`ValueError` for a photo whose faces are unknown.
        """
        begun = time.perf_counter()
        seen = [_Seen(s, self.plan.original) for s in subjects]
        goals = self._goals(seen, seed) if self.plan.targeted else [None] * len(seen)
        jobs = [
            _Job(one, k, goal) for one, goal in zip(seen, goals, strict=True) for k in range(len(one.crops))
        ]
        for start in range(0, len(jobs), FACES):
            self._work(jobs[start : start + FACES], seed)
        share = (time.perf_counter() - begun) / max(1, len(seen))
        made = []
        for one in seen:
            made.append(one.finished(share, self.plan.original))
            tick()
        return made

    def _work(self, jobs: Sequence[_Job], seed: int) -> None:
        filled = list(jobs) + [jobs[0]] * (-len(jobs) % PADDED)
        clean = self._tensor([j.clean for j in filled])
        noise = self._tensor([j.noise(seed) for j in filled])
        goals = None
        if self.plan.targeted:
            pushed = [j.goal for j in filled if j.goal is not None]
            aims = self._features(clean) + self._tensor(pushed)
            goals = self._by_surrogate(aims)
        found = descend(clean, noise, self.surrogates, self.plan.settings, goals)
        for k, job in enumerate(jobs):
            job.note(found, k)

    def _goals(self, seen: Sequence[_Seen], seed: int) -> list[NDArray[np.float32] | None]:
        """For each photo 2 * (mean feature of the target - mean feature of the photo's person)."""
        people: dict[str, list[_Seen]] = {}
        for one in seen:
            people.setdefault(one.who, []).append(one)
        pushed: dict[str, NDArray[np.float32] | None] = {}
        for who, photos in people.items():
            crops = [crop for one in photos for crop in one.crops]
            if not crops:
                pushed[who] = None
                continue
            parts = [self._features(self._tensor(crops[i : i + FACES])) for i in range(0, len(crops), FACES)]
            features = np.concatenate([p.cpu().numpy() for p in parts])
            draw = np.random.default_rng(photo_seed(seed, f"target|{who}"))
            pushed[who] = drawn_direction(features, self._candidates, who, draw)
        return [pushed[one.who] for one in seen]

    def _features(self, crops: Tensor) -> Tensor:
        """(B, 3, 112, 112) -> (B, sum of D): the unit features of all surrogates side by side."""
        import torch

        with torch.no_grad():
            return torch.cat([s.features(crops.to(self.device)) for s in self.surrogates], dim=1)

    def _by_surrogate(self, rows: Tensor) -> list[Tensor]:
        ends = list(accumulate(s.encoder.dim for s in self.surrogates))
        return [rows[:, a:b] for a, b in zip([0, *ends], ends, strict=False)]

    def _tensor(self, arrays: Sequence[NDArray[np.float32]]) -> Tensor:
        import torch

        return torch.from_numpy(np.stack(arrays)).to(self.device)

    def _arrange_weights(self) -> None:
        """Channels last: 10 to 18 % less processor time a step for the convolutional surrogates tried."""
        import torch

        for surrogate in self.surrogates:
            surrogate.encoder.module.to(memory_format=torch.channels_last)


@dataclass
class _Seen:
    """A photo on its way: the crops of its qualifying faces, and what came out for each."""

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
    def who(self) -> str:
        return self.subject.identity or self.subject.name

    def finished(self, seconds: float, original: bool) -> Cloaked:
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
            if original:
                paste_rescaled(pixels, square, self.crops[k], self.crops[k] + change)
            else:
                paste(pixels, square, change)
        return Cloaked(subject.name, pixels, faces, "", seconds)


@dataclass(frozen=True)
class _Job:
    """One face of a photo; ``goal`` is the direction of a targeted run."""

    photo: _Seen
    face: int
    goal: NDArray[np.float32] | None

    @property
    def clean(self) -> NDArray[np.float32]:
        return self.photo.crops[self.face]

    def noise(self, seed: int) -> NDArray[np.float32]:
        """Uniform in [-1, 1], from the photo's own seed and the face's place in it."""
        draw = np.random.default_rng([photo_seed(seed, self.photo.subject.name), self.face])
        return draw.uniform(-1, 1, (3, SIDE, SIDE)).astype(np.float32)

    def note(self, found: Found, row: int) -> None:
        square = self.photo.squares[self.face]
        box = (float(square.x0), float(square.y0), float(square.x1), float(square.y1))
        steps, kept = int(found.steps[row]), bool(found.kept[row])
        change: NDArray[np.float32] = found.change[row].cpu().numpy()
        if not kept or np.abs(change).max() < VISIBLE:
            report = FaceReport(box, False, steps=steps, note=OUT_OF_BOUND)
            self.photo.results[self.face] = (None, report)
            return
        report = FaceReport(box, True, float(found.shift[row]), float(found.dssim[row]), steps)
        self.photo.results[self.face] = (change, report)


class Family:
    stems: Sequence[str] = STEMS

    def card(self, name: CloakName) -> CloakCard:
        plan = plan_of(name)
        used = used_surrogates(name, plan)
        settings = plan.settings
        objective = "targeted" if plan.targeted else "untargeted"
        notes = []
        if len(name.surrogates) > len(used):
            notes.append(f"this mode sums over {plan.extractors}: those after {used[-1]} are left out")
        if not plan.original:
            notes.append("the change itself is scaled back into the photo (fidelity=fixed)")
        else:
            notes.append("clean and cloaked crops are rescaled apart, as in the original: its gain is wrong")
        return CloakCard(
            id=name.shown(used),
            about=f"Fawkes {name.stem.removeprefix('fawkes-')}, {objective}",
            citation=CITATION,
            scope="person" if plan.targeted else "photo",
            needs_targets=plan.targeted,
            constants={
                "objective": objective,
                "fidelity": "original" if plan.original else "fixed",
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
        card, plan = self.card(name), plan_of(name)
        check_torch("Fawkes")
        if plan.targeted and not targets:
            raise WrongUsage(
                f"{card.id} moves faces towards another person; give clean photos of other people as targets,"
                " or use objective=untargeted"
            )
        return Fawkes(
            card, plan, load_surrogates(used_surrogates(name, plan), device=device, offline=offline), targets
        )


FAMILY = Family()
