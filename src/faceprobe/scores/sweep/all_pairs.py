"""One pass over all pairs: tiles of the similarity matrix, counted by threads, give a :class:`ScoreSummary`.

Small sets are multiplied in float64, where every score is exact. Larger ones are multiplied in
float32 with a known bound on the error. A pilot pass over some tiles places the tail and windows around the
thresholds that figures depend on, and every score there, or near a rank that it might change, is computed
again exactly. Where a window misses its threshold, the pass is repeated with the counts of the pass before.
Exact figures do not depend on tiles, threads or library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from faceprobe.core.machine import usable_cores
from faceprobe.scores.duplicates import find_duplicates, may_have_equal_rows
from faceprobe.scores.summary import ScoreSummary
from faceprobe.scores.sweep.counts_above import NonmatedCounts
from faceprobe.scores.sweep.kept_bins import Crossing, all_bins, choose_windows, tail_bin
from faceprobe.scores.sweep.score_bins import ScoreBins, choose_bins
from faceprobe.scores.sweep.score_moments import person_moments
from faceprobe.scores.sweep.thread_pool import PassResult, TilePool
from faceprobe.scores.sweep.tile_worker import Bounds, Tiles
from faceprobe.scores.types import MatedScores, Ranking

HEIGHT, WIDTH = 512, 1024
"""Rows of a tile's two sides, unless ``block_rows`` says otherwise: 2 MB of float32 scores."""

ALL_PAIRS = 2**22
"""Up to this many pairs every score is computed in float64 and kept."""

WINDOW_SIZE = 24_000_000
"""Scores, without their pairs, that may be kept around thresholds (192 MB)."""

MANY_PAIRS = 2 * 10**9
"""Beyond this many pairs no pass is repeated for the equal error rates alone."""

HISTOGRAM_BINS = 200

_PASSES = 3

_PILOT_TILES = 24
"""Tiles in the pilot pass, at least; otherwise one in 128."""


def sweep_pairs(
    rows: NDArray[np.float32],
    labels: NDArray[np.int32],
    mated: MatedScores,
    *,
    content: NDArray[np.integer] | None = None,
    rankings: Sequence[Ranking] = (),
    allowed: Callable[[int], Sequence[int]] | None = None,
    subsets: Sequence[NDArray[np.bool_]] = (),
    tail_size: int = 100_000,
    block_rows: int | None = None,
    threads: int | None = None,
    window_size: int = WINDOW_SIZE,
    all_pairs: int = ALL_PAIRS,
    coded: bool = False,
    tick: Callable[[int], None] | None = None,
) -> ScoreSummary:
    """Pass over all pairs of the (N, D) exact ``rows``, which are sorted by person.

    ``labels`` (N,) count people from 0; ``mated`` comes from ``mated_scores`` with the same
    ``content`` (equal numbers are duplicates; None: there are none). ``allowed`` gives, for a
    number of non-mated comparisons, those numbers of false matches k whose threshold, the (k + 1)-th
    largest non-mated score, must be exact; ``subsets`` (M,) are parts of the mated comparisons whose equal
    error rates must be exact, as that of all of them. ``tail_size`` of the highest non-mated scores are kept
    with their pairs, and ``window_size`` scores without their pairs around thresholds below them. Sets of up
    to ``all_pairs`` pairs are computed in float64 throughout.
    ``coded`` forms scores from 8-bit codes first (it needs torch), and in float32 only where the error of
    the codes could change a result: quicker for long rows, but brackets away from the thresholds asked for
    are wider. Equal rows that are compared score exactly 1. ``block_rows`` is the side of a tile and
    ``threads`` (None: all cores) the number of threads; neither changes an exact figure. ``tick`` is called
    with the number of rows done.

    Memory beyond ``rows``: a tile and some of the rows for each thread, and the scores that are kept.
    """
    n = len(rows)
    exact = n * (n - 1) // 2 <= all_pairs
    bins = choose_bins(rows, labels, exact, coded)
    duplicates = find_duplicates(labels, content)
    left, right = duplicates.pairs
    strangers = labels[left] != labels[right]
    shape = (block_rows, block_rows) if block_rows else (HEIGHT, WIDTH)
    count, total, squares, origin = person_moments(rows, labels, mated, duplicates)
    n_nonmated = int(count.sum()) // 2
    sought = _Sought(
        tuple(allowed(n_nonmated)) if allowed is not None else (),
        _crossings(mated, subsets) if n_nonmated else [],
        tail_size,
        window_size,
    )
    shape = (min(n, shape[0]), min(n, shape[1]))
    copies = may_have_equal_rows(rows)
    tiles = Tiles.of(n, *shape, (left[strangers], right[strangers]), copies)
    with ThreadpoolController().select(internal_api="openblas").limit(limits=1):
        while True:
            pool = TilePool(bins, rows, labels, tiles, threads or usable_cores(), tick or _no_tick)
            bounds = Bounds.of(rankings, bins)
            with _one_thread_per_product(bins):
                result, known = _measure(pool, n_nonmated, bounds, sought, everything=exact)
            if known or bins.exact:
                break
            # Scores so close together that float32 cannot place a threshold among them.
            bins = choose_bins(rows, labels, exact=True)
    at_or_above, above = result.counts.around(mated.score)
    edges, histogram = _histogram(result.counts, bins, mated, n_nonmated)
    return ScoreSummary(
        labels=labels,
        mated=mated,
        duplicates=duplicates,
        n_nonmated=n_nonmated,
        at_or_above=at_or_above,
        above=above,
        middle=result.counts.middle(mated.score),
        exact=result.counts.known(mated.score),
        tail=result.tail,
        grid=bins.grid,
        by_person=result.by_person,
        person_count=count,
        person_sum=total,
        person_squares=squares,
        moment_origin=origin,
        histogram_edges=edges,
        histogram=histogram,
        ranks=tuple(np.where(np.isnan(r.best), 0, 1 + result.ranks[k]) for k, r in enumerate(rankings)),
        counts=result.counts,
    )


