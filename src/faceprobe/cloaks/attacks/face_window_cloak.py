"""The base of LowKey, PGD and TIP-IM: cloaks that change the pixels of windows step by step."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.attacks.face_windows import Window, WindowPlan, paste, plan_windows, read_window
from faceprobe.cloaks.attacks.surrogate import DEFAULT, Surrogate, surrogate_hash
from faceprobe.cloaks.attacks.surrogate_view import (
    SurrogateView,
    WindowBatch,
    uses_whole_photos,
    window_batch,
    window_seed,
)
from faceprobe.cloaks.base import Cloak, CloakCard, Cloaked, FaceReport, Subject, no_tick
from faceprobe.cloaks.names import CloakName
from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.core.files import sha256_json

if TYPE_CHECKING:
    from torch import Tensor

VERSION = 1
"""Part of every fingerprint: raised when a change of the shared code changes pixels."""
BATCH = 8
"""Photos, and windows of one size, that are processed at once."""
NO_FACE = "no face found"

PlacedWindow = tuple[int, int, Window]
"""The number of a subject, the number of its window, the window."""


class WindowCloak(Cloak):
    """A cloak that optimises windows; a subclass defines :meth:`optimise`.

    ``bound`` is the largest change of a pixel, in units of the range [0, 1]. With ``warp_all`` every
    surrogate gets the aligned face, otherwise its default crop.

    On a CPU, the same photos in the same batches with the same seed give the same bytes. In another batch the
    start noise is the same, but convolutions round differently, and the sign of a gradient near 0 may change;
    on a GPU the gradient of ``grid_sample`` is summed in no fixed order, with the same effect.
    """

    warp_all = False
    version = 1

    def __init__(self, card: CloakCard, surrogates: Sequence[Surrogate], bound: float) -> None:
        self.card, self.surrogates, self.bound = card, tuple(surrogates), bound
        self.batch = BATCH
        self.device = self.surrogates[0].encoder.device
        self.whole = not self.warp_all and any(map(uses_whole_photos, self.surrogates))

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.card, self.surrogates, self.version, self.fingerprint_extras())

    def fingerprint_extras(self) -> Any:
        """A JSON-able value of all else that decides the pixels, for the fingerprint."""
        return None

    @abstractmethod
    def optimise(self, batch: WindowBatch, view: SurrogateView) -> tuple[Tensor, int]:
        """Changed windows (B, 3, h, w) in [0, 1], not yet rounded to 8 bits, and the number of steps done.

        They lie within ``bound`` of ``batch.clean``.
        """

    def apply(
        self, subjects: Sequence[Subject], *, seed: int, tick: Callable[[], None] = no_tick
    ) -> list[Cloaked]:
        """See :class:`faceprobe.cloaks.base.Cloak`."""
        started = time.perf_counter()
        plans = [plan_windows(subject.photo, whole=self.whole) for subject in subjects]
        seconds = [(time.perf_counter() - started) / max(1, len(subjects))] * len(subjects)
        changes: dict[int, list[tuple[Window, NDArray[np.float32]]]] = defaultdict(list)
        reports: list[dict[int, FaceReport]] = [{} for _ in subjects]
        waiting = [len(p.windows) for p in plans]
        for _ in (k for k, left in enumerate(waiting) if not left):
            tick()
        for placed in _batches(plans, self.batch):
            started = time.perf_counter()
            for (k, _, window), change, faces in self._cloak(subjects, placed, seed):
                changes[k].append((window, change))
                reports[k].update(faces)
                waiting[k] -= 1
                if not waiting[k]:
                    tick()
            spent = (time.perf_counter() - started) / len(placed)
            for k, _, _ in placed:
                seconds[k] += spent
        return [
            self._finish(subject, plans[k], changes[k], reports[k], seconds[k])
            for k, subject in enumerate(subjects)
        ]

    def _cloak(
        self, subjects: Sequence[Subject], placed: Sequence[PlacedWindow], seed: int
    ) -> Iterator[tuple[PlacedWindow, NDArray[np.float32], dict[int, FaceReport]]]:
        batch = window_batch(
            [
                (
                    w,
                    read_window(subjects[k].photo.pixels, w),
                    window_seed(seed, subjects[k].name, n),
                    subjects[k].person,
                )
                for k, n, w in placed
            ],
            self.device,
        )
        view = SurrogateView(self.surrogates, batch, warp_all=self.warp_all)
        changed, steps = self.optimise(batch, view)
        change = (changed - batch.clean).cpu().numpy()
        rounded = (changed.clamp(0, 1) * 255).round() / 255
        per_face, per_window = view.shifts(rounded)
        visible = view.face_dssim(rounded)
        row = 0
        for b, (k, n, window) in enumerate(placed):
            faces: dict[int, FaceReport] = {}
            for number, matrix in zip(window.faces, window.maps, strict=True):
                shift, dssim = float(per_window[b]), None
                if matrix is not None:
                    shift, dssim = float(per_face[row]), float(visible[row])
                    row += 1
                box = (subjects[k].photo.faces or ())[number].box
                faces[number] = FaceReport(box, True, shift, dssim, steps)
            yield (k, n, window), change[b], faces

    def _finish(
        self,
        subject: Subject,
        planned: WindowPlan,
        changes: list[tuple[Window, NDArray[np.float32]]],
        reports: dict[int, FaceReport],
        seconds: float,
    ) -> Cloaked:
        started = time.perf_counter()
        faces = subject.photo.faces or ()
        all_reports = tuple(
            reports.get(n) or FaceReport(face.box, False, note=planned.skipped.get(n, ""))
            for n, face in enumerate(faces)
        )
        note = "" if changes else NO_FACE if not faces else "; ".join(sorted(set(planned.skipped.values())))
        pixels = paste(subject.photo.pixels, changes, self.bound) if changes else subject.photo.pixels
        return Cloaked(subject.name, pixels, all_reports, note, seconds + time.perf_counter() - started)


def fingerprint(card: CloakCard, surrogates: Sequence[Surrogate], version: int, extras: Any = None) -> str:
    """Hex SHA-256 of what decides the output of a cloak besides photo, faces and seed.

    ``version`` is that of the cloak's own code, ``extras`` a JSON-able value of all else.
    """
    return sha256_json(
        {
            "cloak": card.id,
            "constants": card.constants,
            "surrogates": surrogate_hash(surrogates),
            "version": [VERSION, version],
            "more": extras,
        }
    )


def check_name(name: CloakName, stem: str, options: set[str], *, perceptual: bool = False) -> tuple[str, ...]:
    """The surrogates of ``name``, the default one where it gives none.

    Raises :class:`UnknownName` for another mode than ``stem``, :class:`WrongUsage` for an option that is not
    in ``options`` and for a perceptual term where ``perceptual`` is false.
    """
    if name.stem != stem:
        raise UnknownName("cloak", name.stem, [stem])
    name.check_options(options)
    if name.perceptual and not perceptual:
        raise WrongUsage(f"{stem} has no perceptual term; write it without ;{name.perceptual}")
    return name.surrogates or (DEFAULT,)


def whole_option(name: CloakName, key: str, default: int, low: int, high: int) -> int:
    """The option ``key`` as a whole number from ``low`` to ``high``; else :class:`WrongUsage`."""
    text = name.option(key, str(default))
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise WrongUsage(f"{name.stem}: {key} is a whole number from {low} to {high}, not {text!r}")
    return int(text)


def _batches(plans: Sequence[WindowPlan], size: int) -> Iterator[list[PlacedWindow]]:
    """Batches of at most ``size`` windows of one size, in the order of their first photo."""
    groups: dict[tuple[int, int], list[PlacedWindow]] = defaultdict(list)
    for k, planned in enumerate(plans):
        for n, window in enumerate(planned.windows):
            groups[window.size].append((k, n, window))
    for members in groups.values():
        for first in range(0, len(members), size):
            yield members[first : first + size]
