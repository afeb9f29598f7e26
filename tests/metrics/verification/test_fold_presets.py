"""The published ten-fold presets against their definitions, written out pair by pair in plain Python."""

from __future__ import annotations

import math
from statistics import mean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold

from faceprobe.metrics.verification.fold_presets import (
    INSIGHTFACE_GRID,
    contiguous_folds,
    facexzoo_accuracy,
    insightface_accuracy,
    squared_distances,
)

Oracle = tuple[list[float], list[float]]


def fold_ranges(n: int) -> list[range]:
    """Ten contiguous parts, the first n mod 10 of them one longer."""
    ranges, start = [], 0
    for k in range(10):
        size = n // 10 + (1 if k < n % 10 else 0)
        ranges.append(range(start, start + size))
        start += size
    return ranges


def insightface_oracle(distance: list[float], same: list[bool]) -> Oracle:
    accuracies, chosen = [], []
    for held in fold_ranges(len(same)):
        training = [i for i in range(len(same)) if i not in held]
        best, best_t = -1, 0.0
        for k in range(400):
            t = k * 0.01
            right = sum((distance[i] < t) == same[i] for i in training)
            if right > best:  # the first of equals stays
                best, best_t = right, t
        accuracies.append(sum((distance[i] < best_t) == same[i] for i in held) / len(held))
        chosen.append(best_t)
    return accuracies, chosen


def facexzoo_oracle(score: list[float], same: list[bool]) -> Oracle:
    accuracies, chosen = [], []
    for held in fold_ranges(len(same)):
        training = [i for i in range(len(same)) if i not in held]
        low, high = min(score[i] for i in training), max(score[i] for i in training)
        mated = [score[i] for i in training if same[i]]
        others = [score[i] for i in training if not same[i]]
        best, best_t = -math.inf, 0.0
        for k in range(1, 1001):
            t = low + (high - low) / 1000 * k
            youden = sum(s > t for s in mated) / len(mated) - sum(s > t for s in others) / len(others)
            if youden > best:
                best, best_t = youden, t
        right = sum(score[i] > best_t if same[i] else score[i] < best_t for i in held)
        accuracies.append(right / len(held))
        chosen.append(best_t)
    return accuracies, chosen


