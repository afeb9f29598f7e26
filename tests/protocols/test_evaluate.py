"""Every first-set metric against the plain-Python oracle, and what must never change a number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceprobe.core.errors import BadInput, UnknownName, WrongUsage
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.pairs import PairList
from faceprobe.protocols import PROTOCOLS, Evaluation, evaluate
from faceprobe.protocols.kinds import KINDS, Kind
from faceprobe.results.result import Metric
from faceprobe.scores import exact_rows, pair_scores
from tests.helpers.pairs_oracle import Oracle, shuffled, small_world, view2

WEIGHTINGS = ("identity", "pair")


def _values(outcome: Evaluation) -> dict[tuple[str, str, str], Metric]:
    return {(m.protocol, m.metric, m.weighting): m for m in outcome.metrics}


def _check(data: Embeddings, cross_event: bool, keep: bool) -> None:
    suffix = "-cross-event" if cross_event else ""
    names = [f"verification/all-pairs{suffix}", f"identification/leave-one-out{suffix}"]
    if not cross_event:
        names.append("identification/enrol-1")
    oracle = Oracle(data, keep_duplicates=keep, cross_event=cross_event)
    got = _values(evaluate(data, names, replicates=0, keep_duplicates=keep))
    for weighting in WEIGHTINGS:
        for k in (2, 3, 4, 5, 6):
            expected = oracle.tmr(float(f"1e-{k}"), weighting)
            row = got[names[0], f"tmr@fmr=1e-{k}", weighting]
            if expected is None:
                assert row.value is None
                assert "not supported" in row.text
            else:
                assert row.value == pytest.approx(expected, abs=1e-12)
            assert row.n == len(oracle.mated)
        for metric in ("eer", "auc", "d_prime"):
            expected = getattr(oracle, metric)(weighting)
            assert got[names[0], metric, weighting].value == pytest.approx(expected, abs=1e-9)
    assert got[names[0], "n_mated", "none"].value == len(oracle.mated)
    assert got[names[0], "n_nonmated", "none"].value == len(oracle.nonmated)
    assert got[names[0], "n_duplicate_pairs", "none"].value == oracle.n_duplicates
    assert got[names[0], "largest_identity_share", "none"].value == pytest.approx(oracle.largest_share())
    for name in names[1:]:
        ranks = oracle.ranks(enrol_first=name.endswith("enrol-1"))
        assert got[name, "n_probes", "none"].value == len(ranks)
        for weighting in WEIGHTINGS:
            for k in (1, 5, 10, 50):
                expected = oracle.mean_over_probes({i: float(r <= k) for i, r in ranks.items()}, weighting)
                assert got[name, f"rank{k}", weighting].value == pytest.approx(expected, abs=1e-12)
            expected = oracle.mean_over_probes({i: 1 / r for i, r in ranks.items()}, weighting)
            assert got[name, "mrr", weighting].value == pytest.approx(expected, abs=1e-12)


@given(seed=st.integers(0, 10**6), levels=st.integers(0, 3), keep=st.booleans())
@settings(max_examples=20, deadline=None)
def test_metrics_equal_the_oracle(seed: int, levels: int, keep: bool) -> None:
    _check(small_world(seed, n=26, levels=levels), cross_event=False, keep=keep)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_cross_event_metrics_equal_the_oracle(seed: int) -> None:
    _check(small_world(seed, n=30, events=True), cross_event=True, keep=False)


def test_content_hashes_decide_about_duplicates_where_they_are_known() -> None:
    data = small_world(3, twins=3)
    content = np.array([f"h{k}" for k in range(len(data))])
    content[[1, 5, 9]] = "same"
    _check(replace(data, content=content), cross_event=False, keep=False)
    content[:] = ""  # unknown hashes are nobody's duplicates
    outcome = _values(evaluate(replace(data, content=content), replicates=0))
    assert outcome["verification/all-pairs", "n_duplicate_pairs", "none"].value == 0


def test_all_scores_equal() -> None:
    """A model that answers the same for everything: ties count against it everywhere."""
    n = 12
    data = Embeddings(
        vectors=np.tile(np.eye(1, 4, dtype=np.float32), (n, 1)),
        identities=np.array([f"p{k % 4}" for k in range(n)]),
        paths=np.array([f"{k:02d}" for k in range(n)]),
        content=np.array([f"{k}" for k in range(n)]),
    )
    got = _values(evaluate(data, replicates=50))
    for weighting in WEIGHTINGS:
        for metric, expected in (("auc", 0.5), ("eer", 0.5)):
            row = got["verification/all-pairs", metric, weighting]
            assert (row.value, row.ci_low, row.ci_high) == pytest.approx((expected,) * 3)
        assert got["verification/all-pairs", "d_prime", weighting].value is None
        assert got["identification/leave-one-out", "rank1", weighting].value == 0
        assert got["identification/leave-one-out", "mrr", weighting].value == pytest.approx(1 / 10)


def test_perfect_separation() -> None:
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(8), 5)
    vectors = np.eye(8)[who] + 0.01 * rng.standard_normal((40, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    data = Embeddings(
        vectors.astype(np.float32),
        np.array([f"p{w}" for w in who]),
        np.array([f"{k:02d}" for k in range(40)]),
    )
    got = _values(evaluate(data, replicates=20))
    for weighting in WEIGHTINGS:
        row = got["verification/all-pairs", "tmr@fmr=1e-2", weighting]
        assert (row.value, row.ci_high) == (1.0, 1.0)
        assert row.ci_low is not None and 0.4 < row.ci_low < 0.7  # eight people, one trial each
        assert "takes each person for one trial" in row.text
        error, area = (got["verification/all-pairs", name, weighting] for name in ("eer", "auc"))
        assert (error.value, error.ci_low, area.value, area.ci_high) == (0, 0, 1, 1)
        assert error.ci_high is not None and area.ci_low is not None
        assert 0.3 < error.ci_high < 0.6 and 0.4 < area.ci_low < 0.7  # eight people, one trial each
        assert "takes each person for one trial" in error.text and "8 people with trials" in error.text


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_order_of_rows_changes_nothing(seed: int) -> None:
    data = small_world(seed, events=True)
    order = np.random.default_rng(seed).permutation(len(data))
    one, other = evaluate(data, replicates=60), evaluate(shuffled(data, order), replicates=60)
    assert one.metrics == other.metrics
    for key, curve in one.curves.items():
        moved = order[other.curves[key]] if key.endswith(("failures_nonmated", "failures_mated")) else None
        assert np.array_equal(curve, other.curves[key] if moved is None else moved), key
    for key, replicates in one.replicates.items():
        assert np.array_equal(replicates, other.replicates[key], equal_nan=True)


@pytest.mark.parametrize("block_rows", [1, 5, 24, 999])
def test_block_size_changes_no_bit(block_rows: int) -> None:
    data = small_world(11, n=60, people=15, dim=9, levels=2, events=True)
    one, other = evaluate(data, replicates=80), evaluate(data, replicates=80, block_rows=block_rows)
    assert one.metrics == other.metrics
    assert one.curves.keys() == other.curves.keys()
    for key in one.curves:
        assert np.array_equal(one.curves[key], other.curves[key]), key
    for key in one.replicates:
        assert np.array_equal(one.replicates[key], other.replicates[key], equal_nan=True), key


def test_thread_count_changes_no_bit() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    rng = np.random.default_rng(4)
    who = rng.integers(40, size=700)
    vectors = rng.standard_normal((40, 48))[who] + 1.2 * rng.standard_normal((700, 48))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = np.array([f"{k:03d}" for k in range(700)])
    data = Embeddings(vectors.astype(np.float32), np.array([f"p{w}" for w in who]), names)
    found = []
    for threads in (1, 2, 3):
        with threadpoolctl.threadpool_limits(threads):
            found.append(evaluate(data, replicates=40).metrics)
    assert found[0] == found[1] == found[2]


@given(seed=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_names_of_people_do_not_matter(seed: int) -> None:
    data = small_world(seed)
    longer = np.array([f"someone called {name}" for name in data.identities])
    assert (
        evaluate(data, replicates=40).metrics
        == evaluate(replace(data, identities=longer), replicates=40).metrics
    )
    turned = np.array([str(9 - int(name[1:])) for name in data.identities])
    one = evaluate(data, replicates=0).metrics
    other = evaluate(replace(data, identities=turned), replicates=0).metrics
    for a, b in zip(one, other, strict=True):
        assert (a.value is None) == (b.value is None)
        assert a.value is None or b.value == pytest.approx(a.value, abs=1e-12)


def test_influences_are_exactly_what_leaving_a_person_out_changes() -> None:
    """Influences on ranks, which intervals and paired differences come from, against the oracle."""
    data = small_world(21, n=40, people=8, twins=4)
    outcome = evaluate(data, replicates=12, seed=5)
    names = outcome.identities.tolist()
    ranks = {e: Oracle(data).ranks(enrol_first=e) for e in (False, True)}
    for person, left_out in enumerate(names):
        every = Oracle(data, weights=dict.fromkeys(names, 1))
        without = Oracle(data, weights={name: int(name != left_out) for name in names})
        for weighting in WEIGHTINGS:
            for enrol, name in ((False, "leave-one-out"), (True, "enrol-1")):
                hits = {i: float(k <= 1) for i, k in ranks[enrol].items()}
                influence, share = outcome.influences[f"identification/{name}//rank1//{weighting}"]
                value = every.mean_over_probes(hits, weighting)
                expected = value - without.mean_over_probes(hits, weighting)
                assert influence[person] == pytest.approx(expected, abs=1e-9)
                assert share.sum() == pytest.approx(1)


def test_replicates_are_paired_across_models() -> None:
    one, other = small_world(1), small_world(1)
    better = replace(other, vectors=np.ascontiguousarray(-other.vectors))
    assert evaluate(one, replicates=30).replicates.keys() == evaluate(better, replicates=30).replicates.keys()
    a, b = evaluate(one, replicates=30), evaluate(better, replicates=30)
    for key, replicates in a.replicates.items():  # scores do not change under a common sign
        assert np.array_equal(replicates, b.replicates[key], equal_nan=True)
    assert not np.array_equal(
        a.replicates["identification/enrol-1//mrr//pair"],
        evaluate(one, replicates=30, seed=1).replicates["identification/enrol-1//mrr//pair"],
    )


def _with_pairs(data: Embeddings, folds: int = 4, each: int = 10) -> Embeddings:
    rng = np.random.default_rng(0)
    n = folds * each
    left = rng.integers(len(data), size=n)
    right = (left + rng.integers(1, len(data), size=n)) % len(data)
    same = data.identities[left] == data.identities[right]
    return replace(data, pairs=PairList(left, right, same, np.repeat(np.arange(folds), each)))


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_view_2_equals_trying_every_threshold(seed: int) -> None:
    data = _with_pairs(small_world(seed))
    outcome = _values(evaluate(data, ["lfw/official"], replicates=20))
    pairs = data.pairs
    assert pairs is not None
    scores = pair_scores(exact_rows(data.vectors), pairs.left, pairs.right)
    folds = view2(scores.tolist(), pairs.same.tolist(), pairs.fold.tolist())
    row = outcome["lfw/official", "accuracy", "pair"]
    assert row.value == pytest.approx(np.mean(folds), abs=1e-12)
    error = outcome["lfw/official", "accuracy_se", "pair"].value
    assert error == pytest.approx(np.std(folds, ddof=1) / 2, abs=1e-12)
    assert row.ci_low == pytest.approx(max(0, np.mean(folds) - 3.182446305284263 * error), abs=1e-9)
    assert "not LFW's own list" in row.text
    assert "several folds" in row.text


def test_default_protocols_are_those_that_the_input_allows() -> None:
    def names(data: Embeddings) -> list[str]:
        return list(dict.fromkeys(m.protocol for m in evaluate(data, replicates=0).metrics))

    plain = ["verification/all-pairs", "identification/enrol-1", "identification/leave-one-out"]
    assert names(small_world(0)) == plain
    default = {
        name
        for name in PROTOCOLS
        if not PROTOCOLS.get(name).on_request and "variants" not in PROTOCOLS.get(name).needs
    }
    assert set(names(_with_pairs(small_world(0, events=True)))) == default
    one_event = replace(small_world(0), events=np.full(24, "x"))
    assert names(one_event) == plain


def test_what_cannot_be_measured_is_said() -> None:
    data = small_world(0)
    with pytest.raises(UnknownName, match="verification/all-pairs") as caught:
        evaluate(data, ["verification/al-pairs"])
    assert caught.value.exit_code == 2
    with pytest.raises(BadInput, match="pair list"):
        evaluate(data, ["lfw/official"])
    with pytest.raises(BadInput, match="events are not known"):
        evaluate(data, ["verification/all-pairs-cross-event"])
    with pytest.raises(BadInput, match="one identity"):
        evaluate(replace(data, identities=np.full(24, "p")))
    with pytest.raises(BadInput, match="no identity has two photos"):
        evaluate(replace(data, identities=data.paths))
    with pytest.raises(BadInput, match="two events"):
        evaluate(replace(data, events=np.full(24, "x")), ["identification/leave-one-out-cross-event"])
    broken = data.vectors.copy()
    broken[3, 0] = np.nan
    with pytest.raises(BadInput, match="row 3"):
        evaluate(replace(data, vectors=broken))
    with pytest.raises(BadInput, match="24 embeddings but 23 paths"):
        evaluate(replace(data, paths=data.paths[:23]))
    with pytest.raises(WrongUsage, match="replicates"):
        evaluate(data, replicates=-1)


def test_only_duplicates_as_mates() -> None:
    data = small_world(0, n=6, people=3, twins=0)
    twice = Embeddings(
        vectors=np.repeat(data.vectors, 2, axis=0),
        identities=np.repeat(data.paths, 2),
        paths=np.array([f"{k}" for k in range(12)]),
    )
    with pytest.raises(BadInput, match="keep-duplicates"):
        evaluate(twice)
    kept = _values(evaluate(twice, keep_duplicates=True, replicates=0))
    assert kept["verification/all-pairs", "n_mated", "none"].value == 6
    assert kept["identification/leave-one-out", "rank1", "pair"].value == 1


def test_a_protocol_with_nothing_left_does_not_stop_the_others() -> None:
    """Three people have two photos of one event; three have one photo, filed under two events."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((12, 6)).astype(np.float32)
    data = Embeddings(
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        identities=np.array([f"p{k // 2}" for k in range(12)]),
        paths=np.array([f"{k:02d}" for k in range(12)]),
        events=np.array(["a", "a"] * 3 + ["a", "b"] * 3),
        content=np.array([f"photo {k}" if k < 6 else f"photo {k // 2 + 10}" for k in range(12)]),
    )
    empty = ["verification/all-pairs-cross-event", "identification/leave-one-out-cross-event"]
    outcome = evaluate(data, replicates=10)
    got = _values(outcome)
    assert got["verification/all-pairs", "n_mated", "none"].value == 3
    for name, metrics in zip(empty, (8, 5), strict=True):
        rows = [m for m in outcome.metrics if m.protocol == name]
        assert len(rows) == 2 * metrics
        assert all(m.value is None and m.n == 0 and "--keep-duplicates" in m.text for m in rows)
        full = {
            (m.metric, m.weighting) for m in outcome.metrics if m.protocol == name[: -len("-cross-event")]
        }
        assert {(m.metric, m.weighting) for m in rows} == {k for k in full if k[1] != "none"}
        with pytest.raises(BadInput, match=f"{name}: .*keep-duplicates"):
            evaluate(data, ["verification/all-pairs", name], replicates=0)
    assert not [key for key in (*outcome.curves, *outcome.replicates) if key.split("//")[0] in empty]
    others = evaluate(data, [p for p in dict.fromkeys(m.protocol for m in outcome.metrics) if p not in empty])
    plain = [m for m in evaluate(data).metrics if m.protocol not in empty]
    assert plain == others.metrics


