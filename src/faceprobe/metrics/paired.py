"""The difference of two figures of the same people: its interval, its p-value, and how many people differ.

Each person's influence on the difference is that on the second figure less that on the first, so what both
have in common cancels before a spread is taken. The interval has the form of
:mod:`faceprobe.metrics.small_samples` on (d + 1) / 2, for figures in [0, 1], and d -+ t times the jackknife
standard error for others. Where few people differ, the p-value is that of the exact sign-flip test (R. A.
Fisher, The Design of Experiments, 1935, section 21): under the null hypothesis each person's contribution is
as likely positive as negative. It cannot go below 2 / 2**m, m being the people who differ; elsewhere the
p-value is Student's t test's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceprobe.metrics.small_samples import NOTHING, Floats, Influence, score_odds
from faceprobe.metrics.special import stdtr, stdtrit

EXACT_UP_TO = 16
"""People who differ up to which every sign is tried (65,536 ways)."""

EQUAL = 1e-9
"""Contributions below this part of the largest are rounding."""


@dataclass(frozen=True)
class PairedTest:
    """The ends of the 95 % interval, the two-sided ``p``, the number of people who differ, and the ``least``
    p-value that a sign-flip test of so many can give.
    """

    low: float
    high: float
    p: float
    n_differ: int
    least: float


def paired_test(
    values: tuple[float, float],
    influences: tuple[Floats, Floats],
    shares: tuple[Floats, Floats],
    bounded: bool = True,
) -> PairedTest | None:
    """Second minus first of ``values``, from both figures' ``influences`` (P,) and ``shares`` (P,) of the
    trials by person (:class:`faceprobe.metrics.small_samples.Estimate`). ``bounded``: both figures lie in
    [0, 1], or are differences of such. None where nobody differs, so that there is no spread to judge by.
    """
    difference = values[1] - values[0]
    parts = [(1 - w) * u + v * w for v, u, w in zip(values, influences, shares, strict=True)]
    own = parts[1] - parts[0]
    largest = float(np.abs(own).max(initial=0.0))
    if largest**2 <= NOTHING:
        return None
    own = np.where(np.abs(own) > EQUAL * largest, own, 0.0)
    n_differ = int(np.count_nonzero(own))
    change = Influence(influences[1] - influences[0])
    people = 1.0 / float((shares[1] ** 2).sum())
    if change.variance > NOTHING:
        freedom, variance = change.effective_people, change.variance
    else:  # all people differ by the same
        freedom, variance = max(1.0, people - 1), 0.0
    low, high, p = _t_interval(difference, variance, freedom, people, bounded)
    least = 2.0 ** (1 - n_differ)
    if n_differ <= EXACT_UP_TO:
        p = sign_flip_p(own[own != 0])
    return PairedTest(low, high, max(p, least), n_differ, least)


def sign_flip_p(contributions: Floats) -> float:
    """Exact two-sided p-value of the sum of m ``contributions`` (m,), each as likely positive as negative:
    the share of the 2**m sums that are at least as far from 0.
    """
    sums = np.zeros(1)
    for one in contributions:
        sums = np.concatenate([sums + one, sums - one])
    observed = abs(float(contributions.sum()))
    slack = 1e-9 * float(np.abs(contributions).sum())
    return float(np.mean(np.abs(sums) >= observed - slack))


def _t_interval(
    difference: float, variance: float, freedom: float, people: float, bounded: bool
) -> tuple[float, float, float]:
    """Ends and p-value; without a variance each of ``people`` is one trial."""
    t = float(stdtrit(freedom, 0.975))
    if not bounded:
        reach = t * variance**0.5
        p = 2 * float(stdtr(freedom, -abs(difference) / variance**0.5)) if variance else 0.0
        return difference - reach, difference + reach, p
    rate = (difference + 1) / 2
    size = rate * (1 - rate) / (variance / 4) if variance and 0 < rate < 1 else people
    with np.errstate(over="ignore"):
        ends = 2 / (1 + np.exp(-score_odds(rate, size, np.array([-t, t])))) - 1
    # The rate 1/2 lies so many standard errors away, those at 1/2 (as the interval counts them).
    p = 2 * float(stdtr(freedom, -abs(difference) * size**0.5))
    return float(ends[0]), float(ends[1]), p
