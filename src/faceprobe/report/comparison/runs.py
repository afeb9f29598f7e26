"""Runs compared: the same figure in each, the differences, and figures that only one run has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.core.files import read_json
from faceprobe.report.clip_benchmark import is_clip_benchmark, read_folder, read_rows
from faceprobe.report.comparison.family import Selection
from faceprobe.report.comparison.paired import Paired, family_corrected, paired_difference
from faceprobe.report.tables.published import PublishedFigure, comparable_figures
from faceprobe.results.result import Result
from faceprobe.results.run import Key, Run, read_run, row_key

SCHEMA = "faceprobe.compare/3"
NAN = float("nan")
EVERYTHING = Selection(every=True)


@dataclass(frozen=True)
class RunLine:
    """One figure in every run: ``values`` (None where a run has no such row), ``differences`` to the
    first run (None for the first run itself and where either has no value), ``cautions`` that the
    runs did not measure the same thing, ``published`` figures of the same benchmark and metric.
    """

    key: Key
    values: tuple[Result | None, ...]
    differences: tuple[Paired | None, ...]
    cautions: tuple[str, ...]
    published: tuple[PublishedFigure, ...] = ()

    @property
    def shared(self) -> bool:
        """Whether every run has the row."""
        return all(v is not None for v in self.values)


@dataclass(frozen=True)
class RunComparison:
    """``names`` of the runs and a line for each figure that any of them has, sorted by key."""

    names: tuple[str, ...]
    lines: tuple[RunLine, ...]

    def only_in(self, number: int) -> int:
        """How many figures the run ``number`` has and no other run."""
        return sum(
            1
            for line in self.lines
            if line.values[number] is not None and sum(v is not None for v in line.values) == 1
        )

    def filtered(self, selection: Selection) -> RunComparison:
        """Only the lines that the filters of ``selection`` leave."""
        lines = selection.kept(self.lines, lambda line: line.key, lambda line: line.shared)
        return RunComparison(self.names, tuple(lines))

    def shown(self, selection: Selection) -> list[RunLine]:
        """The lines that a table shows: the family that p-values are corrected over."""
        return selection.shown(self.lines, lambda line: line.key, lambda line: line.key[:-1])

    def contents(self) -> str:
        """What each run measured."""
        parts = []
        for k, name in enumerate(self.names):
            rows = [v for line in self.lines if (v := line.values[k]) is not None]
            models = ", ".join(sorted({row.model for row in rows}))
            datasets = ", ".join(sorted({row.dataset for row in rows}))
            parts.append(f"{name} has {models} on {datasets}" if rows else f"{name} has no figures")
        return "; ".join(parts)

    def datasets_apart(self) -> str:
        """Which datasets only some of the runs have; "" where all have the same."""
        own = [
            sorted({v.dataset for line in self.lines if (v := line.values[k]) is not None})
            for k in range(len(self.names))
        ]
        if all(datasets == own[0] for datasets in own):
            return ""
        parts = [f"{name}: {', '.join(d) or 'none'}" for name, d in zip(self.names, own, strict=True)]
        return f"the runs measured different datasets ({'; '.join(parts)}); only equal ones are compared"

    def to_document(self, selection: Selection = EVERYTHING) -> dict[str, Any]:
        """The object that ``faceprobe compare --json`` prints. Corrected p-values stand in the rows that the
        table shows for ``selection``, and are those of the table.
        """
        family = self.shown(selection)
        corrected = dict(zip((line.key for line in family), corrected_p(family), strict=True))
        return {
            "schema": SCHEMA,
            "runs": list(self.names),
            "family": family_words(family, selection),
            "datasets_differ": self.datasets_apart(),
            "rows": [_line_object(line, corrected.get(line.key)) for line in self.lines],
        }


def corrected_p(lines: Sequence[RunLine]) -> list[tuple[float | None, ...]]:
    """For each of ``lines``, the p-value of each difference, corrected by Holm over the family of all
    differences of ``lines`` that have one (None where there is none).
    """
    found = iter(family_corrected([d for line in lines for d in line.differences]))
    return [tuple(next(found) for _ in line.differences) for line in lines]


def family_words(lines: Sequence[RunLine], selection: Selection) -> str:
    """The name of the family that :func:`corrected_p` corrects over."""
    return selection.family(sum(d is not None and d.known for line in lines for d in line.differences))


def compare_runs(paths: Sequence[Path], published: bool = False) -> RunComparison:
    """Compare the runs at ``paths`` (run directories, or ``results.json`` files).

    Differences are each further run minus the first, with a paired interval where both runs store bootstrap
    replicates for the same photos, drawn with the same seed. Raises :class:`WrongUsage` for
    fewer than two runs without ``published``, :class:`Missing` or ``BadInput`` for a path that is not a run,
    :class:`BadInput` where no figure is in two of them.
    """
    if len(paths) < (1 if published else 2):
        raise WrongUsage("compare needs two runs or more, or one run with --published")
    runs = [open_run(path) for path in paths]
    keys = sorted({row_key(row) for run in runs for row in run.rows})
    found = RunComparison(_names(paths), tuple(_line(key, runs, published) for key in keys))
    if len(runs) > 1 and not any(sum(v is not None for v in line.values) > 1 for line in found.lines):
        raise BadInput(f"the runs have no figure in common: {found.contents()}; measure one dataset in both")
    return found


def open_run(path: Path) -> Run:
    """A run directory, or only the rows where ``path`` is a results file, a file in the layout of
    CLIP_benchmark or a folder of such files.
    """
    if path.is_dir():
        foreign = None if (path / "results.json").is_file() else read_folder(path)
        return read_run(path) if foreign is None else Run(path, tuple(foreign))
    if not path.is_file():
        raise Missing(f"{path} is not there; name a run directory or a results.json")
    document = read_json(path)
    if is_clip_benchmark(document):
        return Run(path.parent, tuple(read_rows(document, str(path))))
    return read_run(path)


def _line(key: Key, runs: Sequence[Run], published: bool) -> RunLine:
    values = tuple(run.row(key) for run in runs)
    differences = tuple(None if k == 0 else _difference(key, runs[0], runs[k]) for k in range(len(runs)))
    figures = tuple(comparable_figures(next(v for v in values if v is not None))) if published else ()
    return RunLine(key, values, differences, _cautions(values), figures)


def _difference(key: Key, first: Run, other: Run) -> Paired | None:
    a, b = first.row(key), other.row(key)
    if a is None or b is None or a.value is None or b.value is None:
        return None
    reason = _unpaired(first, other, a, b)
    if reason:
        return Paired(b.value - a.value, NAN, NAN, NAN, reason)
    scene = (key.dataset, key.cloak, key.crop)
    cells = first.cell(key.model, scene, key.purifier), other.cell(key.model, scene, key.purifier)
    values = (a.value, b.value)
    paired = paired_difference(cells[0], cells[1], values, key.protocol, key.metric, a.weighting)
    if paired.known:
        return paired
    return Paired(b.value - a.value, NAN, NAN, NAN, paired.reason)


def _unpaired(first: Run, other: Run, a: Result, b: Result) -> str:
    """Why the replicates of the two runs are not draws of the same people and photos; "" where they are."""
    if first.seed != other.seed:
        return "the runs used different seeds"
    if a.dataset_hash != b.dataset_hash:
        return "the two were not measured on the same photos or labels"
    return ""


def _cautions(values: Sequence[Result | None]) -> tuple[str, ...]:
    present = [v for v in values if v is not None]
    found = []
    if len({v.model_hash for v in present}) > 1:
        found.append("not the same weights or preprocessing")
    if len({v.dataset_hash for v in present}) > 1:
        found.append("not the same photos or labels")
    if len({v.conventions for v in present}) > 1:
        found.append("not the same conventions")
    return tuple(found)


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    """The last part of each path if these differ, else the paths as given."""
    short = [p.name if p.is_dir() else str(p) for p in paths]
    return tuple(short if len(set(short)) == len(short) and all(short) else map(str, paths))


def _line_object(line: RunLine, family: Sequence[float | None] | None) -> dict[str, Any]:
    corrected = [None] * len(line.differences) if family is None else family
    return {
        **line.key._asdict(),
        "in_family": family is not None,
        "values": [None if v is None else value_object(v) for v in line.values],
        "differences": [
            None if d is None else difference_object(d, p)
            for d, p in zip(line.differences, corrected, strict=True)
        ],
        "cautions": list(line.cautions),
        "published": [_figure_object(f) for f in line.published],
    }


def value_object(row: Result) -> dict[str, Any]:
    """A row's figure in the printed object."""
    names = ("value", "ci_low", "ci_high", "n", "evidence")
    shown = {name: getattr(row, name) for name in names}
    return shown | {"remarks": [one.to_dict() for one in row.remarks]}


def difference_object(paired: Paired, corrected: float | None) -> dict[str, Any]:
    """A difference in the printed object, with its p-value ``corrected`` over the family. ``p_at_floor``: the
    replicates can show no smaller one; ``p_least``: the test can give no smaller one.
    """
    interval = [paired.low, paired.high] if paired.known else [None, None]
    return {
        "value": paired.difference,
        "ci_low": interval[0],
        "ci_high": interval[1],
        "p": paired.p if paired.known else None,
        "p_holm": corrected,
        "p_at_floor": paired.at_floor,
        "p_least": paired.least if paired.known else None,
        "n_differ": paired.n_differ,
        "reason": paired.reason,
    }


def _figure_object(figure: PublishedFigure) -> dict[str, Any]:
    return {
        "evidence": "published",
        "model": figure.model,
        "value": figure.value,
        "crop": figure.crop,
        "source": figure.source.citation,
        "url": figure.source.url,
        "protocol": figure.source.protocol,
        "cautions": list(figure.source.cautions),
    }