def test_an_empty_fold_does_not_stop_the_others() -> None:
    data = _with_pairs(small_world(0))
    assert data.pairs is not None
    data = replace(data, pairs=replace(data.pairs, fold=data.pairs.fold * 2))
    row = _values(evaluate(data, replicates=0))["lfw/official", "accuracy", "pair"]
    assert row.value is None
    assert "fold 1 of the pair list is empty" in row.text
    with pytest.raises(BadInput, match="fold 1"):
        evaluate(data, ["lfw/official"])


def test_unknown_identities_allow_the_pair_list_only() -> None:
    data = _with_pairs(small_world(0, events=True))
    known = evaluate(data, ["lfw/official"], replicates=20)
    data = replace(data, identities_known=False)
    unknown = evaluate(data, replicates=20)
    assert {m.protocol for m in unknown.metrics} == {"lfw/official"}
    for row, other in zip(unknown.metrics, known.metrics, strict=True):
        assert row.n_identities == 0 < other.n_identities
        assert (row.value, row.ci_low, row.ci_high) == (other.value, other.ci_low, other.ci_high)
        assert "people" not in row.text
    for name in PROTOCOLS.names():
        if PROTOCOLS.get(name).kind != "pair-list" and not {"templates", "variants"} & set(
            PROTOCOLS.get(name).needs
        ):
            with pytest.raises(BadInput, match="identities are not known"):
                evaluate(data, [name])
    with pytest.raises(BadInput, match="identities are not known"):
        evaluate(replace(data, pairs=None))


