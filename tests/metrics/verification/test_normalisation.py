"""Score normalisation against its definitions in plain Python, and as the command prints it."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from faceprobe.cli.main import build, run
from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.data.embeddings import Cohort, Embeddings
from faceprobe.data.pairs import PairList
from faceprobe.metrics.bootstrap import identity_weights
from faceprobe.metrics.verification.folds import fold_accuracy
from faceprobe.metrics.verification.normalisation import METHODS
from faceprobe.protocols import evaluate
from faceprobe.protocols import normalised as module
from faceprobe.scores import exact_rows
from tests.helpers.pairs_oracle import Oracle, small_world


def _cohort(seed: int, dim: int, n: int = 30) -> Cohort:
    rows = np.random.default_rng([seed, 7]).standard_normal((n, dim))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Cohort(rows.astype(np.float32), np.array([f"other{k // 2}" for k in range(n)]))


def _data(seed: int) -> Embeddings:
    data = small_world(seed, n=40, people=7, dim=5, twins=4)
    return replace(data, cohort=_cohort(seed, data.vectors.shape[1]))


def _plain(data: Embeddings, i: int, j: int, method: str, top: int) -> float:
    """Normalised score of rows i (enrolled) and j (probe), all sums by hand."""
    rows, cohort = exact_rows(data.vectors).tolist(), exact_rows(data.cohort.vectors).tolist()  # type: ignore[union-attr]

    def dot(x: list[float], y: list[float]) -> float:
        return sum(a * b for a, b in zip(x, y, strict=True))

    def against(row: list[float]) -> float:
        scores = sorted((dot(row, c) for c in cohort), reverse=True)
        if method == "as":
            scores = scores[:top]
        return (dot(rows[i], rows[j]) - statistics.fmean(scores)) / statistics.pstdev(scores)

    z, t = against(rows[i]), against(rows[j])
    return {"z": z, "t": t}.get(method, (z + t) / 2)


@pytest.mark.parametrize("method", METHODS)
def test_all_pairs_equal_the_definition(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOP", 9)
    data = _data(4)
    oracle = Oracle(data)
    order = sorted(range(40), key=lambda i: (oracle.who[i], str(data.paths[i])))
    mated, nonmated = [], []
    for a, i in enumerate(order):
        for j in order[a + 1 :]:
            if not oracle.twin[i][j]:
                score = _plain(data, i, j, method, 9)
                if oracle.who[i] == oracle.who[j]:
                    mated.append((score, oracle.who[i]))
                else:
                    nonmated.append((score, (oracle.who[i], oracle.who[j])))
    name = f"verification/all-pairs-{method}-norm"
    outcome = evaluate(data, [name], replicates=8, seed=2)
    got = {(m.metric, m.weighting): m for m in outcome.metrics}
    nonmated.sort(reverse=True)
    names = outcome.identities.tolist()
    draws = [dict.fromkeys(names, 1)]
    draws += [dict(zip(names, w.tolist(), strict=True)) for w in identity_weights(len(names), 8, 2)]
    for weighting in ("identity", "pair"):
        people = [who for _, who in mated]
        for r, drawn in enumerate(draws):
            total = sum(drawn[a] * drawn[b] for _, (a, b) in nonmated)
            reached, limit = 0, -np.inf
            for score, (a, b) in nonmated:
                reached += drawn[a] * drawn[b]
                if reached > total // 100:
                    limit = score
                    break
            each = [drawn[w] * (1 if weighting == "pair" else 1 / people.count(w)) for w in people]
            hits = sum(e for e, (score, _) in zip(each, mated, strict=True) if score > limit + 1e-12)
            value = (
                got["tmr@fmr=1e-2", weighting].value
                if r == 0
                else outcome.replicates[f"{name}//tmr@fmr=1e-2//{weighting}"][r - 1]
            )
            assert value == pytest.approx(hits / sum(each), abs=1e-9)
    assert got["tmr@fmr=1e-6", "pair"].value is None
    assert got["n_cohort", "none"].value == 30


@pytest.mark.parametrize("method", METHODS)
def test_listed_pairs_equal_the_definition(method: str) -> None:
    data = _data(5)
    rng = np.random.default_rng(0)
    left = rng.integers(40, size=32)
    right = (left + rng.integers(1, 40, size=32)) % 40
    pairs = PairList(left, right, data.identities[left] == data.identities[right], np.arange(32) // 8)
    scores = np.array([_plain(data, i, j, method, 200) for i, j in zip(left, right, strict=True)])
    expected = fold_accuracy(scores, pairs.same, pairs.fold).mean
    outcome = evaluate(replace(data, pairs=pairs), [f"lfw/official-{method}-norm"], replicates=0)
    assert outcome.metrics[0].metric == "accuracy"
    assert outcome.metrics[0].value == pytest.approx(expected, abs=1e-12)


def test_a_cohort_must_be_there_and_show_other_people(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _data(1)
    name = "verification/all-pairs-s-norm"
    assert data.cohort is not None
    with pytest.raises(BadInput, match="needs a cohort"):
        evaluate(replace(data, cohort=None), [name])
    shared = data.cohort.identities.copy()  # type: ignore[union-attr]
    shared[3] = data.identities[0]
    with pytest.raises(BadInput, match="1 person is in both"):
        evaluate(replace(data, cohort=replace(data.cohort, identities=shared)), [name])
    unknown = Cohort(np.concatenate([data.cohort.vectors, data.vectors[:2]]))
    with pytest.raises(BadInput, match="photos are in both"):
        evaluate(replace(data, cohort=unknown), [name])
    with pytest.raises(BadInput, match="dimensions"):
        evaluate(replace(data, cohort=_cohort(0, 9)), [name])
    flat = Cohort(np.repeat(data.cohort.vectors[:1], 5, axis=0))
    with pytest.raises(BadInput, match="score the same"):
        evaluate(replace(data, cohort=flat), [name])
    rows = evaluate(replace(data, cohort=Cohort(data.cohort.vectors)), [name], replicates=0).metrics
    assert "unchecked" in rows[-1].text
    monkeypatch.setattr(module, "LIMIT", 39)
    with pytest.raises(BadInput, match="at most 39 photos"):
        evaluate(data, [name])


def test_the_command_normalises(tmp_path: Path) -> None:
    data = _data(2)
    assert data.cohort is not None
    np.save(tmp_path / "emb.npy", data.vectors)
    np.save(tmp_path / "cohort.npy", data.cohort.vectors)
    rows = [f"{p},{i}" for p, i in zip(data.paths, data.identities, strict=True)]
    (tmp_path / "labels.csv").write_text("path,identity\n" + "\n".join(rows))
    others = [f"{k}.jpg,{i}" for k, i in enumerate(data.cohort.identities)]  # type: ignore[arg-type]
    (tmp_path / "others.csv").write_text("path,identity\n" + "\n".join(others))
    base = ["score", str(tmp_path / "emb.npy"), str(tmp_path / "labels.csv"), "--replicates", "0", "--json"]
    cohort = ["--cohort", str(tmp_path / "cohort.npy"), "--cohort-labels", str(tmp_path / "others.csv")]
    done = CliRunner().invoke(build(), [*base, "--normalise", "as", *cohort])
    assert done.exit_code == 0, done.output
    found = {
        (r["protocol"], r["metric"], r["weighting"]): r["value"] for r in json.loads(done.stdout)["rows"]
    }
    name = "verification/all-pairs-as-norm"
    expected = {(m.metric, m.weighting): m.value for m in evaluate(data, [name], replicates=0).metrics}
    for key, value in expected.items():
        assert found[(name, *key)] == value
    assert ("verification/all-pairs", "eer", "pair") in found
    wrong = CliRunner().invoke(build(), [*base, "--normalise", "s"])
    assert wrong.exit_code != 0
    assert isinstance(wrong.exception, WrongUsage) or "--cohort" in wrong.output


def test_what_is_wrong_with_a_cohort_is_said_before_anything_is_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _data(2)
    assert data.cohort is not None
    np.save(tmp_path / "emb.npy", data.vectors)
    rows = [f"{p},{i}" for p, i in zip(data.paths, data.identities, strict=True)]
    (tmp_path / "labels.csv").write_text("path,identity\n" + "\n".join(rows))
    base = ["score", str(tmp_path / "emb.npy"), str(tmp_path / "labels.csv"), "--replicates", "0"]
    good = data.cohort.vectors
    cohorts = {
        "": good,
        "score the same": np.repeat(good[:1], 5, axis=0),
        "is in both": np.concatenate([good, data.vectors[:1]]),
        "dimensions": good[:, :-1],
    }
    for reason, vectors in cohorts.items():
        np.save(tmp_path / "cohort.npy", vectors)
        code = run([*base, "--normalise", "s", "--cohort", str(tmp_path / "cohort.npy")])
        said = capsys.readouterr().err
        assert code == (1 if reason else 0)
        assert reason in said
        assert ("comparing photos" in said) == (not reason)
    both = ["verification/all-pairs", "verification/all-pairs-s-norm"]
    with pytest.raises(BadInput, match="score the same"):
        evaluate(replace(data, cohort=Cohort(np.repeat(good[:1], 5, axis=0))), both, quiet=False)
    assert "comparing photos" not in capsys.readouterr().err
