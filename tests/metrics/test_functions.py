"""The public metric functions: equal to the protocols' figures and to scikit-learn's, clear about errors."""

from __future__ import annotations

import doctest
import inspect
import pkgutil
import subprocess
import sys
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import faceprobe.metrics
from faceprobe import metrics
from faceprobe.core.errors import BadInput
from faceprobe.data.embeddings import Embeddings
from faceprobe.protocols import evaluate
from faceprobe.scores import exact_rows

FUNCTIONS = [n for n in metrics.__all__ if inspect.isroutine(getattr(metrics, n)) or n == "metric_info"]


def _data(seed: int, people: int, photos: int, decimals: int | None, copies: int) -> Embeddings:
    """Unit rows sorted by person; rounded coordinates make ties, ``copies`` photos are duplicates."""
    rng = np.random.default_rng(seed)
    who = np.sort(np.concatenate([np.arange(people), rng.integers(people, size=photos - people)]))
    rows = rng.standard_normal((people, 6))[who] + rng.standard_normal((photos, 6))
    if decimals is not None:
        rows = np.round(rows, decimals) + 0.25
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    content = np.arange(photos)
    for source, copy in rng.integers(photos, size=(copies, 2)):
        rows[copy], content[copy] = rows[source], content[source]
    return Embeddings(
        rows.astype(np.float32),
        np.array([f"p{w:03d}" for w in who]),
        np.array([f"{k:04d}" for k in range(photos)]),
        content=np.array([f"c{c}" for c in content]),
    )


DATA = [
    (0, 40, 200, None, 0),
    (1, 40, 200, None, 5),
    (2, 30, 150, 0, 4),
    (3, 12, 30, 0, 3),
    (4, 60, 70, 1, 0),
]


@pytest.fixture(scope="module", params=DATA, ids=str)
def data(request: pytest.FixtureRequest) -> Embeddings:
    return _data(*request.param)


def _similarity(data: Embeddings) -> NDArray[np.float64]:
    rows = exact_rows(data.vectors).astype(np.float64)
    return rows @ rows.T


def _values(data: Embeddings, protocol: str) -> dict[tuple[str, str], float | None]:
    return {(m.metric, m.weighting): m.value for m in evaluate(data, [protocol], replicates=0).metrics}


@pytest.mark.parametrize("weighting", ["pair", "identity"])
def test_verification_equals_what_a_score_reports(data: Embeddings, weighting: str) -> None:
    expected = _values(data, "verification/all-pairs")
    assert data.content is not None
    i, j = np.triu_indices(len(data.vectors), k=1)
    kept = data.content[i] != data.content[j]
    i, j = i[kept], j[kept]
    order = np.random.default_rng(7).permutation(len(i))  # no figure depends on the order
    i, j = i[order], j[order]
    scores, same = _similarity(data)[i, j], data.identities[i] == data.identities[j]
    who = {"identities": data.identities[i]} if weighting == "identity" else {}
    compared = 0
    for k in range(2, 7):
        value = expected[f"tmr@fmr=1e-{k}", weighting]
        if value is not None:
            compared += 1
            assert metrics.tmr_at_fmr(scores, same, float(f"1e-{k}"), **who) == value
            assert metrics.fnmr_at_fmr(scores, same, float(f"1e-{k}"), **who) == 1 - value
    assert compared >= 1
    assert metrics.eer(scores, same, **who) == expected["eer", weighting]
    assert metrics.auc(scores, same, **who) == expected["auc", weighting]
    # A score sums non-mated ones by person, in closed form: equal but for the last bits.
    assert metrics.d_prime(scores, same, **who) == pytest.approx(expected["d_prime", weighting], rel=1e-9)


@pytest.mark.parametrize("weighting", ["pair", "identity"])
def test_identification_equals_what_a_score_reports(data: Embeddings, weighting: str) -> None:
    protocol = "identification/leave-one-out"
    expected = _values(data, protocol)
    assert data.content is not None
    similarity = _similarity(data)
    similarity[data.content[:, None] == data.content] = -np.inf
    mates = (data.identities[:, None] == data.identities) & np.isfinite(similarity)
    probes = mates.any(axis=1)
    args = (similarity[probes], data.identities, data.identities[probes])
    for k in (1, 5, 10, 50):
        assert metrics.rank_k(*args, k=k, weighting=weighting) == expected[f"rank{k}", weighting]
    assert metrics.mrr(*args, weighting=weighting) == expected["mrr", weighting]
    curves = evaluate(data, [protocol], replicates=0).curves
    curve = metrics.cmc(*args, max_rank=len(curves[f"{protocol}//cmc_rank"]), weighting=weighting)
    assert np.array_equal(curve, curves[f"{protocol}//cmc_{weighting}"])


