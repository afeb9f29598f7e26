"""False matches at one threshold, by person and by the other person's group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.scores import Ranking, ScoreSummary, sweep_pairs

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

    The summary's tail gives the counts where that score is in it, else an exact pass over the (N, D) ``rows``
    does. Raises :class:`BadInput` where too many comparisons share that score.
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
    """Add the pairs of people ``left`` and ``right`` (K,) to the counts of both."""
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
    for row, copies in summary.duplicates.rows.items():
        person = summary.labels[row]
        others = summary.labels[copies]
        others = others[(others != person) & (group[others] >= 0)]
        np.subtract.at(compared[person], group[others], 1)
    return compared


def _by_pass(
    summary: ScoreSummary, rows: NDArray[np.float32], allowed: int, group: Counts, compared: Counts
) -> FalseMatches:
    """Count by one more pass: for each photo, other people's photos of each group above the threshold."""
    labels, mated = summary.labels, summary.mated
    content = np.arange(len(labels))
    for row, copies in summary.duplicates.rows.items():
        content[row] = copies[0]
    counts = summary.counts
    threshold = counts.nth(allowed)
    if threshold is None:
        counts = sweep_pairs(
            rows, labels, mated, content=content, allowed=lambda n: [allowed], tail_size=0
        ).counts
        threshold = counts.nth(allowed)
    if threshold is None:
        raise BadInput(
            "false matches cannot be counted: too many comparisons share one score to set a threshold among "
            "them; check the vectors for copies"
        )
    above = np.full(len(labels), np.nextafter(threshold, np.inf))
    members = [np.flatnonzero(group[labels] == g) for g in range(compared.shape[1])]
    asked = [Ranking(above, rows_of) for rows_of in members]
    found = sweep_pairs(rows, labels, mated, content=content, rankings=asked, tail_size=0)
    people = len(compared)
    matched = [np.bincount(labels, ranks - 1, people).astype(np.int64) for ranks in found.ranks]
    return FalseMatches(threshold, np.column_stack(matched), compared, None)
