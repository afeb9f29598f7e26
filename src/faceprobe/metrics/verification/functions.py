"""Verification metrics as plain functions of scores: the same formulas, and figures, as ``faceprobe score``.

Conventions (:mod:`faceprobe.metrics`): a higher score means more alike; a comparison matches where its score
is at or above a threshold T; FMR is at most the target, at the lowest T that achieves it; a non-mated score
that ties with a mated one counts against the system. Rates are fractions in [0, 1].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceprobe.core.errors import BadInput
from faceprobe.metrics.inputs import as_array, as_people, as_rate, as_same, as_scores
from faceprobe.metrics.verification import figures
from faceprobe.metrics.verification.figures import Verification
from faceprobe.metrics.weighting import Weighting

ROUNDING = 1e-15
"""A standard deviation below this part of the largest score is rounding of float64."""


class RocCurve(NamedTuple):
    """K operating points from the strictest to the loosest: ``fmr`` and ``tmr`` (K,) float64 fractions where
    scores at or above ``thresholds`` (K,) match. The first threshold is inf: nothing matches.
    """

    fmr: NDArray[np.float64]
    tmr: NDArray[np.float64]
    thresholds: NDArray[np.float64]


class DetCurve(NamedTuple):
    """K operating points from the strictest to the loosest: ``fmr`` and ``fnmr`` (K,) float64 fractions where
    scores at or above ``thresholds`` (K,) match. The first threshold is inf: nothing matches.
    """

    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]
    thresholds: NDArray[np.float64]


def tmr_at_fmr(
    scores: ArrayLike, same: ArrayLike, fmr: float = 1e-3, *, identities: ArrayLike | None = None
) -> float:
    """True match rate at the lowest threshold whose false match rate is at most ``fmr``.

    Args:
        scores: (N,) similarity of each comparison, finite; a higher score means more alike.
        same: (N,) whether both photos show one person (mated): True and False, or 1 and 0.
        fmr: the target, a fraction in [0, 1]. k = floor(fmr * number of non-mated comparisons) false matches
            are allowed, and what matches lies strictly above the (k + 1)-th largest non-mated score. Where
            the target allows none (k = 0), ``faceprobe score`` reports no value; this function gives the
            share above every non-mated score.
        identities: (N,) the person of each mated comparison (entries of non-mated ones are not read). With
            it, every person weighs the same, however many comparisons the person has; without it, every
            comparison does.

    Returns:
        A fraction in [0, 1].

    Raises:
        BadInput: other lengths or shapes, NaN, no entry, comparisons of one kind only, a wrong ``fmr``.

    >>> from faceprobe.metrics import tmr_at_fmr
    >>> scores = [0.9, 0.8, 0.4, 0.6, 0.3, 0.2, 0.1]
    >>> same = [1, 1, 1, 0, 0, 0, 0]
    >>> tmr_at_fmr(scores, same, fmr=0.25)  # one of four non-mated comparisons may match: T is above 0.3
    1.0
    >>> tmr_at_fmr([0.9, 0.8, 0.4, 0.6], [1, 1, 1, 0], fmr=0.1, identities=["ann", "ann", "bob", ""])
    0.5
    """
    v, _, weighting = _comparisons(scores, same, identities)
    allowed = figures.allowed_false_matches(as_rate(fmr, "fmr"), v.n_nonmated)
    return figures.tmr(v, allowed, weighting)


def fnmr_at_fmr(
    scores: ArrayLike, same: ArrayLike, fmr: float = 1e-3, *, identities: ArrayLike | None = None
) -> float:
    """False non-match rate at the lowest threshold whose false match rate is at most ``fmr``: 1 - TMR.

    Arguments and errors are those of :func:`tmr_at_fmr`.

    >>> from faceprobe.metrics import fnmr_at_fmr
    >>> fnmr_at_fmr([0.9, 0.8, 0.7, 0.4, 0.6, 0.3], [1, 1, 1, 1, 0, 0], fmr=0.1)
    0.25
    """
    return 1.0 - tmr_at_fmr(scores, same, fmr, identities=identities)


def eer(scores: ArrayLike, same: ArrayLike, *, identities: ArrayLike | None = None) -> float:
    """Equal error rate: the rate at which FMR and FNMR are equal, a fraction in [0, 1].

    Where no threshold makes them equal, the value lies on the straight line between the two operating points
    on either side. ``scores``, ``same``, ``identities`` and errors are those of :func:`tmr_at_fmr`.

    >>> from faceprobe.metrics import eer
    >>> eer([0.9, 0.8, 0.7, 0.2, 0.6, 0.3, 0.1, 0.0], [1, 1, 1, 1, 0, 0, 0, 0])
    0.25
    """
    v, _, weighting = _comparisons(scores, same, identities)
    return figures.eer(v, weighting).value


def auc(scores: ArrayLike, same: ArrayLike, *, identities: ArrayLike | None = None) -> float:
    """Area under the ROC curve: the chance that a mated score exceeds a non-mated one, ties counted half.

    ``scores``, ``same``, ``identities`` and errors are those of :func:`tmr_at_fmr`.

    >>> from faceprobe.metrics import auc
    >>> auc([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0])
    0.875
    """
    v, _, weighting = _comparisons(scores, same, identities)
    return figures.auc(v, weighting)


def d_prime(scores: ArrayLike, same: ArrayLike, *, identities: ArrayLike | None = None) -> float:
    """d' = |m1 - m0| / sqrt((v1 + v0) / 2): how far the means of mated (m1) and non-mated (m0) scores lie
    apart, in units of their spread (v1, v0: population variances). A number of 0 or more, without unit.

    ``scores``, ``same``, ``identities`` and errors are those of :func:`tmr_at_fmr`; also ``BadInput`` where
    all scores of each kind are equal. (J. Daugman, Proceedings of the IEEE 94, 2006.)

    >>> from faceprobe.metrics import d_prime
    >>> d_prime([0.75, 0.25, -0.25, -0.75], [1, 1, 0, 0])
    4.0
    """
    v, nonmated, weighting = _comparisons(scores, same, identities)
    largest = max(float(np.abs(v.score).max()), float(np.abs(nonmated).max()))
    moments = (float(nonmated.mean()), float(nonmated.var()))
    value = figures.d_prime(v, moments, weighting, resolution=ROUNDING * largest)
    if value is None:
        raise BadInput(
            "d' is not defined: the scores of each kind are equal to within rounding; give scores that vary"
        )
    return value


def roc(scores: ArrayLike, same: ArrayLike, *, identities: ArrayLike | None = None) -> RocCurve:
    """Receiver operating characteristic: FMR and TMR at every distinct score as threshold.

    ``scores``, ``same``, ``identities`` and errors are those of :func:`tmr_at_fmr`. The curve has one point
    more than there are distinct scores, and runs from (0, 0) to (1, 1).

    >>> from faceprobe.metrics import roc
    >>> curve = roc([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0])
    >>> [float(x) for x in curve.fmr]
    [0.0, 0.0, 0.5, 1.0]
    >>> [float(x) for x in curve.tmr]
    [0.0, 0.5, 1.0, 1.0]
    >>> [float(x) for x in curve.thresholds]
    [inf, 0.9, 0.5, 0.1]
    """
    v, nonmated, weighting = _comparisons(scores, same, identities)
    thresholds = np.append(np.inf, np.unique(np.concatenate([v.score, nonmated]))[::-1])
    false = len(nonmated) - np.searchsorted(nonmated, thresholds, side="left")
    matched = np.searchsorted(-v.score, -thresholds, side="right")
    return RocCurve(false / len(nonmated), figures.matched_share(v, matched, weighting), thresholds)


def det(scores: ArrayLike, same: ArrayLike, *, identities: ArrayLike | None = None) -> DetCurve:
    """Detection error trade-off: FMR and FNMR at every distinct score as threshold.

    ``scores``, ``same``, ``identities`` and errors are those of :func:`tmr_at_fmr`. (A. Martin et al., "The
    DET curve in assessment of detection task performance", Eurospeech 1997.)

    >>> from faceprobe.metrics import det
    >>> [float(x) for x in det([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0]).fnmr]
    [1.0, 0.5, 0.0, 0.0]
    """
    curve = roc(scores, same, identities=identities)
    return DetCurve(curve.fmr, 1.0 - curve.tmr, curve.thresholds)


def _comparisons(
    scores: ArrayLike, same: ArrayLike, identities: ArrayLike | None
) -> tuple[Verification, NDArray[np.float64], Weighting]:
    """Checked comparisons, their non-mated scores, ascending, and the weighting: by people where
    ``identities`` are given.
    """
    values = as_scores(scores, "scores", 1)
    mated = as_same(same, len(values))
    nonmated = np.sort(values[~mated])
    if identities is None:
        label = np.zeros(int(mated.sum()), dtype=np.int32)
        return Verification.from_scores(values[mated], label, nonmated, 1), nonmated, "pair"
    people = as_array(identities, "identities", 1)
    if len(people) != len(values):
        raise BadInput(
            f"scores and identities must be equally long, but have {len(values):,} and {len(people):,} "
            "entries"
        )
    mated_people = as_people(people[mated], "identities of mated comparisons")
    known, person = np.unique(mated_people, return_inverse=True)
    v = Verification.from_scores(values[mated], person.astype(np.int32), nonmated, len(known))
    return v, nonmated, "identity"
