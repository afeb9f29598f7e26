"""Cloaks that change pixels step by step inside windows: what LowKey, PGD and TIP-IM share."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.attacks.surrogate import DEFAULT, Surrogate, surrogate_hash
from faceprobe.cloaks.attacks.surrogate_view import Group, Sight, group_of, sees_whole, window_seed
from faceprobe.cloaks.attacks.windows import Plan, Window, paste, plan, read_window
from faceprobe.cloaks.base import CloakCard, Cloaked, FaceReport, Subject, no_tick
from faceprobe.cloaks.names import CloakName
from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.core.files import sha256_json

if TYPE_CHECKING:
    from torch import Tensor

VERSION = 1
"""Part of every fingerprint: raised when the shared parts give other pixels."""
BATCH = 8
"""Photos, and windows of one size, that are worked on at once."""
NO_FACE = "no face found"

Placed = tuple[int, int, Window]
"""A subject's number, the number of its window, the window."""


class WindowCloak(ABC):
    """A :class:`faceprobe.cloaks.base.Cloak` that optimises windows; a subclass says how.

    ``bound`` is the largest change of a pixel, in units of the range [0, 1]. ``warp_all`` shows every
    surrogate the aligned face; otherwise each sees the crop that it is measured with.

    Same photos in the same batches and same seed, same bytes on a CPU. In another batch the start noise is
    the same, but convolutions round otherwise, and where a gradient is near 0 its sign may then differ; on a
    GPU the gradient of ``grid_sample`` adds in no fixed order, with the same effect.
    """

    warp_all = False
    version = 1

    def __init__(self, card: CloakCard, surrogates: Sequence[Surrogate], bound: float) -> None:
        self.card, self.surrogates, self.bound = card, tuple(surrogates), bound
        self.batch = BATCH
        self.device = self.surrogates[0].encoder.device
        self.whole = not self.warp_all and any(map(sees_whole, self.surrogates))

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.card, self.surrogates, self.version, self.more())

    def more(self) -> Any:
        """What else decides the pixels: a JSON-able value for the fingerprint."""
        return None

    @abstractmethod
    def optimise(self, group: Group, sight: Sight) -> tuple[Tensor, int]:
        """Changed windows (B, 3, h, w), within ``bound`` of ``group.clean`` and not yet rounded to 8 bits,
        and the number of steps done.
        """

    def apply(
        self, subjects: Sequence[Subject], *, seed: int, tick: Callable[[], None] = no_tick
    ) -> list[Cloaked]:
        """Cloak ``subjects``; see :class:`faceprobe.cloaks.base.Cloak`."""
        began = time.perf_counter()
        plans = [plan(subject.photo, whole=self.whole) for subject in subjects]
        seconds = [(time.perf_counter() - began) / max(1, len(subjects))] * len(subjects)
        changes: dict[int, list[tuple[Window, NDArray[np.float32]]]] = defaultdict(list)
        reports: list[dict[int, FaceReport]] = [{} for _ in subjects]
        waiting = [len(p.windows) for p in plans]
        for _ in (k for k, left in enumerate(waiting) if not left):
            tick()
        for placed in _batches(plans, self.batch):
            began = time.perf_counter()
            for (k, _, window), change, faces in self._cloak(subjects, placed, seed):
                changes[k].append((window, change))
                reports[k].update(faces)
                waiting[k] -= 1
                if not waiting[k]:
                    tick()
            spent = (time.perf_counter() - began) / len(placed)
            for k, _, _ in placed:
                seconds[k] += spent
        return [
            self._finish(subject, plans[k], changes[k], reports[k], seconds[k])
            for k, subject in enumerate(subjects)
        ]

    def _cloak(
        self, subjects: Sequence[Subject], placed: Sequence[Placed], seed: int
    ) -> Iterator[tuple[Placed, NDArray[np.float32], dict[int, FaceReport]]]:
        group = group_of(
            [
                (
                    w,
                    read_window(subjects[k].photo.pixels, w),
                    window_seed(seed, subjects[k].name, n),
                    who(subjects[k]),
                )
                for k, n, w in placed
            ],
            self.device,
        )
        sight = Sight(self.surrogates, group, warp_all=self.warp_all)
        changed, steps = self.optimise(group, sight)
        change = (changed - group.clean).cpu().numpy()
        rounded = (changed.clamp(0, 1) * 255).round() / 255
        per_face, per_window = sight.shifts(rounded)
        visible = sight.face_dssim(rounded)
        row = 0
        for b, (k, n, window) in enumerate(placed):
            faces: dict[int, FaceReport] = {}
            for number, matrix in zip(window.faces, window.maps, strict=True):
                shift, seen = float(per_window[b]), None
                if matrix is not None:
                    shift, seen = float(per_face[row]), float(visible[row])
                    row += 1
                box = (subjects[k].photo.faces or ())[number].box
                faces[number] = FaceReport(box, True, shift, seen, steps)
            yield (k, n, window), change[b], faces

    def _finish(
        self,
        subject: Subject,
        planned: Plan,
        changes: list[tuple[Window, NDArray[np.float32]]],
        reports: dict[int, FaceReport],
        seconds: float,
    ) -> Cloaked:
        began = time.perf_counter()
        faces = subject.photo.faces or ()
        told = tuple(
            reports.get(n) or FaceReport(face.box, False, note=planned.skipped.get(n, ""))
            for n, face in enumerate(faces)
        )
        note = "" if changes else NO_FACE if not faces else "; ".join(sorted(set(planned.skipped.values())))
        pixels = paste(subject.photo.pixels, changes, self.bound) if changes else subject.photo.pixels
        return Cloaked(subject.name, pixels, told, note, seconds + time.perf_counter() - began)


def fingerprint(card: CloakCard, surrogates: Sequence[Surrogate], version: int, more: Any = None) -> str:
    """Hex SHA-256 of what decides the output of a cloak besides photo, faces and seed. ``version`` is that of
    its own code, ``more`` a JSON-able value.
    """
    return sha256_json(
        {
            "cloak": card.id,
            "constants": card.constants,
            "surrogates": surrogate_hash(surrogates),
            "version": [VERSION, version],
            "more": more,
        }
    )


def who(subject: Subject) -> str:
    """Whom a photo shows; a photo of nobody known is a person of its own."""
    return subject.identity or f"photo {subject.name}"


def check_name(name: CloakName, stem: str, options: set[str], *, perceptual: bool = False) -> tuple[str, ...]:
    """The surrogates of ``name``; an error for a mode, option or perceptual term that does not exist."""
    if name.stem != stem:
        raise UnknownName("cloak", name.stem, [stem])
    name.check_options(options)
    if name.perceptual and not perceptual:
        raise WrongUsage(f"{stem} has no perceptual term; write it without ;{name.perceptual}")
    return name.surrogates or (DEFAULT,)


def whole_option(name: CloakName, key: str, default: int, low: int, high: int) -> int:
    """A whole number given as an option, or :class:`WrongUsage` with its range."""
    text = name.option(key, str(default))
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise WrongUsage(f"{name.stem}: {key} is a whole number from {low} to {high}, not {text!r}")
    return int(text)


def _batches(plans: Sequence[Plan], size: int) -> Iterator[list[Placed]]:
    """Windows of equal size together, at most ``size`` at once, in the order of their first photo."""
    groups: dict[tuple[int, int], list[Placed]] = defaultdict(list)
    for k, planned in enumerate(plans):
        for n, window in enumerate(planned.windows):
            groups[window.size].append((k, n, window))
    for members in groups.values():
        for first in range(0, len(members), size):
            yield members[first : first + size]
