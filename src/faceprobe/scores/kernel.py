"""Compiled products of single rows: true scores, and quick ones. They release the interpreter's lock."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

TAIL, WINDOW = 1, 2
"""Bits of a bin's flag: its scores are kept with their pairs, or as bare scores."""


@njit(nogil=True, cache=True, fastmath=True)  # type: ignore[untyped-decorator]
def true_score(a: Any, b: Any) -> float:
    """The true score of two exact rows; the order of a sum of grid numbers does not matter."""
    total = 0.0
    for k in range(len(a)):
        total += np.float64(a[k]) * np.float64(b[k])
    return total


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def dot(rows: Any, i: int, j: int) -> float:
    """:func:`true_score` of two of ``rows``."""
    return float(true_score(rows[i], rows[j]))


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def less(row: Any, mean: Any, out: Any) -> None:
    """``row`` (D,) less ``mean`` (D,), in ``out``."""
    for k in range(len(row)):
        out[k] = row[k] - mean[k]


@njit(nogil=True, cache=True, fastmath=True)  # type: ignore[untyped-decorator]
def dot32(a: Any, b: Any, mean: Any) -> Any:
    """A float32 product of ``a`` (D,) and ``b`` less ``mean``, within the frame's error of the true one where
    the mean is off ``a`` already.
    """
    total = np.float32(0)
    for k in range(len(a)):
        total += a[k] * (b[k] - mean[k])
    return total


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def score_people(rows: Any, bounds: Any, people: Any, score: Any, left: Any, right: Any) -> None:
    """Every pair of rows of each of ``people``, one after the other: true scores and row numbers."""
    n = 0
    for a in people:
        for i in range(bounds[a], bounds[a + 1]):
            for j in range(i + 1, bounds[a + 1]):
                score[n] = dot(rows, i, j)
                left[n] = i
                right[n] = j
                n += 1


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def score_pairs(rows: Any, left: Any, right: Any, score: Any) -> None:
    """The true scores of listed pairs."""
    for k in range(len(left)):
        score[k] = dot(rows, left[k], right[k])
