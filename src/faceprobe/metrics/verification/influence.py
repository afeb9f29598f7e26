"""The influence of each person on a verification figure: delete-one-person jackknife values in closed form.

To leave out person a removes a's mated comparisons and a's row of non-mated ones, so the row sums of the
summary give every jackknife value to first order in the figure, with one pass over people:

- a mated mean changes by (x_a - mean * n_a) / (n - n_a), n_a being a's weight;
- an FMR at a fixed threshold by (c_a - FMR * N_a) / (N - N_a), c_a being a's false matches among N_a.

The sum of squares of these values is the jackknife variance. Row sums count the variation of a pair (a, b)
twice, once in a's row and once in b's, although it is one event. For false matches the surplus is the
sum over pairs of (c_ab - FMR * N_ab)**2, known from the tail's people, and is subtracted (the
dyadic-robust variance of Fafchamps and Gubert 2007; Aronow, Samii and Assenova 2015, eq. 4). Rates are
handled on the scale of their log odds, counts and d' on the log scale, where their distribution is even.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.small_samples import Floats, Influence
from faceprobe.metrics.verification.figures import Verification, nonmated_moments
from faceprobe.metrics.weighting import Weighting
from faceprobe.scores import ScoreSummary

PAIR_LIMIT = 4_000_000
"""False matches that are grouped by pairs of people; beyond this number each counts as its own pair."""


def mated_part(v: Verification, sums: NDArray[np.generic], weighting: Weighting) -> Floats:
    """(P,) influence on the weighted mean of a value of the mated comparisons, from its ``sums`` (P,) by
    person.
    """
    own = v.per_person.astype(np.float64)
    of_person = np.asarray(sums, dtype=np.float64)
    if weighting == "identity":
        of_person, own = _divided(of_person, own), (own > 0).astype(np.float64)
    total = float(own.sum())
    mean = float(of_person.sum()) / total
    rest = total - own
    return _divided(of_person - mean * own, np.where(rest > 1e-9 * total, rest, total))


def nonmated_part(summary: ScoreSummary, sums: Floats) -> Floats:
    """(P,) influence on the mean of a function of the non-mated scores, from its sums by person."""
    count = summary.person_count.astype(np.float64)
    mean = float(sums.sum()) / float(count.sum())
    rest = summary.n_nonmated - count
    return _divided(sums - mean * count, np.where(rest > 0, rest, summary.n_nonmated))


def false_matches(summary: ScoreSummary, allowed: int) -> Floats:
    """(P,) each person's comparisons among the ``allowed`` highest non-mated ones, exact from the tail,
    interpolated on the grid where the tail ends before.
    """
    tail, n_people = summary.tail, len(summary.person_count)
    if allowed <= len(tail):
        people = summary.labels[np.concatenate([tail.left[:allowed], tail.right[:allowed]])]
        return np.bincount(people, minlength=n_people).astype(np.float64)
    counts = summary.by_person.sum(axis=0) / 2.0
    after = int(np.clip(np.argmax(counts <= allowed), 1, len(counts) - 1))
    share = float(np.clip((counts[after - 1] - allowed) / max(counts[after - 1] - counts[after], 1), 0, 1))
    return (1 - share) * summary.by_person[:, after - 1] + share * summary.by_person[:, after]


def pair_surplus(summary: ScoreSummary, allowed: int) -> float:
    """Sum over pairs of people of (c_ab - FMR * N_ab)**2 for the ``allowed`` highest non-mated scores,
    in (comparisons)**2; a lower bound where the tail does not hold all of them.
    """
    photos = np.bincount(summary.labels).astype(np.float64)
    fmr = allowed / summary.n_nonmated
    squares = ((photos**2).sum() ** 2 - (photos**4).sum()) / 2
    if allowed > min(len(summary.tail), PAIR_LIMIT):
        return max(0.0, allowed * (1 - 2 * fmr * float(photos.max()) ** 2)) + fmr**2 * float(squares)
    a = summary.labels[summary.tail.left[:allowed]].astype(np.int64)
    b = summary.labels[summary.tail.right[:allowed]].astype(np.int64)
    often = np.unique(a * len(photos) + b, return_counts=True)[1].astype(np.float64)
    met = float((photos[a] * photos[b]).sum())
    return max(0.0, float((often**2).sum()) - 2 * fmr * met + fmr**2 * float(squares))


def log_fmr(summary: ScoreSummary, allowed: int) -> tuple[Floats, float]:
    """(P,) influence on log FMR at the threshold that ``allowed`` (>= 1) false matches set, and the
    factor (0 to 1) on it that removes the pairs' surplus.
    """
    counted = false_matches(summary, allowed)
    fmr = float(counted.sum()) / (2.0 * summary.n_nonmated)
    values = nonmated_part(summary, counted) / fmr
    total = float((values**2).sum()) * allowed**2
    kept = 1 - pair_surplus(summary, allowed) / total if total > 0 else 1.0
    # Pairs contribute at most one half of the row sums' variance; a larger surplus is due to chance.
    return values, float(np.sqrt(np.clip(kept, 0.5, 1.0)))


def log_odds_auc(summary: ScoreSummary, v: Verification, weighting: Weighting, value: float) -> Influence:
    """On log(AUC / (1 - AUC)), of the AUC ``value``."""
    beaten = 1.0 - v.middle / v.n_nonmated
    edges = summary.grid.edges
    size = len(edges)
    place = np.clip((v.score - edges[0]) / (edges[1] - edges[0]), 0, size - 1)
    low = np.minimum(place.astype(np.int64), size - 2)
    weights = v.weights(weighting)
    upper = weights * (place - low)
    mass = np.bincount(low, weights - upper, size) + np.bincount(low + 1, upper, size)
    # Whole steps of 2**-30, so that the sums are exact in whatever order they are taken.
    steps = np.rint(np.ldexp(mass / mass.sum(), 30)).astype(np.int64)
    lost = np.ldexp((summary.by_person @ steps).astype(np.float64), -30)
    own = np.bincount(v.label, beaten, v.n_people)
    change = mated_part(v, own, weighting) - nonmated_part(summary, lost)
    return Influence(_divided(change, value * (1 - value)))


def log_odds_eer(summary: ScoreSummary, v: Verification, weighting: Weighting, value: float) -> Influence:
    """On log(EER / (1 - EER)), of the EER ``value``: the change of FMR and FNMR at the threshold of the
    crossing, weighed by how steeply the other one changes there.
    """
    n = v.n_nonmated
    allowed = int(np.clip(np.rint(value * n), 1, n))
    log_rate, factor = log_fmr(summary, allowed)
    here = int(np.searchsorted(v.at_or_above, allowed, side="right"))
    slope = _slope(v, weighting, value)
    missed = np.bincount(v.label[here:], minlength=v.n_people)
    falling = factor * log_rate * (allowed / n)
    change = (slope * falling + mated_part(v, missed, weighting)) / (1 + slope)
    return Influence(_divided(change, value * (1 - value)))


def _slope(v: Verification, weighting: Weighting, value: float) -> float:
    """dTMR / dFMR of the curve over FMR from two thirds of ``value`` to one and a half of it."""
    n = v.n_nonmated
    least, most = int(value * n / 1.5), min(n, int(np.ceil(1.5 * value * n)))
    low, high = np.searchsorted(v.beyond, [least, most], side="right")
    gained = float(v.weights(weighting)[low:high].sum()) / _total_weight(v, weighting)
    return gained * n / max(1, most - least)


def log_d_prime(summary: ScoreSummary, v: Verification, weighting: Weighting, value: float) -> Influence:
    """On log d'; ``value`` is d' (0: no influence is defined)."""
    if value == 0:
        return Influence(np.zeros(v.n_people))
    m0, v0 = nonmated_moments(summary)
    count = summary.person_count.astype(np.float64)
    mean = m0 - summary.moment_origin
    squares = summary.person_squares - 2 * mean * summary.person_sum + mean * mean * count
    weights = v.weights(weighting)
    m1 = float((weights * v.score).sum()) / _total_weight(v, weighting)
    off = v.score - m1
    v1 = float((weights * off * off).sum()) / _total_weight(v, weighting)
    first, second = (np.bincount(v.label, x, v.n_people) for x in (off, off * off))
    centre = mated_part(v, first, weighting) - nonmated_part(summary, summary.person_sum - mean * count)
    spread = mated_part(v, second, weighting) + nonmated_part(summary, squares)
    return Influence(centre / (m1 - m0) - spread / (2 * (v1 + v0)))


def _total_weight(v: Verification, weighting: Weighting) -> float:
    return float(len(v.score) if weighting == "pair" else v.n_mated_people)


def _divided(numerator: Floats, denominator: Floats | float) -> Floats:
    """``numerator`` / ``denominator``, 0 where the latter is 0."""
    wide = np.broadcast_to(np.asarray(denominator, dtype=np.float64), numerator.shape)
    return np.divide(numerator, wide, out=np.zeros(len(numerator)), where=wide != 0)
