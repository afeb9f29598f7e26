from __future__ import annotations

import numpy as np
import pytest

from faceprobe.metrics.verification.figures import (
    Verification,
    allowed_false_matches,
    auc,
    d_prime,
    eer,
    nonmated_moments,
    roc,
    tmr,
)
from faceprobe.scores import exact_rows, mated_scores, sweep_pairs
from tests.helpers.simulated import simulated_vectors


def test_allowed_false_matches_is_the_floor_of_the_decimal_product() -> None:
    # 1e-3 * 3000 and 0.29 * 100 fall below 3 and 29 in binary floating point.
    assert allowed_false_matches(1e-3, 3000) == 3
    assert allowed_false_matches(0.29, 100) == 29
    assert allowed_false_matches(1e-6, 999_999) == 0
    assert allowed_false_matches(1e-5, 87_307_269) == 873


@pytest.fixture(scope="module")
def scored() -> tuple[Verification, object, np.ndarray, np.ndarray]:
    vectors, labels = simulated_vectors(np.random.default_rng(3), 70, photos=5)
    rows = exact_rows(vectors)
    summary = sweep_pairs(rows, labels, mated_scores(rows, labels))
    score = rows.astype(np.float64) @ rows.astype(np.float64).T
    i, j = np.triu_indices(len(rows), k=1)
    return Verification.of(summary), summary, score[i, j], labels[i] == labels[j]


def test_against_scikit_learn(scored: tuple[Verification, object, np.ndarray, np.ndarray]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    v, _, score, same = scored
    assert auc(v, "pair") == pytest.approx(metrics.roc_auc_score(same, score), abs=1e-12)
    fmr, match, _ = metrics.roc_curve(same, score, drop_intermediate=False)
    for target in (1e-4, 1e-3, 1e-2, 0.1):
        expected = match[np.flatnonzero(fmr <= target)[-1]]
        assert tmr(v, allowed_false_matches(target, v.n_nonmated), "pair") == pytest.approx(expected)
        assert roc(v, np.array([target]), "pair")[0] == pytest.approx(expected)
    crossing = eer(v, "pair")
    gap = np.argmin(np.abs(fmr - (1 - match)))
    assert crossing.value == pytest.approx((fmr[gap] + 1 - match[gap]) / 2, abs=2e-3)
    assert crossing.before[0] <= crossing.value <= crossing.after[0]
    assert crossing.after[1] <= crossing.value <= crossing.before[1]


def test_d_prime_against_numpy(scored: tuple[Verification, object, np.ndarray, np.ndarray]) -> None:
    v, summary, score, same = scored
    m1, m0 = score[same], score[~same]
    expected = abs(m1.mean() - m0.mean()) / np.sqrt((m1.var() + m0.var()) / 2)
    assert d_prime(v, nonmated_moments(summary), "pair") == pytest.approx(expected, rel=1e-10)


def test_identity_weighting_gives_every_person_the_same_say() -> None:
    """One person with 30 easy photos, nine with 3 hard ones."""
    rng = np.random.default_rng(0)
    photos = [30] + [3] * 9
    labels = np.repeat(np.arange(10, dtype=np.int32), photos)
    noise = np.where(labels == 0, 0.05, 2.0)
    rows = rng.standard_normal((10, 16))[labels] + noise[:, None] * rng.standard_normal((len(labels), 16))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    exact = exact_rows(rows.astype(np.float32))
    v = Verification.of(sweep_pairs(exact, labels, mated_scores(exact, labels)))
    by_pair, by_people = (tmr(v, 5, w) for w in ("pair", "identity"))
    assert by_pair > 0.94  # 435 of 462 comparisons are the first person's
    assert by_people < 0.5
    only = Verification.of(sweep_pairs(exact, labels, mated_scores(exact, labels)), v.label == v.label)
    assert tmr(only, 5, "pair") == by_pair


def test_an_equal_error_of_brackets_is_near_the_exact_one() -> None:
    """Where no scores around the crossing are kept, the histogram still places it."""
    rng = np.random.default_rng(12)
    labels = np.repeat(np.arange(150), 6).astype(np.int32)
    rows = rng.standard_normal((150, 24))[labels] + 2.0 * rng.standard_normal((900, 24))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    exact = exact_rows(rows.astype(np.float32))
    mated = mated_scores(exact, labels)
    sharp = Verification.of(sweep_pairs(exact, labels, mated, tail_size=10))
    blunt = Verification.of(
        sweep_pairs(exact, labels, mated, tail_size=10, all_pairs=0, window_size=0, block_rows=300)
    )
    for weighting in ("identity", "pair"):
        one, other = eer(sharp, weighting), eer(blunt, weighting)
        assert one.exact and not other.exact
        low, high = sorted((*other.before, *other.after))[::3]
        assert low <= one.value <= high
        assert other.value == pytest.approx(one.value, abs=5e-4)
