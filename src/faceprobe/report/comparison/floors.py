"""Is a model better than the untrained baselines (floors) that were measured with it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from faceprobe.report.comparison.paired import Paired, family_corrected, paired_difference
from faceprobe.report.comparison.shown import is_shown
from faceprobe.report.scenes import FLOOR, Scene, candidates, rank1_of, role_of
from faceprobe.results.result import Result
from faceprobe.results.run import Run

Word = Literal["yes", "no", "not shown", "no floor"]


@dataclass(frozen=True)
class FloorVerdict:
    """Whether the rank-1 of a ``model`` (``row``) is above that of every floor of its scene.

    ``word`` is "yes", "no" where a floor is shown to be better, "not shown", or "no floor" where none was
    measured on the same crop. ``floors`` are the rows of the floors, the best first.
    """

    model: str
    scene: Scene
    row: Result
    floors: tuple[Result, ...]
    word: Word


def floors_of(run: Run, scene: Scene) -> tuple[Result, ...]:
    """The rank-1 rows of the floors of ``scene``, the best first."""
    present = dict.fromkeys(r.model for r in run.in_scene(scene))
    rows = [r for m in present if role_of(run, m) == FLOOR and (r := rank1_of(run, m, scene)) is not None]
    return tuple(sorted(rows, key=lambda r: -(r.value or 0.0)))


def floor_verdicts(run: Run, scene: Scene) -> list[FloorVerdict]:
    """A verdict for each model of ``scene`` that is no floor, best first.

    A difference to a floor is paired by person where both were measured on the same people, and its p-value
    is corrected over all such differences of the scene (Holm); elsewhere the two intervals have to lie apart.
    """
    places = [
        (model, measured, row, floors_of(run, measured))
        for model, measured in candidates(run, scene)
        if (row := rank1_of(run, model, measured)) is not None
    ]
    tests = [[_difference(run, row, floor) for floor in floors] for _, _, row, floors in places]
    corrected = iter(family_corrected([test for own in tests for test in own]))
    found = []
    for (model, measured, row, floors), own in zip(places, tests, strict=True):
        answers = [
            _answer(row, floor, test, next(corrected)) for floor, test in zip(floors, own, strict=True)
        ]
        word: Word = "no floor"
        if answers:
            word = "no" if "no" in answers else "not shown" if "not shown" in answers else "yes"
        found.append(FloorVerdict(model, measured, row, floors, word))
    return found


def _difference(run: Run, row: Result, floor: Result) -> Paired:
    scene = (row.dataset, row.cloak, row.crop)
    cells = run.cell(floor.model, scene), run.cell(row.model, scene)
    return paired_difference(cells[0], cells[1], (floor.value, row.value), row.protocol, row.metric)


def _answer(row: Result, floor: Result, test: Paired, p: float | None) -> Word:
    if test.known:
        people = min(row.n_identities, floor.n_identities) if test.n_differ is None else test.n_differ
        if is_shown(test.low, p, people):
            return "yes"
        return "no" if is_shown(-test.high, p, people) else "not shown"
    if _apart(floor, row):
        return "yes"
    return "no" if _apart(row, floor) else "not shown"


def _apart(lower: Result, upper: Result) -> bool:
    """Whether the interval of ``lower`` lies below that of ``upper``."""
    return lower.ci_high is not None and upper.ci_low is not None and lower.ci_high < upper.ci_low
