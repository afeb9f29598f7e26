"""Mated scores: every pair of rows of one person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.exact import block_scores
from faceprobe.scores.types import MatedScores, offsets


def mated_scores(
    rows: NDArray[np.float32], labels: NDArray[np.int32], content: NDArray[np.integer] | None = None
) -> MatedScores:
    """Score every mated pair of the (N, D) exact ``rows`` (see ``exact_rows``), sorted by person.

    Pairs with equal ``content`` (N,) are duplicates and left out; None: keep all.
    """
    bounds = offsets(labels)
    score: list[NDArray[np.float64]] = []
    left: list[NDArray[np.int32]] = []
    right: list[NDArray[np.int32]] = []
    for a in np.flatnonzero(np.diff(bounds) > 1):
        first, end = int(bounds[a]), int(bounds[a + 1])
        i, j = np.triu_indices(end - first, k=1)
        if content is not None:
            other = content[first + i] != content[first + j]
            i, j = i[other], j[other]
        own = rows[first:end]
        score.append(block_scores(own, 0, len(own))[i, j])
        left.append((first + i).astype(np.int32))
        right.append((first + j).astype(np.int32))
    if not score:
        nothing = np.zeros(0, dtype=np.int32)
        return MatedScores(np.zeros(0), nothing, nothing, nothing)
    scores, lefts, rights = np.concatenate(score), np.concatenate(left), np.concatenate(right)
    # Pairs stand in the order of their row numbers here, which a stable sort keeps within ties.
    order = np.argsort(-scores, kind="stable")
    lefts, rights = lefts[order], rights[order]
    return MatedScores(scores[order], lefts, rights, labels[lefts])