def test_cautions() -> None:
    rng = np.random.default_rng(2)
    who = np.concatenate([np.zeros(30, dtype=int), 1 + np.arange(90) // 3])
    vectors = rng.standard_normal((31, 8))[who] + rng.standard_normal((120, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    data = Embeddings(
        vectors.astype(np.float32),
        np.array([f"p{w}" for w in who]),
        np.array([f"{k:03d}" for k in range(120)]),
    )
    got = _values(evaluate(data, replicates=0))
    notes = {m: got["verification/all-pairs", f"tmr@fmr={m}", "pair"].text for m in ("1e-2", "1e-3", "1e-6")}
    assert notes["1e-2"].startswith("unstable: 66 false matches")
    assert notes["1e-3"].startswith("weak and unstable: 6 false matches")
    assert notes["1e-6"].startswith("not supported: 6,615 non-mated")
    assert "one person makes up 83 %" in got["verification/all-pairs", "largest_identity_share", "none"].text
    assert got["verification/all-pairs", "eer", "pair"].text.startswith("bracket: FMR")
    assert got["identification/enrol-1", "rank50", "pair"].text.startswith("trivial: the gallery holds 31")


def test_curves_agree_with_the_metrics() -> None:
    data = small_world(8, n=80, people=20, dim=6, levels=3)
    outcome = evaluate(data, replicates=0)
    got, curves, name = _values(outcome), outcome.curves, "verification/all-pairs//"
    fmr = curves[name + "roc_fmr"].tolist()
    assert fmr[0] * got["verification/all-pairs", "n_nonmated", "none"].value >= 1
    assert fmr[-1] == 1.0
    for weighting in WEIGHTINGS:
        tmr = curves[name + f"roc_tmr_{weighting}"]
        assert tmr[fmr.index(0.01)] == pytest.approx(got[name[:-2], "tmr@fmr=1e-2", weighting].value)
        assert np.all(np.diff(tmr) >= 0)
        cmc = curves[f"identification/leave-one-out//cmc_{weighting}"]
        for k in (1, 5, 10, 50):
            assert cmc[k - 1] == pytest.approx(
                got["identification/leave-one-out", f"rank{k}", weighting].value
            )
    assert curves["identification/enrol-1//cmc_rank"][-1] == len(outcome.identities)
    assert len(curves[name + "hist_edges"]) == 201
    assert curves[name + "hist_mated"].sum() == got[name[:-2], "n_mated", "none"].value
    assert curves[name + "hist_nonmated"].sum() == got[name[:-2], "n_nonmated", "none"].value
    scores = exact_rows(data.vectors).astype(np.float64) @ exact_rows(data.vectors).astype(np.float64).T
    for kind, same in (("failures_nonmated", False), ("failures_mated", True)):
        rows, values = curves[name + kind], curves[name + kind + "_scores"]
        assert rows.shape == (24, 2)
        assert np.array_equal(scores[rows[:, 0], rows[:, 1]], values)
        assert np.all((data.identities[rows[:, 0]] == data.identities[rows[:, 1]]) == same)
        assert np.all(np.diff(values) * (1 if same else -1) >= 0)


def test_single_trials_have_wilsons_interval() -> None:
    """Two photos a person, the first enrolled: one probe each, so shares are binomial."""
    from faceprobe.metrics.bootstrap import wilson_interval

    rng = np.random.default_rng(5)
    centres = np.repeat(rng.standard_normal((40, 6)), 2, axis=0)
    vectors = centres + 1.1 * rng.standard_normal(centres.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    data = Embeddings(
        vectors.astype(np.float32),
        np.array([f"p{k // 2:02d}" for k in range(80)]),
        np.array([f"{k:02d}" for k in range(80)]),
    )
    got = _values(evaluate(data, replicates=50))
    for weighting in WEIGHTINGS:
        row = got["identification/enrol-1", "rank1", weighting]
        assert row.value is not None and row.ci_method == "Wilson, one trial a person, 40 trials"
        assert (row.ci_low, row.ci_high) == pytest.approx(wilson_interval(row.value, 40))
        assert "bootstrap" in got["identification/enrol-1", "mrr", weighting].ci_method
        assert "bootstrap" in got["identification/leave-one-out", "rank1", weighting].ci_method


def test_a_constant_model_is_told_from_duplicates() -> None:
    n = 3500
    data = Embeddings(
        vectors=np.tile(np.eye(1, 4, dtype=np.float32), (n, 1)),
        identities=np.array([f"p{k // 2}" for k in range(n)]),
        paths=np.array([f"{k:04d}" for k in range(n)]),
    )
    with pytest.raises(BadInput, match="3,500 of the 3,500 vectors are equal"):
        evaluate(data)


def test_an_open_set_without_mated_searches_says_so() -> None:
    data = small_world(0, n=6, people=3, twins=0)
    data = replace(data, identities=np.array(["x", "x", "y", "z", "v", "w"]))
    found = []
    for seed in range(6):
        try:
            evaluate(data, ["identification/open-set"], replicates=5, seed=seed)
        except BadInput as error:
            found.append(str(error))
    assert found and all("identification/open-set" in text for text in found)


def test_every_kind_has_its_module_and_a_protocol() -> None:
    assert {PROTOCOLS.get(name).kind for name in PROTOCOLS} == set(KINDS)
    assert all(isinstance(kind, Kind) for kind in KINDS.values())
    with pytest.raises(KeyError):
        KINDS["faces"]
