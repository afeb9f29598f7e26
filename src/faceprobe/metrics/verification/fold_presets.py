"""Accuracy on listed pairs as two published evaluation programs compute it.

Both cut the list into ten contiguous folds, in its order, and choose the threshold on nine of them;
they differ in what is thresholded, in the candidates, in the criterion and in the spread they print.
The arithmetic here is float64 throughout (FaceX-Zoo stores scores as float32).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.verification.folds import FoldAccuracy

FOLDS = 10
INSIGHTFACE_GRID = np.arange(400, dtype=np.float64) * 0.01
"""insightface's thresholds, squared distances 0, 0.01, ..., 3.99."""

FACEXZOO_STEPS = 1000
"""FaceX-Zoo's thresholds are the ends of this many equal steps from the lowest to the highest training score.
"""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def contiguous_folds(n: int, folds: int = FOLDS) -> NDArray[np.int64]:
    """(n,) the fold, from 0, of each of ``n`` pairs in their order; the first folds are one longer where
    ``folds`` does not divide ``n`` (as scikit-learn's ``KFold`` without shuffling).
    """
    sizes = [len(part) for part in np.array_split(np.arange(n), folds)]
    return np.repeat(np.arange(folds), sizes).astype(np.int64)


def squared_distances(left: NDArray[np.float32], right: NDArray[np.float32]) -> Floats:
    """(P,) squared Euclidean distances in [0, 4] of the rows of ``left`` and ``right`` (P, D), both first
    scaled to length 1 in float64; summed in float64.
    """
    a, b = (rows.astype(np.float64) for rows in (left, right))
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    distances: Floats = np.square(a - b).sum(axis=1)
    return distances


def insightface_accuracy(distance: Floats, same: Bools, fold: NDArray[np.int64]) -> FoldAccuracy:
    """A pair matches at ``distance`` < T; of :data:`INSIGHTFACE_GRID` the first T that is right most often
    on the other folds is applied to each fold. ``threshold`` holds squared distances.

    Source: insightface ``recognition/arcface_torch/eval/verification.py`` (after FaceNet's ``lfw.py``).
    """

    def choose(d: Floats, s: Bools) -> float:
        accepted = np.searchsorted(np.sort(d[s]), INSIGHTFACE_GRID, side="left")
        wrongly = np.searchsorted(np.sort(d[~s]), INSIGHTFACE_GRID, side="left")
        return float(INSIGHTFACE_GRID[int(np.argmax(accepted - wrongly))])

    return _by_fold(distance, same, fold, choose, lambda d, s, t: (d < t) == s)


def facexzoo_accuracy(score: Floats, same: Bools, fold: NDArray[np.int64]) -> FoldAccuracy:
    """A mated pair is right at ``score`` > T, a non-mated one at ``score`` < T, so that a score equal to T is
    wrong either way. Of the thresholds lowest training score + k x step, k = 1 ... 1,000, the first that
    maximises TPR - FPR (Youden's index, both at ``score`` > T) on the other folds is applied to each fold.

    The training part of every fold must hold pairs of both kinds. Source: FaceX-Zoo
    ``test_protocol/lfw/lfw_evaluator.py``.
    """

    def choose(x: Floats, s: Bools) -> float:
        low, high = x.min(), x.max()
        thresholds: Floats = low + (high - low) / FACEXZOO_STEPS * np.arange(1, FACEXZOO_STEPS + 1)
        tpr, fpr = (_share_above(part, thresholds) for part in (x[s], x[~s]))
        return float(thresholds[int(np.argmax(tpr - fpr))])

    return _by_fold(score, same, fold, choose, lambda x, s, t: np.where(s, x > t, x < t))


def _share_above(scores: Floats, thresholds: Floats) -> Floats:
    at_or_below = np.searchsorted(np.sort(scores), thresholds, side="right")
    share: Floats = (len(scores) - at_or_below) / len(scores)
    return share


def _by_fold(
    values: Floats,
    same: Bools,
    fold: NDArray[np.int64],
    choose: Callable[[Floats, Bools], float],
    right: Callable[[Floats, Bools, float], Bools],
) -> FoldAccuracy:
    folds = range(int(fold.max()) + 1)
    threshold = np.array([choose(values[fold != f], same[fold != f]) for f in folds])
    accuracy = [np.mean(right(values[fold == f], same[fold == f], threshold[f])) for f in folds]
    return FoldAccuracy(np.array(accuracy), threshold)
