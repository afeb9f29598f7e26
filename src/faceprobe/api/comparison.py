"""Two results side by side: the difference of each figure, paired where that is possible."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.extras import require
from faceprobe.core.words import counted
from faceprobe.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

    from faceprobe.report.comparison.paired import Paired

ResultKey = tuple[str, ...]


@dataclass(frozen=True)
class Replicates:
    """Bootstrap replicates of one model on one dataset: ``identities`` (P,) sorted names of the people, and
    ``draws`` mapping ``"<protocol>//<metric>//<weighting>"`` to the (R,) replicates, ``influences`` the same
    names to the (2, P) influences and shares of trials by person. Two models' replicates are paired where
    seed and people agree.
    """

    seed: int
    identities: NDArray[np.str_]
    draws: Mapping[str, NDArray[np.float64]]
    influences: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


def cell_key(row: Result) -> ResultKey:
    """What a row's replicates are found by: model, dataset, crop, cloak and purifier."""
    return (row.model, row.dataset, row.crop, row.cloak, row.purifier)


ReplicatesOf = Callable[[ResultKey], Replicates | None]
"""How replicates are found: by the key of :func:`cell_key`, None where there are none."""

NAN = float("nan")

FIGURE = ("dataset", "crop", "cloak", "purifier", "protocol", "metric", "weighting")
"""What two rows of different models must share to be the same figure."""


@dataclass(frozen=True)
class ComparedFigure:
    """One figure in both results. ``difference`` holds second minus first, its interval and p-value, or the
    reason why there is no interval. ``p_holm`` is the p-value corrected over all figures compared (Holm).
    """

    first: Result
    second: Result
    difference: Paired
    p_holm: float | None


@dataclass(frozen=True)
class ResultsComparison(Sequence[ComparedFigure]):
    """The figures that both results hold, in the order of the first."""

    figures: tuple[ComparedFigure, ...]

    def __len__(self) -> int:
        return len(self.figures)

    @overload
    def __getitem__(self, index: int) -> ComparedFigure: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[ComparedFigure, ...]: ...

    def __getitem__(self, index: int | slice) -> ComparedFigure | tuple[ComparedFigure, ...]:
        return self.figures[index]

    def __iter__(self) -> Iterator[ComparedFigure]:
        return iter(self.figures)

    def __repr__(self) -> str:
        return f"ResultsComparison({counted(len(self), 'figure')})"

    def to_pandas(self) -> pd.DataFrame:
        """One line a figure: both models, what was measured, both values, difference, interval, p-values."""
        frame = require("pandas", "notebook", "a DataFrame of results")
        made: pd.DataFrame = frame.DataFrame([_line(figure) for figure in self.figures])
        return made

    def _repr_html_(self) -> str:
        from faceprobe.report.tables.notebook import table_html

        return table_html([_line(figure) for figure in self.figures])


def compare_rows(
    first: Sequence[Result], second: Sequence[Result], draws: ReplicatesOf, other_draws: ReplicatesOf
) -> ResultsComparison:
    """See :meth:`faceprobe.Results.compare`; ``draws`` are the first rows' replicates,
    ``other_draws`` the second ones'.
    """
    from faceprobe.report.comparison.paired import family_corrected

    models = [{row.model for row in rows if row.model != "none"} for rows in (first, second)]
    columns = FIGURE if all(len(m) == 1 for m in models) else ("model", *FIGURE)
    others = {tuple(getattr(row, c) for c in columns): row for row in second}
    pairs = [(row, others.get(tuple(getattr(row, c) for c in columns))) for row in first]
    both = [(a, b) for a, b in pairs if b is not None]
    if not both:
        raise BadInput(
            "the two results have no figure in common: same dataset, crop, cloak, protocol and metric"
        )
    differences = [_difference(a, b, draws(cell_key(a)), other_draws(cell_key(b))) for a, b in both]
    corrected = family_corrected(differences)
    return ResultsComparison(
        tuple(ComparedFigure(a, b, d, p) for (a, b), d, p in zip(both, differences, corrected, strict=True))
    )


def _difference(a: Result, b: Result, ours: Replicates | None, theirs: Replicates | None) -> Paired:
    from faceprobe.report.comparison.paired import Paired, from_stored

    if a.value is None or b.value is None:
        return Paired(NAN, NAN, NAN, NAN, "one of the two has no value")

    def without_interval(reason: str) -> Paired:
        return Paired((b.value or 0.0) - (a.value or 0.0), NAN, NAN, NAN, reason)

    if ours is None or theirs is None:
        return without_interval("no bootstrap replicates are stored")
    if ours.seed != theirs.seed:
        return without_interval("the two used different seeds")
    if not np.array_equal(ours.identities, theirs.identities):
        return without_interval("the two were not measured on the same people")
    name = f"{a.protocol}//{a.metric}//{a.weighting}"
    draws = [found.draws.get(name) for found in (ours, theirs)]
    if draws[0] is None or draws[1] is None:
        return without_interval("this metric has no replicates")
    if draws[0].shape != draws[1].shape or len(draws[0]) < 2:
        return without_interval("the two have different numbers of replicates")
    influences = (ours.influences.get(name), theirs.influences.get(name))
    paired = from_stored((a.value, b.value), (draws[0], draws[1]), influences, a.metric)
    return paired if paired.known else without_interval(paired.reason)


def _line(figure: ComparedFigure) -> dict[str, str | float | None]:
    a, b, paired = figure.first, figure.second, figure.difference
    known = paired.known
    return {
        "first model": a.model,
        "second model": b.model,
        **{column: str(getattr(a, column)) for column in FIGURE},
        "first": a.value,
        "second": b.value,
        "difference": None if np.isnan(paired.difference) else paired.difference,
        "ci_low": paired.low if known else None,
        "ci_high": paired.high if known else None,
        "p": paired.p if known else None,
        "p_holm": figure.p_holm,
        "reason": paired.reason,
    }


def replicates_of(
    rows: Iterable[Result],
    seed: int,
    identities: NDArray[np.str_],
    draws: Mapping[str, Any],
    influences: Mapping[str, Any] | None = None,
) -> ReplicatesOf:
    """How :class:`Results` finds the replicates of rows that were all measured on the same people."""
    found = {cell_key(row): Replicates(seed, identities, draws, influences or {}) for row in rows}
    return found.get
