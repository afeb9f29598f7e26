"""One array in which all threads of a pass keep scores, without the pairs that they belong to."""

from __future__ import annotations

from threading import Lock

import numpy as np
from numpy.typing import NDArray

CHUNK = 2**17
"""Scores that a thread reserves at a time (1 MB)."""


class ScoreBuffer:
    """Space for ``size`` scores in chunks, each long enough for 16 rows of ``width`` scores, and one more
    chunk for each of ``threads``. Pages that nothing is written to cost no memory. ``overfull`` says whether
    more was asked for than there was.
    """

    def __init__(self, size: int, width: int, threads: int) -> None:
        self.chunk = max(CHUNK, 16 * width)
        n_chunks = -(-size // self.chunk) + threads if size else 0
        self.overfull = False
        self._values = np.empty(n_chunks * self.chunk)
        self._filled: list[int] = []
        self._n_chunks, self._lock = n_chunks, Lock()

    def take(self) -> tuple[int, NDArray[np.float64]]:
        """The next chunk's number and array; -1 and an empty array where no chunk is left."""
        with self._lock:
            number = len(self._filled)
            if number == self._n_chunks:
                self.overfull = self._n_chunks > 0
                return -1, self._values[:0]
            self._filled.append(0)
        return number, self._values[number * self.chunk : (number + 1) * self.chunk]

    def give(self, number: int, filled: int) -> None:
        """Record how many scores chunk ``number`` holds."""
        if number >= 0:
            self._filled[number] = filled

    def sorted(self) -> NDArray[np.float64]:
        """All scores, ascending; the chunks are joined in place."""
        n = 0
        for number, filled in enumerate(self._filled):
            start = number * self.chunk
            self._values[n : n + filled] = self._values[start : start + filled]
            n += filled
        values = self._values[:n]
        values.sort()
        return values
