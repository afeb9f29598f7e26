"""What one pass over all pairs leaves: the summary that every metric is computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.duplicates import Duplicates
from faceprobe.scores.sweep.counts_above import NonmatedCounts
from faceprobe.scores.types import Grid, MatedScores, Tail


@dataclass(frozen=True)
class ScoreSummary:
    """What one pass leaves; every metric is computed from it.

    Rows are sorted by person, ``labels`` (N,) int32 counts people from 0 to P - 1.

    - ``at_or_above`` and ``above`` (M,) int64: non-mated comparisons that score at or above (above)
      each of the ``mated`` scores. TMR at any FMR, EER and AUC follow from these two. They are exact in
      sets of up to some million pairs, in the tail, and around the thresholds that were asked for.
      Elsewhere, where ``exact`` (M,) bool is False, they are the ends of a bracket a few bins wide.
      ``middle`` (M,) float64 lies between them: the number above plus half the number of equal scores;
      within a bracket it is estimated from the histogram.
    - ``duplicates``: the comparisons that are left out.
    - ``tail``: the highest non-mated scores with their pairs, for what depends on the people in them.
    - ``counts``: non-mated comparisons at or above any score, exactly or as a bracket.
    - ``grid`` and ``by_person`` (P, G) int64: each person's non-mated comparisons at or above each
      threshold of the grid (each comparison counts for both of its people).
    - ``person_sum``, ``person_squares`` (P,) float64 and ``person_count`` (P,) int64: sum, sum of
      squares and number of each person's non-mated scores, each less ``moment_origin``.
    - ``histogram`` (H,) int64 of the non-mated scores over ``histogram_edges`` (H + 1,), those
      beyond the ends counted in the first and the last bin.
    - ``ranks``: for each :class:`Ranking` asked for, (N,) int64: 1 + the non-mated gallery rows at
      or above the best mate's score; 0 where the row is no probe.
    """

    labels: NDArray[np.int32]
    mated: MatedScores
    duplicates: Duplicates
    n_nonmated: int
    at_or_above: NDArray[np.int64]
    above: NDArray[np.int64]
    middle: NDArray[np.float64]
    exact: NDArray[np.bool_]
    tail: Tail
    grid: Grid
    by_person: NDArray[np.int64]
    person_count: NDArray[np.int64]
    person_sum: NDArray[np.float64]
    person_squares: NDArray[np.float64]
    histogram_edges: NDArray[np.float64]
    histogram: NDArray[np.int64]
    ranks: tuple[NDArray[np.int64], ...]
    counts: NonmatedCounts
    moment_origin: float = 0.0
