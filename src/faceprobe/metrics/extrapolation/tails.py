"""Extrapolation from the scores of impostors: the chance that one more of them reaches a score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def binomial_pooled(weight: Array, score: Array, grid: Array, pooled: Array, sizes: Array) -> Array:
    """(S,) share of searches without an impostor at or above ``score`` (Q,), where all comparisons are taken
    as independent and alike: (1 - F)**n, F the share of all comparisons at or above the score.

    F is interpolated in its logarithm between the scores of ``grid`` (K,).
    """
    counted = pooled > 0
    if not counted.any():
        return np.ones(len(sizes))
    log = np.interp(score, grid[counted], np.log(pooled[counted]), right=-np.inf)
    rate = np.exp(log)
    return _undisturbed(weight, rate, sizes)


def pareto_by_probe(
    weight: Array, score: Array, k: NDArray[np.int64], top: Array, n_impostors: int, sizes: Array
) -> Array:
    """(S,) share of undisturbed searches where each probe has its own tail of impostor scores.

    Above a probe's M-th nearest impostor u, the excess is generalised Pareto with the probe's own scale (its
    mean excess, shrunk towards the mean of all probes as much as it is noise) and one shape for all. No more
    than a quarter of the impostors count as tail. The chance that one more impostor reaches s is (M - 1) / N
    times the tail's; below u it is k / N. (J. Pickands, Annals of Statistics 3, 1975.)
    """
    held = min(int(np.min(np.isfinite(top).sum(axis=1))), n_impostors // 4)
    if held < 4:
        return _undisturbed(weight, k / n_impostors, sizes)
    threshold = top[:, held - 1]
    excess = np.maximum(top[:, : held - 1] - threshold[:, None], 0.0)
    mean = excess.mean(axis=1)
    scale = _shrunk(mean, held - 1)
    shape = _shape(excess / scale[:, None])
    reach = np.maximum(score - threshold, 0.0) / (scale * (1 - shape))
    tail = (held - 1) / n_impostors * _survival(reach, shape)
    rate = np.where(score >= threshold, tail, k / n_impostors)
    return _undisturbed(weight, np.minimum(rate, 1.0), sizes)


def _undisturbed(weight: Array, rate: Array, sizes: Array) -> Array:
    """(S,) mean over probes of (1 - rate)**n."""
    with np.errstate(divide="ignore"):
        log = np.log1p(-rate)
    log = np.maximum(log, -1e6)
    return np.array([float(weight @ np.exp(n * log)) for n in sizes])


def _shrunk(mean: Array, n: int) -> Array:
    """Each probe's mean excess of ``n`` values, shrunk towards the mean of all: by chance a mean of n
    excesses varies by about itself / sqrt(n), and variation beyond that belongs to the probe.
    """
    centre = float(mean.mean())
    if centre <= 0:
        return np.full(len(mean), 2.0**-40)
    chance = centre * centre / n
    own = max(0.0, float(mean.var()) - chance)
    share = own / (own + chance)
    return np.maximum(centre + share * (mean - centre), 2.0**-40 + 0.05 * centre)


def _shape(excess: Array) -> float:
    """The shape of generalised Pareto excesses by probability-weighted moments, within [-0.9, 0.9]: with
    a0 = E x and a1 = E x (1 - F(x)) it is 2 - a0 / (a0 - 2 a1) (J. Hosking, J. Wallis, Technometrics 29,
    1987).
    """
    values = np.sort(excess, axis=None)
    above = 1 - (np.arange(len(values)) + 0.65) / len(values)
    first, second = float(values.mean()), float((values * above).mean())
    spread = first - 2 * second
    return 0.0 if spread <= 0 else float(np.clip(2 - first / spread, -0.9, 0.9))


def _survival(reach: Array, shape: float) -> Array:
    """Chance that a generalised Pareto excess of scale 1 passes ``reach``."""
    if abs(shape) < 1e-6:
        return np.exp(-reach)
    inner = np.maximum(1 + shape * reach, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(inner > 0, np.power(np.maximum(inner, 1e-300), -1 / shape), 0.0))
