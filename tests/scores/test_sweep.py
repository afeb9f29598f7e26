from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceprobe.core.errors import WrongUsage
from faceprobe.data.embeddings import Embeddings, unit_rows
from faceprobe.protocols import evaluate
from faceprobe.scores import (
    Ranking,
    ScoreSummary,
    exact_rows,
    find_duplicates,
    mated_scores,
    offsets,
    plan_memory,
    sweep_pairs,
)


def _world(seed: int, n: int = 40, people: int = 9) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exact rows with many ties, sorted labels, content numbers with a few duplicates."""
    rng = np.random.default_rng(seed)
    labels = np.sort(np.concatenate([np.arange(people), rng.integers(people, size=n - people)]))
    rows = rng.integers(-2, 3, size=(n, 3)).astype(np.float64)
    rows[np.all(rows == 0, axis=1)] = 1.0
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    content = np.arange(n)
    content[rng.integers(n, size=4)] = content[0]
    return exact_rows(rows.astype(np.float32)), labels.astype(np.int32), content


def _sweep(seed: int, tail_size: int = 50, block_rows: int | None = None) -> ScoreSummary:
    rows, labels, content = _world(seed)
    mated = mated_scores(rows, labels, content)
    best = np.full(len(rows), np.nan)
    for score, i, j in zip(mated.score[::-1], mated.left[::-1], mated.right[::-1], strict=True):
        best[i] = best[j] = score
    gallery = np.arange(0, len(rows), 3)
    return sweep_pairs(
        rows,
        labels,
        mated,
        content=content,
        rankings=[Ranking(best), Ranking(best, gallery)],
        tail_size=tail_size,
        block_rows=block_rows,
    )


@given(st.integers(0, 10_000))
@settings(max_examples=12, deadline=None)
def test_everything_in_the_summary_against_plain_loops(seed: int) -> None:
    rows, labels, content = _world(seed)
    summary = _sweep(seed)
    score = rows.astype(np.float64) @ rows.astype(np.float64).T
    score[(rows[:, None] == rows).all(axis=2)] = 1.0
    n, people = len(rows), int(labels[-1]) + 1
    mated, strange = [], []
    for i in range(n):
        for j in range(i + 1, n):
            if content[i] != content[j]:
                (mated if labels[i] == labels[j] else strange).append((score[i, j], i, j))
    mated.sort(key=lambda p: (-p[0], p[1], p[2]))
    strange.sort(key=lambda p: (-p[0], p[1], p[2]))
    m, t = summary.mated, summary.tail
    assert list(zip(m.score, m.left, m.right, strict=True)) == mated
    assert list(zip(t.score, t.left, t.right, strict=True)) == strange[:50]
    assert summary.n_nonmated == len(strange)
    assert summary.at_or_above.tolist() == [sum(s >= a for s, _, _ in strange) for a, _, _ in mated]
    assert summary.above.tolist() == [sum(s > a for s, _, _ in strange) for a, _, _ in mated]
    edges = summary.grid.edges
    for a in range(people):
        own = [s for s, i, j in strange if a in (labels[i], labels[j])]
        assert summary.person_count[a] == len(own)
        off = [s - summary.moment_origin for s in own]
        assert summary.person_sum[a] == pytest.approx(sum(off), abs=1e-12)
        assert summary.person_squares[a] == pytest.approx(sum(s * s for s in off), abs=1e-12)
        assert summary.by_person[a].tolist() == [sum(s >= e for s in own) for e in edges]
    inner = summary.histogram_edges[1:-1]
    places = np.searchsorted(inner, [s for s, _, _ in strange], side="right")
    assert summary.histogram.tolist() == np.bincount(places, minlength=200).tolist()
    for ranks, gallery in zip(summary.ranks, (range(n), range(0, n, 3)), strict=True):
        for i in range(n):
            mates = [score[i, j] for j in range(n) if j != i and labels[j] == labels[i]]
            kept = [j for j in range(n) if content[j] != content[i]]
            mates = [score[i, j] for j in kept if j != i and labels[j] == labels[i]]
            above = [j for j in kept if j in gallery and labels[j] != labels[i]]
            expected = 1 + sum(score[i, j] >= max(mates) for j in above) if mates else 0
            assert ranks[i] == expected


@pytest.mark.parametrize("block_rows", [1, 7, 39, 40, 1000])
@pytest.mark.parametrize("tail_size", [0, 3, 50, 10_000])
def test_no_block_size_changes_a_bit(block_rows: int, tail_size: int) -> None:
    one, other = _sweep(5, tail_size), _sweep(5, tail_size, block_rows)
    for field in fields(ScoreSummary):
        if field.name != "counts":  # how they are known may differ, what they say may not
            _assert_same(getattr(one, field.name), getattr(other, field.name))


def _assert_same(one: object, other: object) -> None:
    if isinstance(one, np.ndarray):
        assert np.array_equal(one, other)
    elif isinstance(one, tuple):
        for a, b in zip(one, other, strict=True):
            _assert_same(a, b)
    elif hasattr(one, "__dataclass_fields__"):
        for field in fields(one):
            _assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
    else:
        assert one == other


def _large_world(seed: int, n: int = 700, people: int = 150, dim: int = 24, kind: str = "") -> tuple:
    """Exact rows without structure: "lattice" has ties everywhere, "narrow" all rows close together."""
    rng = np.random.default_rng(seed)
    labels = np.sort(np.concatenate([np.arange(people), rng.integers(people, size=n - people)]))
    rows = rng.standard_normal((people, dim))[labels] + rng.standard_normal((n, dim))
    if kind == "lattice":
        rows = np.rint(rows[:, :4]) + 0.0
        rows[np.all(rows == 0, axis=1)] = 1.0
    if kind == "narrow":
        rows = 1.0 + 1e-3 * rows
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    content = np.arange(n)
    content[rng.integers(n, size=6)] = content[0]
    return exact_rows(rows.astype(np.float32)), labels.astype(np.int32), content


def _allowed(n: int) -> list[int]:
    return [n // 3, n // 10, n // 100, n // 1000]


@pytest.mark.parametrize("kind", ["", "lattice", "narrow"])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("block_rows", "threads", "coded"), [(None, 1, False), (100, 2, False), (64, 3, False), (128, 2, True)]
)
def test_quick_tiles_give_what_float64_gives(
    kind: str, seed: int, block_rows: int, threads: int, coded: bool
) -> None:
    """Tail, ranks, moments and the thresholds asked for are equal; brackets hold the true counts."""
    rows, labels, content = _large_world(seed, kind=kind)
    mated = mated_scores(rows, labels, content)
    best = np.full(len(rows), np.nan)
    for score, i, j in zip(mated.score[::-1], mated.left[::-1], mated.right[::-1], strict=True):
        best[i] = best[j] = score
    rankings = [Ranking(best), Ranking(best, np.arange(0, len(rows), 5))]
    exact = sweep_pairs(rows, labels, mated, content=content, rankings=rankings, tail_size=500)
    fast = sweep_pairs(
        rows,
        labels,
        mated,
        content=content,
        rankings=rankings,
        allowed=_allowed,
        tail_size=500,
        block_rows=block_rows,
        threads=threads,
        all_pairs=0,
        coded=coded,
    )
    assert exact.counts.bins.exact and not fast.counts.bins.exact
    assert fast.n_nonmated == exact.n_nonmated == fast.counts.reached[0]
    _assert_same(fast.tail, exact.tail)
    _assert_same(fast.ranks, exact.ranks)
    for one, other in ((fast.person_sum, exact.person_sum), (fast.person_squares, exact.person_squares)):
        np.testing.assert_allclose(one, other, atol=1e-9)
    assert np.all(fast.above <= exact.above)
    assert np.all(fast.at_or_above >= exact.at_or_above)
    assert np.all(exact.exact)
    assert abs(fast.middle.sum() - exact.middle.sum()) <= 2e-3 * exact.middle.sum()
    descending = np.sort(np.concatenate([k.values for k in exact.counts.kept if k.low == -np.inf]))[::-1]
    for k in _allowed(exact.n_nonmated):
        assert fast.counts.resolved(k)
        high, low = fast.counts.around(descending[[k]])
        assert low[0] <= k < high[0]
        assert high[0] == np.count_nonzero(descending >= descending[k])
    assert abs(int(fast.histogram.sum()) - exact.n_nonmated) == 0


def test_a_tail_that_overflows_and_a_pilot_that_misleads() -> None:
    """The first people's rows hold all high scores, and nearly all scores tie."""
    rng = np.random.default_rng(3)
    labels = np.arange(900, dtype=np.int32)
    rows = np.tile([1.0, 0.0, 0.0], (900, 1)) + 0.0
    rows[30:] = [0.0, 1.0, 0.0]
    rows[:30] += 0.01 * rng.standard_normal((30, 3))
    rows[30:, 2] = rng.integers(0, 2, 870)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    exact_ones = exact_rows(rows.astype(np.float32))
    mated = mated_scores(exact_ones, labels)
    for size in (1, 400, 5000):
        slow = sweep_pairs(exact_ones, labels, mated, tail_size=size)
        fast = sweep_pairs(exact_ones, labels, mated, tail_size=size, block_rows=64, all_pairs=0, threads=2)
        _assert_same(fast.tail, slow.tail)


