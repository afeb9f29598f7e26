"""Compiled loops over long lists of comparisons (numba), compiled when first used and cached on disk."""

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
