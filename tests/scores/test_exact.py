from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceprobe.scores import exact_rows, pair_scores
from faceprobe.scores.exact import block_scores, set_copies


def _unit(seed: int, n: int, dim: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 700))
def test_scores_are_exact_rational_numbers(seed: int, dim: int) -> None:
    rows = exact_rows(_unit(seed, 3, dim))
    scores = block_scores(rows, 0, 3)
    for i in range(3):
        for j in range(3):
            exact = sum(
                Fraction(float(a)) * Fraction(float(b)) for a, b in zip(rows[i], rows[j], strict=True)
            )
            assert Fraction(float(scores[i, j])) == exact


def test_blocking_and_order_of_dimensions_change_no_bit() -> None:
    rows = exact_rows(_unit(1, 333, 257))
    whole = block_scores(rows, 0, 333)
    assert np.array_equal(whole, whole.T)
    for height in (1, 7, 100):
        parts = [block_scores(rows, s, min(333, s + height)) for s in range(0, 333, height)]
        assert np.array_equal(np.concatenate(parts), whole)
    turned = np.ascontiguousarray(rows[:, np.random.default_rng(2).permutation(257)])
    assert np.array_equal(block_scores(turned, 0, 333), whole)
    left, right = np.array([0, 5, 332]), np.array([1, 5, 100])
    assert np.array_equal(pair_scores(rows, left, right), [whole[0, 1], 1.0, whole[332, 100]])
    set_copies(whole, rows, rows)
    assert np.array_equal(np.flatnonzero(whole == 1), np.arange(333) * 334)


def test_rounding_moves_scores_by_less_than_1e_7() -> None:
    vectors = _unit(3, 400, 512)
    wide = vectors.astype(np.float64)
    moved = np.abs(block_scores(exact_rows(vectors), 0, 400) - wide @ wide.T)
    assert moved.max() < 1e-7
    assert np.sqrt(np.mean(moved**2)) < 1e-8


def test_rounding_twice_changes_nothing() -> None:
    rows = exact_rows(np.concatenate([_unit(4, 50, 3), np.eye(3, dtype=np.float32)]))
    assert np.array_equal(exact_rows(rows), rows)
    assert np.array_equal(np.ldexp(rows.astype(np.float64), 26) % 1, np.zeros_like(rows))


@pytest.mark.parametrize("bad", [np.nan, 2.0])
def test_rows_that_are_not_unit_are_refused(bad: float) -> None:
    vectors = _unit(5, 4, 8)
    vectors[2, 3] = bad
    with pytest.raises(ValueError, match="length 1"):
        exact_rows(vectors)
