"""Open-set identification: hits of people who are enrolled, and false alarms of people who are not.

A non-mated search (of a person who is not enrolled) is a false alarm where any candidate scores at or
above T: FPIR is the share of such *searches*. A mated search hits where its mate is at rank 1, ties
against the system, and scores at or above T; FNIR is the share without a hit. T is the lowest threshold
with FPIR at most the target, every search counting once, so that what is accepted lies strictly above
the (k+1)-th largest best score of the non-mated searches, k = floor(target * searches).
(ISO/IEC 19795-1:2021; P. Grother, M. Ngan, K. Hanaoka, FRVT Part 2: Identification, NISTIR 8271.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.bootstrap import ratio
from faceprobe.metrics.verification.figures import allowed_false_matches
from faceprobe.metrics.weighting import WEIGHTINGS, Weighting, trial_weights


@dataclass(frozen=True)
class OpenSet:
    """Searches, each kind from the highest score to the lowest.

    ``hit`` (M,) float64 is a mated search's score where its mate is at rank 1, else -inf, of the person
    ``label`` (M,); ``alarm`` (S,) float64 is a non-mated search's best score, of the person
    ``stranger`` (S,). ``n_people`` counts all people.
    """

    hit: NDArray[np.float64]
    label: NDArray[np.int64]
    alarm: NDArray[np.float64]
    stranger: NDArray[np.int64]
    n_people: int

    @classmethod
    def of(
        cls,
        mate: NDArray[np.float64],
        others_at_or_above: NDArray[np.int64],
        label: NDArray[np.int64],
        alarm: NDArray[np.float64],
        stranger: NDArray[np.int64],
        n_people: int,
    ) -> OpenSet:
        """From searches in any order; ``mate`` (M,) has no NaN."""
        hit = np.where(others_at_or_above == 0, mate, -np.inf)
        first, second = np.argsort(-hit, kind="stable"), np.argsort(-alarm, kind="stable")
        return cls(hit[first], label[first], alarm[second], stranger[second], n_people)

    def weights(self, weighting: Weighting) -> NDArray[np.float64]:
        """(M,) weight of each mated search: 1, or the same total for each person."""
        return trial_weights(self.label, weighting)


def allowed_alarms(found: OpenSet, fpir: float) -> int:
    """k = floor(fpir * non-mated searches), with the decimal fraction that ``fpir`` was written as."""
    return allowed_false_matches(fpir, len(found.alarm))


def threshold(found: OpenSet, allowed: int) -> float:
    """The score that an accepted candidate exceeds: the (``allowed`` + 1)-th largest best score of the
    non-mated searches.
    """
    return float(found.alarm[allowed]) if allowed < len(found.alarm) else -np.inf


def fnir(found: OpenSet, allowed: int, weighting: Weighting) -> float:
    """Share of mated searches without a hit where ``allowed`` false alarms are."""
    return float(_missed(found, np.array([threshold(found, allowed)]), weighting)[0])


def rank1(found: OpenSet, weighting: Weighting) -> float:
    """Share of mated searches whose mate is at rank 1, whatever its score."""
    weights = found.weights(weighting)
    return float(weights[found.hit > -np.inf].sum() / weights.sum())


def dir_curve(found: OpenSet, fpir: NDArray[np.float64], weighting: Weighting) -> NDArray[np.float64]:
    """Detection and identification rate 1 - FNIR at each target of ``fpir`` (K,)."""
    limits = np.array([threshold(found, allowed_alarms(found, float(f))) for f in fpir])
    return 1.0 - _missed(found, limits, weighting)


def open_set_replicates(
    found: OpenSet, weights: NDArray[np.int64], targets: Sequence[float]
) -> dict[tuple[str, Weighting], NDArray[np.float64]]:
    """Replicates (R,) of FNIR at each of ``targets`` (keyed by its repr) and of ``rank1``, for identity
    ``weights`` (R, P): all searches of a person count w times, T is set again and the gallery is held
    fixed.

    NaN where a replicate drew no mated or no non-mated search.
    """
    fractions = [Fraction(repr(f)) for f in targets]
    names = [*(repr(f) for f in targets), "rank1"]
    counted = {w: found.weights(w) for w in WEIGHTINGS}
    sums = {(n, w): np.zeros(len(weights)) for n in names for w in WEIGHTINGS}
    totals = {w: np.zeros(len(weights)) for w in WEIGHTINGS}
    listed = len(found.hit) - int(np.count_nonzero(np.isneginf(found.hit)))
    empty = np.zeros(len(weights), dtype=np.bool_)
    for r, drawn in enumerate(weights):
        alarms = np.cumsum(drawn[found.stranger])
        total = int(alarms[-1]) if len(alarms) else 0
        empty[r] = total == 0
        ends = []
        for f in fractions:
            place = int(np.searchsorted(alarms, int(f * total), side="right"))
            limit = found.alarm[place] if place < len(alarms) else -np.inf
            ends.append(int(np.searchsorted(-found.hit, -limit, side="left")))
        ends.append(listed)
        for weighting in WEIGHTINGS:
            mass = np.concatenate([[0.0], np.cumsum(drawn[found.label] * counted[weighting])])
            totals[weighting][r] = mass[-1]
            for name, end in zip(names, ends, strict=True):
                sums[name, weighting][r] = mass[end]
    replicates: dict[tuple[str, Weighting], NDArray[np.float64]] = {}
    for name, weighting in sums:
        share = np.minimum(ratio(sums[name, weighting], totals[weighting]), 1.0)
        replicates[name, weighting] = share if name == "rank1" else np.where(empty, np.nan, 1.0 - share)
    return replicates


def _missed(found: OpenSet, limits: NDArray[np.float64], weighting: Weighting) -> NDArray[np.float64]:
    """Share of mated searches that do not hit strictly above each of ``limits`` (K,)."""
    mass = np.concatenate([[0.0], np.cumsum(found.weights(weighting))])
    ends = np.searchsorted(-found.hit, -limits, side="left")
    return np.asarray(1.0 - mass[ends] / mass[-1], dtype=np.float64)