def _one_thread_per_product(bins: ScoreBins) -> AbstractContextManager[None]:
    if bins.codes is None:
        return nullcontext()
    from faceprobe.scores.backends.torch import one_thread_each

    return one_thread_each()


def _no_tick(rows: int) -> None:
    """No-op progress callback."""


@dataclass(frozen=True)
class _Sought:
    """The counts that must be exact, and the scores that may be kept for them."""

    allowed: tuple[int, ...]
    crossings: list[Crossing]
    tail_size: int
    window_size: int


def _crossings(mated: MatedScores, subsets: Sequence[NDArray[np.bool_]]) -> list[Crossing]:
    """All mated comparisons, and each subset, by pairs and by people."""
    found: list[Crossing] = []
    for keep in (np.ones(len(mated), dtype=np.bool_), *subsets):
        score, label = mated.score[keep], mated.label[keep]
        if len(score):
            own = np.bincount(label)[label]
            found += [(score, np.ones(len(score))), (score, 1.0 / own)]
    return found


def _measure(
    pool: TilePool, n_nonmated: int, bounds: Bounds, sought: _Sought, everything: bool
) -> tuple[PassResult, bool]:
    """Pilot and passes, until the tail is whole and all that is sought is exact. True where it is."""
    bins, tail_size = pool.bins, sought.tail_size
    reached, slack = pool.pilot(_PILOT_TILES)
    for _ in range(_PASSES):
        total = int(reached[0])
        wanted = (1.3 if slack else 1.0) * min(tail_size, n_nonmated) * total / max(1, n_nonmated)
        tail = bins.size if tail_size == 0 else tail_bin(reached, wanted + (300 if slack else 0))
        tail = max(0, tail - (0 if slack else bins.guard + bins.coarse))
        if everything:
            windows = all_bins(bins, tail)
        else:
            windows = choose_windows(
                bins, reached, n_nonmated, tail, sought.allowed, sought.crossings, slack, sought.window_size
            )
        window_size = n_nonmated if everything else sought.window_size
        result = pool.measure(windows, bounds, tail_size, window_size, n_nonmated)
        known = all(result.counts.resolved(k) for k in sought.allowed)
        # Another pass over billions of pairs would only narrow a bracket that is narrow already.
        crossed = n_nonmated > MANY_PAIRS or all(
            result.counts.crossing_known(*crossing) for crossing in sought.crossings
        )
        if result.tail_whole and known and crossed:
            return result, True
        reached, slack = result.counts.reached, 0.0
    return result, result.tail_whole and known


def _histogram(
    counts: NonmatedCounts, bins: ScoreBins, mated: MatedScores, n_nonmated: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(H + 1,) edges, which are edges of bins, and (H,) non-mated scores between them; the first and the
    last entry include all scores beyond.
    """
    grid = bins.grid.edges
    low, high = grid[0], grid[-1]
    if len(mated):
        low, high = min(low, mated.score[-1]), max(high, mated.score[0])
    first, last = (int(b) for b in bins.index_of(np.array([low, high])))
    step = max(1, -(-(last + 1 - first) // HISTOGRAM_BINS))
    edges = bins.edge(first + step * np.arange(HISTOGRAM_BINS + 1))
    if bins.exact:
        inner = counts.around(edges[1:-1])[0]
    else:
        inside = np.clip(first + step * np.arange(1, HISTOGRAM_BINS), 0, bins.size)
        inner = counts.reached[inside]
    return edges, -np.diff(np.concatenate([[n_nonmated], inner, [0]]))
