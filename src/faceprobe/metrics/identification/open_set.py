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

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.bootstrap import weighted_sums
from faceprobe.metrics.small_samples import Estimate, jackknife, mean_estimates
from faceprobe.metrics.threshold_rate import MatchCurve, ThresholdRate
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


def open_set_estimates(
    found: OpenSet, weights: NDArray[np.int64], targets: Sequence[float]
) -> dict[tuple[str, Weighting], Estimate]:
    """FNIR at each of ``targets`` that allow a false alarm (keyed by its repr), and ``rank1``, with
    replicates for identity ``weights`` (R, P): the people of the searches are drawn again, T is
    set again and the gallery is held fixed (:mod:`faceprobe.metrics.threshold_rate`).
    """
    estimates: dict[tuple[str, Weighting], Estimate] = {}
    trials = np.bincount(found.label, minlength=found.n_people)
    at_rank1 = np.bincount(found.label, found.hit > -np.inf, found.n_people)
    beyond = len(found.alarm) - np.searchsorted(found.alarm[::-1], found.hit, side="left").astype(np.float64)
    beyond[np.isneginf(found.hit)] = np.inf
    searches = np.bincount(found.stranger, minlength=found.n_people).astype(np.float64)
    for weighting in WEIGHTINGS:
        (rank1,) = mean_estimates(at_rank1[:, None], trials, weighting, weights)
        estimates["rank1", weighting] = rank1
        curve = MatchCurve.of(beyond, found.weights(weighting), len(found.alarm))
        for target in targets:
            allowed = allowed_alarms(found, target)
            alarms = np.bincount(found.stranger[:allowed], minlength=found.n_people)
            share = allowed / len(found.alarm)
            log_rate = jackknife(alarms - share * searches, searches) / share
            matched = int(np.searchsorted(beyond, allowed, side="right"))
            hits = np.bincount(found.label[:matched], minlength=found.n_people)
            (held,) = mean_estimates(hits[:, None], trials, weighting, weights[:0])
            rate = ThresholdRate.of(curve, allowed, matched, held.influence, held.share, log_rate)
            moved = np.zeros((0, 2))
            if len(weights):
                columns = np.column_stack([rate.mated, log_rate])
                moved = weighted_sums(weights, columns) - columns.sum(axis=0)
            estimates[repr(target), weighting] = Estimate(
                1 - rate.value,
                -rate.influence,
                rate.share,
                1 - rate.replicates(*moved.T),
                rate.effective_people,
                rate.flawless,
            )
    return estimates


def _missed(found: OpenSet, limits: NDArray[np.float64], weighting: Weighting) -> NDArray[np.float64]:
    """Share of mated searches that do not hit strictly above each of ``limits`` (K,)."""
    mass = np.concatenate([[0.0], np.cumsum(found.weights(weighting))])
    ends = np.searchsorted(-found.hit, -limits, side="left")
    return np.asarray(1.0 - mass[ends] / mass[-1], dtype=np.float64)
