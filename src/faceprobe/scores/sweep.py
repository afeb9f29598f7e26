"""The pass: blocks of the similarity matrix, row by row, reduced to a :class:`ScoreSummary`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.counter import ThresholdCounter
from faceprobe.scores.exact import block_scores
from faceprobe.scores.tail import TailKeeper
from faceprobe.scores.twins import Twins, find_twins
from faceprobe.scores.types import Grid, MatedScores, Ranking, ScoreSummary, offsets

BLOCK_VALUES = 3_000_000
"""Scores held at a time (24 MB), unless ``block_rows`` says otherwise."""

HISTOGRAM_BINS = 200

MAX_GRID_VALUES = 2**24
"""Bound on people x thresholds of the grid (128 MB)."""

_LEFT_OUT = -np.inf


def sweep(
    rows: NDArray[np.float32],
    labels: NDArray[np.int32],
    mated: MatedScores,
    *,
    content: NDArray[np.integer] | None = None,
    rankings: Sequence[Ranking] = (),
    tail_size: int = 100_000,
    block_rows: int | None = None,
    tick: Callable[[int], None] | None = None,
) -> ScoreSummary:
    """Pass over all pairs of the (N, D) exact ``rows``, which are sorted by person.

    ``labels`` (N,) count people from 0; ``mated`` comes from ``mated_scores`` with the same
    ``content`` (equal numbers are duplicates; None: there are none). ``tail_size`` is how many of
    the highest non-mated scores are kept with their pairs. ``tick`` is told of every n rows done.
    The result does not depend on ``block_rows``. Memory: some five blocks of float64 scores.
    """
    n = len(rows)
    centre, spread = _typical_nonmated(rows, labels)
    edges = _histogram_edges(mated, centre, spread)
    counter = ThresholdCounter(np.union1d(mated.score, edges[1:-1]), expected=n * n // 2)
    tail = TailKeeper(tail_size)
    grid = _grid(centre, spread, n_people=int(labels[-1]) + 1)
    probes = _Probes(labels, find_twins(labels, content), rankings, grid)
    step = block_rows or max(1, BLOCK_VALUES // n)
    for start in range(0, n, step):
        stop = min(n, start + step)
        scores = block_scores(rows, start, stop)
        for r in range(stop - start):
            probes.add(start + r, scores[r])
            scores[r, start : start + r] = _LEFT_OUT  # this pair was met from its other side
        upper = np.ascontiguousarray(scores[:, start:])
        counter.add(upper)
        tail.add(upper, start)
        if tick is not None:
            tick(stop - start)
    return _summary(probes, counter, tail, mated, edges)


def _summary(
    probes: _Probes,
    counter: ThresholdCounter,
    tail: TailKeeper,
    mated: MatedScores,
    edges: NDArray[np.float64],
) -> ScoreSummary:
    starts = probes.bounds[:-1]
    person_count = np.add.reduceat(probes.count, starts)
    n_nonmated = int(person_count.sum()) // 2
    at_or_above, above = counter.finish()
    own = np.searchsorted(counter.thresholds, mated.score)
    inner = at_or_above[np.searchsorted(counter.thresholds, edges[1:-1])]
    return ScoreSummary(
        labels=probes.labels,
        mated=mated,
        twins=probes.twins,
        n_nonmated=n_nonmated,
        at_or_above=at_or_above[own],
        above=above[own],
        tail=tail.finish(),
        grid=probes.grid,
        by_person=probes.at_or_above(),
        person_count=person_count,
        person_sum=np.add.reduceat(probes.total, starts),
        person_squares=np.add.reduceat(probes.squares, starts),
        histogram_edges=edges,
        histogram=-np.diff(np.concatenate([[n_nonmated], inner, [0]])),
        ranks=tuple(probes.ranks),
    )


class _Probes:
    """What is counted of each row with all others: ranks, sums, and places on the grid."""

    def __init__(
        self, labels: NDArray[np.int32], twins: Twins, rankings: Sequence[Ranking], grid: Grid
    ) -> None:
        n = len(labels)
        self.labels, self.twins, self.rankings, self.grid = labels, twins, rankings, grid
        self.bounds = offsets(labels)
        self.ranks = [np.zeros(n, dtype=np.int64) for _ in rankings]
        self.count = np.zeros(n, dtype=np.int64)
        self.total = np.zeros(n)
        self.squares = np.zeros(n)
        self._bins = np.zeros((len(self.bounds) - 1, grid.size + 1), dtype=np.int64)

    def add(self, i: int, row: NDArray[np.float64]) -> None:
        """Count row ``i`` with its (N,) scores; all but the non-mated ones are -inf afterwards."""
        person = int(self.labels[i])
        own = slice(int(self.bounds[person]), int(self.bounds[person + 1]))
        twins = self.twins.rows.get(i, np.zeros(0, dtype=np.int64))
        row[own] = row[twins] = 0.0
        self.count[i] = len(row) - (own.stop - own.start) - np.count_nonzero(self.labels[twins] != person)
        # np.sum adds one whole row in an order of its own, which no block size changes.
        self.total[i] = row.sum()
        self.squares[i] = np.multiply(row, row).sum()
        row[own] = row[twins] = _LEFT_OUT
        for ranking, ranks in zip(self.rankings, self.ranks, strict=True):
            if not np.isnan(ranking.best[i]):
                searched = row if ranking.gallery is None else row[ranking.gallery]
                ranks[i] = 1 + np.count_nonzero(searched >= ranking.best[i])
        place = row * 2.0**self.grid.bits
        place -= self.grid.first - 1
        np.clip(place, 0, self.grid.size, out=place)
        self._bins[person] += np.bincount(place.astype(np.intp), minlength=self.grid.size + 1)

    def at_or_above(self) -> NDArray[np.int64]:
        """(P, G) each person's non-mated comparisons at or above each threshold of the grid."""
        # Bin 0 lies below the grid, bin k between its thresholds k - 1 and k.
        return np.ascontiguousarray(np.cumsum(self._bins[:, :0:-1], axis=1)[:, ::-1])


