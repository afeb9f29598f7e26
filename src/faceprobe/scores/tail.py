"""The highest scores seen so far, with their pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.types import Tail


class TailKeeper:
    """Keeps the ``size`` highest scores; of equal ones those with the lowest row numbers.

    Blocks must be added in the order of their rows. A later score that only equals the lowest
    one kept can then be dropped at sight, a stable sort by score alone keeps ties in the order of
    their rows, and the result is the same for every block size.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._score = np.zeros(0)
        self._left = np.zeros(0, dtype=np.int32)
        self._right = np.zeros(0, dtype=np.int32)
        self._floor = -np.inf

    def add(self, upper: NDArray[np.float64], start: int) -> None:
        """Add a block of scores whose element (0, 0) is the pair (start, start); -inf = left out."""
        if self.size == 0:
            return
        wanted = upper > self._floor
        n_wanted = np.count_nonzero(wanted)
        if n_wanted > self.size:
            candidates = upper[wanted]
            wanted &= upper >= np.partition(candidates, n_wanted - self.size)[n_wanted - self.size]
        left, right = np.nonzero(wanted)
        self._score = np.concatenate([self._score, upper[left, right]])
        self._left = np.concatenate([self._left, (left + start).astype(np.int32)])
        self._right = np.concatenate([self._right, (right + start).astype(np.int32)])
        if len(self._score) > 2 * self.size:
            self._cut()

    def finish(self) -> Tail:
        self._cut()
        return Tail(self._score, self._left, self._right)

    def _cut(self) -> None:
        order = np.argsort(-self._score, kind="stable")[: self.size]
        self._score, self._left, self._right = self._score[order], self._left[order], self._right[order]
        if len(order) == self.size > 0:
            self._floor = float(self._score[-1])
