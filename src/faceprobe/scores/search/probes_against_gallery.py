"""Searches: probes against a gallery, counted by photo and by identity.

The pass over all pairs (:mod:`faceprobe.scores.sweep`) compares a set with itself; this one is
rectangular, and its unit is the impostor *identity* with its best photo. Blocks are multiplied in float32;
what rounding could decide is computed again exactly, so no result depends on a block or on the number of
threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.exact import block_scores
from faceprobe.scores.search.memory import UNBOUNDED, SearchLimits

GALLERY_ROWS = 1 << 14
"""Gallery rows in a block, at most."""


@dataclass(frozen=True)
class SearchRows:
    """The probes or the gallery of a search: exact ``rows`` (N, D) float32, ``labels`` (N,) int64 of their
    people and ``numbers`` (N,) int64 of their photos (equal numbers are one photo). ``content`` (N,) int64:
    equal numbers are duplicates (None: there are none).
    """

    rows: NDArray[np.float32]
    labels: NDArray[np.int64]
    numbers: NDArray[np.int64]
    content: NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls,
        rows: NDArray[np.float32],
        labels: NDArray[np.integer],
        content: NDArray[np.int64] | None,
        chosen: NDArray[np.int64],
    ) -> SearchRows:
        """The rows ``chosen`` (ascending, none twice) of a set that is sorted by person; where all are chosen
        nothing is copied.
        """
        return cls(
            rows=np.ascontiguousarray(rows if len(chosen) == len(rows) else rows[chosen]),
            labels=labels[chosen].astype(np.int64),
            numbers=chosen.astype(np.int64),
            content=None if content is None else content[chosen],
        )

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> SearchRows:
        """Some of these rows, in their order."""
        content = None if self.content is None else self.content[chosen]
        rows = np.ascontiguousarray(self.rows[chosen])
        return SearchRows(rows, self.labels[chosen], self.numbers[chosen], content)


@dataclass(frozen=True)
class SearchCounts:
    """What the search of each of Q probes found.

    - ``mate`` (Q,) float64: the best mate's score; NaN where the gallery holds no mate.
    - ``photos`` and ``people`` (Q,) int64: non-mated gallery photos, and impostor identities, at or above
      it; 0 where there is no mate.
    - ``reached`` (Q, K) int64: impostor identities whose best photo is at or above each threshold.
    - ``top`` (Q, M) float64: the best photos' scores of the M nearest impostor identities, descending,
      -inf where there are fewer.
    - ``n_people``: impostor identities among which a probe is searched (Q,).
    """

    mate: NDArray[np.float64]
    photos: NDArray[np.int64]
    people: NDArray[np.int64]
    reached: NDArray[np.int64]
    top: NDArray[np.float64]
    n_people: NDArray[np.int64]

    @property
    def best_other(self) -> NDArray[np.float64]:
        """(Q,) the best non-mated score; -inf where there is none."""
        return self.top[:, 0]


def best_mates(
    probes: SearchRows, gallery: SearchRows, limits: SearchLimits = UNBOUNDED
) -> NDArray[np.float64]:
    """(Q,) exact score of each probe with the nearest photo of its person that is neither itself nor
    its duplicate; NaN where the gallery holds none.
    """
    with limits.applied():
        return _best_mates(probes, gallery, limits.block_values)


def _best_mates(probes: SearchRows, gallery: SearchRows, block_values: int) -> NDArray[np.float64]:
    best = np.full(len(probes), np.nan)
    if len(probes) == 0:
        return best
    order = np.argsort(probes.labels, kind="stable")
    people, starts = np.unique(probes.labels[order], return_index=True)
    ends = np.append(starts[1:], len(order))
    low = np.searchsorted(gallery.labels, people, side="left")
    high = np.searchsorted(gallery.labels, people, side="right")
    for start, end, a, b in zip(starts, ends, low, high, strict=True):
        if a == b:
            continue
        height = max(1, block_values // (2 * (b - a)))
        for first in range(start, end, height):
            own = order[first : min(end, first + height)]
            joined = np.concatenate([probes.rows[own], gallery.rows[a:b]])
            scores = block_scores(joined, 0, len(own))[:, len(own) :]
            scores[probes.numbers[own][:, None] == gallery.numbers[a:b]] = -np.inf
            if probes.content is not None and gallery.content is not None:
                scores[probes.content[own][:, None] == gallery.content[a:b]] = -np.inf
            found = scores.max(axis=1)
            best[own] = np.where(np.isneginf(found), np.nan, found)
    return best


def search_gallery(
    probes: SearchRows,
    gallery: SearchRows,
    *,
    mate: NDArray[np.float64] | None = None,
    thresholds: NDArray[np.float64] | None = None,
    top: int = 1,
    skip: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
    limits: SearchLimits = UNBOUNDED,
    tick: Callable[[int], None] | None = None,
) -> SearchCounts:
    """Search each of ``probes`` among ``gallery``, whose labels must ascend.

    ``mate`` (Q,) replaces the best mates' scores (NaN: none); a photo of the probe's person is never an
    impostor. ``thresholds`` (K,) may come in any order. ``top`` impostor identities are kept. ``skip`` are
    further comparisons to leave out, as probe and gallery positions. ``limits`` bound the scores held at a
    time and the threads. ``tick`` is called with the number of probes done. :class:`ValueError` where gallery
    labels do not ascend or ``top`` is below 1.
    """
    from faceprobe.scores.search.block_kernel import close_person, scan

    if np.any(np.diff(gallery.labels) < 0) or top < 1:
        raise ValueError("gallery labels must ascend, and top must be 1 or more")
    mate = best_mates(probes, gallery, limits) if mate is None else mate
    wanted, back = np.unique(np.zeros(0) if thresholds is None else thresholds, return_inverse=True)
    n, dim = probes.rows.shape
    slack = 1.05 * (dim + 4) * 2.0**-24  # Higham, Accuracy and Stability, section 3.1: gamma_n |x|'|y|
    photos, people = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    reached, best = np.zeros((n, len(wanted)), dtype=np.int64), np.full((n, top), -np.inf)
    open_label, open_hit = np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=np.bool_)
    open_level, open_best = np.zeros(n, dtype=np.int64), np.full(n, -np.inf)
    limit = np.where(np.isnan(mate), np.inf, mate)
    skipped, places = _skipped(probes, gallery, skip)
    width = max(1, min(len(gallery), GALLERY_ROWS, limits.block_values))
    height = max(1, limits.block_values // width)
    with limits.applied():
        for first in range(0, n, height):
            last = min(n, first + height)
            for start in range(0, len(gallery), width):
                stop = min(len(gallery), start + width)
                scores = probes.rows[first:last] @ gallery.rows[start:stop].T
                here = (skipped >= first) & (skipped < last) & (places >= start) & (places < stop)
                scores[skipped[here] - first, places[here] - start] = -np.inf
                scan(
                    scores,
                    first,
                    probes.rows,
                    probes.labels,
                    gallery.rows[start:stop],
                    gallery.labels[start:stop],
                    limit,
                    wanted,
                    slack,
                    photos,
                    people,
                    reached,
                    best,
                    open_label,
                    open_hit,
                    open_level,
                    open_best,
                )
            if tick is not None:
                tick(last - first)
    for q in range(n):
        close_person(people, reached, best, open_hit, open_level, open_best, q)
    known = np.unique(gallery.labels)
    return SearchCounts(
        mate, photos, people, reached[:, back], best, len(known) - np.isin(probes.labels, known)
    )


def _skipped(
    probes: SearchRows, gallery: SearchRows, skip: tuple[NDArray[np.int64], NDArray[np.int64]] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of comparisons of different people that are left out: duplicates, and those of ``skip``."""
    skipped, places = (np.zeros(0, dtype=np.int64),) * 2
    if probes.content is not None and gallery.content is not None:
        order = np.argsort(gallery.content, kind="stable")
        ordered = gallery.content[order]
        low = np.searchsorted(ordered, probes.content, side="left")
        number = np.searchsorted(ordered, probes.content, side="right") - low
        skipped = np.repeat(np.arange(len(probes)), number)
        within = np.arange(len(skipped)) - np.repeat(np.cumsum(number) - number, number)
        places = order[np.repeat(low, number) + within].astype(np.int64)
        foreign = probes.labels[skipped] != gallery.labels[places]
        skipped, places = skipped[foreign], places[foreign]
    if skip is not None:
        skipped, places = np.concatenate([skipped, skip[0]]), np.concatenate([places, skip[1]])
    return skipped, places
