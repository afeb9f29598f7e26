"""Replicates and intervals of verification: an identity bootstrap of jackknife values.

Person a is drawn w_a times. To first order a figure then moves by the sum over people of (w_a - 1) * u_a,
where u_a is the person's influence (:mod:`faceprobe.metrics.verification.influence`) on the figure's log odds
(TMR, EER, AUC) or log (d'). T is set again in every replicate: for TMR the false matches at T change by the
factor exp(x), so that T goes to where k * exp(-x) non-mated scores lie above it, and TMR follows the exact
curve there.

Two corrections bring the coverage of the 95 % intervals close to 95 %. In simulated worlds of 100 to 400
people (even or skewed sizes, weak models, goats and lambs) they covered 93.5 to 97.4 % by people in every
metric down to FMR 1e-4; by pairs too, except for 85 to 92 % where few people hold most mated comparisons,
about which :meth:`Intervals.caution` warns in 81 to 95 % of such worlds (benchmarks/results/coverage.json):

- to draw both people of a false match again counts the variation of a pair up to three times; here it counts
  once (:func:`faceprobe.metrics.verification.influence.log_fmr`);
- the spread is widened by t / z, t being Student's quantile for the effective number of people.

The cost is one product of (R, P) weights with a few columns, whatever the number of comparisons. Weighted
sums are exact, so the number of threads changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.words import counted
from faceprobe.data.remarks import Remarks, join, remark
from faceprobe.metrics.bootstrap import weighted_sums
from faceprobe.metrics.verification.figures import (
    Verification,
    allowed_false_matches,
    auc,
    d_prime,
    eer,
    nonmated_moments,
)
from faceprobe.metrics.verification.influence import (
    Floats,
    Influence,
    log_d_prime,
    log_fmr,
    log_odds_auc,
    log_odds_eer,
    mated_part,
)
from faceprobe.metrics.weighting import WEIGHTINGS, Weighting
from faceprobe.scores import ScoreSummary

TAIL_SIZE = 300_000
"""Non-mated scores to keep, with their people, at any size."""

FEW_PEOPLE = 10.0
"""Effective people below which the interval's coverage is not assured."""

Key = tuple[str, Weighting]
Replicates = dict[Key, NDArray[np.float64]]


@dataclass
class Intervals:
    """``replicates`` (R,) and ``effective_people`` of each (metric, weighting); ``flawless`` are those
    where every mated comparison matches, or none does.
    """

    replicates: Replicates = field(default_factory=dict)
    effective_people: dict[Key, float] = field(default_factory=dict)
    flawless: set[Key] = field(default_factory=set)

    def caution(self, metric: str, weighting: Weighting) -> Remarks:
        """Why the interval's coverage is not assured; empty where it is."""
        people = self.effective_people.get((metric, weighting))
        flawless = few = ""
        if (metric, weighting) in self.flawless:
            flawless = "no comparison differs: the interval takes each person for one trial"
        if people is not None and people < FEW_PEOPLE:
            effective = counted(round(people), "effective person")
            few = f"coverage not assured: the spread rests on {effective}"
        return join(remark("no-differences", flawless), remark("coverage-not-assured", few))


def deep_enough(summary: ScoreSummary, fmr: float) -> bool:
    """Whether the tail holds all false matches that ``fmr`` allows, with their people."""
    return allowed_false_matches(fmr, summary.n_nonmated) <= len(summary.tail)


def verification_intervals(
    summary: ScoreSummary, v: Verification, weights: NDArray[np.int64], targets: Sequence[float]
) -> Intervals:
    """Replicates of every metric in both weightings, for identity ``weights`` (R, P).

    Keys are (metric, weighting) with the metrics ``eer``, ``auc``, ``d_prime`` and, for each of
    ``targets`` (FMR that allow a false match), its repr.
    """
    found = Intervals()
    if not len(weights):
        return found
    curves = {w: _Curve.of(v, w) for w in WEIGHTINGS}
    rates = {f: log_fmr(summary, allowed_false_matches(f, v.n_nonmated)) for f in targets}
    tmrs = {(f, w): _Tmr.of(v, curves[w], f, *rates[f]) for f in targets for w in WEIGHTINGS}
    values = {(name, w): of(summary, v, w) for name, of in _VALUES.items() for w in WEIGHTINGS}
    whole = {(name, w): _INFLUENCES[name](summary, v, w, value) for (name, w), value in values.items()}
    columns = [u.value for u in whole.values()]
    columns += [t.mated for t in tmrs.values()] + [rate for rate, _ in rates.values()]
    moved = weighted_sums(weights, np.column_stack(columns)) - np.sum(columns, axis=1)
    at = {key: moved[:, k] for k, key in enumerate([*whole, *tmrs, *rates])}
    for (f, w), t in tmrs.items():
        found.replicates[repr(f), w] = t.replicates(at[f, w], at[f])
        found.effective_people[repr(f), w] = t.effective_people
        if t.value in (0.0, 1.0):
            found.flawless.add((repr(f), w))
    for (name, w), u in whole.items():
        change = widening(u.effective_people) * at[name, w]
        value = values[name, w]
        found.replicates[name, w] = value * np.exp(change) if name == "d_prime" else _from_odds(value, change)
        found.effective_people[name, w] = u.effective_people
    return found


