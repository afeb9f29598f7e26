from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceprobe.metrics.bootstrap import identity_weights, percentile_interval, weighted_sums
from faceprobe.metrics.small_samples import Influence, widening
from faceprobe.metrics.verification.figures import Verification
from faceprobe.metrics.verification.folds import best_threshold, fold_accuracy
from faceprobe.metrics.verification.influence import log_fmr, mated_part, pair_surplus
from faceprobe.metrics.verification.intervals import deep_enough, verification_intervals
from faceprobe.metrics.weighting import WEIGHTINGS
from faceprobe.scores import ScoreSummary, exact_rows, mated_scores, sweep_pairs
from tests.helpers.simulated import simulated_summary


def test_identity_weights() -> None:
    weights = identity_weights(50, 400, seed=3)
    assert weights.shape == (400, 50)
    assert np.all(weights.sum(axis=1) == 50)
    assert weights.mean() == 1
    assert weights.var() == pytest.approx(1 - 1 / 50, abs=0.05)
    assert np.array_equal(weights, identity_weights(50, 400, seed=3))
    assert np.array_equal(weights[:10], identity_weights(50, 10, seed=3))
    assert not np.array_equal(weights, identity_weights(50, 400, seed=4))


@given(st.integers(0, 10_000), st.integers(1, 40), st.floats(1e-9, 1e9))
@settings(max_examples=40, deadline=None)
def test_weighted_sums_are_independent_of_order(seed: int, n_people: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    weights = identity_weights(n_people, 7, seed)
    values = scale * rng.standard_normal((n_people, 3))
    sums = weighted_sums(weights, values)
    assert np.allclose(sums, weights @ values, rtol=0, atol=1e-12 * scale * n_people)
    order = rng.permutation(n_people)
    assert np.array_equal(sums, weighted_sums(weights[:, order], values[order]))
    assert np.array_equal(weighted_sums(weights, values[:, 0]), sums[:, 0])


def test_weighted_sums_of_whole_numbers_are_exact() -> None:
    weights = identity_weights(30, 9, 0)
    counts = np.random.default_rng(0).integers(0, 10**9, size=(30, 4))
    assert np.array_equal(weighted_sums(weights, counts), weights @ counts)


def test_percentile_interval() -> None:
    assert percentile_interval(np.arange(1001) / 1000) == pytest.approx((0.025, 0.975))
    assert percentile_interval(np.array([np.nan, 1.0, 1.0, np.nan])) == (1.0, 1.0)
    assert percentile_interval(np.array([np.nan, 1.0, np.nan, np.nan])) is None
    assert percentile_interval(np.zeros(0)) is None


def _full_form(summary: ScoreSummary, v: Verification, w: np.ndarray) -> dict[str, dict[str, float]]:
    """EER, AUC and TMR of one replicate from every single comparison, weighted w_a * w_b."""
    labels, tail = summary.labels, summary.tail
    assert len(tail) == summary.n_nonmated
    counted = np.concatenate([[0], np.cumsum(w[labels[tail.left]] * w[labels[tail.right]])])
    reached, passed = counted[v.at_or_above] / counted[-1], counted[v.above] / counted[-1]
    found: dict[str, dict[str, float]] = {}
    for weighting in WEIGHTINGS:
        weights = w[v.label] * v.weights(weighting)
        kept = np.cumsum(weights) / weights.sum()
        crossing = np.argmax(reached >= 1 - kept)
        found[weighting] = {
            "eer": float(max(passed[crossing], 1 - kept[crossing])),
            "auc": float(np.sum(weights * (1 - (reached + passed) / 2)) / weights.sum()),
            "0.01": float(np.sum(weights[reached <= 0.01]) / weights.sum()),
        }
    return found


def test_row_sums_agree_with_the_full_form() -> None:
    """First order in the weights, checked against every comparison weighted w_a * w_b. The full form counts
    the chance in a pair of people up to three times, so it may be the wider one by some 10 %.
    """
    summary = simulated_summary(np.random.default_rng(7), 90)
    shallow = simulated_summary(np.random.default_rng(7), 90, tail_size=100)
    v = Verification.of(summary)
    weights = identity_weights(90, 250, 1)
    assert deep_enough(summary, 0.01)
    assert not deep_enough(shallow, 0.01)
    found = verification_intervals(summary, v, weights, [0.01])
    deep, rows = found.replicates, verification_intervals(shallow, v, weights, [0.01]).replicates
    full = [_full_form(summary, v, w) for w in weights]
    for weighting in WEIGHTINGS:
        for metric in ("eer", "auc", "0.01"):
            exact = np.array([f[weighting][metric] for f in full])
            for approximate in (deep[metric, weighting], rows[metric, weighting]):
                assert np.corrcoef(exact, approximate)[0, 1] > 0.95
                wide = widening(found.estimates[metric, weighting].effective_people)
                assert 0.85 < approximate.std() / (wide * exact.std()) < 1.15
                assert approximate.mean() == pytest.approx(exact.mean(), abs=0.35 * exact.std())
        assert np.corrcoef(deep["0.01", weighting], rows["0.01", weighting])[0, 1] > 0.99


def test_variance_of_a_rare_false_match_counts_a_pair_once() -> None:
    """With every false match between two people of its own the count is near Poisson: log FMR has the
    variance 1 / k, where row sums alone say 2 / k.
    """
    rng = np.random.default_rng(0)
    rows = exact_rows(_unit(rng.standard_normal((400, 40))))
    labels = np.repeat(np.arange(200, dtype=np.int32), 2)
    summary = sweep_pairs(rows, labels, mated_scores(rows, labels), tail_size=1000)
    values, factor = log_fmr(summary, 60)
    assert float((values**2).sum()) == pytest.approx(2 / 60, rel=0.5)
    assert factor**2 * float((values**2).sum()) == pytest.approx(1 / 60, rel=0.5)
    together = pair_surplus(summary, 60)
    photos = np.bincount(labels)
    brute = 0.0
    tail = summary.tail
    for a in range(200):
        for b in range(a + 1, 200):
            met = (summary.labels[tail.left[:60]] == a) & (summary.labels[tail.right[:60]] == b)
            brute += (met.sum() - 60 / summary.n_nonmated * photos[a] * photos[b]) ** 2
    assert together == pytest.approx(brute)


def test_jackknife_values_are_those_of_leaving_people_out() -> None:
    """FNMR and FMR at a fixed threshold, recomputed without each person in turn."""
    summary = simulated_summary(np.random.default_rng(2), 30)
    v = Verification.of(summary)
    allowed = 200
    hits = v.at_or_above <= allowed
    labels, tail = summary.labels, summary.tail
    false_match = np.arange(len(tail)) < allowed
    log_rate, _ = log_fmr(summary, allowed)
    for weighting in WEIGHTINGS:
        value = mated_part(v, np.bincount(v.label, hits, v.n_people), weighting)
        w = v.weights(weighting)
        for person in range(30):
            others = v.label != person
            without = np.average(hits[others], weights=w[others])
            assert value[person] == pytest.approx(np.average(hits, weights=w) - without)
    for person in range(30):
        rest = (labels[tail.left] != person) & (labels[tail.right] != person)
        rate = allowed / len(tail)
        assert log_rate[person] * rate == pytest.approx(rate - false_match[rest].mean())


def test_effective_people() -> None:
    rng = np.random.default_rng(1)
    assert Influence(rng.standard_normal(4000)).effective_people == pytest.approx(4000, rel=0.15)
    one = np.full(500, 0.01)
    one[0] = 9.0
    assert Influence(one).effective_people < 3
    assert Influence(np.zeros(5)).effective_people == 1.0
    assert widening(1e9) == pytest.approx(1, abs=1e-6)
    assert widening(4) == pytest.approx(2.776445 / 1.959964, abs=1e-5)


def test_no_error_leaves_room_for_some() -> None:
    """Where every mated comparison matches, each person is one trial of Wilson's interval."""
    rng = np.random.default_rng(3)
    centres = np.repeat(_unit(rng.standard_normal((50, 30))), 3, axis=0)
    rows = exact_rows(_unit(centres + 0.01 * rng.standard_normal(centres.shape)))
    labels = np.repeat(np.arange(50, dtype=np.int32), 3)
    summary = sweep_pairs(rows, labels, mated_scores(rows, labels), tail_size=20_000)
    v = Verification.of(summary)
    found = verification_intervals(summary, v, identity_weights(50, 2000, 0), [0.01]).replicates
    for weighting in WEIGHTINGS:
        interval = percentile_interval(found["0.01", weighting])
        assert interval is not None
        z = 1.959964 * widening(49)
        assert interval[1] == 1.0
        assert interval[0] == pytest.approx(1 / (1 + z * z / 50), abs=0.02)


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_d_prime_replicates_against_weighted_moments() -> None:
    summary = simulated_summary(np.random.default_rng(9), 80)
    v = Verification.of(summary)
    weights = identity_weights(80, 200, 2)
    labels, tail = summary.labels, summary.tail
    for weighting in WEIGHTINGS:
        approximate = verification_intervals(summary, v, weights, []).replicates["d_prime", weighting]
        exact = []
        for w in weights:
            other, own = w[labels[tail.left]] * w[labels[tail.right]], w[v.label] * v.weights(weighting)
            m0, m1 = np.average(tail.score, weights=other), np.average(v.score, weights=own)
            v0 = np.average((tail.score - m0) ** 2, weights=other)
            v1 = np.average((v.score - m1) ** 2, weights=own)
            exact.append(abs(m1 - m0) / np.sqrt((v1 + v0) / 2))
        assert np.corrcoef(exact, approximate)[0, 1] > 0.98
        assert approximate.std() == pytest.approx(np.std(exact), rel=0.08)


def test_no_resampling_gives_the_figures_themselves() -> None:
    """With every weight 1 each form returns the exact metric: nothing is shifted by the grid."""
    from faceprobe.metrics.verification.figures import auc, d_prime, eer, nonmated_moments, tmr

    summary = simulated_summary(np.random.default_rng(5), 60, tail_size=0)
    v = Verification.of(summary)
    ones = np.ones((1, 60), dtype=np.int64)
    found = verification_intervals(summary, v, ones, [0.01]).replicates
    for weighting in WEIGHTINGS:
        assert found["0.01", weighting][0] == pytest.approx(
            tmr(v, summary.n_nonmated // 100, weighting), abs=1e-12
        )
        assert found["eer", weighting][0] == pytest.approx(eer(v, weighting).value, abs=1e-12)
        assert found["auc", weighting][0] == pytest.approx(auc(v, weighting), abs=1e-9)
        assert found["d_prime", weighting][0] == pytest.approx(
            d_prime(v, nonmated_moments(summary), weighting), abs=1e-9
        )


def test_best_threshold_takes_the_lowest_of_the_best() -> None:
    score = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    same = np.array([False, True, False, True, True])
    assert best_threshold(score, same) == 0.2  # as good as 0.4
    assert best_threshold(np.array([0.5, 0.5]), np.array([True, False])) == 0.5


def test_fold_interval_and_replicates() -> None:
    rng = np.random.default_rng(0)
    fold = np.repeat(np.arange(10), 60)
    same = np.tile(np.arange(60) < 30, 10)
    measured = fold_accuracy(same + 0.6 * rng.standard_normal(600), same, fold)
    low, high = measured.interval()
    assert high - low == pytest.approx(2 * 2.2621571628 * measured.standard_error, rel=1e-9)
    replicates = measured.replicates(4000, seed=1)
    assert replicates.mean() == pytest.approx(measured.mean, abs=0.1 * measured.standard_error)
    assert replicates.std() == pytest.approx(measured.standard_error, rel=0.05)
