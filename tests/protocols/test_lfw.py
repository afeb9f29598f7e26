"""Real vectors of all of LFW: the counts and figures that the project promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from faceprobe.data.embeddings import Embeddings
from faceprobe.data.vector_files import read_embeddings
from faceprobe.protocols import Evaluation, evaluate
from faceprobe.results.result import Metric

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lfw(shared: Path) -> Embeddings:
    folder = shared / "data" / "lfw_vectors"
    pairs = shared / "data" / "lfw_meta" / "pairs.txt"
    return read_embeddings(folder / "embeddings.npy", folder / "samples.csv", pairs)


@pytest.fixture(scope="module")
def outcome(lfw: Embeddings) -> Evaluation:
    return evaluate(lfw, replicates=300)


@pytest.fixture(scope="module")
def rows(outcome: Evaluation) -> dict[tuple[str, str, str], Metric]:
    return {(m.protocol, m.metric, m.weighting): m for m in outcome.metrics}


def test_counts(rows: dict[tuple[str, str, str], Metric]) -> None:
    def count(protocol: str, metric: str) -> float | None:
        return rows[protocol, metric, "none"].value

    assert count("verification/all-pairs", "n_mated") == 242_257
    assert count("verification/all-pairs", "n_nonmated") == 87_307_269
    assert count("verification/all-pairs", "n_duplicate_pairs") == 2
    assert count("identification/leave-one-out", "n_probes") == 9_164
    assert count("identification/enrol-1", "n_enrolled") == 5_749
    assert count("identification/enrol-1", "n_probes") == 7_484
    assert count("verification/all-pairs", "largest_identity_share") == pytest.approx(0.5787, abs=1e-4)


@pytest.mark.parametrize(
    ("fmr", "weighting", "value", "low", "high"),
    [
        ("1e-4", "pair", 0.966, 0.927, 0.975),
        ("1e-4", "identity", 0.920, 0.903, 0.933),
        ("1e-5", "pair", 0.921, 0.864, 0.942),
        ("1e-5", "identity", 0.851, 0.815, 0.875),
        ("1e-6", "pair", 0.802, 0.495, 0.871),
        ("1e-6", "identity", 0.721, 0.471, 0.783),
    ],
)
def test_reference_figures(
    rows: dict[tuple[str, str, str], Metric], fmr: str, weighting: str, value: float, low: float, high: float
) -> None:
    """The project's reference run draws both people of a false match anew and takes plain percentiles.

    By people ours agree with it, and are narrower at FMR 1e-6, where its replicates count the chance in a
    pair three times. By pairs one person holds 58 % of the mated comparisons: no bootstrap can know how
    another such person would do. Its percentiles pass that over; Student's t for some two people does
    not, and the row says that coverage is not assured.
    """
    row = rows["verification/all-pairs", f"tmr@fmr={fmr}", weighting]
    assert row.value == pytest.approx(value, abs=0.002)
    assert row.ci_low is not None and row.ci_high is not None
    if weighting == "pair":
        assert "coverage not assured" in row.text
        assert row.ci_high > high - 0.005
        assert row.ci_low < low + 0.01 or fmr == "1e-6"
    elif fmr == "1e-6":
        assert low < row.ci_low < row.ci_high < high
    else:
        assert row.ci_low == pytest.approx(low, abs=0.006)
        assert row.ci_high == pytest.approx(high, abs=0.006)


def test_against_an_independent_float64_computation(
    lfw: Embeddings, rows: dict[tuple[str, str, str], Metric]
) -> None:
    """Plain float64 scores without the exact grid, all of them sorted: every figure agrees to 1e-4."""
    x = lfw.vectors.astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    who = np.unique(lfw.identities, return_inverse=True)[1]
    by_path = np.lexsort((lfw.paths, who))
    first = by_path[np.flatnonzero(np.diff(who[by_path], prepend=-1))]
    enrolled = np.isin(np.arange(len(x)), first)
    mated, owners = [], []
    strangers, n_strangers = np.empty(87_307_269), 0
    found: dict[str, list[np.ndarray]] = {"leave-one-out": [], "enrol-1": []}
    for start in range(0, len(x), 500):
        s = x[start : start + 500] @ x.T
        i = np.arange(start, start + len(s))[:, None]
        j = np.arange(len(x))
        same, later, twin = who[i] == who, j > i, s > 1 - 1e-12
        strange = np.where(~same & ~twin, s, -2)
        best = np.where(same & ~twin, s, -2).max(axis=1)
        ranks = 1 + (strange >= best[:, None]).sum(axis=1)
        found["leave-one-out"].append(np.where(best > -2, ranks, 0))
        mate = np.where(same & ~twin, s, -2)[:, first].max(axis=1)
        ranks = 1 + (strange[:, first] >= mate[:, None]).sum(axis=1)
        found["enrol-1"].append(np.where((mate > -2) & ~enrolled[i[:, 0]], ranks, 0))
        more = s[later & ~same & ~twin]
        strangers[n_strangers : n_strangers + len(more)] = more
        n_strangers += len(more)
        mated.append(s[same & later])
        owners.append(np.broadcast_to(who[i], s.shape)[same & later])
    assert n_strangers == len(strangers)
    strangers.sort()
    genuine, owner = np.concatenate(mated), np.concatenate(owners)
    below = np.searchsorted(strangers, genuine)
    m0, v0 = strangers.mean(), strangers.var()
    for weighting in ("pair", "identity"):
        weights = np.ones(len(owner)) if weighting == "pair" else 1 / np.bincount(owner)[owner]
        weights = weights / weights.sum()
        expected = {}
        for exponent in (2, 3, 4, 5, 6):
            threshold = strangers[-1 - n_strangers // 10**exponent]
            expected[f"tmr@fmr=1e-{exponent}"] = weights[genuine > threshold].sum()
        order = np.argsort(genuine)
        fnmr, fmr = np.cumsum(weights[order]), 1 - below[order] / n_strangers
        crossed = int(np.argmax(fnmr >= fmr))  # on the step of this mated score, or before it
        expected["eer"] = max(fnmr[crossed - 1], fmr[crossed])
        expected["auc"] = (weights * below).sum() / n_strangers
        m1 = (weights * genuine).sum()
        v1 = (weights * (genuine - m1) ** 2).sum()
        expected["d_prime"] = (m1 - m0) / np.sqrt((v1 + v0) / 2)
        for metric, value in expected.items():
            got = rows["verification/all-pairs", metric, weighting].value
            assert got == pytest.approx(value, abs=1e-4), (metric, weighting)
    for name, parts in found.items():
        rank = np.concatenate(parts)
        probes = np.flatnonzero(rank)
        own = np.bincount(who[probes])[who[probes]]
        outcomes = {f"rank{k}": rank[probes] <= k for k in (1, 5, 10, 50)} | {"mrr": 1 / rank[probes]}
        for metric, values in outcomes.items():
            by_people = (values / own).sum() / len(np.unique(who[probes]))
            for weighting, value in (("pair", values.mean()), ("identity", by_people)):
                got = rows[f"identification/{name}", metric, weighting].value
                assert got == pytest.approx(value, abs=1e-4), (name, metric, weighting)


@pytest.mark.parametrize(("block_rows", "threads"), [(None, 1), (1000, 2), (333, 3), (200, 1)])
def test_any_block_size_and_thread_count(
    lfw: Embeddings, rows: dict[tuple[str, str, str], Metric], block_rows: int | None, threads: int
) -> None:
    """Equal to the last digit of a double but for AUC, whose bracket's middle may move by 1e-9."""
    again = evaluate(lfw, replicates=0, block_rows=block_rows, threads=threads)
    for metric in again.metrics:
        value = rows[metric.protocol, metric.metric, metric.weighting].value
        close = 1e-9 if metric.metric == "auc" else 0
        assert metric.value == pytest.approx(value, abs=close, rel=0), metric.metric


