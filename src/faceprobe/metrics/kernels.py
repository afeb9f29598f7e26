"""Compiled loops over many comparisons (numba), compiled when first used and cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray


@cache
def compiled(loop: Callable[..., None]) -> Callable[..., None]:
    """``loop`` as machine code that releases the GIL.

    Floating-point sums may be reordered, so only loops whose sums are exact in any order are compiled here.
    """
    import numba

    fast: Callable[..., None] = numba.njit(cache=True, nogil=True, fastmath=True)(loop)
    return fast


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