def random_pairs(seed: int, n: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores in [-1, 1] of ``n`` pairs, rounded to ``levels`` values (0 = not) so that ties are common."""
    rng = np.random.default_rng(seed)
    same = np.tile(np.repeat([True, False], 2), n)[:n]
    score = np.clip(rng.normal(np.where(same, 0.4, 0.1), 0.25), -1, 1)
    return (np.rint(score * levels) / levels if levels else score), same


@given(seed=st.integers(0, 10**6), n=st.integers(20, 53), levels=st.sampled_from([0, 3, 10, 50]))
@settings(max_examples=15, deadline=None)
def test_insightface_equals_its_definition(seed: int, n: int, levels: int) -> None:
    score, same = random_pairs(seed, n, levels)
    distance = 2 - 2 * score
    measured = insightface_accuracy(distance, same, contiguous_folds(n))
    accuracies, chosen = insightface_oracle(distance.tolist(), same.tolist())
    assert measured.accuracy.tolist() == accuracies
    assert measured.threshold.tolist() == chosen


@given(seed=st.integers(0, 10**6), n=st.integers(20, 53), levels=st.sampled_from([0, 3, 10, 50]))
@settings(max_examples=10, deadline=None)
def test_facexzoo_equals_its_definition(seed: int, n: int, levels: int) -> None:
    score, same = random_pairs(seed, n, levels)
    measured = facexzoo_accuracy(score, same, contiguous_folds(n))
    accuracies, chosen = facexzoo_oracle(score.tolist(), same.tolist())
    assert measured.accuracy.tolist() == accuracies
    assert measured.threshold.tolist() == chosen


@pytest.mark.parametrize("n", [10, 11, 19, 600, 6000, 6003, 7000])
def test_folds_are_those_of_kfold(n: int) -> None:
    fold = contiguous_folds(n)
    for k, (_, held) in enumerate(KFold(n_splits=10, shuffle=False).split(np.zeros(n))):
        np.testing.assert_array_equal(np.flatnonzero(fold == k), held)


def test_the_grid_is_the_published_one() -> None:
    np.testing.assert_array_equal(INSIGHTFACE_GRID, np.arange(0, 4, 0.01))
    assert len(INSIGHTFACE_GRID) == 400 and INSIGHTFACE_GRID[-1] < 4


def test_golden_values() -> None:
    """Two pairs a fold at distances 0.5 (mated) and 1.5, but fold 0's own mated pair at 1.0 and fold 1's
    non-mated one at 0.505: worked out by hand.
    """
    distance = np.tile([0.5, 1.5], 10)
    distance[0], distance[3] = 1.0, 0.505
    same = np.tile([True, False], 10)
    measured = insightface_accuracy(distance, same, contiguous_folds(20))
    # Held out 0: T = 0.5 rejects the mates at 0.5; from 0.51 on they match, and so does the stranger at
    # 0.505. The first best T is 0.51, with 9 mates and 8 strangers right. Fold 0's mate at 1.0 is rejected.
    assert measured.threshold[0] == 0.51 and measured.accuracy[0] == 0.5
    # Held out 1: 1.01 is right for all 9 + 9; then its own stranger at 0.505 is accepted.
    assert measured.threshold[1] == 1.01 and measured.accuracy[1] == 0.5
    # Any other: 0.51 gives 8 + 8 of 18, 1.01 gives 9 + 8.
    assert measured.threshold[2:].tolist() == [1.01] * 8 and measured.accuracy[2:].tolist() == [1.0] * 8
    assert measured.mean == pytest.approx(0.9)
    assert measured.sd == pytest.approx(0.2)
    assert measured.standard_error == pytest.approx(0.2 / 3)


def test_golden_values_of_facexzoo() -> None:
    """As above, in cosines: mates at 0.8, strangers at 0.2, but fold 0's mate at 0.3 and fold 1's stranger at
    0.5003. The 1,000 steps run from 0.2 to 0.8 in 0.0006.
    """
    score = np.tile([0.8, 0.2], 10)
    score[0], score[3] = 0.3, 0.5003
    measured = facexzoo_accuracy(score, np.tile([True, False], 10), contiguous_folds(20))
    # Held out 0: the first step with all 9 mates above and no stranger is the 501st.
    assert measured.threshold[0] == pytest.approx(0.5006) and measured.accuracy[0] == 0.5
    # Held out 1: the first step, 0.2006, is above all strangers; then its own stranger is accepted.
    assert measured.threshold[1] == pytest.approx(0.2006) and measured.accuracy[1] == 0.5
    # Any other: the first step has TPR 9/9 and FPR 1/9; later ones 8/9 and 0, no better.
    assert measured.threshold[2:] == pytest.approx([0.2006] * 8)
    assert measured.accuracy[2:].tolist() == [1.0] * 8
    assert measured.mean == pytest.approx(0.9) and measured.standard_error == pytest.approx(0.2 / 3)


def test_a_distance_at_the_threshold_does_not_match() -> None:
    """Mates at 0, strangers at 0.01: only T = 0.01 parts them, and it must not accept 0.01."""
    distance, same = np.tile([0.0, 0.01], 20), np.tile([True, False], 20)
    measured = insightface_accuracy(distance, same, contiguous_folds(40))
    assert measured.threshold.tolist() == [0.01] * 10 and measured.mean == 1.0


def test_facexzoo_counts_a_score_at_the_threshold_as_wrong_either_way() -> None:
    """With all scores equal, every threshold is that score and nothing is right; s >= T would give half."""
    same = np.tile([True, False], 20)
    assert facexzoo_accuracy(np.full(40, 0.25), same, contiguous_folds(40)).accuracy.tolist() == [0.0] * 10


def test_presets_differ_where_the_grid_is_too_coarse() -> None:
    """Mates at cosine .9990, strangers at .9980: both lie in one step of insightface's grid (distances
    .002 and .004), FaceX-Zoo's steps follow the scores.
    """
    score, same = np.tile([0.999, 0.998], 20), np.tile([True, False], 20)
    fold = contiguous_folds(40)
    assert insightface_accuracy(2 - 2 * score, same, fold).mean == 0.5
    assert facexzoo_accuracy(score, same, fold).mean == 1.0


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_squared_distances(seed: int) -> None:
    """Of any rows, by the cosine of the angle between them; duplicates are at exactly 0."""
    rng = np.random.default_rng(seed)
    left, right = rng.normal(size=(2, 5, 7)).astype(np.float32)
    right[4] = left[4]
    found = squared_distances(left, right)
    for a, b, d in zip(left.tolist(), right.tolist(), found.tolist(), strict=True):
        cosine = sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))
        assert d == pytest.approx(2 - 2 * cosine, abs=1e-12)
    assert found[4] == 0.0


def test_spreads_by_hand() -> None:
    score, same = random_pairs(7, 60, 0)
    measured = facexzoo_accuracy(score, same, contiguous_folds(60))
    values = measured.accuracy.tolist()
    deviation = [(v - mean(values)) ** 2 for v in values]
    assert measured.sd == pytest.approx(math.sqrt(sum(deviation) / 10))
    assert measured.standard_error == pytest.approx(math.sqrt(sum(deviation) / 9) / math.sqrt(10))
