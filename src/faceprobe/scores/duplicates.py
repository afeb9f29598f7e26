"""Duplicates: rows with the same content, whose comparison with each other is left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Duplicates:
    """Groups of rows with equal content.

    ``rows`` maps a row number to all rows of its group, itself included; rows without a duplicate are
    absent. ``n_mated`` and ``n_nonmated`` count the comparisons that are left out, and ``pairs`` (T,) and
    (T,) list them, the lower row first. ``labels`` and ``counts`` (L,) say how many rows of a group belong
    to which person, and ``starts`` (S,) where each group begins in them; only groups that span several
    people are kept there, because only those affect non-mated comparisons.
    """

    rows: dict[int, NDArray[np.int64]]
    n_mated: int
    n_nonmated: int
    labels: NDArray[np.int64]
    counts: NDArray[np.int64]
    starts: NDArray[np.int64]
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]]

    def nonmated_weight(self, weights: NDArray[np.int64]) -> NDArray[np.int64]:
        """(R,) left-out non-mated comparisons, each counted w_a * w_b times, for (R, P) weights."""
        if len(self.starts) == 0:
            return np.zeros(len(weights), dtype=np.int64)
        weighted = weights[:, self.labels] * self.counts
        sums = np.add.reduceat(weighted, self.starts, axis=1)
        squares = np.add.reduceat(weighted * weighted, self.starts, axis=1)
        left_out: NDArray[np.int64] = ((sums * sums - squares) // 2).sum(axis=1)
        return left_out


def find_duplicates(labels: NDArray[np.integer], content: NDArray[np.integer] | None) -> Duplicates:
    """Group the rows whose ``content`` (N,) number is equal; None: there are no duplicates."""
    members: dict[int, NDArray[np.int64]] = {}
    mated = nonmated = 0
    people: list[NDArray[np.int64]] = []
    counts: list[NDArray[np.int64]] = []
    left: list[NDArray[np.int64]] = []
    right: list[NDArray[np.int64]] = []
    for group in [] if content is None else _groups(content):
        members.update(dict.fromkeys(group.tolist(), group))
        i, j = np.triu_indices(len(group), k=1)
        left.append(group[i])
        right.append(group[j])
        owners, often = np.unique(labels[group], return_counts=True)
        within = int((often * (often - 1)).sum()) // 2
        mated += within
        nonmated += len(group) * (len(group) - 1) // 2 - within
        if len(owners) > 1:
            people.append(owners.astype(np.int64))
            counts.append(often.astype(np.int64))
    sizes = [len(p) for p in people]
    none = [np.zeros(0, dtype=np.int64)]
    return Duplicates(
        rows=members,
        n_mated=mated,
        n_nonmated=nonmated,
        labels=np.concatenate(people or none),
        counts=np.concatenate(counts or none),
        starts=np.cumsum([0, *sizes])[:-1].astype(np.int64),
        pairs=(np.concatenate(left or none), np.concatenate(right or none)),
    )


def may_have_equal_rows(rows: NDArray[np.float32]) -> bool:
    """False only where all of the (N, D) ``rows`` differ: equal ones have the same sum of weighted bits."""
    weights = np.random.default_rng(0).integers(1, 2**62, rows.shape[1], dtype=np.int64)
    keys = np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), 8192):
        bits = (rows[start : start + 8192] + np.float32(0)).view(np.int32).astype(np.int64)  # -0 is 0
        with np.errstate(over="ignore"):
            keys[start : start + 8192] = bits @ weights
    return len(np.unique(keys)) < len(keys)


def _groups(content: NDArray[np.integer]) -> list[NDArray[np.int64]]:
    order = np.argsort(content, kind="stable")
    cuts = np.flatnonzero(np.diff(content[order])) + 1
    return [g for g in np.split(order.astype(np.int64), cuts) if len(g) > 1]
