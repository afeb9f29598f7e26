"""The closed form of accuracy by gallery size: against every subset, random subsets and scipy."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from faceprobe.metrics.bootstrap import identity_weights
from faceprobe.metrics.identification.gallery_size import (
    chance_of_none,
    chance_within,
    mean_over_probes,
    probe_means,
)


@given(n=st.integers(1, 9), data=st.data())
@settings(max_examples=40, deadline=None)
def test_every_subset_of_a_tiny_set(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    size = data.draw(st.integers(0, n))
    rank = data.draw(st.integers(1, 4))
    above = set(range(k))
    ranks = [1 + len(above & set(chosen)) for chosen in combinations(range(n), size)]
    got = chance_within(np.array([k]), n, np.array([size]), rank)[0, 0]
    assert got == pytest.approx(np.mean([r <= rank for r in ranks]), abs=1e-12)


def test_random_subsets_of_impostors_agree() -> None:
    rng = np.random.default_rng(3)
    n, size, draws = 300, 40, 4000
    k = np.array([0, 1, 3, 17, 120, 300])
    counted = np.zeros((2, len(k)))
    for _ in range(draws):
        chosen = rng.permutation(n)[:size]
        x = (chosen[None, :] < k[:, None]).sum(axis=1)
        counted += [x <= 0, x <= 2]
    for rank, share in zip((1, 3), counted / draws, strict=True):
        exact = chance_within(k, n, np.array([size]), rank)[:, 0]
        assert np.all(np.abs(share - exact) <= 5 * np.sqrt(exact * (1 - exact) / draws) + 1e-12)


def test_large_numbers_agree_with_scipy() -> None:
    n = 399_999
    k = np.array([0, 1, 7, 900, 30_000, n])
    sizes = np.array([1, 99, 9_999, 250_000, n])
    for rank in (1, 10):
        expected = hypergeom.cdf(rank - 1, n, k[:, None], sizes[None, :])
        assert np.allclose(chance_within(k, n, sizes, rank), expected, rtol=0, atol=1e-8)
    exact = chance_of_none(np.array([2]), n, np.array([9_999]))[0, 0]
    assert exact == pytest.approx((n - 9_999) * (n - 10_000) / (n * (n - 1)), rel=1e-13)


def test_sizes_beyond_the_people_there_are_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 5"):
        chance_of_none(np.array([1]), 5, np.array([6]))


def test_means_and_influences_count_people() -> None:
    rng = np.random.default_rng(0)
    label = np.sort(rng.integers(0, 7, 40))
    values = rng.random((40, 2))
    weights = identity_weights(9, 30, seed=4)  # two people have no probe
    for weighting in ("identity", "pair"):
        one = mean_over_probes(values, label, weighting)
        people = [values[label == p] for p in range(9)]
        means = [p.mean(axis=0) for p in people if len(p)]
        expected = np.mean(means, axis=0) if weighting == "identity" else values.mean(axis=0)
        assert np.allclose(one, expected, atol=1e-13)
        found = probe_means(values, label, weights, weighting)
        assert [e.value for e in found] == pytest.approx(one)
        for p in np.unique(label):
            without = mean_over_probes(values[label != p], label[label != p], weighting)
            assert [e.influence[p] for e in found] == pytest.approx(one - without)
        drawn = np.column_stack([e.replicates for e in found])
        assert drawn.shape == (30, 2) and np.all((drawn > 0) & (drawn < 1))
