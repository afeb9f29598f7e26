"""Exact verification figures from mated scores and the number of non-mated scores above each of them.

For every mated score the summary holds the number of non-mated scores at or above it, and above it. TMR at
any FMR, the ROC, EER and AUC follow from these counts: a mated score lies strictly above the (k+1)-th largest
non-mated one if and only if at most k non-mated ones lie at or above it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.weighting import Weighting, trial_weights

if TYPE_CHECKING:
    from faceprobe.scores import ScoreSummary


@dataclass(frozen=True)
class Verification:
    """Mated comparisons from the highest score to the lowest: ``score`` (M,) float64, ``label`` (M,)
    int32, ``at_or_above`` and ``above`` (M,) int64 non-mated comparisons among ``n_nonmated``, ``middle``
    (M,) float64 and ``exact`` (M,) bool as in :class:`ScoreSummary`. ``n_people`` counts all people, with or
    without mated comparisons. ``all_kept`` says that every non-mated score was kept, so that all counts are
    exact by design, not by where windows came to lie.
    """

    score: NDArray[np.float64]
    label: NDArray[np.int32]
    at_or_above: NDArray[np.int64]
    above: NDArray[np.int64]
    middle: NDArray[np.float64]
    exact: NDArray[np.bool_]
    n_nonmated: int
    n_people: int
    all_kept: bool = True

    @classmethod
    def of(cls, summary: ScoreSummary, keep: NDArray[np.bool_] | None = None) -> Verification:
        """All mated comparisons of ``summary``, or those that ``keep`` (M,) marks."""
        chosen = slice(None) if keep is None else keep
        return cls(
            score=summary.mated.score[chosen],
            label=summary.mated.label[chosen],
            at_or_above=summary.at_or_above[chosen],
            above=summary.above[chosen],
            middle=summary.middle[chosen],
            exact=summary.exact[chosen],
            n_nonmated=summary.n_nonmated,
            n_people=int(summary.labels[-1]) + 1,
            all_kept=summary.counts.bins.exact,
        )

    @classmethod
    def from_scores(
        cls,
        mated: NDArray[np.float64],
        label: NDArray[np.int32],
        nonmated: NDArray[np.float64],
        n_people: int,
    ) -> Verification:
        """From every ``mated`` score (M,), each of the person ``label`` (M,), and every ``nonmated`` one
        (K,), in any order.
        """
        order, ascending = np.lexsort((label, -mated)), np.sort(nonmated)
        score, n = mated[order], len(ascending)
        at_or_above = (n - np.searchsorted(ascending, score, side="left")).astype(np.int64)
        above = (n - np.searchsorted(ascending, score, side="right")).astype(np.int64)
        return cls(
            score=score,
            label=label[order],
            at_or_above=at_or_above,
            above=above,
            middle=(at_or_above + above) / 2.0,
            exact=np.ones(len(score), dtype=np.bool_),
            n_nonmated=n,
            n_people=n_people,
        )

    @cached_property
    def beyond(self) -> NDArray[np.float64]:
        """(M,) non-mated comparisons at or above each mated one, where all are kept; else ``middle``, which
        does not depend on the windows of the pass. Used for slopes, not for figures.
        """
        return self.at_or_above.astype(np.float64) if self.all_kept else self.middle

    @cached_property
    def per_person(self) -> NDArray[np.int64]:
        """(P,) mated comparisons of each person."""
        return np.bincount(self.label, minlength=self.n_people)

    @property
    def n_mated_people(self) -> int:
        return int(np.count_nonzero(self.per_person))

    def weights(self, weighting: Weighting) -> NDArray[np.float64]:
        """(M,) weight of each mated comparison: 1, or the same total for each person."""
        return trial_weights(self.label, weighting)

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """(K,) the end of each run of mated scores that cannot be distinguished: equal ones or, where the
        number of non-mated scores above them is known as a bracket only, those with the same bracket.
        """
        same = (np.diff(self.at_or_above) == 0) & (np.diff(self.above) == 0)
        same &= ~(self.exact[1:] | self.exact[:-1])
        return np.flatnonzero(np.append((np.diff(self.score) != 0) & ~same, True))


def allowed_false_matches(fmr: float, n_nonmated: int) -> int:
    """k = floor(fmr * n), computed with the decimal fraction that ``fmr`` was written as."""
    return int(Fraction(repr(fmr)) * n_nonmated)


def tmr(v: Verification, allowed: int, weighting: Weighting) -> float:
    """Share of mated comparisons strictly above the (``allowed`` + 1)-th largest non-mated score."""
    matched = int(np.searchsorted(v.at_or_above, allowed, side="right"))
    if weighting == "pair":
        return matched / len(v.score)
    has = v.per_person > 0
    hits = np.bincount(v.label[:matched], minlength=v.n_people)[has]
    return float(np.mean(hits / v.per_person[has]))


def auc(v: Verification, weighting: Weighting) -> float:
    """Chance that a mated score exceeds a non-mated one, ties counted half."""
    weights = v.weights(weighting)
    return float((weights * (1.0 - v.middle / v.n_nonmated)).sum() / weights.sum())


def auc_bracket(v: Verification, weighting: Weighting) -> tuple[float, float]:
    """Bounds of :func:`auc`; both are equal where all counts are exact."""
    weights = v.weights(weighting)
    total = weights.sum() * v.n_nonmated
    tied = (v.at_or_above + v.above) / 2.0
    low = np.where(v.exact, tied, v.at_or_above)
    high = np.where(v.exact, tied, v.above)
    return float(1 - (weights * low).sum() / total), float(1 - (weights * high).sum() / total)


@dataclass(frozen=True)
class EqualError:
    """``value`` where FMR and FNMR cross, on the straight line between the two operating points of
    the bracket: ``before`` and ``after``, each (FMR, FNMR), the first with FMR < FNMR. Where it is not
    ``exact`` the counts there are themselves brackets.
    """

    value: float
    before: tuple[float, float]
    after: tuple[float, float]
    exact: bool = True


def eer(v: Verification, weighting: Weighting) -> EqualError:
    """Equal error rate on the exact staircase of operating points.

    When T falls below a mated score FNMR changes, below a non-mated one FMR, below a tie both. The crossing
    is exact but for ties, where it is a bracket of some width.
    """
    weights = np.cumsum(v.weights(weighting))
    kept = weights[v.ends] / weights[-1]
    missed_after = 1.0 - kept
    missed_after[-1] = 0.0
    missed_before = np.concatenate([[1.0], missed_after[:-1]])
    fmr = np.ravel(np.column_stack([v.above[v.ends], v.at_or_above[v.ends]])) / v.n_nonmated
    fnmr = np.ravel(np.column_stack([missed_before, missed_after]))
    fmr, fnmr = np.concatenate([[0.0], fmr, [1.0]]), np.concatenate([[1.0], fnmr, [0.0]])
    after = int(np.argmax(fmr >= fnmr))
    x0, y0, x1, y1 = (float(a) for a in (fmr[after - 1], fnmr[after - 1], fmr[after], fnmr[after]))
    share = (y0 - x0) / ((y0 - x0) + (x1 - y1))
    value = x0 + share * (x1 - x0)
    run = min(max(0, (after - 1) // 2), len(v.ends) - 1)
    exact = bool(v.exact[v.ends[run]])
    if not exact:
        value = float(np.clip(_middle_crossing(v, weights), min(x0, y1), max(x1, y0)))
    return EqualError(value, (x0, y0), (x1, y1), exact)


def _middle_crossing(v: Verification, weights: NDArray[np.float64]) -> float:
    """Where FMR = FNMR on the straight lines between mated scores, FMR estimated from the histogram."""
    fmr = np.concatenate([[0.0], v.middle / v.n_nonmated])
    missed = np.concatenate([[1.0], 1.0 - weights / weights[-1]])
    after = max(1, int(np.argmax(fmr >= missed)))
    before, gap = after - 1, missed - fmr
    share = gap[before] / (gap[before] - gap[after])
    return float(fmr[before] + share * (fmr[after] - fmr[before]))


ROW_RESOLUTION = 1e-7
"""Standard deviation of the scores of rows below which d' is not given: rounding rows to multiples of 2**-26
(:mod:`faceprobe.scores.exact`) moves a score by 6e-9 (root mean square), which changes a spread of
1e-7 by 0.2 %.
"""


def d_prime(
    v: Verification, nonmated: tuple[float, float], weighting: Weighting, resolution: float = ROW_RESOLUTION
) -> float | None:
    """|m1 - m0| / sqrt((v1 + v0) / 2) with population variances. ``nonmated`` are mean and variance of the
    non-mated scores (:func:`nonmated_moments`). None where neither varies by more than the ``resolution`` of
    scores (a standard deviation): what lies closer together is rounding.
    """
    weights = v.weights(weighting)
    m0, v0 = nonmated
    off = v.score - m0
    apart = float((weights * off).sum() / weights.sum())
    v1 = float((weights * (off - apart) ** 2).sum() / weights.sum())
    spread = ((v1 + v0) / 2) ** 0.5
    return None if spread <= resolution else abs(apart) / spread


def nonmated_moments(summary: ScoreSummary) -> tuple[float, float]:
    """Mean and population variance of the non-mated scores."""
    count = float(summary.person_count.sum())
    mean = float(summary.person_sum.sum()) / count
    return summary.moment_origin + mean, max(0.0, float(summary.person_squares.sum()) / count - mean * mean)


def roc(v: Verification, fmr: NDArray[np.float64], weighting: Weighting) -> NDArray[np.float64]:
    """TMR at each target of ``fmr`` (K,), equal to :func:`tmr`."""
    allowed = np.array([allowed_false_matches(float(f), v.n_nonmated) for f in fmr], dtype=np.int64)
    return matched_share(v, np.searchsorted(v.at_or_above, allowed, side="right"), weighting)


def matched_share(v: Verification, matched: NDArray[np.integer], weighting: Weighting) -> NDArray[np.float64]:
    """(K,) TMR where the first ``matched`` (K,) mated comparisons match."""
    weights = np.concatenate([[0.0], np.cumsum(v.weights(weighting))])
    shares: NDArray[np.float64] = weights[matched] / weights[-1]
    return shares
