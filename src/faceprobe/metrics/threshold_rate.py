"""The rate of matches at a threshold that false matches or false alarms set, with its small-sample interval.

T is set again in every replicate: the false matches at T change by the factor exp(x), so that T goes to where
k * exp(-x) non-mated scores lie above it, and the rate follows the exact curve there. The mated side has the
score interval of :mod:`faceprobe.metrics.small_samples`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceprobe.metrics.small_samples import (
    NOTHING,
    Floats,
    Influence,
    contrast,
    normal_scores,
    score_odds,
    widening,
)


@dataclass(frozen=True)
class MatchCurve:
    """Mated trials from the highest score to the lowest: ``kept`` (M + 1,) is the share of mated weight among
    the first m, ``beyond`` (M,) the non-mated ones at or above each (infinite where it can never match), of
    ``n_nonmated`` in all.
    """

    beyond: Floats
    kept: Floats
    n_nonmated: int

    @classmethod
    def of(cls, beyond: Floats, weights: Floats, n_nonmated: int) -> MatchCurve:
        kept = np.concatenate([[0.0], np.cumsum(weights)])
        return cls(beyond, kept / kept[-1], n_nonmated)

    def rate(self, allowed: Floats) -> Floats:
        """The rate where ``allowed`` (K,) false matches are, interpolated between whole numbers."""
        allowed = np.minimum(allowed, self.n_nonmated)
        whole = np.floor(allowed)
        low, high = (self.kept[np.searchsorted(self.beyond, k, side="right")] for k in (whole, whole + 1))
        rate: Floats = low + (high - low) * (allowed - whole)
        return rate

    def log_odds(self, allowed: Floats) -> Floats:
        """Log odds of :meth:`rate`, kept half a mated trial away from 0 and 1."""
        least = 0.5 / len(self.beyond)
        rate = np.clip(self.rate(allowed), least, 1 - least)
        odds: Floats = np.log(rate / (1 - rate))
        return odds


@dataclass(frozen=True)
class ThresholdRate:
    """The rate ``value`` at the threshold that ``allowed`` (>= 1) false matches set. ``mated`` (P,) is the
    influence on it at that threshold held fixed, ``log_rate`` (P,) that on the log of the rate of false
    matches, ``factor`` (0 to 1) removes from it what pairs of people count twice. ``share`` (P,) is each
    person's part of the mated trials, ``size`` the effective number of trials.
    """

    curve: MatchCurve
    value: float
    allowed: int
    factor: float
    mated: Floats
    log_rate: Floats
    share: Floats
    size: float
    effective_people: float
    flawless: bool

    @classmethod
    def of(
        cls,
        curve: MatchCurve,
        allowed: int,
        matched: int,
        mated: Floats,
        share: Floats,
        log_rate: Floats,
        factor: float = 1.0,
    ) -> ThresholdRate:
        """Of the first ``matched`` mated trials of ``curve``."""
        value = float(curve.kept[matched])
        people = 1.0 / float((share**2).sum())
        variance = float((mated**2).sum())
        flawless = variance <= NOTHING or matched in (0, len(curve.beyond))
        if flawless:
            # No person differs, so the correlation within a person is unknown: each person is one trial.
            value, size, mated = float(round(value)), people, contrast(len(share))
        else:
            size = value * (1 - value) / variance
        reach = factor * float(np.sqrt((log_rate**2).sum()))
        low, high = curve.log_odds(allowed * np.exp(np.array([-reach, reach])))
        parts = np.array([1 / (max(value * (1 - value), 0.25 / size) * size), ((high - low) / 2) ** 2])
        parts = parts / parts.sum()
        freedom = np.array([max(people - 1, 1.0), Influence(log_rate).effective_people])
        effective = float(1 / (parts**2 / freedom).sum())
        return cls(curve, value, allowed, factor, mated, log_rate, share, size, effective, flawless)

    def replicates(self, mated: Floats, log_rate: Floats) -> Floats:
        """(R,) replicates from the sums (R,) over drawn people of both influences."""
        wide = widening(self.effective_people)
        scale = float(np.sqrt((self.mated**2).sum())) or 1.0
        z = normal_scores(mated) if self.flawless else mated / scale
        own = score_odds(self.value, self.size, wide * z)
        there = self.curve.log_odds(self.allowed * np.exp(-wide * self.factor * log_rate))
        here = self.curve.log_odds(np.array([float(self.allowed)]))
        return 1 / (1 + np.exp(-(own + there - here)))

    @property
    def influence(self) -> Floats:
        """(P,) each person's influence on the rate itself, T set again, to first order."""
        own = np.zeros(len(self.mated)) if self.flawless else self.mated
        reach = self.factor * float(np.sqrt((self.log_rate**2).sum()))
        if reach == 0:
            return own
        low, high = self.curve.rate(self.allowed * np.exp(np.array([-reach, reach])))
        moved: Floats = own - (high - low) / (2 * reach) * self.factor * self.log_rate
        return moved
