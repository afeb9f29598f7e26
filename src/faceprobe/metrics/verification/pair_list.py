"""Verification over a list of comparisons, each of two identities: figures and their identity bootstrap.

A list names the comparisons (8 to 16 million pairs of templates in IJB's 1:1 protocol), so all scores fit
into memory and every replicate is computed in full: person a is drawn w_a times, a mated comparison of a
counts w_a times, a non-mated one between a and b w_a * w_b times, and T is set again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.kernels import weights_at
from faceprobe.metrics.verification.figures import Verification
from faceprobe.metrics.weighting import Weighting

Replicates = dict[tuple[str, Weighting], NDArray[np.float64]]


@dataclass(frozen=True)
class PairScores:
    """The comparisons of a list: ``score`` (P,) float64, ``same`` (P,) bool and the people ``left`` and
    ``right`` (P,) int32 of each comparison, counted from 0 to ``n_people`` - 1.
    """

    score: NDArray[np.float64]
    same: NDArray[np.bool_]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    n_people: int

    @cached_property
    def nonmated(self) -> NDArray[np.int64]:
        """Non-mated comparisons from the highest score to the lowest."""
        nonmated = np.flatnonzero(~self.same)
        return nonmated[np.argsort(-self.score[nonmated], kind="stable")]

    @cached_property
    def verification(self) -> Verification:
        """The comparisons in the form that all verification figures take."""
        return Verification.from_scores(
            self.score[self.same], self.left[self.same], self.score[~self.same], self.n_people
        )


def nearest_tmr(scores: PairScores, targets: Sequence[float]) -> list[tuple[float, float]]:
    """(TMR, FMR) of the corner of the ROC whose FMR lies nearest to each of ``targets``, pair-weighted.

    Public IJB code takes its figures this way from scikit-learn's ``roc_curve``: of the operating points, one
    for each distinct score, those in the middle of equal steps are dropped (``drop_intermediate``); of
    equally near FMRs the largest is taken, and of the points with that FMR the highest TMR.
    """
    order = np.argsort(-scores.score, kind="stable")
    score, same = scores.score[order], scores.same[order]
    ends = np.flatnonzero(np.append(np.diff(score) != 0, True))
    true = np.cumsum(same)[ends]
    false = ends + 1 - true
    if len(ends) > 2:
        bend = (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0)
        corner = np.concatenate([[True], bend, [True]])
        true, false = true[corner], false[corner]
    tmr = np.append(0, true) / true[-1]
    fmr = np.append(0, false) / false[-1]
    found = []
    for target in targets:
        best = len(fmr) - 1 - int(np.argmin(np.abs(fmr - target)[::-1]))
        found.append((float(tmr[best]), float(fmr[best])))
    return found


def pair_replicates(scores: PairScores, weights: NDArray[np.int64], targets: Sequence[float]) -> Replicates:
    """Replicates (R,) for identity ``weights`` (R, P), keys (metric, weighting) with the metrics ``eer``,
    ``auc`` and the repr of each of ``targets`` (FMR). NaN where a replicate drew no comparison of one kind.
    """
    v, nonmated = scores.verification, scores.nonmated
    left, right = scores.left[nonmated], scores.right[nonmated]
    marks = np.ravel(np.column_stack([v.above[v.ends], v.at_or_above[v.ends]]))
    fractions = [Fraction(repr(f)) for f in targets]
    keys: list[tuple[str, Weighting]] = [
        (metric, weighting)
        for metric in (*map(repr, targets), "eer", "auc")
        for weighting in ("identity", "pair")
    ]

    def replicate(w: NDArray[np.int64]) -> dict[tuple[str, Weighting], float]:
        return _replicate(v, w, weights_at(w, left, right, marks), fractions)

    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        found = list(threads.map(replicate, weights))
    return {key: np.array([f.get(key, np.nan) for f in found]) for key in keys}


def _replicate(
    v: Verification, w: NDArray[np.int64], false: NDArray[np.int64], fractions: Sequence[Fraction]
) -> dict[tuple[str, Weighting], float]:
    """All figures of one replicate. ``false`` holds the weighted non-mated comparisons above, and at or
    above, each distinct mated score in turn, and last all of them.
    """
    total, false = int(false[-1]), false[:-1]
    if total == 0 or not w @ v.per_person:
        return {}
    found: dict[tuple[str, Weighting], float] = {}
    starts = np.concatenate([[0], v.ends[:-1] + 1])
    share = 1.0 / np.maximum(v.per_person, 1)
    figures: tuple[tuple[Weighting, NDArray[np.float64]], ...] = (
        ("identity", (w * share)[v.label]),
        ("pair", w[v.label].astype(np.float64)),
    )
    for weighting, mated in figures:
        own = np.add.reduceat(mated, starts)
        kept = np.cumsum(own)
        kept /= kept[-1]
        for fraction in fractions:
            matched = int(np.searchsorted(false[1::2], int(fraction * total), side="right"))
            found[repr(float(fraction)), weighting] = float(kept[matched - 1]) if matched else 0.0
        beaten = 1.0 - (false[::2] + false[1::2]) / (2.0 * total)
        found["auc", weighting] = float((own * beaten).sum() / own.sum())
        found["eer", weighting] = _crossing(false / total, 1.0 - kept)
    return found


def _crossing(fmr: NDArray[np.float64], missed: NDArray[np.float64]) -> float:
    """Where FMR and FNMR cross, for FMR before and after each distinct mated score and FNMR after it."""
    missed[-1] = 0.0
    fnmr = np.ravel(np.column_stack([np.append(1.0, missed[:-1]), missed]))
    fmr, fnmr = np.concatenate([[0.0], fmr, [1.0]]), np.concatenate([[1.0], fnmr, [0.0]])
    after = int(np.argmax(fmr >= fnmr))
    x0, y0, x1, y1 = fmr[after - 1], fnmr[after - 1], fmr[after], fnmr[after]
    return float(x0 + (x1 - x0) * (y0 - x0) / ((y0 - x0) + (x1 - y1)))
