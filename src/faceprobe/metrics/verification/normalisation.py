"""Score normalisation with a cohort: a score relative to the scores of each side with other people.

With the mean m and standard deviation d (population) of a photo's scores with the cohort, e of the enrolled
(left) photo and p of the probe (right):

- ``z``: (s - m_e) / d_e
- ``t``: (s - m_p) / d_p (R. Auckenthaler, M. Carey, H. Lloyd-Thomas, Digital Signal Processing 10, 2000)
- ``s``: the mean of both
- ``as``: as ``s``, of each side's highest cohort scores only (P. Matejka et al., Interspeech 2017, AS-Norm1)
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.bootstrap import ratio
from faceprobe.metrics.weighting import WEIGHTINGS, Weighting, trial_weights
from faceprobe.scores import Duplicates
from faceprobe.scores.exact import pair_scores

Method = Literal["z", "t", "s", "as"]
METHODS: tuple[Method, ...] = get_args(Method)

_ROWS = 256


@dataclass(frozen=True)
class CohortScores:
    """``mean`` and ``sd`` (N,) float64 of each row's scores with the cohort."""

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]


def cohort_scores(
    rows: NDArray[np.float32], cohort: NDArray[np.float32], top: int | None = None
) -> CohortScores:
    """Mean and population standard deviation of the scores of each of the exact ``rows`` (N, D) with the
    exact ``cohort`` (C, D), or of the ``top`` highest of them (all where the cohort is smaller).
    """
    mean, sd = np.empty(len(rows)), np.empty(len(rows))
    wide = cohort.astype(np.float64).T
    for start in range(0, len(rows), _ROWS):
        scores = np.sort(rows[start : start + _ROWS].astype(np.float64) @ wide, axis=1)
        if top is not None:
            scores = np.ascontiguousarray(scores[:, -top:])
        mean[start : start + _ROWS] = scores.mean(axis=1)
        sd[start : start + _ROWS] = scores.std(axis=1)
    return CohortScores(mean, sd)


def normalise(
    score: NDArray[np.float64],
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    against: CohortScores,
    method: Method,
) -> NDArray[np.float64]:
    """(P,) normalised scores of pairs of row numbers whose plain ones are ``score`` (P,)."""
    z = (score - against.mean[left]) / against.sd[left] if method != "t" else None
    t = (score - against.mean[right]) / against.sd[right] if method != "z" else None
    if z is None or t is None:
        only = t if z is None else z
        assert only is not None
        return np.asarray(only, dtype=np.float64)
    return np.asarray((z + t) / 2, dtype=np.float64)


@dataclass(frozen=True)
class AllPairs:
    """Every comparison of a set, normalised, each kind from the highest score to the lowest: ``mated`` (M,)
    with its ``label``, ``nonmated`` (K,) with the ``people`` (K, 2) it confuses.
    """

    mated: NDArray[np.float64]
    label: NDArray[np.int64]
    nonmated: NDArray[np.float64]
    people: NDArray[np.int32]

    @classmethod
    def of(
        cls,
        rows: NDArray[np.float32],
        labels: NDArray[np.int32],
        content: NDArray[np.int64] | None,
        against: CohortScores,
        method: Method,
    ) -> AllPairs:
        """All pairs at once, some 30 bytes each. The first row of a pair is the enrolled one; duplicates are
        left out.
        """
        left, right = (side.astype(np.int32) for side in np.triu_indices(len(rows), k=1))
        if content is not None:
            other = content[left] != content[right]
            left, right = left[other], right[other]
        score = normalise(pair_scores(rows, left, right), left, right, against, method)
        same = labels[left] == labels[right]
        mated, label = score[same], labels[left[same]].astype(np.int64)
        nonmated = score[~same]
        people = np.column_stack([labels[left[~same]], labels[right[~same]]])
        first, second = np.argsort(-mated, kind="stable"), np.argsort(-nonmated, kind="stable")
        return cls(mated[first], label[first], nonmated[second], people[second])

    def tmr(self, allowed: int, weighting: Weighting) -> float:
        """Share of mated comparisons strictly above the (``allowed`` + 1)-th largest non-mated score."""
        limit = self.nonmated[allowed] if allowed < len(self.nonmated) else -np.inf
        weights = trial_weights(self.label, weighting)
        return float(weights[self.mated > limit].sum() / weights.sum())

    def replicates(
        self, weights: NDArray[np.int64], duplicates: Duplicates, photos: NDArray[np.int64], fmr: float
    ) -> dict[Weighting, NDArray[np.float64]]:
        """Replicates (R,) of TMR at ``fmr`` for identity ``weights`` (R, P), T set again in each; ``photos``
        (P,) are each person's. A non-mated comparison counts as often as both of its people were drawn.
        """
        sums = weights @ photos
        total = (sums * sums - (weights * weights) @ (photos * photos)) // 2 - duplicates.nonmated_weight(
            weights
        )
        share, depth = Fraction(repr(fmr)), min(len(self.nonmated), 4 * int(fmr * len(self.nonmated)) + 1000)
        counted = {w: trial_weights(self.label, w) for w in WEIGHTINGS}
        hits = {w: np.zeros(len(weights)) for w in WEIGHTINGS}
        mass = {w: np.zeros(len(weights)) for w in WEIGHTINGS}
        for r, drawn in enumerate(weights):
            people = self.people[:depth]
            reached = np.cumsum(drawn[people[:, 0]] * drawn[people[:, 1]])
            place = int(np.searchsorted(reached, int(share * int(total[r])), side="right"))
            if (
                place == depth < len(self.nonmated)
            ):  # a replicate that draws the people of false matches much less often
                people = self.people
                reached = np.cumsum(drawn[people[:, 0]] * drawn[people[:, 1]])
                place = int(np.searchsorted(reached, int(share * int(total[r])), side="right"))
            limit = self.nonmated[place] if place < len(self.nonmated) else -np.inf
            for w in WEIGHTINGS:
                each = drawn[self.label] * counted[w]
                hits[w][r] = each[self.mated > limit].sum()
                mass[w][r] = each.sum() if total[r] else 0.0
        return {w: np.minimum(ratio(hits[w], mass[w]), 1.0) for w in WEIGHTINGS}
