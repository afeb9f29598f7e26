"""Compiled loops over many comparisons (numba), compiled when first used and cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


@cache
def compiled(loop: Callable[..., None]) -> Callable[..., None]:
    """``loop`` as machine code that lets other threads run meanwhile.

    Floating-point sums may be reordered: only loops whose sums are exact in any order come here.
    """
    import numba

    fast: Callable[..., None] = numba.njit(cache=True, nogil=True, fastmath=True)(loop)
    return fast


def listed_scores(
    rows: NDArray[np.float32],
    left: NDArray[np.integer[Any]],
    right: NDArray[np.integer[Any]],
    tick: Callable[[int], None] | None = None,
    chunk: int = 1_000_000,
) -> NDArray[np.float64]:
    """The scores (P,) float64 of pairs of exact rows (:func:`faceprobe.scores.exact_rows`), exact.

    Beyond the result nothing is kept that grows with P. ``tick`` is told how many pairs a chunk had.
    """
    scores = np.empty(len(left))
    dots = compiled(_dots)
    for start in range(0, len(left), chunk):
        part = slice(start, start + chunk)
        dots(rows, left[part], right[part], scores[part])
        if tick is not None:
            tick(len(scores[part]))
    return scores


def weights_at(
    weights: NDArray[np.int64],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    marks: NDArray[np.int64],
) -> NDArray[np.int64]:
    """(K + 1,) the sum of ``weights[left] * weights[right]`` over the first ``marks`` (K,) ascending
    comparisons, and over all of them.
    """
    sums = np.empty(len(marks) + 1, dtype=np.int64)
    compiled(_products_at)(weights, left, right, marks, sums)
    return sums


def count_reached(
    scores: NDArray[np.float64],
    mates: NDArray[np.float64],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """For each row i of ``scores`` (B, D) and its ascending ``mates[starts[i] : starts[i + 1]]``, add 1 to
    the entry of ``counts`` (like ``mates``) of the highest mate that each score reaches (>=), if any.
    """
    compiled(_reached)(scores, mates, starts, counts)


def _reached(scores, mates, starts, counts):  # type: ignore[no-untyped-def]
    for i in range(scores.shape[0]):
        first, last = starts[i], starts[i + 1]
        lowest = mates[first]
        for d in range(scores.shape[1]):
            score = scores[i, d]
            if score >= lowest:
                low, high = first, last
                while high - low > 1:  # mates[low] <= score, and mates[high] > score where there is one
                    middle = (low + high) // 2
                    if mates[middle] <= score:
                        low = middle
                    else:
                        high = middle
                counts[low] += 1


def _dots(rows, left, right, scores):  # type: ignore[no-untyped-def]
    for p in range(len(left)):
        a, b = rows[left[p]], rows[right[p]]
        total = 0.0
        for k in range(rows.shape[1]):
            total += np.float64(a[k]) * np.float64(b[k])
        scores[p] = total


def _products_at(weights, left, right, marks, sums):  # type: ignore[no-untyped-def]
    total, done = 0, 0
    for k in range(len(marks)):
        for e in range(done, marks[k]):
            total += weights[left[e]] * weights[right[e]]
        done = marks[k]
        sums[k] = total
    for e in range(done, len(left)):
        total += weights[left[e]] * weights[right[e]]
    sums[len(marks)] = total