def widening(effective_people: float) -> float:
    """t / z: how much wider than a normal's an interval is for this few effective people."""
    from faceprobe.metrics.special import ndtri, stdtrit

    return float(stdtrit(effective_people, 0.975) / ndtri(0.975))


_VALUES: dict[str, Callable[[ScoreSummary, Verification, Weighting], float]] = {
    "eer": lambda _, v, w: eer(v, w).value,
    "auc": lambda _, v, w: auc(v, w),
    "d_prime": lambda s, v, w: d_prime(v, nonmated_moments(s), w) or 0.0,
}
_INFLUENCES = {"eer": log_odds_eer, "auc": log_odds_auc, "d_prime": log_d_prime}


@dataclass(frozen=True)
class _Curve:
    """The ROC: ``kept`` (M + 1,) is the share of mated weight among the first m comparisons, ``beyond`` (M,)
    the non-mated ones beyond each, as :attr:`Verification.beyond` has them.
    """

    weighting: Weighting
    beyond: Floats
    kept: Floats
    n_nonmated: int

    @classmethod
    def of(cls, v: Verification, weighting: Weighting) -> _Curve:
        kept = np.concatenate([[0.0], np.cumsum(v.weights(weighting))])
        return cls(weighting, v.beyond, kept / kept[-1], v.n_nonmated)

    def log_odds(self, allowed: Floats) -> Floats:
        """Log odds of TMR where ``allowed`` (K,) false matches are, interpolated between whole numbers, and
        kept half a mated comparison away from 0 and 1.
        """
        allowed = np.minimum(allowed, self.n_nonmated)
        whole = np.floor(allowed)
        low, high = (self.kept[np.searchsorted(self.beyond, k, side="right")] for k in (whole, whole + 1))
        least = 0.5 / len(self.beyond)
        rate = np.clip(low + (high - low) * (allowed - whole), least, 1 - least)
        odds: Floats = np.log(rate / (1 - rate))
        return odds


@dataclass(frozen=True)
class _Tmr:
    """TMR of ``value`` at the threshold that ``allowed`` false matches set. ``mated`` (P,) is the influence
    on it at that threshold held fixed, ``size`` the effective number of trials behind it, ``factor``
    removes the pairs' surplus from the influence on log FMR.
    """

    curve: _Curve
    value: float
    allowed: int
    factor: float
    mated: Floats
    size: float
    effective_people: float

    @classmethod
    def of(cls, v: Verification, curve: _Curve, fmr: float, log_rate: Floats, factor: float) -> _Tmr:
        allowed = allowed_false_matches(fmr, v.n_nonmated)
        matched = int(np.searchsorted(v.at_or_above, allowed, side="right"))
        value = float(curve.kept[matched])
        own = v.per_person if curve.weighting == "pair" else v.per_person > 0
        people = float(own.sum()) ** 2 / float((own.astype(np.float64) ** 2).sum())
        mated = mated_part(v, np.bincount(v.label[:matched], minlength=v.n_people), curve.weighting)
        variance = float((mated**2).sum())
        if variance == 0 or matched in (0, len(v.score)):
            # No person differs, so the correlation within a person is unknown: each person is one trial.
            value, size, mated = float(round(value)), people, contrast(v.n_people)
        else:
            size = value * (1 - value) / variance
        reach = factor * float(np.sqrt((log_rate**2).sum()))
        low, high = curve.log_odds(allowed * np.exp(np.array([-reach, reach])))
        shares = np.array([1 / (max(value * (1 - value), 0.25 / size) * size), ((high - low) / 2) ** 2])
        shares = shares / shares.sum()
        freedom = np.array([max(people - 1, 1.0), Influence(log_rate).effective_people])
        return cls(curve, value, allowed, factor, mated, size, float(1 / (shares**2 / freedom).sum()))

    def replicates(self, mated: Floats, log_rate: Floats) -> Floats:
        """(R,) replicates from the changes (R,) of both parts."""
        wide = widening(self.effective_people)
        scale = float(np.sqrt((self.mated**2).sum())) or 1.0
        own = score_odds(self.value, self.size, wide * mated / scale)
        there = self.curve.log_odds(self.allowed * np.exp(-wide * self.factor * log_rate))
        here = self.curve.log_odds(np.array([float(self.allowed)]))
        return 1 / (1 + np.exp(-(own + there - here)))


def contrast(n_people: int) -> Floats:
    """(P,) +1 and -1 in turn: gives normal replicates where people do not differ."""
    signs: Floats = np.where(np.arange(n_people) % 2, -1.0, 1.0)
    return signs


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


def _from_odds(value: float, change: Floats) -> Floats:
    """``value`` after a ``change`` (R,) of its log odds; 0 and 1 stay where they are."""
    if not 0 < value < 1:
        return np.full(len(change), value)
    return 1 / (1 + (1 - value) / value * np.exp(-change))
