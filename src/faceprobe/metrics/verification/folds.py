"""Accuracy on listed pairs with the threshold chosen on the other folds (LFW View 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.bootstrap import identity_weights, weighted_sums
from faceprobe.metrics.special import stdtrit


@dataclass(frozen=True)
class FoldAccuracy:
    """``accuracy`` and ``threshold`` (F,) of each fold."""

    accuracy: NDArray[np.float64]
    threshold: NDArray[np.float64]

    @property
    def mean(self) -> float:
        return float(self.accuracy.mean())

    @property
    def standard_error(self) -> float:
        """Standard deviation (ddof 1) over the folds / sqrt(F)."""
        return float(self.accuracy.std(ddof=1) / np.sqrt(len(self.accuracy)))

    @property
    def sd(self) -> float:
        """Standard deviation (ddof 0) over the folds: not a standard error."""
        return float(self.accuracy.std(ddof=0))

    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean: mean +- t(F - 1) standard errors, cut to [0, 1]."""
        reach = float(stdtrit(len(self.accuracy) - 1, 0.975)) * self.standard_error
        return max(0.0, self.mean - reach), min(1.0, self.mean + reach)

    def replicates(self, replicates: int, seed: int) -> NDArray[np.float64]:
        """(R,) mean accuracies of folds drawn with replacement (paired between models by seed).

        Their spread is widened by sqrt(F / (F - 1)) to that of the standard error.
        """
        n = len(self.accuracy)
        drawn = weighted_sums(identity_weights(n, replicates, seed), self.accuracy) / n
        widened: NDArray[np.float64] = self.mean + (drawn - self.mean) * np.sqrt(n / (n - 1))
        return widened


def fold_accuracy(
    score: NDArray[np.float64], same: NDArray[np.bool_], fold: NDArray[np.int64]
) -> FoldAccuracy:
    """For each fold, the threshold that is best on all others, applied to it.

    Pairs match at ``score`` >= T. Thresholds are training scores; among those of the highest
    training accuracy the lowest is taken. Folds count from 0.
    """
    n_folds = int(fold.max()) + 1
    accuracy, threshold = np.empty(n_folds), np.empty(n_folds)
    for f in range(n_folds):
        held_out = fold == f
        threshold[f] = best_threshold(score[~held_out], same[~held_out])
        accuracy[f] = np.mean((score[held_out] >= threshold[f]) == same[held_out])
    return FoldAccuracy(accuracy, threshold)


def best_threshold(score: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """The lowest of the scores that, as a threshold, gives the highest accuracy."""
    order = np.argsort(score, kind="stable")
    score, same = score[order], same[order]
    mated_below = np.concatenate([[0], np.cumsum(same)[:-1]])
    right = (same.sum() - mated_below) + (np.arange(len(score)) - mated_below)
    first = np.concatenate([[True], np.diff(score) > 0])  # of equal scores: all of them match
    return float(score[int(np.argmax(np.where(first, right, -1)))])
