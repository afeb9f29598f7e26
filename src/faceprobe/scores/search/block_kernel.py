"""The compiled reduction of a search: a block of float32 scores, probe by probe.

A float32 score lies within ``slack`` of the exact one. Where that settles a decision it is taken at once;
elsewhere the score is computed again in float64, where every dot product of exact rows is exact
whatever the order of its summation (:mod:`faceprobe.scores.exact`). So no decision depends on the block.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from faceprobe.scores.row_kernels import true_score


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def close_person(
    people: NDArray[np.int64],
    reached: NDArray[np.int64],
    top: NDArray[np.float64],
    open_hit: NDArray[np.bool_],
    open_level: NDArray[np.int64],
    open_best: NDArray[np.float64],
    q: int,
) -> None:
    """Count the impostor identity that is open for probe ``q``, and close it."""
    if open_hit[q]:
        people[q] += 1
    for k in range(open_level[q]):
        reached[q, k] += 1
    best = open_best[q]
    place = top.shape[1] - 1
    if best > top[q, place]:
        while place > 0 and top[q, place - 1] < best:
            top[q, place] = top[q, place - 1]
            place -= 1
        top[q, place] = best
    open_hit[q] = False
    open_level[q] = 0
    open_best[q] = -np.inf


@njit(nogil=True, cache=True, parallel=True)  # type: ignore[untyped-decorator]
def scan(
    scores: NDArray[np.float32],
    first: int,
    probes: NDArray[np.float32],
    probe_labels: NDArray[np.int64],
    gallery: NDArray[np.float32],
    gallery_labels: NDArray[np.int64],
    mate: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    slack: float,
    photos: NDArray[np.int64],
    people: NDArray[np.int64],
    reached: NDArray[np.int64],
    top: NDArray[np.float64],
    open_label: NDArray[np.int64],
    open_hit: NDArray[np.bool_],
    open_level: NDArray[np.int64],
    open_best: NDArray[np.float64],
) -> None:
    """Count the block ``scores`` (B, G): probes ``first`` ... ``first`` + B - 1 with gallery rows sorted
    by person; -inf marks a skipped comparison.

    ``mate`` (Q,) is each probe's best mate score (inf: none), ``thresholds`` (K,) ascend. ``photos``,
    ``people`` (Q,), ``reached`` (Q, K) and ``top`` (Q, M), descending, are added to; the identity whose
    photos may go on in the next block stays open in ``open_label`` and the others (Q,).
    """
    lowest = thresholds[0] - slack if len(thresholds) else np.inf
    for b in prange(scores.shape[0]):
        q = first + b
        wanted = min(mate[q] - slack, lowest)
        low = min(wanted, top[q, -1] - slack)
        for g in range(scores.shape[1]):
            score = np.float64(scores[b, g])
            if not score > low and not (score == low and score > -np.inf):
                continue
            label = gallery_labels[g]
            if label == probe_labels[q] or score == -np.inf:
                continue
            if label != open_label[q]:
                close_person(people, reached, top, open_hit, open_level, open_best, q)
                open_label[q] = label
                low = min(wanted, top[q, -1] - slack)
            exact = np.nan
            if score >= mate[q] - slack:
                if score < mate[q] + slack:
                    exact = true_score(probes[q], gallery[g])
                if score >= mate[q] + slack or exact >= mate[q]:
                    photos[q] += 1
                    open_hit[q] = True
            while open_level[q] < len(thresholds):
                next_up = thresholds[open_level[q]]
                if score < next_up - slack:
                    break
                if score < next_up + slack:
                    if np.isnan(exact):
                        exact = true_score(probes[q], gallery[g])
                    if exact < next_up:
                        break
                open_level[q] += 1
            if score > max(open_best[q], top[q, -1]) - slack:
                if np.isnan(exact):
                    exact = true_score(probes[q], gallery[g])
                open_best[q] = max(open_best[q], exact)