@pytest.mark.parametrize("weighting", ["pair", "identity"])
def test_open_set_equals_what_a_score_reports(data: Embeddings, weighting: str) -> None:
    from faceprobe.protocols.open_set import enrolled_half

    expected = _values(data, "identification/open-set-all-but-one")
    assert data.content is not None
    names, label = np.unique(data.identities, return_inverse=True)
    enrolled = enrolled_half(len(names), 20)[label]
    similarity = _similarity(data)
    similarity[data.content[:, None] == data.content] = -np.inf
    similarity = similarity[:, enrolled]
    gallery = data.identities[enrolled]
    mates = (data.identities[:, None] == gallery) & np.isfinite(similarity)
    probes = mates.any(axis=1) | ~enrolled
    args = (similarity[probes], gallery, data.identities[probes])
    compared = 0
    for target in ("1e-1", "1e-2", "3e-3"):
        value = expected[f"fnir@fpir={target}", weighting]
        if value is not None:
            compared += 1
            assert metrics.fnir_at_fpir(*args, float(target), weighting=weighting) == value
            assert metrics.dir_at_fpir(*args, float(target), weighting=weighting) == 1 - value
    assert compared >= 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=40))
def test_scikit_learn(trials: list[tuple[int, bool]]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    scores, same = np.array([s for s, _ in trials]) / 4, np.array([m for _, m in trials])
    if same.all() or not same.any():
        with pytest.raises(BadInput):
            metrics.roc(scores, same)
        return
    curve = metrics.roc(scores, same)
    fmr, tmr, thresholds = sklearn.roc_curve(same, scores, drop_intermediate=False)
    assert np.array_equal(curve.thresholds, thresholds)
    assert curve.fmr == pytest.approx(fmr, abs=1e-12)
    assert curve.tmr == pytest.approx(tmr, abs=1e-12)
    assert metrics.auc(scores, same) == pytest.approx(sklearn.roc_auc_score(same, scores), abs=1e-12)
    for target in (0.0, 0.1, 0.25, 0.5, 1.0):
        accepted = tmr[np.searchsorted(fmr, target + 1e-12, side="right") - 1]
        assert metrics.tmr_at_fmr(scores, same, target) == pytest.approx(accepted, abs=1e-12)
    other = metrics.det(scores, same)
    assert np.array_equal(other.fnmr, 1 - curve.tmr)
    assert np.array_equal(other.fmr, curve.fmr)
    crossing = int(np.argmax(curve.fmr >= other.fnmr))
    ends = [c[crossing - n] for c in (curve.fmr, other.fnmr) for n in (0, 1)]
    assert min(ends) <= metrics.eer(scores, same) <= max(ends)


def test_weighted_by_people_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(5)
    scores, same, who = rng.normal(size=400), rng.random(400) < 0.4, rng.integers(9, size=400)
    own = np.bincount(who[same], minlength=9)
    weights = np.where(same, 1 / np.maximum(own[who], 1), 1.0)
    area = sklearn.roc_auc_score(same, scores, sample_weight=weights)
    assert metrics.auc(scores, same, identities=who) == pytest.approx(area, abs=1e-12)


@pytest.mark.parametrize("make", [list, np.asarray, lambda x: np.asarray(x, dtype=np.float32)])
def test_any_array_like_gives_the_same(make: Any) -> None:
    scores, same = [0.75, 0.5, 0.25, 0.5, 0.125], [True, True, True, False, False]
    assert metrics.eer(make(scores), make(same)) == metrics.eer(scores, same)


def test_tensors_are_arrays() -> None:
    torch = pytest.importorskip("torch")
    scores, same = [0.75, 0.5, 0.25, 0.5, 0.125], [True, True, True, False, False]
    assert metrics.auc(torch.tensor(scores), torch.tensor(same)) == metrics.auc(scores, same)
    with pytest.raises(BadInput, match="scores cannot be read as an array"):
        metrics.auc(torch.tensor(scores, requires_grad=True), same)


@pytest.mark.parametrize("name", ["tmr_at_fmr", "fnmr_at_fmr", "eer", "auc", "d_prime", "roc", "det"])
@pytest.mark.parametrize(
    ("scores", "same", "message"),
    [
        ([0.1, 0.2, 0.3], [1, 0], "equally long, but have 3 and 2"),
        ([0.1, np.nan], [1, 0], "scores holds 1 value that cannot be compared"),
        ([0.1, np.inf], [1, 0], "cannot be compared"),
        ([], [], "scores is empty"),
        ([0.1, 0.2], [1, 1], "all 2 comparisons are mated"),
        ([0.1, 0.2], [0, 0], "all 2 comparisons are non-mated"),
        ([0.1, 0.2], [1, 2], "same must hold True and False"),
        ([0.1, 0.2], ["yes", "no"], "same must hold True and False"),
        ([[0.1, 0.2]], [1, 0], "scores must have 1 dimension"),
        (["a", "b"], [1, 0], "scores must hold numbers"),
    ],
)
def test_wrong_comparisons_are_named(name: str, scores: Any, same: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        getattr(metrics, name)(scores, same)


def test_wrong_targets_and_people_are_named() -> None:
    with pytest.raises(BadInput, match=r"fmr must be a fraction from 0 to 1, not 1\.5"):
        metrics.tmr_at_fmr([0.1, 0.2], [1, 0], 1.5)
    with pytest.raises(BadInput, match="scores and identities must be equally long"):
        metrics.eer([0.1, 0.2], [1, 0], identities=["a"])
    with pytest.raises(BadInput, match="d' is not defined"):
        metrics.d_prime([0.5, 0.5, 0.1], [1, 1, 0])


@pytest.mark.parametrize("name", ["rank_k", "mrr", "cmc", "fnir_at_fpir", "dir_at_fpir"])
@pytest.mark.parametrize(
    ("similarity", "gallery", "probes", "message"),
    [
        ([[0.1, 0.2]], ["a"], ["a"], r"its shape is \(1, 2\)"),
        ([[0.1, np.nan]], ["a", "b"], ["a"], "cannot be compared"),
        ([0.1, 0.2], ["a", "b"], ["a"], "similarity must have 2 dimensions"),
        ([[0.1, 0.2]], ["a", "b"], [1], "must be of one type"),
        ([[0.1], [-np.inf]], ["a"], ["z", "a"], "no mate"),
    ],
)
def test_wrong_searches_are_named(
    name: str, similarity: Any, gallery: Any, probes: Any, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        getattr(metrics, name)(similarity, gallery, probes)


def test_wrong_ranks_and_weightings_are_named() -> None:
    args = ([[0.9, 0.2]], ["a", "b"], ["a"])
    with pytest.raises(BadInput, match="k must be a whole number of 1 or more, not 0"):
        metrics.rank_k(*args, k=0)
    with pytest.raises(BadInput, match="weighting must be one of 'identity', 'pair', not 'people'"):
        metrics.mrr(*args, weighting="people")
    with pytest.raises(BadInput, match="there is no non-mated search"):
        metrics.dir_at_fpir(*args)
    with pytest.raises(BadInput, match="there is no mated search"):
        metrics.dir_at_fpir([[0.9, 0.2]], ["a", "b"], ["z"])


def test_a_tie_counts_against_the_system() -> None:
    assert metrics.rank_k([[0.5, 0.5]], ["a", "b"], ["a"]) == 0.0
    assert metrics.tmr_at_fmr([0.5, 0.5], [1, 0], 0.0) == 0.0


def test_every_example_runs() -> None:
    attempted = 0
    for module in pkgutil.walk_packages(faceprobe.metrics.__path__, "faceprobe.metrics."):
        found = doctest.testmod(import_module(module.name))
        assert found.failed == 0, module.name
        attempted += found.attempted
    assert doctest.testmod(faceprobe.metrics).failed == 0
    assert attempted >= 2 * len(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_an_example(name: str) -> None:
    examples = doctest.DocTestParser().get_examples(getattr(metrics, name).__doc__ or "")
    assert any(f"{name}(" in e.source for e in examples)
    assert any(e.want for e in examples)


def test_importing_the_metrics_loads_nothing_heavy() -> None:
    code = (
        "import sys; from faceprobe.metrics import *; print(sorted({m.split('.')[0] for m in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("numba", "torch", "scipy", "pyarrow", "pandas"):
        assert f"'{heavy}'" not in loaded


@pytest.mark.parametrize("missing", [None, float("nan"), "", " ", "nan"], ids=repr)
def test_an_unknown_person_is_no_label(missing: Any) -> None:
    similarity, people = [[0.9, 0.1], [0.2, 0.8]], ["ann", "bob"]
    assert metrics.rank_k(similarity, people, people) == 1.0
    for gallery, probes in ((["ann", missing], people), (people, ["ann", missing])):
        with pytest.raises(BadInput, match=r"_labels has 1 entry without a person \(first: 1\)"):
            metrics.rank_k(similarity, gallery, probes)
    with pytest.raises(BadInput, match="identities of mated comparisons has 1 entry without a person"):
        metrics.auc([0.9, 0.8, 0.1], [1, 1, 0], identities=["ann", missing, "bob"])
    assert metrics.auc([0.9, 0.8, 0.1], [1, 1, 0], identities=["ann", "bob", missing]) == 1.0


def test_a_person_has_one_spelling_in_arrays_too() -> None:
    similarity, spelled = [[0.9, 0.1], [0.2, 0.8]], ["Jos\u00e9", "bob"]
    assert metrics.rank_k(similarity, spelled, ["Jose\u0301", "bob "]) == 1.0
    assert metrics.rank_k(similarity, [0, 7], [0.0, 7.0]) == 1.0
