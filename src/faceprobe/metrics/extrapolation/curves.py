"""Laws with two parameters that continue a curve of shares against the number of impostors.

Each takes ``n`` (P,) and ``share`` (P,) to fit and ``sizes`` (S,) to predict, and returns (S,) in [0, 1].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.extrapolation.simplex import minimum
from faceprobe.metrics.special import digamma, gammaln, ndtr, ndtri

Array = NDArray[np.float64]

_EDGE = 1e-9


def log_linear(n: Array, share: Array, sizes: Array) -> Array:
    """share = a + b log n."""
    return np.asarray(np.clip(_line(np.log(n), share, np.log(sizes)), 0.0, 1.0))


def probit_linear(n: Array, share: Array, sizes: Array) -> Array:
    """share = Phi(a + b log n)."""
    probits = ndtri(np.clip(share, _EDGE, 1 - _EDGE))
    return np.asarray(ndtr(_line(np.log(n), probits, np.log(sizes))), dtype=np.float64)


def power_law(n: Array, share: Array, sizes: Array) -> Array:
    """1 - share = a n**b, the growth of FNIR reported by P. Grother et al., NISTIR 8271."""
    missed = np.log(np.clip(1 - share, _EDGE, 1.0))
    kept = 1 - np.exp(_line(np.log(n), missed, np.log(sizes)))
    return np.asarray(np.clip(kept, 0.0, 1.0), dtype=np.float64)


def pitman_yor(n: Array, share: Array, sizes: Array) -> Array:
    """The two-parameter Bayesian law of L. Rocher, J. Hendrickx, Y.-A. de Montjoye, "A scaling law to model
    the effectiveness of identification techniques", Nature Communications, 2025.

    Among n + 1 people, the people that a technique tells apart are like a sample from a Pitman-Yor process:
    the share identified correctly is the expected number of distinct values divided by the number of people.
    The fit is by least squares weighted with log n, from several starts.
    """
    people, asked = n + 1, sizes + 1
    weight = np.log(people)

    def loss(x: Array) -> float:
        found = correctness(*_parameters(x), people)
        return float(np.mean(weight * (found - share) ** 2)) if np.all(np.isfinite(found)) else 1e9

    starts = [np.array([d, a]) for d in (-2.0, 2.0, 5.0) for a in (0.0, 6.0, 12.0)]
    fits = [minimum(loss, start, x_step=1e-7, loss_step=1e-16, rounds=2000) for start in starts]
    best, _ = min(fits, key=lambda fit: fit[1])
    return np.clip(correctness(*_parameters(best), asked), 0.0, 1.0)


def correctness(d: float, alpha: float, n: Array) -> Array:
    """Expected number of distinct values among ``n`` draws from a Pitman-Yor process of discount ``d`` in
    [0, 1) and concentration ``alpha`` > 0, divided by n: ((alpha + d)_n / (alpha)_n - 1) alpha / (d n), where
    (x)_n is the rising factorial (J. Pitman, Combinatorial Stochastic Processes, 2006, section 3.3).
    """
    if d < 1e-9:
        return np.asarray(alpha / n * (digamma(n + alpha) - digamma(alpha)), dtype=np.float64)
    grown = gammaln(alpha + d + n) - gammaln(alpha + d) - gammaln(alpha + n) + gammaln(alpha)
    with np.errstate(over="ignore"):
        return np.asarray(np.expm1(grown) * alpha / (d * n), dtype=np.float64)


def _parameters(x: Array) -> tuple[float, float]:
    """Discount and concentration of unbounded numbers."""
    return 1 / (1 + float(np.exp(-np.clip(x[0], -30, 30)))), float(np.exp(np.clip(x[1], -20, 30)))


def _line(x: Array, y: Array, at: Array) -> Array:
    """The least-squares line through (x, y), at ``at``; constant where there is one point."""
    spread = x - x.mean()
    squares = float(spread @ spread)
    slope = float(spread @ y) / squares if squares > 0 else 0.0
    return np.asarray(y.mean() + slope * (at - x.mean()), dtype=np.float64)
