"""The input of one pass over all pairs, and the arrays that it works with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MatedScores:
    """Every mated comparison, from the highest score to the lowest (ties by row numbers).

    ``score`` (M,) float64; ``left`` < ``right`` (M,) int32 row numbers; ``label`` (M,) int32 the
    person. Self-pairs and duplicates are not among them.
    """

    score: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    label: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True)
class Ranking:
    """A question about ranks: ``best`` (N,) float64 is the score of each probe's best mate (NaN: the row is
    no probe), ``gallery`` the numbers of the rows that are enrolled (None: all rows).
    """

    best: NDArray[np.float64]
    gallery: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Grid:
    """Thresholds ``(first + k) * 2**-bits`` for k = 0 ... ``size`` - 1, ascending.

    Powers of two, so that sorting a score into the grid is exact too.
    """

    first: int
    bits: int
    size: int

    @property
    def edges(self) -> NDArray[np.float64]:
        return np.ldexp(np.arange(self.first, self.first + self.size, dtype=np.float64), -self.bits)


@dataclass(frozen=True)
class Tail:
    """The highest non-mated scores, descending (ties by row numbers): ``score`` (K,) float64 and
    ``left`` < ``right`` (K,) int32 row numbers.
    """

    score: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.score)


def offsets(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """(P + 1,) int64: where each person's rows begin, and the number of rows. :class:`ValueError` where
    ``labels`` are not 0, ..., 0, 1, ..., P - 1.
    """
    steps = np.diff(labels)
    if len(labels) == 0 or labels[0] != 0 or np.any((steps != 0) & (steps != 1)):
        raise ValueError("labels must be sorted and count people from 0 without gaps")
    return np.concatenate([[0], np.flatnonzero(steps) + 1, [len(labels)]]).astype(np.int64)