def test_where_an_outlier_makes_float32_too_coarse_float64_is_used() -> None:
    """All rows but one lie so close together that float32 errs by more than the scores differ."""
    rng = np.random.default_rng(5)
    rows = np.ones(64) + 1e-2 * rng.standard_normal((1200, 64))
    rows[600] = -rows[600]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    exact_ones = exact_rows(rows.astype(np.float32))
    labels = np.repeat(np.arange(400), 3).astype(np.int32)
    mated = mated_scores(exact_ones, labels)
    slow = sweep_pairs(exact_ones, labels, mated, tail_size=50)
    k = slow.n_nonmated // 100
    fast = sweep_pairs(
        exact_ones,
        labels,
        mated,
        tail_size=50,
        allowed=lambda n: [n // 100],
        block_rows=128,
        all_pairs=0,
        window_size=60_000,
    )
    assert fast.counts.bins.exact, "float32 could not place the threshold"
    assert fast.counts.nth(k) == slow.counts.nth(k) is not None
    _assert_same(fast.tail, slow.tail)
    assert np.all((fast.above <= slow.above) & (slow.at_or_above <= fast.at_or_above))


def test_scores_below_every_bin_are_not_counted_as_above() -> None:
    """A tight cluster, and a few rows far from it that the sample of typical scores does not see."""
    rng = np.random.default_rng(6)
    rows = np.ones(16) + 0.01 * rng.standard_normal((1500, 16))
    rows[3:8] = rng.standard_normal((5, 16))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    exact_ones = exact_rows(rows.astype(np.float32))
    labels = np.repeat(np.arange(300), 5).astype(np.int32)
    mated = mated_scores(exact_ones, labels)
    slow = sweep_pairs(exact_ones, labels, mated, tail_size=50)
    fast = sweep_pairs(
        exact_ones, labels, mated, tail_size=50, block_rows=300, all_pairs=0, window_size=10_000
    )
    assert np.all((fast.above <= slow.above) & (slow.at_or_above <= fast.at_or_above))


def test_the_least_memory_that_is_named_is_enough() -> None:
    labels = np.repeat(np.arange(1300), 10).astype(np.int32)
    with pytest.raises(WrongUsage, match="not enough to compare 13,000 photos") as caught:
        plan_memory(labels, 128, 300_000, threads=2, max_memory=10**6)
    least = int(str(caught.value).split("at least ")[1].split(" ")[0].replace(",", ""))
    limits = plan_memory(labels, 128, 300_000, threads=2, max_memory=least * 10**6)
    assert limits.bytes <= least * 10**6
    free = plan_memory(labels, 128, 300_000, threads=2)
    assert (free.threads, free.tail_size) == (2, 300_000) and free.bytes > limits.bytes


def test_duplicates_of_three_make_three_pairs() -> None:
    labels = np.array([0, 0, 1, 1, 2], dtype=np.int32)
    duplicates = find_duplicates(labels, np.array([7, 7, 7, 1, 2]))
    assert (duplicates.n_mated, duplicates.n_nonmated) == (1, 2)
    assert sorted(duplicates.rows) == [0, 1, 2]
    # Weights 2 and 3: the non-mated pairs (0, 2) and (1, 2) count 6 each.
    assert duplicates.nonmated_weight(np.array([[2, 3, 1], [1, 1, 1]])).tolist() == [12, 2]
    assert find_duplicates(labels, None).n_nonmated == 0


def test_concentrated_scores_are_still_told_apart() -> None:
    """Vectors of a random network all point the same way; the grid must follow."""
    rng = np.random.default_rng(0)
    rows = 1.0 + 1e-3 * rng.standard_normal((60, 16))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    exact = exact_rows(rows.astype(np.float32))
    labels = np.repeat(np.arange(20), 3).astype(np.int32)
    summary = sweep_pairs(exact, labels, mated_scores(exact, labels))
    share = summary.by_person.sum(axis=0) / 2 / summary.n_nonmated
    assert np.count_nonzero((share > 0.01) & (share < 0.99)) > 25
    assert np.count_nonzero(summary.histogram) > 50


@pytest.mark.parametrize("labels", [[], [1, 1], [0, 2], [0, 1, 0]])
def test_labels_must_be_sorted_and_without_gaps(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="labels"):
        offsets(np.array(labels, dtype=np.int32))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_rows_that_are_all_equal_or_opposite_are_counted(sign: float) -> None:
    """A model that answers the same for everything: rounding puts scores a little beyond 1 or -1."""
    row = np.random.default_rng(5).normal(size=8)
    data = Embeddings(
        vectors=unit_rows(np.stack([row, row, sign * row, sign * row])),
        identities=np.array(["a", "a", "b", "b"]),
        paths=np.array(["0", "1", "2", "3"]),
        content=np.array(["0", "1", "2", "3"]),
    )
    outcome = evaluate(data, ["verification/all-pairs"], replicates=0)
    rows = {(m.metric, m.weighting): m.value for m in outcome.metrics}
    assert rows["auc", "pair"] == (0.5 if sign > 0 else 1.0)
