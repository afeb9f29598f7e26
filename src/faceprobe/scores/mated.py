"""Mated scores: every pair of rows of one person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.row_kernels import score_people
from faceprobe.scores.types import MatedScores, offsets


def mated_scores(
    rows: NDArray[np.float32], labels: NDArray[np.int32], content: NDArray[np.integer] | None = None
) -> MatedScores:
    """Score every mated pair of the (N, D) exact ``rows`` (see ``exact_rows``), sorted by person.

    Pairs with equal ``content`` (N,) are duplicates and left out; None: keep all.
    """
    bounds = offsets(labels)
    photos = np.diff(bounds)
    people = np.flatnonzero(photos > 1)
    n = int((photos[people] * (photos[people] - 1) // 2).sum())
    scores = np.empty(n)
    left, right = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.int32)
    if n:
        score_people(rows, bounds, people, scores, left, right)
    if content is not None:
        other = content[left] != content[right]
        if not other.all():
            scores, left, right = scores[other], left[other], right[other]
    # Pairs stand in the order of their row numbers here, which a stable sort keeps within ties.
    order = np.argsort(-scores, kind="stable")
    left, right = left[order], right[order]
    return MatedScores(scores[order], left, right, labels[left])
