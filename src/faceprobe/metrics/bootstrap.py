"""The identity bootstrap: people are drawn with replacement, each with all of the person's comparisons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.special import ndtri

LEVEL = 95.0
"""Per cent covered by an interval."""

_BATCH = 128


def identity_weights(n_people: int, replicates: int, seed: int) -> NDArray[np.int64]:
    """(R, P) int64: how often each person is drawn in each replicate; every row sums to P.

    The same seed and number of people give the same weights whatever the model, so replicates
    of two models over the same people are paired.
    """
    generator = np.random.default_rng(seed)
    weights = np.empty((replicates, n_people), dtype=np.int64)
    for r in range(replicates):
        weights[r] = np.bincount(generator.integers(n_people, size=n_people), minlength=n_people)
    return weights


def weighted_sums(weights: NDArray[np.int64], values: NDArray[np.generic]) -> NDArray[np.float64]:
    """``weights`` (R, P) times ``values`` (P, K) or (P,): (R, K) or (R,) float64.

    Each column is first rounded to a power-of-two step (some 1e-12 of its largest value for a few
    thousand people): too fine to show in any printed digit, and so coarse that every partial sum is
    exact and the result does not depend on the order or the threads of a library's sums.
    """
    wide = np.asarray(values, dtype=np.float64)
    columns = wide.reshape(len(wide), -1)
    limit = np.abs(columns).max(axis=0, initial=0.0) * max(1, int(weights[:1].sum()))
    shift = 52 - np.ceil(np.log2(np.maximum(limit, 2.0**-900))).astype(np.int32)
    fixed = np.rint(np.ldexp(columns, shift))
    sums = np.empty((len(weights), columns.shape[1]))
    for start in range(0, len(weights), _BATCH):
        sums[start : start + _BATCH] = weights[start : start + _BATCH].astype(np.float64) @ fixed
    exact: NDArray[np.float64] = np.ldexp(sums, -shift).reshape(len(weights), *wide.shape[1:])
    return exact


def ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """``numerator`` / ``denominator``, NaN where a replicate drew no one with a trial."""
    with np.errstate(divide="ignore", invalid="ignore"):
        divided: NDArray[np.float64] = np.where(denominator > 0, numerator / denominator, np.nan)
    return divided


def percentile_interval(replicates: NDArray[np.float64]) -> tuple[float, float] | None:
    """The central 95 % of the replicates; None where fewer than half of them (or two) are defined."""
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < max(2, len(replicates) / 2):
        return None
    low, high = np.percentile(defined, [50 - LEVEL / 2, 50 + LEVEL / 2])
    return float(low), float(high)


def wilson_interval(share: float, trials: int) -> tuple[float, float]:
    """Wilson's score interval (JASA 22, 1927, p. 209), 95 %, of a ``share`` of independent ``trials``."""
    z2 = float(ndtri(0.5 + LEVEL / 200)) ** 2
    middle = share + z2 / (2 * trials)
    reach = (z2 * share * (1 - share) / trials + (z2 / (2 * trials)) ** 2) ** 0.5
    scale = 1 + z2 / trials
    low = 0.0 if share == 0 else (middle - reach) / scale
    high = 1.0 if share == 1 else (middle + reach) / scale
    return low, high
