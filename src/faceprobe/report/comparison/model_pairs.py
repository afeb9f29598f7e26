"""One model compared with another, in one run or across runs; paired where both have the same people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceprobe.core.errors import BadInput, UnknownName, WrongUsage
from faceprobe.report.comparison.family import Selection
from faceprobe.report.comparison.paired import Paired, family_corrected, paired_difference
from faceprobe.report.comparison.runs import EVERYTHING, NAN, difference_object, open_run, value_object
from faceprobe.results.result import Result
from faceprobe.results.run import Key, Run, row_key

SCHEMA = "faceprobe.compare-models/3"

MEASURE_BOTH = "measure both on one dataset with the same crop and protocol"


@dataclass(frozen=True)
class PairLine:
    """One figure of two ``models``. The key ``figure`` has the model ""; ``values`` are the rows of both.

    ``difference`` is second minus first, None where one has no value. ``cautions`` say that the two were not
    measured on the same photos or with the same conventions.
    """

    models: tuple[str, str]
    figure: Key
    values: tuple[Result, Result]
    difference: Paired | None
    cautions: tuple[str, ...]


def compare_models(
    paths: Sequence[Path], pairs: Sequence[str] = (), baselines: Sequence[str] = ()
) -> tuple[PairLine, ...]:
    """Every figure that both models of a pair have in the same dataset, crop, cloak, purifier, protocol and
    weighting.

    ``pairs`` are written ``A=B`` (B minus A); a model of ``baselines`` is compared with every other one.
    Both rows are from the first run at ``paths`` that has both, else each from the first run that has it.
    The difference has an interval where seed, people and number of replicates agree. Raises
    :class:`UnknownName` for a model that no run has, :class:`WrongUsage` for a text that is not a pair, and
    :class:`BadInput` where two models have no figure in common.
    """
    runs = [open_run(path) for path in paths]
    models = list(dict.fromkeys(m for run in runs for m in run.models))
    named = [_split(text, models) for text in pairs]
    wanted = list(named)
    for name in baselines:
        if name not in models:
            raise UnknownName("model", name, models)
        wanted += [(name, other) for other in models if other != name]
    found: list[PairLine] = []
    for pair in dict.fromkeys(wanted):
        lines = [line for figure in _figures(runs, pair[0]) if (line := _line(runs, pair, figure))]
        if not lines and pair in named:
            raise BadInput(f"{pair[0]} and {pair[1]} have no figure in common; {MEASURE_BOTH}")
        found += lines
    if not found:
        raise BadInput(f"the models have no figure in common; {MEASURE_BOTH}")
    return tuple(found)


def shown_pairs(lines: Sequence[PairLine], selection: Selection) -> list[PairLine]:
    """The lines that a table shows: the family that p-values are corrected over."""
    return selection.shown(lines, lambda line: line.figure, lambda line: (line.models, line.figure[:-1]))


def pairs_document(
    runs: Sequence[str], lines: Sequence[PairLine], selection: Selection = EVERYTHING
) -> dict[str, Any]:
    """The object that ``faceprobe compare --pair ... --json`` prints; ``runs`` are their names. Corrected
    p-values stand in the rows that the table shows for ``selection``, and are those of the table.
    """
    family = shown_pairs(lines, selection)
    found = family_corrected([line.difference for line in family])
    corrected = {(x.models, x.figure): p for x, p in zip(family, found, strict=True)}
    return {
        "schema": SCHEMA,
        "runs": list(runs),
        "family": family_of_pairs(family, selection),
        "rows": [
            {
                "models": list(line.models),
                "in_family": (line.models, line.figure) in corrected,
                **{k: v for k, v in line.figure._asdict().items() if k != "model"},
                "values": [value_object(v) for v in line.values],
                "difference": None
                if line.difference is None
                else difference_object(line.difference, corrected.get((line.models, line.figure))),
                "cautions": list(line.cautions),
            }
            for line in lines
        ],
    }


def family_of_pairs(lines: Sequence[PairLine], selection: Selection) -> str:
    """The name of the family that the p-values of ``lines`` are corrected over."""
    return selection.family(sum(line.difference is not None and line.difference.known for line in lines))


def _split(text: str, models: Sequence[str]) -> tuple[str, str]:
    """The two names in ``A=B``; names may hold ``=`` themselves, so both sides must be known."""
    sides = [(text[:k], text[k + 1 :]) for k, letter in enumerate(text) if letter == "="]
    for first, second in sides:
        if first in models and second in models:
            if first == second:
                raise WrongUsage(f"--pair {text}: a model is not compared with itself; name two")
            return first, second
    if not sides:
        raise WrongUsage(f"--pair {text}: write two models with = between them")
    half = next((side for side in sides if side[0] in models or side[1] in models), sides[0])
    raise UnknownName("model", next(name for name in half if name not in models), models)


def _figures(runs: Sequence[Run], model: str) -> list[Key]:
    return sorted({row_key(r)._replace(model="") for run in runs for r in run.rows if r.model == model})


def _line(runs: Sequence[Run], pair: tuple[str, str], figure: Key) -> PairLine | None:
    keys = [figure._replace(model=model) for model in pair]
    places = [[k for k, run in enumerate(runs) if run.row(key) is not None] for key in keys]
    if not places[0] or not places[1]:
        return None
    both = [k for k in places[0] if k in places[1]]
    first, second = (runs[both[0] if both else each[0]] for each in places)
    a, b = first.row(keys[0]), second.row(keys[1])
    assert a is not None and b is not None
    cautions = []
    if a.dataset_hash != b.dataset_hash:
        cautions.append("not the same photos or labels")
    if a.conventions != b.conventions:
        cautions.append("not the same conventions")
    return PairLine(pair, figure, (a, b), _difference(first, second, a, b), tuple(cautions))


def _difference(first: Run, second: Run, a: Result, b: Result) -> Paired | None:
    if a.value is None or b.value is None:
        return None
    if first.seed != second.seed:
        return Paired(b.value - a.value, NAN, NAN, NAN, "the runs used different seeds")
    scene = (a.dataset, a.cloak, a.crop)
    cells = first.cell(a.model, scene, a.purifier), second.cell(b.model, scene, b.purifier)
    paired = paired_difference(cells[0], cells[1], (a.value, b.value), a.protocol, a.metric, a.weighting)
    return paired if paired.known else Paired(b.value - a.value, NAN, NAN, NAN, paired.reason)
