"""The number of non-mated scores at or above a score: from bins, and exact where scores were kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.sweep.score_bins import ScoreBins


@dataclass(frozen=True)
class Kept:
    """Every true score in [``low``, ``high``), ascending in ``values``, and how many lie at or above
    ``high``.
    """

    low: float
    high: float
    values: NDArray[np.float64]
    beyond: int


@dataclass(frozen=True)
class NonmatedCounts:
    """``reached`` (bins + 1,) counts the scores in each bin and above; ``kept`` are the ranges in
    which every score is known.
    """

    bins: ScoreBins
    reached: NDArray[np.int64]
    kept: tuple[Kept, ...]

    def around(self, scores: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(K,) scores at or above, and above, each of ``scores``: exact where they are kept, else the ends
        of a bracket that holds both.
        """
        bins, size = self.bins, self.bins.size
        own, guard = bins.index_of(scores), max(bins.guard, bins.coarse)
        # The first bin holds all below it, too, the last all above it.
        high = self.reached[np.clip(own - guard, 0, size - 1)]
        over = own + 1 + guard
        low = np.where(over < size, self.reached[np.clip(over, 1, size)], 0)
        for part in self.kept:
            inside = (scores >= part.low) & (scores < part.high)
            within = scores[inside]
            n = len(part.values)
            high[inside] = part.beyond + n - np.searchsorted(part.values, within, side="left")
            low[inside] = part.beyond + n - np.searchsorted(part.values, within, side="right")
            below, beyond = scores < part.low, scores >= part.high
            low[below] = np.maximum(low[below], part.beyond + n)
            high[beyond] = np.minimum(high[beyond], part.beyond)
        return high, low

    def middle(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(K,) scores above each of ``scores`` and half of those that equal it: exact where every score was
        kept, else as the histogram has it, half of the own bin counted, so that it does not depend on
        what else was kept.
        """
        if self.bins.exact:
            high, low = self.around(scores)
            return (high + low) / 2.0
        own = np.clip(self.bins.index_of(scores), 0, self.bins.size - 1)
        return (self.reached[own] + self.reached[own + 1]) / 2.0

    def crossing_known(self, scores: NDArray[np.float64], weights: NDArray[np.float64]) -> bool:
        """Whether all is known exactly where FMR = FNMR, for descending mated ``scores`` (M,), M > 0."""
        if self.bins.exact and self.known(scores).all():
            return True
        high, low = self.around(scores)
        accepted = np.cumsum(weights) / weights.sum()
        missed_after = 1.0 - accepted
        missed_before = np.concatenate([[1.0], missed_after[:-1]])
        total = max(1, int(self.reached[0]))
        first = _first(high / total >= missed_after)
        last = _first(low / total >= missed_before)
        return bool(self.known(scores[max(0, first - 1) : last + 1]).all())

    def nth(self, allowed: int) -> float | None:
        """The (``allowed`` + 1)-th largest score, where it is known exactly."""
        for part in self.kept:
            if part.beyond <= allowed < part.beyond + len(part.values):
                return float(part.values[len(part.values) - 1 - (allowed - part.beyond)])
        return None

    def resolved(self, allowed: int) -> bool:
        """Whether the (``allowed`` + 1)-th largest score is known exactly."""
        return allowed >= int(self.reached[0]) or self.nth(allowed) is not None

    def known(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(K,) bool: whether all about each of ``scores`` was kept, so that its counts are exact."""
        known = np.zeros(len(scores), dtype=np.bool_)
        for part in self.kept:
            known |= (scores >= part.low) & (scores < part.high)
        return known


def _first(true: NDArray[np.bool_]) -> int:
    """The first place that is True, or the last place."""
    return int(np.argmax(true)) if true.any() else len(true) - 1
