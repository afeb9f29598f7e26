"""Who is confused with whom: false matches at one threshold, by person and by the other's group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores import ScoreSummary
from faceprobe.scores.exact import block_scores

BLOCK_VALUES = 4_000_000
"""Scores held at a time by the pass of its own (32 MB)."""

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class FalseMatches:
    """At the threshold ``above`` which the accepted non-mated scores lie: ``matched`` (P, G) int64 each
    person's accepted non-mated comparisons with people of each group, ``compared`` (P, G) int64 all of
    them. ``pairs`` (K, 3) int64 lists person, person and number of accepted comparisons of each
    pair of people, or is None where there are too many to list.
    """

    above: float
    matched: Counts
    compared: Counts
    pairs: Counts | None


def false_matches_by_group(
    summary: ScoreSummary, rows: NDArray[np.float32], allowed: int, group: Counts, n_groups: int
) -> FalseMatches:
    """Count at the lowest threshold that accepts at most ``allowed`` non-mated scores: strictly above the
    (``allowed`` + 1)-th largest. ``group`` (P,) numbers each person's group, -1: none.

    From the summary's tail where that score is in it, else by an exact pass over the (N, D) ``rows``.
    """
    compared = _compared(summary, group, n_groups)
    tail = summary.tail
    if allowed >= summary.n_nonmated:
        threshold = -np.inf
    elif allowed < len(tail):
        threshold = float(tail.score[allowed])
    else:
        return _by_pass(summary, rows, allowed, group, compared)
    n = len(tail) if np.isneginf(threshold) else int(np.searchsorted(-tail.score, -threshold, side="left"))
    if n == len(tail) < min(allowed, summary.n_nonmated):
        return _by_pass(summary, rows, allowed, group, compared)
    left, right = (summary.labels[x[:n]].astype(np.int64) for x in (tail.left, tail.right))
    matched = np.zeros_like(compared)
    _add(matched, left, right, group)
    keys, often = np.unique(left * len(group) + right, return_counts=True)
    pairs = np.column_stack([keys // len(group), keys % len(group), often])
    return FalseMatches(threshold, matched, compared, pairs)


def _add(matched: Counts, left: Counts, right: Counts, group: Counts) -> None:
    """Count the pairs of people ``left`` and ``right`` (K,) for both."""
    n_people, n_groups = matched.shape
    for one, other in ((left, right), (right, left)):
        known = group[other] >= 0
        cell = one[known] * n_groups + group[other[known]]
        matched += np.bincount(cell, minlength=n_people * n_groups).reshape(matched.shape)


def _compared(summary: ScoreSummary, group: Counts, n_groups: int) -> Counts:
    """(P, G) each person's non-mated comparisons with people of each group, duplicates left out."""
    photos = np.bincount(summary.labels, minlength=len(group))
    known = group >= 0
    of_group = np.bincount(group[known], photos[known], n_groups).astype(np.int64)
    compared: Counts = photos[:, None] * of_group[None, :]
    compared[np.flatnonzero(known), group[known]] -= photos[known] ** 2
    for row, twins in summary.twins.rows.items():
        person = summary.labels[row]
        others = summary.labels[twins]
        others = others[(others != person) & (group[others] >= 0)]
        np.subtract.at(compared[person], group[others], 1)
    return compared


def _by_pass(
    summary: ScoreSummary, rows: NDArray[np.float32], allowed: int, group: Counts, compared: Counts
) -> FalseMatches:
    """Scores above the grid cell that holds the threshold are counted at sight, those in it are kept."""
    edges = np.concatenate([[-np.inf], summary.grid.edges, [np.inf]])
    reached = summary.by_person.sum(axis=0) // 2
    counts = np.concatenate([[summary.n_nonmated], reached, [0]])
    cell = int(np.searchsorted(-counts, -allowed, side="left"))  # the first edge with at most ``allowed``
    low, high, n_above = edges[cell - 1], edges[cell], int(counts[cell])
    labels = summary.labels.astype(np.int64)
    matched = np.zeros_like(compared)
    kept: list[tuple[NDArray[np.float64], Counts, Counts]] = []
    step = max(1, BLOCK_VALUES // len(rows))
    for start in range(0, len(rows), step):
        stop = min(len(rows), start + step)
        scores = block_scores(rows, start, stop)
        wanted = (scores >= low) & (labels[start:stop, None] < labels[None, :])
        for row in range(start, stop):
            wanted[row - start, summary.twins.rows.get(row, np.zeros(0, dtype=np.int64))] = False
        i, j = np.nonzero(wanted)
        found, left, right = scores[i, j], labels[start + i], labels[j]
        at_once = found >= high
        _add(matched, left[at_once], right[at_once], group)
        kept.append((found[~at_once], left[~at_once], right[~at_once]))
    score, left, right = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    threshold = float(-np.partition(-score, allowed - n_above)[allowed - n_above])
    accepted = score > threshold
    _add(matched, left[accepted], right[accepted], group)
    return FalseMatches(threshold, matched, compared, None)
