"""The few special functions that intervals and extrapolation need.

They replace scipy, which would be a fifth of the light installation and of its start. The tests compare every
one with scipy's of the same name: equal to 1e-12 of the value, or of 1 near a zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
"""Coefficients of x^-1, x^-3, ... in the logarithm of gamma (Abramowitz and Stegun 6.1.41)."""
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
"""Coefficients of x^-2, x^-4, ... in digamma (Abramowitz and Stegun 6.3.18), with the sign turned."""
_SHIFT = 12
"""Both series are used at x + _SHIFT where x is smaller: seven terms then leave less than 1e-15."""
_MANY = 1000.0
"""Degrees of freedom above which a quantile of t is that of a normal and four terms in 1 / df."""


def ndtri(p: ArrayLike) -> NDArray[np.float64]:
    """Quantile of the standard normal at ``p`` in [0, 1], any shape (M. Wichura, algorithm AS 241)."""
    return _each(_normal_quantile, p)


def ndtr(x: ArrayLike) -> NDArray[np.float64]:
    """Distribution function of the standard normal, any shape."""
    return _each(lambda value: 0.5 * math.erfc(-value / math.sqrt(2)), x)


def gammaln(x: ArrayLike) -> NDArray[np.float64]:
    """Logarithm of gamma at ``x`` > 0, any shape: Stirling's series. Infinite at 0, NaN below."""
    values = np.asarray(x, dtype=np.float64)
    if values.ndim == 0:
        value = float(values)
        return np.asarray(math.lgamma(value) if value > 0 else math.inf if value == 0 else math.nan)
    low = values < _SHIFT
    with np.errstate(divide="ignore", invalid="ignore"):
        if not low.any():
            return _stirling(values)
        rising = np.ones_like(values)
        for k in range(_SHIFT):  # gamma(x + n) = x (x + 1) ... (x + n - 1) gamma(x)
            rising *= np.where(low, values + k, 1.0)
        return np.where(
            values < 0, np.nan, _stirling(np.where(low, values + _SHIFT, values)) - np.log(rising)
        )


def _stirling(x: NDArray[np.float64]) -> NDArray[np.float64]:
    inverse = 1 / x
    square = inverse * inverse
    series: NDArray[np.float64] = square * _STIRLING[-1] + _STIRLING[-2]
    for coefficient in _STIRLING[-3::-1]:
        series = series * square + coefficient
    return (x - 0.5) * np.log(x) - x + 0.5 * math.log(2 * math.pi) + series * inverse


def digamma(x: ArrayLike) -> NDArray[np.float64]:
    """The derivative of :func:`gammaln` at ``x`` > 0, any shape."""
    values = np.asarray(x, dtype=np.float64)
    total, large = np.zeros_like(values), np.array(values)
    for _ in range(_SHIFT):  # digamma(x) = digamma(x + 1) - 1 / x
        low = large < _SHIFT
        total -= np.where(low, 1 / large, 0.0)
        large = np.where(low, large + 1, large)
    square, series = 1 / (large * large), np.zeros_like(large)
    for coefficient in reversed(_DIGAMMA):
        series = series * square + coefficient
    return np.asarray(total + np.log(large) - 0.5 / large - series * square, dtype=np.float64)


@lru_cache(maxsize=4096)
def stdtrit(df: float, p: float) -> float:
    """Quantile of Student's t with ``df`` > 0 degrees of freedom, also fractional, at ``p`` in (0, 1).

    NaN where ``df`` is not above 0. Up to 1,000 degrees the incomplete beta function is inverted; above, the
    expansion of Abramowitz and Stegun 26.7.5 is used, whose next term is below 1e-14.
    """
    df, p = float(df), float(p)
    if not df > 0 or not 0 <= p <= 1:
        return math.nan
    if p in (0.0, 1.0):
        return math.copysign(math.inf, p - 0.5)
    if p < 0.5:
        return -stdtrit(df, 1 - p)
    if df > _MANY:
        return _expanded(_normal_quantile(p), df)
    return _inverted(df, 1 - p)


def stdtr(df: float, t: float) -> float:
    """Distribution function of Student's t with ``df`` > 0 degrees of freedom, also fractional, at ``t``."""
    tail = _t_tail(abs(t), df)
    return tail if t < 0 else 1.0 - tail


def _normal_quantile(p: float) -> float:
    if 0 < p < 1:
        return NormalDist().inv_cdf(p)
    return -math.inf if p == 0 else math.inf if p == 1 else math.nan


def _each(function: Callable[[float], float], values: ArrayLike) -> NDArray[np.float64]:
    wide = np.asarray(values, dtype=np.float64)
    return np.array([function(v) for v in wide.ravel().tolist()], dtype=np.float64).reshape(wide.shape)


def _expanded(z: float, df: float) -> float:
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / df ** (k + 1) for k, term in enumerate(terms))


def _inverted(df: float, tail: float) -> float:
    """The t >= 0 that ``tail`` <= 1/2 of the distribution exceeds: Newton's steps on log t, in a bracket."""
    if tail == 0.5:
        return 0.0
    low, high = -745.0, 709.0
    log_t = 0.0
    for _ in range(200):
        t = math.exp(log_t)
        above = _t_tail(t, df)
        if above > tail:
            low = log_t
        else:
            high = log_t
        slope = t * _t_density(t, df)
        step = (above - tail) / slope if slope > 0 else math.inf
        further = log_t + step
        if not low < further < high:
            further = (low + high) / 2
        if abs(further - log_t) <= 1e-15 * max(1.0, abs(log_t)):
            break
        log_t = further
    return math.exp(log_t)


def _t_tail(t: float, df: float) -> float:
    """The share of Student's t above ``t`` >= 0: I_x(df / 2, 1 / 2) / 2 at x = df / (df + t^2)."""
    square = t * t
    x = df / (df + square) if math.isfinite(square) else 0.0
    y = square / (df + square) if math.isfinite(square) else 1.0
    return 0.5 * _beta_share(df / 2, 0.5, x, y)


def _t_density(t: float, df: float) -> float:
    log = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
    return math.exp(log - (df + 1) / 2 * math.log1p(t * t / df))


def _beta_share(a: float, b: float, x: float, y: float) -> float:
    """The regularised incomplete beta function I_x(a, b) with ``y`` = 1 - x, by its continued fraction
    (Abramowitz and Stegun 26.5.8, evaluated by Lentz's method), on the side where that converges quickly.
    """
    if x <= 0:
        return 0.0
    if y <= 0:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _beta_share(b, a, y, x)
    log = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(y)
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 500):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + factor * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + factor / c
            c = c if abs(c) > tiny else tiny
            value *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return math.exp(log) * value / a
