"""One mate among distractors, against plain Python."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceprobe.core.errors import BadInput
from faceprobe.data.embeddings import Embeddings, unit_rows
from faceprobe.data.templates import TemplateList
from faceprobe.metrics.bootstrap import identity_weights
from faceprobe.metrics.identification import distractors as module
from faceprobe.metrics.identification.distractors import Trials, compare_with_distractors, tail_tmr
from faceprobe.metrics.identification.gallery_size import chance_of_none
from faceprobe.metrics.weighting import WEIGHTINGS
from faceprobe.protocols import distractors as protocol
from faceprobe.protocols import evaluate
from faceprobe.results.result import Metric
from faceprobe.scores import exact_rows, pair_scores
from tests.helpers.templates_oracle import share, tmr_at


def crowd(seed: int, n_strangers: int = 23, n_people: int = 4, coarse: bool = True) -> Embeddings:
    """People with one to four photos among strangers; ``coarse`` vectors tie and repeat."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(n_people), [2, *rng.integers(1, 5, n_people - 1)])
    points = np.concatenate([rng.standard_normal((n_strangers, 5)), rng.standard_normal((n_people, 5))[who]])
    points[n_strangers:] += 0.7 * rng.standard_normal((len(who), 5))
    vectors = unit_rows((np.sign(points) if coarse else points).astype(np.float32))
    each = np.arange(len(vectors))
    people = [""] * n_strangers + [f"p{k}" for k in who]
    often = np.bincount(who)[who] > 1
    templates = TemplateList(
        row=each,
        template=each.astype(np.int32),
        media=np.zeros(len(each), dtype=np.int64),
        names=each.astype(np.str_),
        identities=np.array(people),
        galleries={"distractors": each[:n_strangers]},
        probes=(n_strangers + np.flatnonzero(often)).astype(np.int64),
    )
    return Embeddings(
        vectors,
        np.where(templates.identities == "", "distractor", templates.identities),
        np.array([f"{k:03d}.jpg" for k in each]),
        content=np.array([f"c{k}" for k in each]),
        templates=templates,
        identities_known=False,
    )


def measured(data: Embeddings, **options: Any) -> dict[tuple[str, str], Metric]:
    outcome = evaluate(data, ["identification/megaface"], **{"replicates": 0, **options})
    return {(m.metric, m.weighting): m for m in outcome.metrics}


def trials_of(data: Embeddings) -> list[tuple[int, int]]:
    t = data.templates
    assert t is not None
    own = t.identities
    return [(p, e) for p in t.probes.tolist() for e in t.probes.tolist() if p != e and own[p] == own[e]]


def scores_of(data: Embeddings) -> np.ndarray:
    rows = exact_rows(data.vectors)
    n = len(rows)
    left, right = np.indices((n, n)).reshape(2, -1)
    return pair_scores(rows, left, right).reshape(n, n)


@given(seed=st.integers(0, 10_000), coarse=st.booleans(), block=st.sampled_from([1, 3, 2048]))
@settings(max_examples=30, deadline=None)
def test_rank_one_against_every_subset_in_plain_python(seed: int, coarse: bool, block: int) -> None:
    data = crowd(seed, n_strangers=12, coarse=coarse)
    scores, before = scores_of(data), module.BLOCK
    module.BLOCK = block
    try:
        got = measured(data)
    finally:
        module.BLOCK = before
    t = data.templates
    assert t is not None
    for size, name in ((10, "10"), (12, "all")):
        hits = []
        for p, e in trials_of(data):
            subsets = list(combinations(range(12), size))
            won = sum(all(scores[p, d] < scores[p, e] for d in subset) for subset in subsets)
            hits.append((won / len(subsets), str(t.identities[p])))
        for weighting in WEIGHTINGS:
            row = got[f"rank1@distractors={name}", weighting]
            assert row.value == pytest.approx(share(hits, weighting), abs=1e-9)  # type: ignore[arg-type]
            assert row.n == len(hits)


