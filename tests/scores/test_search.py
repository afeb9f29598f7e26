"""The rectangular search against a plain program, over blocks, threads, ties and duplicates."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from faceprobe.core.errors import WrongUsage
from faceprobe.data.embeddings import unit_rows
from faceprobe.scores import exact_rows
from faceprobe.scores.search.memory import SearchLimits, plan_search
from faceprobe.scores.search.probes_against_gallery import SearchCounts, SearchRows, search_gallery
from tests.helpers.pairs_oracle import small_world


def _sides(seed: int, levels: int, keep: bool) -> tuple[SearchRows, SearchRows]:
    """Probes and a gallery that overlap, with ties, duplicates and people absent from the gallery."""
    data = small_world(seed, n=40, people=9, levels=levels, twins=6)
    labels = np.unique(data.identities, return_inverse=True)[1]
    order = np.argsort(labels, kind="stable")
    rows, labels = exact_rows(data.vectors[order]), labels[order]
    content = np.unique(rows, axis=0, return_inverse=True)[1].astype(np.int64)
    rng = np.random.default_rng(seed)
    picks = [np.sort(rng.choice(40, size, replace=False)) for size in (17, 31)]
    probes, gallery = (SearchRows.of(rows, labels, None if keep else content, p) for p in picks)
    return probes.take(rng.permutation(17)), gallery


def _plain(
    probes: SearchRows, gallery: SearchRows, thresholds: list[float], top: int
) -> list[tuple[object, ...]]:
    found = []
    for i in range(len(probes)):
        mates, others, everyone = [], {}, set()
        for j in range(len(gallery)):
            score = sum(a * b for a, b in zip(probes.rows[i].tolist(), gallery.rows[j].tolist(), strict=True))
            person = int(gallery.labels[j])
            if person != probes.labels[i]:
                everyone.add(person)
            if probes.numbers[i] == gallery.numbers[j]:
                continue
            if probes.content is not None and probes.content[i] == gallery.content[j]:
                continue
            if person == probes.labels[i]:
                mates.append(score)
            else:
                others.setdefault(person, []).append(score)
        mate = max(mates, default=np.inf)
        best = sorted((max(s) for s in others.values()), reverse=True)
        found.append(
            (
                mate if mates else None,
                sum(s >= mate for scores in others.values() for s in scores),
                sum(b >= mate for b in best),
                [sum(b >= t for b in best) for t in thresholds],
                (best + [-np.inf] * top)[:top],
                len(everyone),
            )
        )
    return found


def _rows(found: SearchCounts) -> list[tuple[object, ...]]:
    return [
        (
            None if np.isnan(found.mate[i]) else found.mate[i],
            found.photos[i],
            found.people[i],
            found.reached[i].tolist(),
            found.top[i].tolist(),
            found.n_people[i],
        )
        for i in range(len(found.mate))
    ]


@given(
    seed=st.integers(0, 10**6),
    levels=st.integers(0, 3),
    keep=st.booleans(),
    block=st.sampled_from([1, 7, 97]),
)
@settings(max_examples=40, deadline=None)
def test_every_count_equals_a_plain_program(seed: int, levels: int, keep: bool, block: int) -> None:
    probes, gallery = _sides(seed, levels, keep)
    scores = (probes.rows.astype(float) @ gallery.rows.astype(float).T).ravel()
    thresholds = [*np.random.default_rng(seed).choice(scores, 4), 2.0, float(scores[0])]
    found = search_gallery(
        probes, gallery, thresholds=np.array(thresholds), top=3, limits=SearchLimits(block_values=block)
    )
    assert _rows(found) == _plain(probes, gallery, thresholds, 3)


def _bulk() -> tuple[SearchRows, SearchRows, np.ndarray]:
    """Scores that crowd within float32 rounding of each other and of the thresholds."""
    rng = np.random.default_rng(5)
    centre = rng.standard_normal(96)
    rows = exact_rows(unit_rows((centre + 3e-3 * rng.standard_normal((900, 96))).astype(np.float32)))
    labels = np.sort(rng.integers(0, 250, 900))
    everything = np.arange(900)
    side = SearchRows.of(rows, labels, None, everything)
    exact = rows.astype(np.float64) @ rows.astype(np.float64).T
    return side.take(everything[::7]), side, np.quantile(exact, [0.2, 0.5, 0.9, 0.99])


def test_blocks_and_threads_change_nothing_where_float32_cannot_tell() -> None:
    probes, gallery, thresholds = _bulk()
    first = search_gallery(probes, gallery, thresholds=thresholds, top=5)
    exact = probes.rows.astype(np.float64) @ gallery.rows.astype(np.float64).T
    exact[probes.labels[:, None] == gallery.labels] = -np.inf
    best = np.maximum.reduceat(exact, np.flatnonzero(np.diff(gallery.labels, prepend=-1)), axis=1)
    assert np.array_equal(first.reached, (best[:, :, None] >= thresholds).sum(axis=1))
    assert np.array_equal(first.top, -np.sort(-best, axis=1)[:, :5])
    held = ~np.isnan(first.mate)
    assert np.array_equal(first.people[held], (best >= first.mate[:, None]).sum(axis=1)[held])
    assert np.array_equal(first.photos[held], (exact >= first.mate[:, None]).sum(axis=1)[held])
    for limits in (SearchLimits(1, 50), SearchLimits(2, 1_000), SearchLimits(1, 10**6), SearchLimits(64)):
        again = search_gallery(probes, gallery, thresholds=thresholds, top=5, limits=limits)
        for name in ("mate", "photos", "people", "reached", "top", "n_people"):
            assert np.array_equal(getattr(again, name), getattr(first, name), equal_nan=name == "mate")


def test_limits_hold_while_a_search_runs_and_no_longer() -> None:
    before = numba.get_num_threads()
    blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    assert blas
    with SearchLimits(threads=1).applied():
        assert numba.get_num_threads() == 1
        assert {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"} == {1}
    assert numba.get_num_threads() == before
    assert [p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"] == blas


def test_a_bound_on_memory_shortens_the_block_and_says_what_is_too_little() -> None:
    assert plan_search(10**9, "it", 3) == SearchLimits(3)
    assert plan_search(0, "it", 3, 10**9) == SearchLimits(3)
    some = plan_search(10**8, "it", 1, 12 * 10**7)
    assert 4 * some.block_values < 2 * 10**7 and some.block_values > 10**6
    with pytest.raises(WrongUsage, match="100 MB are not enough for it; at least 105 MB beyond the vectors"):
        plan_search(10**8, "it", 1, 10**8)


def test_skipped_comparisons_and_given_mates() -> None:
    probes, gallery = _sides(3, 3, True)
    plain = search_gallery(probes, gallery, top=2)
    person = int(gallery.labels[np.argmax(gallery.labels != probes.labels[0])])
    where = np.flatnonzero(gallery.labels == person)
    skipped = search_gallery(probes, gallery, skip=(np.zeros(len(where), dtype=np.int64), where), top=9)
    exact = probes.rows[0].astype(float) @ gallery.rows[where].astype(float).T
    assert exact.max() not in skipped.top[0]
    assert np.array_equal(plain.top[1:], skipped.top[1:, :2])
    low = search_gallery(probes, gallery, mate=np.full(len(probes), -1.0))
    assert np.array_equal(low.people, low.n_people)


def test_an_unsorted_gallery_is_refused() -> None:
    probes, gallery = _sides(1, 3, True)
    with pytest.raises(ValueError, match="ascend"):
        search_gallery(probes, gallery.take(np.arange(len(gallery))[::-1]))
