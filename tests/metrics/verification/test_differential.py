"""The same figures from other people's libraries, where they are installed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from faceprobe.data.embeddings import Embeddings
from faceprobe.protocols import evaluate
from faceprobe.results.result import Metric
from faceprobe.scores import exact_rows


def _set(seed: int, noise: float, decimals: int | None = None) -> Embeddings:
    """700 photos of 90 people; rounded coordinates make ties."""
    rng = np.random.default_rng(seed)
    who = np.sort(np.concatenate([np.arange(90), rng.integers(90, size=610)]))
    rows = rng.standard_normal((90, 16))[who] + noise * rng.standard_normal((700, 16))
    if decimals is not None:
        rows = np.round(rows[:, :5], decimals)
        rows[:, 0] += 0.5
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Embeddings(
        rows.astype(np.float32),
        np.array([f"p{w:02d}" for w in who]),
        np.array([f"{k:03d}" for k in range(700)]),
        content=np.array([f"{k}" for k in range(700)]),
    )


def _scores(data: Embeddings) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    rows = exact_rows(data.vectors).astype(np.float64)
    i, j = np.triu_indices(len(rows), k=1)
    same = data.identities[i] == data.identities[j]
    copies = (rows[i] == rows[j]).all(axis=1)
    return (
        np.where(copies, 1.0, (rows @ rows.T)[i, j]),
        same,
        np.unique(data.identities, return_inverse=True)[1][i],
    )


def _rows(data: Embeddings) -> dict[tuple[str, str], Metric]:
    found = evaluate(data, ["verification/all-pairs"], replicates=0).metrics
    return {(m.metric, m.weighting): m for m in found}


SETS = [(0, 1.0, None), (1, 2.5, None), (2, 0.4, 0), (3, 1.5, 1)]


@pytest.mark.parametrize(("seed", "noise", "decimals"), SETS)
def test_scikit_learn(seed: int, noise: float, decimals: int | None) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    data = _set(seed, noise, decimals)
    scores, same, owner = _scores(data)
    got = _rows(data)
    own = np.bincount(owner[same], minlength=90)
    weights = np.where(same, 1 / np.maximum(own[owner], 1), 1.0)
    for weighting, sample in (("pair", None), ("identity", weights)):
        fmr, tmr, _ = metrics.roc_curve(same, scores, sample_weight=sample, drop_intermediate=False)
        area = metrics.roc_auc_score(same, scores, sample_weight=sample)
        assert got["auc", weighting].value == pytest.approx(area, abs=1e-9)
        for target in (1e-2, 1e-3, 1e-4):
            accepted = tmr[np.searchsorted(fmr, target + 1e-12, side="right") - 1]
            assert got[f"tmr@fmr=1e-{round(-np.log10(target))}", weighting].value == pytest.approx(
                accepted, abs=1e-9
            )
        crossing = int(np.argmax(fmr >= 1 - tmr))
        low, high = 1 - tmr[crossing], max(1 - tmr[crossing - 1], fmr[crossing])
        assert min(low, fmr[crossing - 1]) - 1e-9 <= got["eer", weighting].value <= high + 1e-9


@pytest.mark.parametrize(("seed", "noise", "decimals"), SETS)
def test_scipy_rank_sum(seed: int, noise: float, decimals: int | None) -> None:
    stats = pytest.importorskip("scipy.stats")
    data = _set(seed, noise, decimals)
    scores, same, _ = _scores(data)
    found = stats.mannwhitneyu(scores[same], scores[~same]).statistic
    area = found / (same.sum() * (~same).sum())
    assert _rows(data)["auc", "pair"].value == pytest.approx(area, abs=1e-9)