@given(seed=st.integers(0, 10_000), coarse=st.booleans())
@settings(max_examples=20, deadline=None)
def test_tmr_at_a_strict_rate_against_plain_python(seed: int, coarse: bool) -> None:
    """With FMR 1e-2 in place of 1e-6, so that small worlds support it; subsets by a hash of the path."""
    data = crowd(seed, n_strangers=60, coarse=coarse)
    before = protocol.FMR
    protocol.FMR = 0.01
    try:
        got = measured(data)
    finally:
        protocol.FMR = before
    scores, t = scores_of(data), data.templates
    assert t is not None
    order = sorted(range(60), key=lambda k: _key(str(data.paths[k])))
    mated = [(float(scores[p, e]), str(t.identities[p])) for p, e in trials_of(data) if p < e]
    for name, some in (("10", order[:10]), ("all", order)):
        nonmated = [float(scores[p, d]) for p in t.probes.tolist() for d in some]
        for weighting in WEIGHTINGS:
            expected = tmr_at(mated, nonmated, 0.01, weighting)
            row = got[f"tmr@fmr=1e-6@distractors={name}", weighting]
            assert row.value == (None if expected is None else pytest.approx(expected, abs=1e-12))


def _key(path: str) -> bytes:
    import hashlib

    return hashlib.blake2b(path.encode(), digest_size=16).digest()


@given(st.integers(1, 60), st.data())
@settings(max_examples=60, deadline=None)
def test_the_chance_is_the_exact_fraction(total: int, data: Any) -> None:
    n = data.draw(st.integers(1, total))
    k = np.arange(total + 1)
    exact = [float(Fraction(math.comb(total - int(i), n), math.comb(total, n))) for i in k]
    np.testing.assert_allclose(chance_of_none(k, total, np.array([n]))[:, 0], exact, rtol=1e-11, atol=0)


def test_the_chance_holds_at_a_million() -> None:
    exact = float(Fraction(math.comb(999_993, 1000), math.comb(1_000_000, 1000)))
    assert chance_of_none(np.array([7]), 1_000_000, np.array([1000]))[0, 0] == pytest.approx(exact, rel=1e-10)


