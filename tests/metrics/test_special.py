"""The special functions and the simplex search, against scipy's of the same name."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import optimize, special

from faceprobe.metrics.extrapolation.simplex import minimum
from faceprobe.metrics.special import digamma, gammaln, ndtr, ndtri, stdtr, stdtrit

POSITIVE = np.concatenate([np.geomspace(1e-12, 1e12, 400), np.arange(1, 30), np.linspace(0.9, 2.2, 50)])
SHARES = np.concatenate([np.geomspace(1e-300, 0.4, 60), np.linspace(0.01, 0.99, 99), [1 - 1e-12, 0.0, 1.0]])


@pytest.mark.parametrize(
    ("own", "scipys", "values"),
    [
        (ndtri, special.ndtri, SHARES),
        (ndtr, special.ndtr, np.linspace(-38, 38, 201)),
        (gammaln, special.gammaln, np.append(POSITIVE, 0.0)),
        (digamma, special.digamma, POSITIVE),
    ],
)
def test_a_function_of_arrays_is_scipys(
    own: Callable[..., np.ndarray], scipys: Callable[..., np.ndarray], values: np.ndarray
) -> None:
    np.testing.assert_allclose(own(values), scipys(values), rtol=1e-12, atol=1e-13)
    assert own(values.reshape(1, -1)).shape == (1, len(values)) and own(values[3]).shape == ()


@pytest.mark.parametrize("df", [0.5, 1, 1.5, 2, 3.7, 9, 11, 30, 123.4, 999, 1001, 1e7, math.inf])
def test_a_quantile_of_t_is_scipys(df: float) -> None:
    shares = (1e-4, 0.025, 0.3, 0.5, 0.9, 0.975, 0.9999)
    found = [stdtrit(df, p) for p in shares]
    np.testing.assert_allclose(found, special.stdtrit(df, np.array(shares)), rtol=1e-11, atol=1e-15)


def test_where_scipy_gives_no_number_none_is_given() -> None:
    assert math.isnan(stdtrit(0.0, 0.9)) and math.isnan(stdtrit(math.nan, 0.9))
    assert (stdtrit(3.0, 0.0), stdtrit(3.0, 1.0)) == (-math.inf, math.inf)
    assert math.isnan(gammaln(-0.5)) and np.isnan(ndtri([-0.1, 1.1])).all()


def test_the_simplex_search_goes_scipys_way() -> None:
    def valley(x: np.ndarray) -> float:
        return float(100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2)

    for start in ([-1.2, 1.0], [0.0, 0.0], [3.0, -4.0]):
        options = {"xatol": 1e-7, "fatol": 1e-16, "maxiter": 2000}
        wanted = optimize.minimize(valley, start, method="Nelder-Mead", options=options)
        x, loss = minimum(valley, np.array(start), x_step=1e-7, loss_step=1e-16, rounds=2000)
        np.testing.assert_allclose(x, wanted.x, rtol=0, atol=1e-12)
        assert loss == pytest.approx(wanted.fun, abs=1e-20)
    short = optimize.minimize(valley, [-1.2, 1.0], method="Nelder-Mead", options={"maxiter": 30})
    x, _ = minimum(valley, np.array([-1.2, 1.0]), x_step=1e-9, loss_step=1e-16, rounds=30)
    np.testing.assert_allclose(x, short.x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("df", [0.7, 2.0, 3.3, 29.0, 5_000.0])
def test_students_distribution_function(df: float) -> None:
    values = np.array([-40.0, -3.1, -0.2, 0.0, 0.5, 8.0])
    np.testing.assert_allclose([stdtr(df, t) for t in values], special.stdtr(df, values), rtol=1e-10)
