"""Replicates and intervals of verification: an identity bootstrap of jackknife values.

Person a is drawn w_a times. To first order a figure then moves by the sum over people of (w_a - 1) * u_a,
where u_a is the person's influence (:mod:`faceprobe.metrics.verification.influence`) on the figure's log odds
(TMR, EER, AUC) or log (d'). T is set again in every replicate: for TMR the false matches at T change by the
factor exp(x), so that T goes to where k * exp(-x) non-mated scores lie above it, and TMR follows the exact
curve there.

Two corrections bring the coverage of the 95 % intervals close to 95 %. In simulated worlds of 100 to 400
people (even or skewed sizes, weak models, goats and lambs) they covered 93.5 to 97.4 % by people in every
metric down to FMR 1e-4; by pairs too, except for 85 to 92 % where few people hold most mated comparisons,
about which the row's caution warns in 81 to 95 % of such worlds (benchmarks/results/coverage.json):

- to draw both people of a false match again counts the variation of a pair up to three times; here it counts
  once (:func:`faceprobe.metrics.verification.influence.log_fmr`);
- the spread is widened by t / z, t being Student's quantile for the effective number of people.

Where EER, AUC or TMR is 0 or 1, nobody differs and each person counts as one trial
(:mod:`faceprobe.metrics.small_samples`).

The cost is one product of (R, P) weights with a few columns, whatever the number of comparisons. Weighted
sums are exact, so the number of threads changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.bootstrap import weighted_sums
from faceprobe.metrics.small_samples import Estimate, Floats, unchanging, widening
from faceprobe.metrics.threshold_rate import MatchCurve, ThresholdRate
from faceprobe.metrics.verification.figures import (
    Verification,
    allowed_false_matches,
    auc,
    d_prime,
    eer,
    nonmated_moments,
)
from faceprobe.metrics.verification.influence import (
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

Key = tuple[str, Weighting]


@dataclass
class Intervals:
    """The estimate of each (metric, weighting)."""

    estimates: dict[Key, Estimate] = field(default_factory=dict)

    @property
    def replicates(self) -> dict[Key, Floats]:
        """(R,) replicates of each."""
        return {key: estimate.replicates for key, estimate in self.estimates.items()}


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
    curves = {w: MatchCurve.of(v.beyond, v.weights(w), v.n_nonmated) for w in WEIGHTINGS}
    rates = {f: log_fmr(summary, allowed_false_matches(f, v.n_nonmated)) for f in targets}
    tmrs = {(f, w): _threshold_rate(v, curves[w], w, f, *rates[f]) for f in targets for w in WEIGHTINGS}
    values = {(name, w): of(summary, v, w) for name, of in _VALUES.items() for w in WEIGHTINGS}
    whole = {(name, w): _INFLUENCES[name](summary, v, w, value) for (name, w), value in values.items()}
    columns = [u.value for u in whole.values()]
    columns += [t.mated for t in tmrs.values()] + [rate for rate, _ in rates.values()]
    moved = weighted_sums(weights, np.column_stack(columns)) - np.sum(columns, axis=1)
    at = {key: moved[:, k] for k, key in enumerate([*whole, *tmrs, *rates])}
    shares = {w: mated_share(v, w) for w in WEIGHTINGS}
    for (f, w), t in tmrs.items():
        drawn = t.replicates(at[f, w], at[f])
        found.estimates[repr(f), w] = Estimate(
            t.value, t.influence, t.share, drawn, t.effective_people, t.flawless
        )
    for (name, w), u in whole.items():
        value, change = values[name, w], widening(u.effective_people) * at[name, w]
        if name != "d_prime" and not 0 < value < 1:
            found.estimates[name, w] = unchanging(value, shares[w], weights)
            continue
        if name == "d_prime":
            drawn, slope = value * np.exp(change), value
        else:
            drawn, slope = 1 / (1 + (1 - value) / value * np.exp(-change)), value * (1 - value)
        influence, people = slope * u.value, u.effective_people
        found.estimates[name, w] = Estimate(value, influence, shares[w], drawn, people, False)
    return found


_VALUES: dict[str, Callable[[ScoreSummary, Verification, Weighting], float]] = {
    "eer": lambda _, v, w: eer(v, w).value,
    "auc": lambda _, v, w: auc(v, w),
    "d_prime": lambda s, v, w: d_prime(v, nonmated_moments(s), w) or 0.0,
}
_INFLUENCES = {"eer": log_odds_eer, "auc": log_odds_auc, "d_prime": log_d_prime}


def _threshold_rate(
    v: Verification, curve: MatchCurve, weighting: Weighting, fmr: float, log_rate: Floats, factor: float
) -> ThresholdRate:
    """TMR at ``fmr``."""
    allowed = allowed_false_matches(fmr, v.n_nonmated)
    matched = int(np.searchsorted(v.at_or_above, allowed, side="right"))
    mated = mated_part(v, np.bincount(v.label[:matched], minlength=v.n_people), weighting)
    return ThresholdRate.of(curve, allowed, matched, mated, mated_share(v, weighting), log_rate, factor)


def mated_share(v: Verification, weighting: Weighting) -> Floats:
    """(P,) each person's part of the mated weight, adding up to 1."""
    own = (v.per_person if weighting == "pair" else v.per_person > 0).astype(np.float64)
    share: Floats = own / own.sum()
    return share