def _typical_nonmated(rows: NDArray[np.float32], labels: NDArray[np.int32]) -> tuple[float, float]:
    """Mean and standard deviation of the non-mated scores among up to 1,024 rows spread over the set.

    They only place the grid and the histogram, and are the same for every block size.
    """
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), 1024)).astype(np.int64))
    some = rows[chosen]
    scores = block_scores(some, 0, len(some))
    other = scores[labels[chosen][:, None] != labels[chosen]]
    if len(other) == 0:
        return 0.0, 0.0
    return float(other.mean()), float(other.std())


def _grid(centre: float, spread: float, n_people: int) -> Grid:
    """From 5 standard deviations below the typical non-mated score to 9 above it, in steps between
    1/64 and 1/32 of one (coarser where ``n_people`` would need more than MAX_GRID_VALUES).
    """
    spread = max(spread, 2.0**-30)
    finest = 5 - int(np.floor(np.log2(spread)))
    grid = _grid_of(centre, spread, finest)
    while grid.size * n_people > MAX_GRID_VALUES and grid.size > 64:
        grid = _grid_of(centre, spread, grid.bits - 1)
    return grid


def _grid_of(centre: float, spread: float, bits: int) -> Grid:
    first = int(np.floor(np.ldexp(max(-1.0, centre - 5 * spread), bits)))
    last = int(np.ceil(np.ldexp(min(1.0, centre + 9 * spread), bits))) + 1
    return Grid(first, bits, last - first + 1)


def _histogram_edges(mated: MatedScores, centre: float, spread: float) -> NDArray[np.float64]:
    low, high = centre - 6 * spread, centre + 6 * spread
    if len(mated):
        low, high = min(low, float(mated.score[-1])), max(high, float(mated.score[0]))
    low, high = max(-1.0, low), min(1.0, high)
    if high - low < 1e-6:
        low, high = low - 1e-6, high + 1e-6
    return np.linspace(low, high, HISTOGRAM_BINS + 1)
