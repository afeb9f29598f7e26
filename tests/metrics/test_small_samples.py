"""Intervals of means over people, against leaving people out, Wilson's formula and simulated samples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from faceprobe.metrics.bootstrap import identity_weights, percentile_interval, weighted_sums
from faceprobe.metrics.small_samples import (
    Estimate,
    coverage_caution,
    mean_estimates,
    people_estimate,
    unchanging,
)
from faceprobe.metrics.weighting import WEIGHTINGS

NONE = np.zeros((0, 7), dtype=np.int64)


def test_influence_is_what_leaving_a_person_out_changes() -> None:
    rng = np.random.default_rng(1)
    trials = np.array([3, 1, 0, 5, 2, 2, 4])
    hits = rng.binomial(trials[:, None], [0.4, 0.7], (7, 2))
    for weighting in WEIGHTINGS:
        for k, one in enumerate(mean_estimates(hits, trials, weighting, NONE)):
            for person in range(7):
                rest = (np.arange(7) != person) & (trials > 0)
                shares = hits[rest, k] / trials[rest]
                weights = trials[rest] if weighting == "pair" else np.ones(rest.sum())
                without = np.average(shares, weights=weights)
                assert one.influence[person] == pytest.approx(one.value - without)
            counted = trials if weighting == "pair" else trials > 0
            assert np.allclose(one.share, counted / counted.sum())


def _wilson(rate: float, size: float, t: float) -> tuple[float, float]:
    """Solve |p - rate| = t sqrt(p (1 - p) / size) for p by its quadratic."""
    a, b, c = 1 + t * t / size, -(2 * rate + t * t / size), rate * rate
    root = np.sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def test_the_interval_is_wilsons_for_the_effective_trials_with_students_t() -> None:
    rng = np.random.default_rng(2)
    trials = np.full(40, 4)
    hits = rng.binomial(4, np.where(np.arange(40) < 8, 0.3, 0.97))[:, None]
    (one,) = mean_estimates(hits, trials, "identity", identity_weights(40, 4000, 0))
    variance = float(np.var(hits[:, 0] / 4, ddof=1)) / 39  # jackknife of a mean, times n / (n - 1)
    assert float((one.influence**2).sum()) == pytest.approx(variance)
    size = one.value * (1 - one.value) / variance
    expected = _wilson(one.value, size, student.ppf(0.975, one.effective_people))
    assert percentile_interval(one.replicates) == pytest.approx(expected, abs=0.012)


def test_where_nobody_differs_each_person_is_one_trial() -> None:
    weights = identity_weights(12, 4000, 0)
    for value in (0.0, 1.0):
        (one,) = mean_estimates(np.full((12, 1), 4 * value), np.full(12, 4), "pair", weights)
        assert one.flawless and not one.influence.any()
        low, high = _wilson(value, 12, student.ppf(0.975, 11))
        found = percentile_interval(one.replicates)
        assert found == pytest.approx((low, high), abs=0.003)
        assert any(r.code == "no-differences" for r in one.caution)
    assert unchanging(1.0, np.full(12, 1 / 12), weights).replicates.max() == 1.0


def _covered(people: int, ease: tuple[float, float], worlds: int) -> tuple[float, float]:
    """Shares of simulated samples whose interval holds the truth: this one's, and a plain bootstrap's."""
    rng = np.random.default_rng(people)
    truth = ease[0] / (ease[0] + ease[1])
    weights = identity_weights(people, 199, 0)
    held = np.zeros((worlds, 2))
    for world in range(worlds):
        hits = rng.binomial(4, rng.beta(*ease, people))
        (one,) = mean_estimates(hits[:, None], np.full(people, 4), "identity", weights)
        plain = weighted_sums(weights, hits / 4) / people
        for k, drawn in enumerate((one.replicates, plain)):
            low, high = percentile_interval(drawn) or (0.0, 1.0)
            held[world, k] = low <= truth <= high
    return tuple(held.mean(axis=0))


@pytest.mark.parametrize(("people", "ease"), [(12, (4.0, 0.4)), (25, (6.0, 0.12))])
def test_few_people_near_1_are_covered(people: int, ease: tuple[float, float]) -> None:
    ours, plain = _covered(people, ease, 300)
    assert plain < 0.88
    assert ours > 0.925


def test_small_differences_are_covered() -> None:
    """Added protection of .03 in 24 people: most differ by nothing."""
    rng = np.random.default_rng(3)
    weights, every = identity_weights(24, 199, 0), np.ones(24, dtype=np.bool_)
    held = np.zeros((300, 2))
    for world in range(300):
        change = (rng.random(24) < 0.04).astype(float) - (rng.random(24) < 0.01)
        one = people_estimate(change, every, weights, "difference")
        plain = weighted_sums(weights, change) / 24
        for k, drawn in enumerate((one.replicates, plain)):
            low, high = percentile_interval(drawn) or (-1.0, 1.0)
            held[world, k] = low <= 0.03 <= high
    ours, plain = held.mean(axis=0)
    assert plain < 0.8
    assert ours > 0.93


def test_values_without_bounds_have_students_interval() -> None:
    values = np.random.default_rng(4).normal(30.0, 2.0, 40)
    has = np.arange(40) < 15
    one = people_estimate(values, has, identity_weights(40, 4000, 0), "mean")
    assert one.value == pytest.approx(values[:15].mean())
    error = values[:15].std(ddof=1) / np.sqrt(14)
    reach = student.ppf(0.975, one.effective_people) * error
    low, high = percentile_interval(one.replicates) or (0.0, 0.0)
    assert (low, high) == pytest.approx((one.value - reach, one.value + reach), abs=0.15 * reach)


def test_below_thirty_people_coverage_is_not_assured() -> None:
    assert coverage_caution(30, 29.0, False) == ()
    (few,) = coverage_caution(29, 28.0, False)
    assert few.code == "coverage-not-assured" and "29 people" in few.text
    (decided,) = coverage_caution(300, 4.0, False)
    assert "4 effective people" in decided.text
    one = Estimate(0.5, np.zeros(40), np.full(40, 1 / 40), np.zeros(0), 39.0, False)
    assert one.caution == ()
