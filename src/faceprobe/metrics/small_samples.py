"""Intervals of means over people that hold in small samples and near the ends of their range.

A mean of values in [0, 1] is handled as a rate: its interval has the ends of Wilson's score interval, for the
number of trials that gives a binomial rate the jackknife variance of the mean, at Student's t for the
effective number of people in place of the normal quantile. Where nobody differs from anybody, that variance
says nothing, and each person counts as one trial. A difference d of two such means is handled as the rate
(d + 1) / 2.

Sources: E. B. Wilson, JASA 22 (1927), p. 209, for the ends; the effective number of trials of clustered data
in it: E. L. Korn, B. I. Graubard, Survey Methodology 24 (1998), p. 193; delete-one-person jackknife:
B. Efron, C. Stein, Annals of Statistics 9 (1981), p. 586; effective degrees of freedom: F. E. Satterthwaite,
Biometrics Bulletin 2 (1946), p. 110. Measured coverage: benchmarks/results/coverage_small.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.words import counted
from faceprobe.data.remarks import Remarks, join, remark
from faceprobe.metrics.bootstrap import weighted_sums
from faceprobe.metrics.special import ndtri, stdtrit
from faceprobe.metrics.weighting import Weighting

Floats = NDArray[np.float64]

FEW_PEOPLE = 10.0
"""Effective people below which the interval's coverage is not assured."""

FEW_MATED_PEOPLE = 30
"""People with trials below which coverage is not assured, whatever the sample looks like: the person who
decides may be absent from it.
"""

NOTHING = 1e-24
"""A variance of a value in [0, 1] at or below this is rounding."""


@dataclass(frozen=True)
class Influence:
    """``value`` (P,) float64: the change of the figure, on its own scale, with a person's weight."""

    value: Floats

    @property
    def variance(self) -> float:
        return float((self.value**2).sum())

    @property
    def effective_people(self) -> float:
        """Degrees of freedom of the variance (Satterthwaite): 2 V**2 / (sum u**4 - V**2 / n), n the
        number of people with a value; near n where values are normal, near 2 where one person decides.
        """
        n = int(np.count_nonzero(self.value))
        total = self.variance
        if n < 2 or total == 0:
            return 1.0
        spread = float((self.value**4).sum()) - total * total / n
        return float(np.clip(2 * total * total / max(spread, 1e-300), 1.0, n - 1))

    @property
    def largest_share(self) -> float:
        """The share of the variance that one person contributes, at most."""
        return float((self.value**2).max() / self.variance) if self.variance else 0.0


@dataclass(frozen=True)
class Estimate:
    """A mean ``value`` over people with ``replicates`` (R,) that are spread as its interval asks.

    ``influence`` (P,) is each person's on the value itself, and ``share`` (P,) the person's part of all
    trials (0 without trials), from which paired differences are computed. ``effective_people`` stand behind
    the interval; ``flawless`` says that nobody differs.
    """

    value: float
    influence: Floats
    share: Floats
    replicates: Floats
    effective_people: float
    flawless: bool

    @property
    def caution(self) -> Remarks:
        """Why the interval's coverage is not assured; empty where it is."""
        people = int(np.count_nonzero(self.share))
        return coverage_caution(people, self.effective_people, self.flawless)


def coverage_caution(people: int, effective_people: float, flawless: bool) -> Remarks:
    """Why the coverage of an interval over ``people`` with trials is not assured; empty where it is."""
    nothing = "no comparison differs: the interval takes each person for one trial" if flawless else ""
    text = ""
    if effective_people < FEW_PEOPLE:
        text = f"the spread rests on {counted(round(effective_people), 'effective person')}"
    if people < FEW_MATED_PEOPLE:
        few = f"{counted(people, 'person')} with trials, below {FEW_MATED_PEOPLE}"
        text = f"{few}; {text}" if text else few
    caution = f"coverage not assured: {text}" if text else ""
    return join(remark("no-differences", nothing), remark("coverage-not-assured", caution))


def mean_estimates(
    sums: NDArray[np.generic], trials: NDArray[np.integer], weighting: Weighting, weights: NDArray[np.int64]
) -> list[Estimate]:
    """The mean of each of K values in [0, 1] over trials (``pair``) or over people of their own mean
    (``identity``), from each person's ``sums`` (P, K) and number of ``trials`` (P,).

    ``weights`` (R, P) say how often each person is drawn, as
    :func:`faceprobe.metrics.bootstrap.identity_weights` does; with R = 0 there are no replicates.
    """
    own = trials.astype(np.float64)
    wide = np.asarray(sums, dtype=np.float64)
    if weighting == "identity":
        wide = np.divide(wide, own[:, None], out=np.zeros_like(wide), where=own[:, None] > 0)
        own = (own > 0).astype(np.float64)
    total = float(own.sum())
    values = np.clip(wide.sum(axis=0) / total, 0.0, 1.0)
    influence = jackknife(wide - values * own[:, None], own)
    return rate_estimates(values, influence, own / total, weights)


