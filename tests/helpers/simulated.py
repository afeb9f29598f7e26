"""Simulated people whose true figures can be known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.verification.intervals import TAIL_SIZE
from faceprobe.scores import ScoreSummary, exact_rows, mated_scores, sweep_pairs


def simulated_vectors(
    rng: np.random.Generator, n_people: int, photos: int = 4, dim: int = 12
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Unit rows and labels: a centre for each person, and photos scattered about it, more for some
    people than for others.
    """
    centres = np.repeat(rng.standard_normal((n_people, dim)), photos, axis=0)
    scatter = np.repeat(np.exp(rng.normal(-0.6, 0.35, n_people)), photos)
    rows = centres + scatter[:, None] * rng.standard_normal(centres.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), np.repeat(np.arange(n_people, dtype=np.int32), photos)


def simulated_summary(
    rng: np.random.Generator, n_people: int, photos: int = 4, tail_size: int = TAIL_SIZE
) -> ScoreSummary:
    vectors, labels = simulated_vectors(rng, n_people, photos)
    rows = exact_rows(vectors)
    return sweep_pairs(rows, labels, mated_scores(rows, labels), tail_size=tail_size)
