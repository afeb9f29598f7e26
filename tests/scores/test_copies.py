"""Copies of a photo that are kept score exactly 1, and means that are equal by definition tie."""

from __future__ import annotations

import numpy as np
import pytest

from faceprobe.data.embeddings import Embeddings
from faceprobe.metrics.identification.recognisers import Centroid, Trial
from faceprobe.protocols.centroid import _ranks
from faceprobe.protocols.ordering import order_embeddings
from faceprobe.scores import Ranking, exact_rows, mated_scores, sweep_pairs
from faceprobe.scores.search.memory import UNBOUNDED


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("all_pairs", [2**22, 0])
def test_kept_copies_score_exactly_1(all_pairs: int) -> None:
    """Four photos occur twice under one name, four under two names: all eight comparisons tie at 1."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10, dtype=np.int32), 4)
    rows = exact_rows(_unit(rng.standard_normal((40, 24))))
    for k in (0, 4, 8, 12):
        rows[k + 1] = rows[k]
        rows[k + 18] = rows[k + 2]
    lengths = {float(r.astype(np.float64) @ r) for r in rows[[0, 2, 4, 6, 8, 10, 12, 14]]}
    assert len(lengths) > 4, "the rows themselves do not have length 1"
    mated = mated_scores(rows, labels)
    best = np.full(40, -np.inf)
    np.maximum.at(best, mated.left, mated.score)
    np.maximum.at(best, mated.right, mated.score)
    asked = [Ranking(best, None)]
    summary = sweep_pairs(rows, labels, mated, rankings=asked, tail_size=9, all_pairs=all_pairs)
    assert mated.score[:5].tolist()[:4] == [1.0] * 4 and mated.score[4] < 0.999
    assert summary.tail.score[:4].tolist() == [1.0] * 4 and summary.tail.score[4] < 0.999
    assert summary.at_or_above[:4].tolist() == [4] * 4 and summary.above[:4].tolist() == [0] * 4
    assert np.all(summary.above[4:] >= 4)
    score = rows.astype(np.float64) @ rows.astype(np.float64).T
    score[(rows[:, None] == rows).all(axis=2)] = 1.0
    others = labels[:, None] != labels
    assert summary.ranks[0].tolist() == (1 + (others & (score >= best[:, None])).sum(axis=1)).tolist()


def test_equal_means_tie_against_the_system() -> None:
    """Person a enrols u and v, person b has photos around the same mean: the probe finds b, too."""
    rng = np.random.default_rng(1)
    vectors, identities = [], []
    for k in range(12):
        u, v = _unit(rng.standard_normal((2, 32))).astype(np.float64)
        mean = u + v
        aside = rng.standard_normal(32)
        aside -= mean * (aside @ mean) / (mean @ mean)
        probe = mean / np.linalg.norm(mean) + 0.1 * rng.standard_normal(32)
        vectors += [u, v, probe, mean + aside, mean - aside]
        identities += [f"a{k}"] * 3 + [f"b{k}"] * 2
    rows = _unit(np.array(vectors))
    paths = np.array([f"{i:03d}" for i in range(len(rows))])
    ordered = order_embeddings(Embeddings(rows, np.array(identities), paths), False)
    ranks = _ranks(ordered, UNBOUNDED, lambda n: None)
    probes = np.isin(ordered.order, np.arange(2, 60, 5))
    assert ranks[probes].tolist() == [2] * 12
    for k in range(0, 60, 5):
        u_and_v, probe, other = (exact_rows(rows[k + a : k + b]) for a, b in ((0, 2), (2, 3), (3, 5)))
        recogniser = Centroid(np.concatenate([other, other]), np.array([0, 0, 1, 1]))
        (found,) = recogniser.decide([Trial(0, u_and_v, probe)])
        assert found.tied.all() and found.missed.all()
