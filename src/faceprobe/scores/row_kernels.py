"""Compiled products of single rows: exact scores, and quick approximate ones. They release the GIL."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

NEAR_COPY = 1 - 1e-5
"""Copies score above this before they are set to 1: rows have length 1 to within 2e-6."""

TAIL, WINDOW = 1, 2
"""Bits of a bin's flag: its scores are kept with their pairs, or without."""


@njit(nogil=True, cache=True, fastmath=True)  # type: ignore[untyped-decorator]
def true_score(a: Any, b: Any) -> float:
    """The true score of two exact rows; the order of a sum of grid numbers does not matter."""
    total = 0.0
    for k in range(len(a)):
        total += np.float64(a[k]) * np.float64(b[k])
    return total


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def dot(rows: Any, i: int, j: int) -> float:
    """:func:`true_score` of two of ``rows``; exactly 1 where they are equal."""
    score = float(true_score(rows[i], rows[j]))
    return 1.0 if score > NEAR_COPY and same_row(rows, i, j) else score


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def same_row(rows: Any, i: int, j: int) -> bool:
    """Whether two of ``rows`` are equal, bit for bit."""
    return bool(np.array_equal(rows[i], rows[j]))


@njit(nogil=True, cache=True, fastmath=True)  # type: ignore[untyped-decorator]
def true_scores(a: Any, rows: Any, first: int, others: Any, out: Any) -> None:
    """True scores of ``a`` (D,) float64 with the rows ``first + others`` (K,), in ``out`` (K,) float64: four
    at a time, which reads ``a`` once for all of them.
    """
    n = len(others)
    for h in range(0, n - n % 4, 4):
        b0, b1 = rows[first + others[h]], rows[first + others[h + 1]]
        b2, b3 = rows[first + others[h + 2]], rows[first + others[h + 3]]
        t0 = t1 = t2 = t3 = 0.0
        for k in range(len(a)):
            x = a[k]
            t0 += x * np.float64(b0[k])
            t1 += x * np.float64(b1[k])
            t2 += x * np.float64(b2[k])
            t3 += x * np.float64(b3[k])
        out[h], out[h + 1], out[h + 2], out[h + 3] = t0, t1, t2, t3
    for h in range(n - n % 4, n):
        out[h] = true_score(a, rows[first + others[h]])


@njit(nogil=True, cache=True, fastmath=True)  # type: ignore[untyped-decorator]
def quick_scores(a: Any, rows: Any, mean: Any, first: int, others: Any, out: Any) -> None:
    """Products of ``a`` (D,) float32 with the rows ``first + others`` (K,) less ``mean`` (D,), in ``out``
    (K,): within the error of :class:`faceprobe.scores.sweep.score_bins.ScoreBins` of the exact ones, where
    ``mean`` was subtracted from ``a`` before.
    """
    n = len(others)
    for h in range(0, n - n % 4, 4):
        b0, b1 = rows[first + others[h]], rows[first + others[h + 1]]
        b2, b3 = rows[first + others[h + 2]], rows[first + others[h + 3]]
        t0 = t1 = t2 = t3 = np.float32(0)
        for k in range(len(a)):
            x, m = a[k], mean[k]
            t0 += x * (b0[k] - m)
            t1 += x * (b1[k] - m)
            t2 += x * (b2[k] - m)
            t3 += x * (b3[k] - m)
        out[h], out[h + 1], out[h + 2], out[h + 3] = t0, t1, t2, t3
    for h in range(n - n % 4, n):
        b = rows[first + others[h]]
        t = np.float32(0)
        for k in range(len(a)):
            t += a[k] * (b[k] - mean[k])
        out[h] = t


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
