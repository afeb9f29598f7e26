"""Paired tests of two figures, against brute force and textbook formulas."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from faceprobe.metrics.paired import PairedTest, paired_test, sign_flip_p
from faceprobe.metrics.small_samples import mean_estimates
from faceprobe.metrics.weighting import WEIGHTINGS, Weighting

NONE = np.zeros((0, 1), dtype=np.int64)


def _test(
    first: np.ndarray, second: np.ndarray, trials: np.ndarray, weighting: Weighting = "identity"
) -> PairedTest | None:
    sides = [
        mean_estimates(hits[:, None], trials, weighting, np.zeros((0, len(trials)), dtype=np.int64))[0]
        for hits in (first, second)
    ]
    a, b = sides
    return paired_test((a.value, b.value), (a.influence, b.influence), (a.share, b.share))


@given(st.lists(st.floats(-1, 1).filter(lambda x: abs(x) > 1e-3), min_size=1, max_size=9))
def test_sign_flips_by_trying_every_sign(values: list[float]) -> None:
    observed = abs(sum(values))
    every = product((1, -1), repeat=len(values))
    sums = [abs(sum(s * v for s, v in zip(signs, values, strict=True))) for signs in every]
    brute = np.mean([s >= observed - 1e-9 * sum(map(abs, values)) for s in sums])
    assert sign_flip_p(np.array(values)) == pytest.approx(brute)


@pytest.mark.parametrize(("differ", "least"), [(4, 0.125), (5, 0.0625), (6, 0.03125)])
def test_p_never_goes_below_what_sign_flips_can_reach(differ: int, least: float) -> None:
    """All who differ differ the same way, out of 40 people."""
    first, second = np.zeros(40), np.zeros(40)
    second[:differ] = 4
    found = _test(first, second, np.full(40, 4))
    assert found is not None
    assert (found.n_differ, found.least, found.p) == (differ, least, pytest.approx(least))


def test_people_who_differ_are_counted_in_both_weightings() -> None:
    """With unequal numbers of trials a person's influence is not 0 where nothing differs."""
    trials = np.array([1, 2, 7, 4, 12, 3, 0, 5])
    first = np.array([1, 1, 4, 2, 9, 0, 0, 5])
    second = first.copy()
    second[[2, 4, 5]] += 1
    for weighting in WEIGHTINGS:
        found = _test(first, second, trials, weighting)
        assert found is not None and found.n_differ == 3
        assert found.p == pytest.approx(0.25)


def test_many_small_differences_give_the_t_test() -> None:
    rng = np.random.default_rng(0)
    first = rng.binomial(50, 0.5, 60) / 1.0
    second = np.clip(first + rng.normal(0.5, 1.5, 60), 0, 50)
    found = _test(first, second, np.full(60, 50))
    assert found is not None
    expected = ttest_rel(second / 50, first / 50)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.06 * (high - low))
    assert found.p == pytest.approx(expected.pvalue, rel=0.25)
    assert found.low < 0 < found.high or found.p < 0.05


def test_the_interval_and_the_t_test_agree() -> None:
    rng = np.random.default_rng(1)
    for shift in np.linspace(0, 2, 15):
        first = rng.binomial(4, 0.5, 30) / 1.0
        second = np.clip(first + rng.normal(shift, 1.5, 30), 0, 4)
        found = _test(first, second, np.full(30, 4))
        assert found is not None
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high)


def test_a_difference_that_is_the_same_for_all_has_an_interval() -> None:
    found = _test(np.zeros(12), np.full(12, 4), np.full(12, 4))
    assert found is not None
    assert found.n_differ == 12 and found.p == pytest.approx(2.0**-11)
    assert 0.3 < found.low < found.high == 1


def test_nobody_differs() -> None:
    hits = np.array([4, 3, 4, 2, 4])
    assert _test(hits, hits, np.full(5, 4)) is None
    assert _test(np.full(5, 4), np.full(5, 4), np.full(5, 4)) is None


def test_figures_without_bounds() -> None:
    rng = np.random.default_rng(2)
    change = rng.normal(0.8, 0.3, 40)
    influence = (change - change.mean()) / 39
    shares = np.full(40, 1 / 40)
    values, influences = (2.0, 2.0 + change.mean()), (np.zeros(40), influence)
    found = paired_test(values, influences, (shares, shares), bounded=False)
    assert found is not None
    low, high = ttest_rel(change, np.zeros(40)).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.06 * (high - low))
