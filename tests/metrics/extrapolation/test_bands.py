"""Each extrapolation model against data that obey it, and the band against its parts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from faceprobe.metrics.extrapolation.bands import ALARM_MODELS, MODELS, SearchSample, back_test, extrapolate
from faceprobe.metrics.extrapolation.curves import (
    correctness,
    log_linear,
    pitman_yor,
    power_law,
    probit_linear,
)
from faceprobe.metrics.extrapolation.tails import binomial_pooled, pareto_by_probe

N = np.geomspace(50, 1500, 20)
FAR = np.array([5e3, 1e5])


def test_curves_that_obey_a_law_are_continued_by_it() -> None:
    assert log_linear(N, 0.99 - 0.02 * np.log(N), FAR) == pytest.approx(0.99 - 0.02 * np.log(FAR))
    assert probit_linear(N, ndtr(3 - 0.2 * np.log(N)), FAR) == pytest.approx(ndtr(3 - 0.2 * np.log(FAR)))
    assert power_law(N, 1 - 0.01 * N**0.3, FAR) == pytest.approx(np.maximum(1 - 0.01 * FAR**0.3, 0))
    for d, alpha in ((0.9, 4000.0), (0.5, 20_000.0)):
        share = correctness(d, alpha, N + 1)
        assert pitman_yor(N, share, FAR) == pytest.approx(correctness(d, alpha, FAR + 1), abs=2e-3)


@pytest.mark.parametrize(("d", "alpha"), [(0.6, 30.0), (0.0, 12.0)])
def test_correctness_is_the_share_of_distinct_draws(d: float, alpha: float) -> None:
    """The two-parameter Chinese restaurant: a new table has chance (alpha + d tables) / (alpha + n)."""
    expected, n = 0.0, 400
    for seated in range(n):
        expected += (alpha + d * expected) / (alpha + seated)
    assert correctness(d, alpha, np.array([float(n)]))[0] == pytest.approx(expected / n, rel=1e-9)


def test_a_pooled_rate_is_raised_to_the_number_of_impostors() -> None:
    grid, pooled = np.array([0.1, 0.2, 0.3]), np.array([1e-2, 1e-4, 0.0])
    weight = np.full(3, 1 / 3)
    got = binomial_pooled(weight, np.array([0.1, 0.15, 0.5]), grid, pooled, np.array([10.0, 1000.0]))
    for n, share in zip((10, 1000), got, strict=True):
        assert share == pytest.approx(((1 - 1e-2) ** n + (1 - 1e-3) ** n + 1) / 3, rel=1e-9)


def _world(rng: np.random.Generator, q: int, n: int, top: int = 32) -> tuple[np.ndarray, ...]:
    """Impostor scores with a Gaussian of its own for each probe, the true chance of one at a mate's score."""
    centre, spread = rng.normal(0.05, 0.03, q), rng.uniform(0.06, 0.1, q)
    scores = centre[:, None] + spread[:, None] * rng.standard_normal((q, n))
    mate = rng.normal(0.45, 0.12, q)
    rate = ndtr(-(mate - centre) / spread)
    ordered = -np.sort(-scores, axis=1)[:, :top]
    return mate, (scores >= mate[:, None]).sum(axis=1), ordered, scores, rate


def test_the_pareto_tail_follows_probes_that_differ() -> None:
    """Pooling hides that probes differ; a tail for each probe does not. Truth: each probe's own Gaussian."""
    rng = np.random.default_rng(1)
    q, n = 1500, 2000
    mate, k, top, _, rate = _world(rng, q, n)
    weight = np.full(q, 1 / q)
    sizes = np.array([20_000.0])
    truth = np.mean((1 - rate) ** 20_000)
    assert np.mean(k == 0) - truth > 0.05  # there is something to predict
    assert pareto_by_probe(weight, mate, k, top, n, sizes)[0] == pytest.approx(truth, abs=0.02)


def _observed(rng: np.random.Generator, q: int, n: int) -> tuple[SearchSample, np.ndarray]:
    mate, k, top, scores, rate = _world(rng, q, n)
    grid = np.quantile(mate, np.linspace(0, 1, 40))
    pooled = (scores.ravel() >= grid[:, None]).mean(axis=1)
    return SearchSample(np.full(q, 1 / q), mate, k, top, grid, pooled, n), rate


def test_a_band_starts_at_the_exact_value_and_falls() -> None:
    seen, _ = _observed(np.random.default_rng(2), 600, 1000)
    at_n = seen.exact(np.array([1000]))[0]
    band = extrapolate(seen, np.array([1000, 3000, 30_000]))
    assert set(band.predicted) == set(MODELS)
    for name, shares in band.predicted.items():
        assert shares[0] == pytest.approx(at_n, abs=1e-12), name
        assert np.all(np.diff(shares) <= 1e-9), name
    assert np.all(band.low <= band.middle)
    assert np.all(band.middle <= band.high)
    assert len(extrapolate(seen, np.array([3000]), ALARM_MODELS).predicted) == 4


def test_a_back_test_measures_what_lies_outside() -> None:
    seen, rate = _observed(np.random.default_rng(3), 600, 1000)
    exact = float(np.mean((1 - rate) ** 10_000))
    test = back_test(seen, 10_000, exact)
    band = extrapolate(seen, np.array([10_000]))
    low, high = float(band.low[0]), float(band.high[0])
    assert test.inside == (low <= exact <= high)
    assert test.errors["log-linear"] == pytest.approx(float(band.predicted["log-linear"][0]) - exact)
    outside = back_test(seen, 10_000, high + 0.02)
    assert (outside.below, outside.above) == pytest.approx((0.0, 0.02))
    ends = band.widened([test, outside], (0.01, 0.03), np.array([100.0]))
    miss = 2 * outside.above  # a hundredfold reach, tested tenfold
    assert ends[0][0] == pytest.approx(max(0.0, low - 0.01 - 2 * test.below))
    assert ends[1][0] == pytest.approx(min(1.0, high + 0.03 + miss))
