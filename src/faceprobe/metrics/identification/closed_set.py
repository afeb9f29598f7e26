"""Closed-set identification: the rank at which a probe finds its own person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.small_samples import Estimate, mean_estimates
from faceprobe.metrics.weighting import WEIGHTINGS, Weighting


@dataclass(frozen=True)
class Identification:
    """``rank`` (n,) int64 from 1 and ``label`` (n,) of each probe; ``n_people`` counts all people,
    with or without probes.
    """

    rank: NDArray[np.int64]
    label: NDArray[np.int32]
    n_people: int

    @classmethod
    def of(cls, ranks: NDArray[np.int64], labels: NDArray[np.int32]) -> Identification:
        """From the ranks of all rows (0: no probe)."""
        probes = np.flatnonzero(ranks)
        return cls(ranks[probes], labels[probes], int(labels[-1]) + 1)

    def per_person(self) -> NDArray[np.int64]:
        """(P,) probes of each person."""
        return np.bincount(self.label, minlength=self.n_people)


def outcome(rank: NDArray[np.int64], metric: str) -> NDArray[np.float64]:
    """(n,) value of each probe: for ``rank<k>`` 1 where found by rank k, else 0; for ``mrr`` 1 / rank."""
    if metric == "mrr":
        return 1.0 / rank
    return (rank <= int(metric.removeprefix("rank"))).astype(np.float64)


def mean_outcome(found: Identification, metric: str, weighting: Weighting) -> float:
    """Mean over probes (``pair``), or over people of their own mean (``identity``)."""
    values = outcome(found.rank, metric)
    if weighting == "pair":
        return float(values.mean())
    probes = found.per_person()
    sums = np.bincount(found.label, values, found.n_people)
    has = probes > 0
    return float(np.mean(sums[has] / probes[has]))


def cmc(found: Identification, ranks: NDArray[np.int64], weighting: Weighting) -> NDArray[np.float64]:
    """Cumulative match characteristic: the share of probes found by each of the ascending ``ranks`` (K,)."""
    order = np.argsort(found.rank, kind="stable")
    label, ends = found.label[order], np.searchsorted(found.rank[order], ranks, side="right")
    if weighting == "pair":
        return ends / len(label)
    probes = found.per_person()
    has = np.flatnonzero(probes)
    own, hits = probes[has], np.zeros(found.n_people)
    shares, begin = np.empty(len(ranks)), 0
    for k, end in enumerate(ends):
        hits += np.bincount(label[begin:end], minlength=found.n_people)
        shares[k], begin = np.mean(hits[has] / own), end
    return shares


def identification_estimates(
    found: Identification, weights: NDArray[np.int64], metrics: Sequence[str]
) -> dict[tuple[str, Weighting], Estimate]:
    """Each metric with its replicates, for identity ``weights`` (R, P): the people of the probes are drawn
    again, the gallery is held fixed. Intervals have the form of :mod:`faceprobe.metrics.small_samples`, which
    holds for few people and near 1, where a plain bootstrap does not.
    """
    values = [np.bincount(found.label, outcome(found.rank, m), found.n_people) for m in metrics]
    sums, own = np.column_stack(values), found.per_person()
    return {
        (metric, weighting): estimate
        for weighting in WEIGHTINGS
        for metric, estimate in zip(metrics, mean_estimates(sums, own, weighting, weights), strict=True)
    }
