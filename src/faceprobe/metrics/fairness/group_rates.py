"""Error rates of groups of people at one threshold, with intervals.

FMR of two groups is the share of accepted comparisons between their people (within a group: between different
people of it), FNMR of a group the share of its mated comparisons that are not accepted. Replicates
are those of :mod:`faceprobe.metrics.verification.intervals` with T held fixed: the rates of one
operating point. Max/min and max/geometric mean over groups follow NISTIR 8429 (Grother 2022).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.fairness.group_counts import FalseMatches
from faceprobe.metrics.small_samples import Floats, jackknife, rate_estimates
from faceprobe.metrics.verification.figures import Verification
from faceprobe.metrics.weighting import Weighting
from faceprobe.scores import ScoreSummary


@dataclass(frozen=True)
class GroupRate:
    """``value`` of a rate over ``n`` comparisons with ``errors`` errors (weighted by comparisons) of
    ``n_people`` people; ``replicates`` (R,); ``effective_people`` behind its interval.
    """

    value: float
    n: int
    errors: int
    n_people: int
    replicates: Floats
    effective_people: float


def group_fmr(
    summary: ScoreSummary,
    found: FalseMatches,
    group: NDArray[np.int64],
    pair: tuple[int, int],
    weights: NDArray[np.int64],
) -> GroupRate | None:
    """FMR between the people of the two groups of ``pair`` (equal: within it); None without comparisons."""
    g, h = pair
    matched, compared = np.zeros(len(group)), np.zeros(len(group))
    for one, other in {(g, h), (h, g)}:
        own = group == one
        matched[own], compared[own] = found.matched[own, other], found.compared[own, other]
    n, errors = int(compared.sum()) // 2, int(matched.sum()) // 2
    people = int(np.count_nonzero(compared))
    if n == 0:
        return None
    rate = errors / n
    influence = (matched - rate * compared) / np.maximum(n - compared, 1)
    total = float((influence**2).sum()) * n * n
    surplus = _surplus(summary, found, group, pair, rate, errors) if total > 0 else 0.0
    kept = float(np.sqrt(np.clip(1 - surplus / total, 0.5, 1.0))) if total > 0 else 1.0
    share = (compared > 0) / people
    return _rate(rate, n, errors, people, kept * influence, weights, share)


def group_fnmr(
    v: Verification,
    threshold: float,
    members: NDArray[np.bool_],
    weighting: Weighting,
    weights: NDArray[np.int64],
) -> GroupRate | None:
    """FNMR of the people ``members`` (P,) bool where scores above ``threshold`` match; None without
    comparisons.
    """
    own = np.where(members, v.per_person, 0).astype(np.float64)
    missed = np.bincount(v.label, v.score <= threshold, v.n_people) * members
    n, errors, people = int(own.sum()), int(missed.sum()), int(np.count_nonzero(own))
    if n == 0:
        return None
    if weighting == "identity":
        missed = np.divide(missed, own, out=np.zeros(len(own)), where=own > 0)
        own = (own > 0).astype(np.float64)
    total = float(own.sum())
    rate = float(missed.sum()) / total
    return _rate(rate, n, errors, people, jackknife(missed - rate * own, own), weights, own / total)


def ratios(rates: list[GroupRate]) -> dict[str, tuple[float, Floats] | None]:
    """``max_min`` and ``max_geomean`` over groups with their replicates; None where a rate is 0."""
    values = np.array([r.value for r in rates])
    if len(values) < 2 or np.any(values <= 0):
        return {"max_min": None, "max_geomean": None}
    drawn = np.vstack([r.replicates for r in rates])

    def over(x: Floats) -> tuple[Floats, Floats]:
        highest = x.max(axis=0)
        with np.errstate(divide="ignore"):
            return highest / x.min(axis=0), highest / np.exp(np.log(x).mean(axis=0))

    plain, moved = over(values[:, None]), over(drawn)
    return {name: (float(plain[k][0]), moved[k]) for k, name in enumerate(("max_min", "max_geomean"))}


def _rate(
    rate: float,
    n: int,
    errors: int,
    n_people: int,
    influence: Floats,
    weights: NDArray[np.int64],
    share: Floats,
) -> GroupRate:
    """The rate with replicates between the ends of its score interval; ``share`` (P,) is each person's
    part of the trials, from which the width follows where no comparison is an error, or every one is.
    """
    moving = influence if 0 < errors < n else np.zeros(len(influence))
    (found,) = rate_estimates(np.array([rate]), moving[:, None], share, weights)
    return GroupRate(rate, n, errors, n_people, found.replicates, found.effective_people)


def _surplus(
    summary: ScoreSummary,
    found: FalseMatches,
    group: NDArray[np.int64],
    pair: tuple[int, int],
    rate: float,
    errors: int,
) -> float:
    """Sum over the pairs of people of (c_ab - FMR * N_ab)**2; at least ``errors`` where not listed."""
    if found.pairs is None:
        return float(errors)
    a, b, often = found.pairs.T
    cell = np.sort(np.column_stack([group[a], group[b]]), axis=1)
    chosen = (cell == sorted(pair)).all(axis=1)
    photos = np.bincount(summary.labels, minlength=len(group)).astype(np.float64)
    met = photos[a[chosen]] * photos[b[chosen]]
    often = often[chosen]
    squares = [float((photos[group == k] ** 2).sum()) for k in pair]
    every = squares[0] * squares[1]
    if pair[0] == pair[1]:
        every = (every - float((photos[group == pair[0]] ** 4).sum())) / 2
    return max(0.0, float((often * often - 2 * rate * often * met).sum()) + rate * rate * every)
