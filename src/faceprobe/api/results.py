"""Results: what evaluate, score and a study give back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, overload

from faceprobe.api.comparison import Replicates, ReplicatesOf, ResultKey, ResultsComparison, compare_rows
from faceprobe.core.errors import BadInput, UnknownName
from faceprobe.core.extras import require
from faceprobe.core.words import agreeing, counted
from faceprobe.data.left_out import LeftOut
from faceprobe.results.result import Result, to_document

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


MAIN_METRICS = ("rank1", "tmr@fmr=1e-3", "accuracy", "added_protection@1nn")
"""What a plot shows where no metric is named: the first of these that there is."""

WEIGHTINGS = ("identity", "none", "pair")
"""In the order in which :meth:`Results.value` looks for a figure: people weigh equally first."""


@dataclass(frozen=True)
class Results(Sequence[Result]):
    """Rows of figures, each a :class:`Result` with value, 95 % interval, n, evidence and remarks.

    ``report`` is the HTML page of a study, None otherwise. ``excluded`` counts the photos that were left out,
    by reason; ``left_out`` lists the other entries of the dataset's folder, with their kinds. ``missing``
    says in sentences what a study asked for and did not get. ``seconds`` is the wall clock of the work.

    >>> len(Results([]))
    0
    """

    rows: Sequence[Result]
    report: Path | None = None
    excluded: Mapping[str, int] = field(default_factory=dict)
    missing: Sequence[str] = ()
    seconds: float | None = None
    replicates: ReplicatesOf = field(default=lambda key: None, repr=False)
    left_out: Sequence[LeftOut] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Result: ...

    @overload
    def __getitem__(self, index: slice) -> Results: ...

    def __getitem__(self, index: int | slice) -> Result | Results:
        return self._with(self.rows[index]) if isinstance(index, slice) else self.rows[index]

    def __iter__(self) -> Iterator[Result]:
        return iter(self.rows)

    def __add__(self, other: Results) -> Results:
        """The rows of both, as in ``(first + second).plot("rank1")``."""

        def either(key: ResultKey) -> Replicates | None:
            found = self.replicates(key)
            return other.replicates(key) if found is None else found

        return Results([*self.rows, *other.rows], replicates=either)

    def __repr__(self) -> str:
        parts = (self._names(name) for name in ("model", "dataset", "protocol"))
        return (
            f"Results({counted(len(self), 'row')}: {'; '.join(parts)})" if self.rows else "Results(no rows)"
        )

    def _repr_html_(self) -> str:
        from faceprobe.report.tables.notebook import results_html

        return results_html(self.rows)

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics, in the order of the rows."""
        return list(dict.fromkeys(row.metric for row in self.rows))

    @property
    def protocols(self) -> list[str]:
        """Names of the protocols, in the order of the rows."""
        return list(dict.fromkeys(row.protocol for row in self.rows))

    def metric(self, name: str, **where: str) -> Results:
        """The rows of one metric, as in ``results.metric("rank1", weighting="identity")``.

        ``where`` narrows by any column of :class:`Result` that holds text (model, dataset, crop, cloak,
        purifier, protocol, weighting). Raises :class:`UnknownName` with the nearest names where no row has
        the metric, or no row of it has the value that is asked for.
        """
        if name not in self.metrics:
            raise UnknownName("metric", name, self.metrics)
        found = [row for row in self.rows if row.metric == name]
        for column, wanted in where.items():
            if column not in Result.__dataclass_fields__:
                raise UnknownName("column", column, Result.__dataclass_fields__)
            there = {str(getattr(row, column)) for row in found}
            if wanted not in there:
                raise UnknownName(f"{column} of {name}", wanted, there)
            found = [row for row in found if str(getattr(row, column)) == wanted]
        return self._with(found)

    def value(self, name: str, **where: str) -> float:
        """The one value of a metric; people weigh equally unless ``weighting="pair"`` is given.

        Raises :class:`BadInput` where several rows fit, naming what tells them apart, or where the data do
        not support the metric, saying why.
        """
        found = self.metric(name, **where).rows
        if "weighting" not in where:
            first = next(w for w in WEIGHTINGS if any(row.weighting == w for row in found))
            found = [row for row in found if row.weighting == first]
        if len(found) > 1:
            columns = ("model", "dataset", "crop", "cloak", "purifier", "protocol")
            differing = {c: sorted({str(getattr(row, c)) for row in found}) for c in columns}
            choices = "; ".join(f"{c}= one of {', '.join(v)}" for c, v in differing.items() if len(v) > 1)
            raise BadInput(
                f"{agreeing(len(found), 'row', 'has')} the metric {name}; narrow it down with {choices}"
            )
        row = found[0]
        if row.value is None:
            raise BadInput(f"{row.protocol} gives no {name} here: {row.text or 'the data do not support it'}")
        return row.value

    def to_pandas(self) -> pd.DataFrame:
        """One line a row, in the columns of :class:`Result`; remarks are joined to one text."""
        frame = require("pandas", "notebook", "a DataFrame of results")
        lines = [row.to_dict() | {"remarks": row.text} for row in self.rows]
        made: pd.DataFrame = frame.DataFrame(lines, columns=list(Result.__dataclass_fields__))
        return made

    def to_arrow(self) -> pa.Table:
        """The table that ``results.parquet`` holds."""
        from faceprobe.results.files import arrow_table

        return arrow_table(self.rows)

    def to_json(self) -> str:
        """The object that ``results.json`` and ``--json`` hold, as text."""
        return json.dumps(to_document(self.rows), indent=1, ensure_ascii=False, allow_nan=False)

    def plot(self, metric: str = "", *, weighting: str = "") -> Figure:
        """Dots with 95 % intervals by model, for one metric ("": the first main one that there is)."""
        from faceprobe.report.plots.metric import plot_metric

        chosen = metric or next((m for m in MAIN_METRICS if m in self.metrics), "")
        if not chosen:
            if not self.rows:
                raise BadInput("there are no rows to plot")
            chosen = self.rows[0].metric
        rows = self.metric(chosen).rows
        used = weighting or next(w for w in WEIGHTINGS if any(row.weighting == w for row in rows))
        return Figure(plot_metric(rows, chosen, used))

    def compare(self, other: Results) -> ResultsComparison:
        """``other`` minus this, figure by figure, with paired intervals where both were measured on the same
        people with the same seed.

        Where each of the two holds one model, the models are compared; otherwise rows of the same model.
        Raises :class:`BadInput` where no figure is in both.
        """
        return compare_rows(self.rows, other.rows, self.replicates, other.replicates)

    def _with(self, rows: Sequence[Result]) -> Results:
        return Results(rows, self.report, self.excluded, self.missing, self.seconds, self.replicates)

    def _names(self, column: str) -> str:
        found = dict.fromkeys(str(getattr(row, column)) for row in self.rows)
        shown = ", ".join(list(found)[:3])
        return shown if len(found) <= 3 else f"{shown} and {len(found) - 3} more"


@dataclass(frozen=True)
class Figure:
    """A drawing that a notebook shows: ``svg`` is its text."""

    svg: str = field(repr=False)

    def _repr_html_(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> Path:
        """Write the SVG file ``path``."""
        from faceprobe.core.files import write_bytes

        path = Path(path).expanduser()
        if path.suffix.lower() != ".svg":
            raise BadInput(f"{path}: a figure is saved as .svg")
        write_bytes(path, self.svg.encode())
        return path
