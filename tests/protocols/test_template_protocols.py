"""IJB's protocols against plain Python and scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from faceprobe.core.errors import BadInput
from faceprobe.data.embeddings import Embeddings, unit_rows
from faceprobe.data.templates import TemplateList
from faceprobe.metrics.bootstrap import identity_weights
from faceprobe.metrics.identification.template_search import search_replicates, search_templates
from faceprobe.metrics.templates import pool_templates
from faceprobe.metrics.verification.pair_list import PairScores, nearest_tmr, pair_replicates
from faceprobe.metrics.weighting import WEIGHTINGS
from faceprobe.protocols import PROTOCOLS, evaluate
from faceprobe.results.result import Metric
from faceprobe.scores import exact_rows, pair_scores
from tests.helpers.templates_oracle import (
    equal_error,
    open_set,
    share,
    shuffle_photos,
    template_world,
    tmr_at,
)

NAMES = ("ijb/1:1", "ijb/1:1-nearest", "ijb/1:1-mean", "ijb/1:N")


def measured(data: Embeddings, *names: str, replicates: int = 0) -> dict[tuple[str, str, str], Metric]:
    try:
        outcome = evaluate(data, list(names), replicates=replicates)
    except BadInput as error:
        if "vector of zeros" in str(error):  # coarse vectors of one template cancel out: no world to measure
            reject()
        raise
    return {(m.protocol, m.metric, m.weighting): m for m in outcome.metrics}


def rows_of(data: Embeddings, preset: str = "score-media") -> np.ndarray:
    assert data.templates is not None
    try:
        return exact_rows(pool_templates(data.vectors, data.paths, data.templates, preset))
    except BadInput:
        reject()


def listed(data: Embeddings, preset: str = "score-media") -> tuple[list[tuple[float, str]], list[float]]:
    """Mated scores with their people, and non-mated scores, one loop."""
    t, rows = data.templates, rows_of(data, preset)
    assert t is not None
    mated, nonmated = [], []
    for left, right, same in zip(t.left, t.right, t.same, strict=True):
        score = sum(float(a) * float(b) for a, b in zip(rows[left], rows[right], strict=True))
        if same:
            mated.append((score, str(t.identities[left])))
        else:
            nonmated.append(score)
    return mated, nonmated


@given(seed=st.integers(0, 10_000), coarse=st.booleans())
@settings(max_examples=25, deadline=None)
def test_one_to_one_against_plain_python(seed: int, coarse: bool) -> None:
    data = template_world(seed, coarse=coarse)
    got = measured(data, "ijb/1:1", "ijb/1:1-mean")
    for protocol, preset in (("ijb/1:1", "score-media"), ("ijb/1:1-mean", "mean")):
        mated, nonmated = listed(data, preset)
        for weighting in WEIGHTINGS:
            for k in range(1, 7):
                expected = tmr_at(mated, nonmated, float(f"1e-{k}"), weighting)
                row = got[protocol, f"tmr@fmr=1e-{k}", weighting]
                assert row.value == (None if expected is None else pytest.approx(expected, abs=1e-12))
                assert row.n == len(mated)
        for weighting in WEIGHTINGS:
            expected = equal_error(mated, nonmated, weighting)
            assert got[protocol, "eer", weighting].value == pytest.approx(expected, abs=1e-12)
        area = roc_auc_score([1] * len(mated) + [0] * len(nonmated), [s for s, _ in mated] + nonmated)
        assert got[protocol, "auc", "pair"].value == pytest.approx(area, abs=1e-12)
        assert got[protocol, "n_nonmated", "none"].value == len(nonmated)


@given(seed=st.integers(0, 10_000), coarse=st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_nearest_rate_is_read_off_as_public_code_does(seed: int, coarse: bool) -> None:
    data = template_world(seed, coarse=coarse)
    mated, nonmated = listed(data)
    fpr, tpr, _ = roc_curve([1] * len(mated) + [0] * len(nonmated), [s for s, _ in mated] + nonmated)
    fpr, tpr = fpr[::-1], tpr[::-1]
    got = measured(data, "ijb/1:1-nearest")
    for k in range(1, 7):
        near = min((abs(f - 10.0**-k), i) for i, f in enumerate(fpr))[1]
        row = got["ijb/1:1-nearest", f"tmr@fmr=1e-{k}", "pair"]
        assert row.value == pytest.approx(tpr[near], abs=1e-12)
        assert f"at FMR {fpr[near]:.6g}," in row.text


def test_nearest_may_lie_above_the_target() -> None:
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    same = np.array([True, False, True, False, False, True])
    people = np.zeros(6, dtype=np.int32)
    found = nearest_tmr(PairScores(score, same, people, people, 1), [0.3, 0.5])
    assert found[0] == pytest.approx((2 / 3, 1 / 3))
    assert found[1] == pytest.approx((2 / 3, 1 / 3))  # 2/3 is no corner: two equal steps meet there


@given(seed=st.integers(0, 10_000), coarse=st.booleans())
@settings(max_examples=25, deadline=None)
def test_one_to_many_against_plain_python(seed: int, coarse: bool) -> None:
    data = template_world(seed, n_people=6, n_templates=40, coarse=coarse)
    t, rows = data.templates, rows_of(data)
    assert t is not None
    scores = [[sum(float(x) * float(y) for x, y in zip(a, b, strict=True)) for b in rows] for a in rows]
    got = measured(data, "ijb/1:N")
    identities, probes = t.identities.tolist(), t.probes.tolist()
    for weighting in WEIGHTINGS:
        for fpir in (0.1, 0.01, 0.001):
            own = []
            for name, gallery in t.galleries.items():
                expected = open_set(scores, identities, probes, gallery.tolist(), fpir, weighting)
                row = got["ijb/1:N", f"fnir@fpir={fpir:g}/{name}", weighting]
                assert row.value == (None if expected is None else pytest.approx(expected, abs=1e-12))
                assert expected is not None or "not supported" in row.text
                own.append(expected)
            mean = None if None in own else pytest.approx(sum(own) / 2, abs=1e-12)
            assert got["ijb/1:N", f"fnir@fpir={fpir:g}", weighting].value == mean
        for k in (1, 5, 10):
            own = []
            for gallery in t.galleries.values():
                hits = []
                for p in probes:
                    mates = [scores[p][g] for g in gallery if identities[g] == identities[p]]
                    if mates:
                        others = [scores[p][g] for g in gallery if identities[g] != identities[p]]
                        hits.append((1 + sum(s >= max(mates) for s in others) <= k, identities[p]))
                own.append(share(hits, weighting))
            value = got["ijb/1:N", f"rank{k}", weighting].value
            assert value == pytest.approx(sum(own) / 2, abs=1e-12)


def test_galleries_are_never_merged() -> None:
    """A stranger in the other gallery who beats the mate changes nothing."""
    vectors = np.eye(4, dtype=np.float32)[[0, 1, 0, 2, 2]]
    names = np.array(["a", "b", "a", "b", "b"])
    each = np.arange(5)
    templates = TemplateList(
        row=each,
        template=each.astype(np.int32),
        media=each,
        names=np.array([str(k) for k in each]),
        identities=names,
        galleries={"G1": np.array([0]), "G2": np.array([1])},
        probes=np.array([2, 3, 4]),
    )
    data = Embeddings(vectors, names, templates.names, templates=templates)
    got = measured(data, "ijb/1:N")
    assert got["ijb/1:N", "rank1/G1", "pair"].value == 1.0
    assert got["ijb/1:N", "rank1/G2", "pair"].value == 1.0  # merged, b's probes would tie with a's template
    assert got["ijb/1:N", "n_mated/G2", "none"].value == 2
    assert got["ijb/1:N", "n_nonmated/G2", "none"].value == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_photos_changes_nothing(name: str) -> None:
    data = template_world(11)
    first = evaluate(data, [name], replicates=20)
    again = evaluate(shuffle_photos(data, 2), [name], replicates=20)
    assert first.metrics == again.metrics


def test_scores_of_listed_pairs_are_the_exact_ones() -> None:
    rng = np.random.default_rng(0)
    rows = exact_rows(unit_rows(rng.standard_normal((50, 33)).astype(np.float32)))
    left, right = rng.integers(0, 50, (2, 1000))
    seen: list[int] = []
    got = pair_scores(rows, left, right, seen.append, chunk=300)
    wide = rows.astype(np.float64)
    exact = np.einsum("ij,ij->i", wide[left], wide[right])
    assert np.array_equal(got, np.where(left == right, 1.0, exact))
    assert np.array_equal(got, pair_scores(rows, left, right))
    assert seen == [300, 300, 300, 100]


def test_replicates_are_what_repeating_people_gives() -> None:
    """Each replicate against the plain definition on comparisons repeated w_a times, or w_a * w_b times."""
    data = template_world(21, coarse=True)
    t = data.templates
    assert t is not None
    people, label = np.unique(t.identities, return_inverse=True)
    weights = identity_weights(len(people), 12, 5)
    score = pair_scores(rows_of(data), t.left, t.right)
    scores = PairScores(score, t.same, *(label[s].astype(np.int32) for s in (t.left, t.right)), len(people))
    found = pair_replicates(scores, weights, [0.1])
    for r, w in enumerate(weights):
        mated: list[tuple[float, str]] = []
        nonmated: list[float] = []
        for s, same, a, b in zip(score, t.same, scores.left, scores.right, strict=True):
            if same:
                mated += [(s, str(a))] * int(w[a])
            else:
                nonmated += [s] * int(w[a] * w[b])
        expected = tmr_at(mated, nonmated, 0.1, "pair")
        assert found["0.1", "pair"][r] == pytest.approx(expected, abs=1e-12)
        area = roc_auc_score([1] * len(mated) + [0] * len(nonmated), [s for s, _ in mated] + nonmated)
        assert found["auc", "pair"][r] == pytest.approx(area, abs=1e-12)
        own = {who: [s for s, name in mated if name == who] for who in {name for _, name in mated}}
        over = [
            (sum(s > limit for s in v) / len(v), w[int(who)])
            for who, v in own.items()
            for limit in [_limit(nonmated)]
        ]
        by_people = sum(value * n for value, n in over) / sum(n for _, n in over)
        assert found["0.1", "identity"][r] == pytest.approx(by_people, abs=1e-12)


def _limit(nonmated: list[float]) -> float:
    return sorted(nonmated, reverse=True)[len(nonmated) // 10]


def test_plain_weights_give_the_figures_themselves() -> None:
    data = template_world(4)
    got = measured(data, "ijb/1:1")
    t = data.templates
    assert t is not None
    people, label = np.unique(t.identities, return_inverse=True)
    score = pair_scores(rows_of(data), t.left, t.right)
    scores = PairScores(score, t.same, *(label[s].astype(np.int32) for s in (t.left, t.right)), len(people))
    once = pair_replicates(scores, np.ones((1, len(people)), dtype=np.int64), [0.1])
    for weighting in WEIGHTINGS:
        for key, metric in (("0.1", "tmr@fmr=1e-1"), ("eer", "eer"), ("auc", "auc")):
            value = got["ijb/1:1", metric, weighting].value
            assert once[key, weighting][0] == pytest.approx(value, abs=1e-12)


def test_search_replicates_are_what_repeating_searches_gives() -> None:
    data = template_world(8, n_people=6, n_templates=60, coarse=True)
    t, rows = data.templates, rows_of(data)
    assert t is not None
    people, label = np.unique(t.identities, return_inverse=True)
    weights = identity_weights(len(people), 15, 3)
    gallery = t.galleries["G1"]
    s = search_templates(rows, label.astype(np.int32), t.probes, gallery, len(people))
    found = {w: search_replicates(s, weights, [0.1], [1], w) for w in WEIGHTINGS}
    scores = [[sum(float(x) * float(y) for x, y in zip(a, b, strict=True)) for b in rows] for a in rows]
    for r, w in enumerate(weights):
        probes = [int(p) for p in t.probes for _ in range(int(w[label[p]]))]
        expected = open_set(scores, t.identities.tolist(), probes, gallery.tolist(), 0.1, "pair")
        assert found["pair"]["0.1"][r] == pytest.approx(expected, abs=1e-9)
    once = search_replicates(s, np.ones((1, len(people)), dtype=np.int64), [0.1], [1], "identity")
    got = measured(data, "ijb/1:N")
    assert once["0.1"][0] == pytest.approx(got["ijb/1:N", "fnir@fpir=0.1/G1", "identity"].value, abs=1e-9)


def test_every_figure_has_an_interval_and_its_conventions() -> None:
    data = template_world(2, n_people=12, n_templates=90)
    got = measured(data, "ijb/1:1", "ijb/1:N", replicates=200)
    for metric in ("tmr@fmr=1e-1", "eer", "auc"):
        row = got["ijb/1:1", metric, "identity"]
        assert row.ci_low is not None and row.ci_high is not None and row.value is not None
        assert row.ci_low <= row.value <= row.ci_high
        assert "identity bootstrap" in row.ci_method and row.conventions.startswith("ijb/1:1 v1: ")
    row = got["ijb/1:N", "fnir@fpir=0.1", "pair"]
    assert row.ci_low is not None and row.ci_high is not None and row.ci_low < row.ci_high
    assert "gallery held fixed" in row.ci_method


def test_unknown_people_give_no_interval_and_no_search() -> None:
    data = template_world(2)
    assert data.templates is not None
    nobody = np.full(len(data.templates), "")
    data = replace(data, templates=replace(data.templates, identities=nobody))
    got = measured(data, "ijb/1:1", replicates=50)
    assert got["ijb/1:1", "tmr@fmr=1e-1", "pair"].value is not None
    assert got["ijb/1:1", "tmr@fmr=1e-1", "pair"].ci_low is None
    assert got["ijb/1:1", "tmr@fmr=1e-1", "identity"].value is None
    assert "is not known" in got["ijb/1:1", "tmr@fmr=1e-1", "identity"].text
    with pytest.raises(BadInput, match="which people its templates show is not known"):
        evaluate(data, ["ijb/1:N"])


def test_what_the_data_lack_is_said() -> None:
    data = template_world(2)
    assert data.templates is not None
    bare = replace(data, templates=None)
    for name in NAMES:
        assert PROTOCOLS.get(name).on_request
        with pytest.raises(BadInput, match="it needs templates"):
            evaluate(bare, [name])
    lists = replace(
        data.templates, galleries={}, left=data.templates.left[:0], right=data.templates.right[:0]
    )
    lists = replace(lists, same=lists.same[:0])
    with pytest.raises(BadInput, match="without a list of pairs"):
        evaluate(replace(data, templates=lists), ["ijb/1:1"])
    with pytest.raises(BadInput, match="without galleries"):
        evaluate(replace(data, templates=lists), ["ijb/1:N"])
    one_kind = replace(data.templates, same=np.ones(len(data.templates.left), dtype=np.bool_))
    with pytest.raises(BadInput, match="all of one kind"):
        evaluate(replace(data, templates=one_kind), ["ijb/1:1"])
    beyond = replace(data.templates, row=data.templates.row + len(data))
    with pytest.raises(BadInput, match="photos beyond"):
        evaluate(replace(data, templates=beyond), ["ijb/1:1"])


def test_labels_against_the_identities_are_counted() -> None:
    data = template_world(2)
    t = data.templates
    assert t is not None
    wrong = t.same.copy()
    wrong[:3] = ~wrong[:3]
    got = measured(replace(data, templates=replace(t, same=wrong)), "ijb/1:1")
    note = got["ijb/1:1", "n_nonmated", "none"].text
    assert "3 listed pairs are labelled against the templates' own identities" in note


def test_the_default_set_is_untouched() -> None:
    outcome = evaluate(template_world(2, coarse=False), replicates=0)
    assert not any(m.protocol.startswith("ijb/") for m in outcome.metrics)