def test_intervals_at_any_block_size_and_thread_count(lfw: Embeddings) -> None:
    def found(block_rows: int | None, threads: int) -> list[Metric]:
        how = {"replicates": 100, "block_rows": block_rows, "threads": threads}
        return evaluate(lfw, ["verification/all-pairs"], **how).metrics

    first = found(None, 2)
    assert found(333, 1) == first
    assert found(1000, 3) == first


def test_view_2_accuracy_against_brute_force(
    lfw: Embeddings, rows: dict[tuple[str, str, str], Metric]
) -> None:
    pairs = lfw.pairs
    assert pairs is not None
    scores = np.einsum("ij,ij->i", *(lfw.vectors[k].astype(np.float64) for k in (pairs.left, pairs.right)))
    folds = []
    for f in range(10):
        train, held = pairs.fold != f, pairs.fold == f
        cuts = np.unique(scores[train])
        right = [np.count_nonzero((scores[train] >= c) == pairs.same[train]) for c in cuts]
        folds.append(np.mean((scores[held] >= cuts[int(np.argmax(right))]) == pairs.same[held]))
    accuracy = rows["lfw/official", "accuracy", "pair"]
    assert accuracy.value == pytest.approx(np.mean(folds), abs=1e-9)
    assert accuracy.text == ""
    assert rows["lfw/official", "accuracy_se", "pair"].value == pytest.approx(
        np.std(folds, ddof=1) / np.sqrt(10), abs=1e-9
    )
