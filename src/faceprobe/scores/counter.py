"""How many scores lie at or above, and above, each of many thresholds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_BINS = 2**20


class ThresholdCounter:
    """Counts scores over ascending, distinct ``thresholds`` (K,), exactly.

    Scores fall into up to a million bins (``expected``, how many scores will come, sets how many). A
    bin without a threshold needs only its count; the scores in the others are sorted and looked
    up one by one. Sorting into bins never reverses an order, so rounding in it does no harm.
    """

    def __init__(self, thresholds: NDArray[np.float64], expected: int = MAX_BINS) -> None:
        self.thresholds = thresholds
        low, high = (float(thresholds[0]), float(thresholds[-1])) if len(thresholds) else (0.0, 0.0)
        bins = min(MAX_BINS, max(64, expected))
        self._bits = min(50, int(np.floor(np.log2(bins / max(high - low, 2.0**-30)))))
        self._first = int(np.floor(np.ldexp(low, self._bits)))
        self._size = int(np.floor(np.ldexp(high, self._bits))) - self._first + 1
        self._own = self._bin(thresholds)
        self._split = np.zeros(self._size + 2, dtype=bool)
        self._split[self._own] = True
        self._counts = np.zeros(self._size + 2, dtype=np.int64)
        self._at_or_above = np.zeros(len(thresholds), dtype=np.int64)
        self._above = np.zeros(len(thresholds), dtype=np.int64)

    def add(self, scores: NDArray[np.float64]) -> None:
        """Count ``scores`` (any shape); -inf never reaches a threshold."""
        flat = scores.reshape(-1)
        bins = self._bin(flat)
        self._counts += np.bincount(bins, minlength=len(self._counts))
        close = np.sort(flat[self._split[bins]])
        self._at_or_above += len(close) - np.searchsorted(close, self.thresholds, side="left")
        self._above += len(close) - np.searchsorted(close, self.thresholds, side="right")

    def finish(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(K,) scores at or above each threshold, and (K,) above it."""
        whole = np.where(self._split, 0, self._counts)
        higher = np.cumsum(whole[::-1])[::-1][self._own]
        return higher + self._at_or_above, higher + self._above

    def _bin(self, scores: NDArray[np.float64]) -> NDArray[np.intp]:
        """0 is below the lowest threshold's bin, ``size`` + 1 above the highest one's."""
        place = scores * 2.0**self._bits
        place -= self._first - 1
        return np.clip(place, 0, self._size + 1, out=place).astype(np.intp)
