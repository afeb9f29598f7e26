"""Accuracy by number of impostors, exact up to the number that the data hold.

The unit is an impostor *identity*: probe i is searched among N of them and its mate, and k_i of them
score at or above the mate. In a random subset of n of the N, the number X of these is hypergeometric, so
the mean over all subsets has a closed form: P(X = 0) = C(N - k, n) / C(N, n) for rank 1, and P(X <= r - 1)
for a rank of at most r.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.small_samples import Estimate, mean_estimates
from faceprobe.metrics.special import gammaln
from faceprobe.metrics.weighting import Weighting


def chance_of_none(k: NDArray[np.int64], n_impostors: int, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """(Q, S) chance that none of a probe's ``k`` (Q,) of ``n_impostors`` is among n of them, for each n of
    ``sizes`` (S,): the product over j < k of 1 - n / (N - j). :class:`ValueError` where n > N or k > N.
    """
    if np.any(sizes > n_impostors) or np.any(sizes < 0) or np.any(k > n_impostors):
        raise ValueError(f"sizes and counts must lie between 0 and {n_impostors}")
    chance = np.empty((len(k), len(sizes)))
    left = float(n_impostors) - np.arange(int(k.max(initial=0)))
    for s, n in enumerate(sizes):
        with np.errstate(divide="ignore"):
            steps = np.log1p(np.maximum(-n / left, -1.0))
        chance[:, s] = np.exp(np.concatenate([[0.0], np.cumsum(steps)]))[k]
    return chance


def chance_within(
    k: NDArray[np.int64], n_impostors: int, sizes: NDArray[np.int64], rank: int
) -> NDArray[np.float64]:
    """(Q, S) chance that the mate is at rank ``rank`` or better among n impostors: P(X <= rank - 1)."""
    if rank == 1:
        return chance_of_none(k, n_impostors, sizes)
    counts, back = np.unique(k, return_inverse=True)
    total = np.zeros((len(counts), len(sizes)))
    k_, n = counts[:, None].astype(np.float64), sizes[None, :].astype(np.float64)
    for x in range(rank):
        possible = (x <= k_) & (x <= n) & (n - x <= n_impostors - k_)
        log = (
            _log_choose(k_, x)
            + _log_choose(n_impostors - k_, n - x)
            - _log_choose(np.full_like(n, float(n_impostors)), n)
        )
        total += np.where(possible, np.exp(np.where(possible, log, 0.0)), 0.0)
    chance: NDArray[np.float64] = np.minimum(total, 1.0)[back]
    return chance


def probe_weights(label: NDArray[np.integer], weighting: Weighting) -> NDArray[np.float64]:
    """(Q,) weight of each probe, adding up to 1: the same for each, or the same total for each person."""
    if weighting == "pair":
        return np.full(len(label), 1.0 / len(label))
    probes = np.bincount(label)
    weights: NDArray[np.float64] = 1.0 / (probes[label] * np.count_nonzero(probes))
    return weights


def mean_over_probes(
    values: NDArray[np.float64], label: NDArray[np.integer], weighting: Weighting
) -> NDArray[np.float64]:
    """(S,) mean of ``values`` (Q, S) over probes, or over people of their own mean."""
    return np.asarray(probe_weights(label, weighting) @ values, dtype=np.float64)


def probe_means(
    values: NDArray[np.float64],
    label: NDArray[np.integer],
    weights: NDArray[np.int64],
    weighting: Weighting,
) -> list[Estimate]:
    """:func:`mean_over_probes` of each of the S columns of ``values`` (Q, S) in [0, 1] with replicates for
    identity ``weights`` (R, P): the probes' people are drawn again, the gallery is held fixed.
    """
    n_people = weights.shape[1]
    sums = np.column_stack([np.bincount(label, column, n_people) for column in values.T])
    return mean_estimates(sums, np.bincount(label, minlength=n_people), weighting, weights)


def _log_choose(n: NDArray[np.float64], k: NDArray[np.float64] | int) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        value: NDArray[np.float64] = gammaln(n + 1) - gammaln(k + np.float64(1)) - gammaln(n - k + 1)
    return value