def jackknife(deviation: Floats, own: Floats) -> Floats:
    """(P, K) or (P,) delete-one-person jackknife values of means: ``deviation`` from the mean, summed over
    the person's ``own`` (P,) weight, divided by the weight of all others.
    """
    total = float(own.sum())
    rest = np.where(total - own > 1e-9 * total, total - own, total)
    return np.asarray(deviation / (rest[:, None] if deviation.ndim == 2 else rest), dtype=np.float64)


def rate_estimates(
    values: Floats, influence: Floats, share: Floats, weights: NDArray[np.int64]
) -> list[Estimate]:
    """Rates ``values`` (K,) with replicates between the ends of their score intervals, from each person's
    ``influence`` (P, K) and ``share`` (P,) of the trials.
    """
    people = 1.0 / float((share**2).sum())
    spreads = [Influence(column) for column in influence.T]
    moving = [s.variance > NOTHING and 0 < v < 1 for s, v in zip(spreads, values, strict=True)]
    # Where nobody differs, the replicates are those of as many people in two equal halves.
    signs = contrast(len(share))
    columns = [s.value if moves else signs for s, moves in zip(spreads, moving, strict=True)]
    moved = np.zeros((0, len(columns)))
    if len(weights):
        stacked = np.column_stack(columns)
        moved = weighted_sums(weights, stacked) - stacked.sum(axis=0)
    found = []
    for k, (spread, moves) in enumerate(zip(spreads, moving, strict=True)):
        value = float(values[k])
        freedom = spread.effective_people if moves else max(1.0, people - 1)
        size = value * (1 - value) / spread.variance if moves else people
        scale = float(np.sqrt((columns[k] ** 2).sum())) or 1.0
        z = moved[:, k] / scale if moves else normal_scores(moved[:, k])
        odds = score_odds(value, size, widening(freedom) * z)
        exact = spread.value if moves else np.zeros(len(share))
        found.append(Estimate(value, exact, share, 1 / (1 + np.exp(-odds)), freedom, not moves))
    return found


def unchanging(value: float, share: Floats, weights: NDArray[np.int64]) -> Estimate:
    """A rate ``value`` that is the same for everybody: each person is one trial."""
    (found,) = rate_estimates(np.array([value]), np.zeros((len(share), 1)), share, weights)
    return found


Scale = Literal["rate", "difference", "mean"]
"""Where values of people lie: in [0, 1], in [-1, 1], or anywhere."""


def people_estimate(
    values: Floats, has: NDArray[np.bool_], weights: NDArray[np.int64], scale: Scale
) -> Estimate:
    """The mean of one of ``values`` (P,) a person, of those that ``has`` (P,) marks; a difference as the rate
    (mean + 1) / 2, values without bounds as their mean with an even, t-widened spread.
    """
    ones = has.astype(np.int64)
    if scale == "mean":
        value = float(values[has].mean())
        spread = Influence(jackknife(np.where(has, values - value, 0.0), ones.astype(np.float64)))
        moved = weighted_sums(weights, spread.value) - spread.value.sum() if len(weights) else np.zeros(0)
        freedom = spread.effective_people
        drawn = value + widening(freedom) * moved
        return Estimate(value, spread.value, ones / ones.sum(), drawn, freedom, False)
    if scale == "rate":
        (rate,) = mean_estimates(np.where(has, values, 0.0)[:, None], ones, "identity", weights)
        return rate
    (rate,) = mean_estimates(np.where(has, (values + 1) / 2, 0.0)[:, None], ones, "identity", weights)
    return Estimate(
        2 * rate.value - 1,
        2 * rate.influence,
        rate.share,
        2 * rate.replicates - 1,
        rate.effective_people,
        rate.flawless,
    )


def widening(effective_people: float) -> float:
    """t / z: how much wider than a normal's an interval is for this few effective people."""
    return float(stdtrit(effective_people, 0.975) / ndtri(0.975))


def contrast(n_people: int) -> Floats:
    """(P,) +1 and -1 in turn: orders the replicates where people do not differ."""
    signs: Floats = np.where(np.arange(n_people) % 2, -1.0, 1.0)
    return signs


def normal_scores(values: Floats) -> Floats:
    """(R,) normal quantiles in the order of ``values`` (R,), so that a few people give no coarse steps."""
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    scores: Floats = ndtri((ranks + 0.5) / max(1, len(values)))
    return scores


def score_odds(value: float, size: float, z: Floats) -> Floats:
    """Log odds (R,) of the rate that lies ``z`` (R,) standard errors from ``value``, the errors being those
    at that rate, of ``size`` trials (the ends of Wilson's score interval, JASA 22, 1927).
    """
    middle = value + z * z / (2 * size)
    reach = z * np.sqrt(value * (1 - value) / size + z * z / (4 * size * size))
    rate = np.clip((middle + reach) / (1 + z * z / size), 0.0, 1.0)
    with np.errstate(divide="ignore"):
        odds: Floats = np.log(rate) - np.log1p(-rate)
    return odds