def test_the_tail_is_the_whole_list_from_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short tail that is cut again and again holds what sorting everything gives."""
    monkeypatch.setattr(module, "BLOCK", 16)
    data = crowd(5, n_strangers=3000, n_people=6, coarse=False)
    t, rows = data.templates, exact_rows(data.vectors)
    assert t is not None
    pairs = np.array(sorted(trials_of(data)))
    labels = np.full(len(t), -1, dtype=np.int32)
    labels[pairs[:, 0]] = np.unique(t.identities[pairs[:, 0]], return_inverse=True)[1]
    score = pair_scores(rows, pairs[:, 0], pairs[:, 1])
    order = np.lexsort((score, pairs[:, 0]))
    trials = Trials(pairs[order, 0], pairs[order, 1], labels[pairs[order, 0]], score[order])
    strangers = np.arange(3000)
    _, snapshots = compare_with_distractors(rows, labels, trials, strangers, [100, 3000], 1e-4)
    everything = np.sort(scores_block(rows, t.probes, strangers).ravel())[::-1]
    kept = snapshots[1].score
    assert 1000 <= len(kept) < len(everything) and (kept[:1000] == everything[:1000]).all()
    assert int(snapshots[1].compared.sum()) == len(everything)
    first = np.sort(scores_block(rows, t.probes, strangers[:100]).ravel())[::-1]
    assert (snapshots[0].score[:500] == first[:500]).all()


def scores_block(rows: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return rows[left].astype(np.float64) @ rows[right].astype(np.float64).T


def test_replicates_are_what_repeating_people_gives() -> None:
    data = crowd(9, n_strangers=50, n_people=5)
    t, rows, scores = data.templates, exact_rows(data.vectors), scores_of(data)
    assert t is not None
    pairs = np.array(sorted(trials_of(data)))
    names, who = np.unique(t.identities[pairs[:, 0]], return_inverse=True)
    labels = np.full(len(t), -1, dtype=np.int32)
    labels[pairs[:, 0]] = who
    score = scores[pairs[:, 0], pairs[:, 1]]
    order = np.lexsort((score, pairs[:, 0]))
    trials = Trials(pairs[order, 0], pairs[order, 1], labels[pairs[order, 0]], score[order])
    _, (snapshot,) = compare_with_distractors(rows, labels, trials, np.arange(50), [50], 0.05)
    once = trials.probe < trials.mate
    weights = identity_weights(len(names), 20, 1)
    found = tail_tmr(snapshot, trials.score[once], trials.label[once], 0.05, "pair", weights)
    for r, w in enumerate(weights):
        mated, nonmated = [], []
        for p, e in trials_of(data):
            if p < e:
                mated += [(float(scores[p, e]), "")] * int(w[labels[p]])
        for p in t.probes.tolist():
            nonmated += scores[p, :50].tolist() * int(w[labels[p]])
        assert found[r] == pytest.approx(tmr_at(mated, nonmated, 0.05, "pair"), abs=1e-12)


def test_duplicates_are_skipped_unless_they_are_kept() -> None:
    """A distractor that is a copy of the probe's file beats every mate: it is no candidate for that probe."""
    data = crowd(1, n_strangers=20, coarse=False)
    t = data.templates
    assert t is not None and data.content is not None
    before = scores_of(data)
    p, e = next((p, e) for p, e in trials_of(data) if (before[p, :20] < before[p, e]).all())
    vectors, content = data.vectors.copy(), data.content.copy()
    vectors[3], content[3] = vectors[p], content[p]
    copied = replace(data, vectors=vectors, content=content)
    scores, trials = scores_of(copied), trials_of(data)
    values = []
    for keep in (False, True):
        won = []
        for probe, mate in trials:
            candidates = [d for d in range(20) if keep or (probe, d) != (p, 3)]
            won.append(all(scores[probe, d] < scores[probe, mate] for d in candidates))
        got = measured(copied, keep_duplicates=keep)
        assert got["rank1@distractors=all", "pair"].value == pytest.approx(np.mean(won))
        values.append(np.mean(won))
        warned = "1 distractors are copies of searched photos" in got["n_trials", "none"].text
        assert warned != keep
    assert values[0] > values[1]
    vectors[e], content[e] = vectors[p], content[p]
    fewer = measured(replace(data, vectors=vectors, content=content))
    assert fewer["n_trials", "none"].value == len(trials) - 2
    assert "2 trials with a duplicate left out" in fewer["n_trials", "none"].text


def test_the_order_of_photos_changes_nothing() -> None:
    data = crowd(3)
    t = data.templates
    assert t is not None and data.content is not None
    order = np.random.default_rng(1).permutation(len(data))
    place = np.argsort(order)
    moved = replace(
        data,
        vectors=data.vectors[order],
        identities=data.identities[order],
        paths=data.paths[order],
        content=data.content[order],
        templates=replace(t, row=place[t.row]),
    )
    options = {"replicates": 50}
    assert measured(data, **options) == measured(moved, **options)


def test_intervals_and_what_is_lacking() -> None:
    data = crowd(2, n_people=9)
    got = measured(data, replicates=200)
    row = got["rank1@distractors=10", "identity"]
    assert row.value is not None and row.ci_low is not None and row.ci_high is not None
    assert row.ci_low <= row.value <= row.ci_high and "distractors held fixed" in row.ci_method
    assert "the mean over all subsets of 10; 23 distractors in all" in row.text
    assert data.templates is not None
    with pytest.raises(BadInput, match="it needs distractors and probes"):
        measured(replace(data, templates=replace(data.templates, galleries={})))
    with pytest.raises(BadInput, match="which people the probes show"):
        nobody = np.full(len(data.templates), "")
        measured(replace(data, templates=replace(data.templates, identities=nobody)))
    with pytest.raises(BadInput, match="no probe has a mate"):
        alone = np.array([f"x{k}" for k in range(len(data.templates))])
        measured(replace(data, templates=replace(data.templates, identities=alone)))
