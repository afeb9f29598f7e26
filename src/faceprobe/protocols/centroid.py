"""Closed-set identification by nearest centroid: a person is the mean vector of the photos."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.progress import Tick, progress
from faceprobe.data.embeddings import Embeddings
from faceprobe.metrics.identification.recognisers import MEAN_TIE
from faceprobe.protocols.identification import FIGURES, identification_outcome
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.ordering import OrderedEmbeddings, lacking_people
from faceprobe.protocols.types import Evaluation, Protocol
from faceprobe.scores import exact_rows, find_duplicates, pair_scores
from faceprobe.scores.search.memory import SearchLimits
from faceprobe.scores.search.probes_against_gallery import SearchRows, search_gallery

MOST_FOREIGN = 50_000
"""Means without a duplicate that are held at a time, one for each such photo and person."""

_CHUNK_BYTES = 48
"""Bytes for each row and dimension while the means of a person's other photos are computed."""


def measure_centroid(protocol: Protocol, context: Context) -> Evaluation:
    """All rows of closed-set identification among the people's mean vectors."""
    ordered = context.ordered
    with progress("comparing photos with people", len(ordered.rows), context.quiet) as tick:
        ranks = _ranks(ordered, context.limits[protocol.name], tick)
    return identification_outcome(protocol, context, ranks, None, len(ordered.names))


def _ranks(ordered: OrderedEmbeddings, limits: SearchLimits, tick: Tick) -> NDArray[np.int64]:
    """(N,) rank of each row's person among all people; 0 where no other photo of that person is left.

    Sums of exact rows are exact in float64, so neither they nor the centroids depend on the order of rows.
    """
    labels = ordered.labels.astype(np.int64)
    height = max(1, 4 * limits.block_values // (_CHUNK_BYTES * ordered.rows.shape[1]))
    sums = _sums(ordered, height)
    own, foreign = _duplicates(ordered, labels, sums)
    mate, usable = _mates(ordered, labels, sums, own, height)
    centres, known = _unit(sums)
    people = np.flatnonzero(known)
    gallery = SearchRows(centres[people], people, -1 - people)
    place = np.searchsorted(people, [person for _, person, _ in foreign])
    skip = (np.array([row for row, _, _ in foreign], dtype=np.int64), place.astype(np.int64))
    probes = ordered.search_rows(np.arange(len(labels)))
    mate = mate - MEAN_TIE
    found = search_gallery(probes, gallery, mate=mate, skip=skip, limits=limits, tick=tick)
    ranks = np.where(usable, 1 + found.people, 0)
    if foreign:
        without, left = _unit(np.stack([total for _, _, total in foreign]))
        again = pair_scores(
            np.concatenate([ordered.rows[skip[0]], without]),
            np.arange(len(without)),
            np.arange(len(without)) + len(without),
        )
        np.add.at(ranks, skip[0], left & usable[skip[0]] & (again >= mate[skip[0]]))
    return ranks


def _sums(ordered: OrderedEmbeddings, height: int) -> NDArray[np.float64]:
    """(P, D) each person's sum of rows, ``height`` rows at a time."""
    sums = np.zeros((len(ordered.names), ordered.rows.shape[1]))
    for first in range(0, len(ordered.rows), height):
        labels = ordered.labels[first : first + height]
        starts = np.flatnonzero(np.diff(labels, prepend=-1))
        part = ordered.rows[first : first + height].astype(np.float64)
        sums[labels[starts]] += np.add.reduceat(part, starts, axis=0)
    return sums


def _duplicates(
    ordered: OrderedEmbeddings, labels: NDArray[np.int64], sums: NDArray[np.float64]
) -> tuple[dict[int, NDArray[np.int64]], list[tuple[int, int, NDArray[np.float64]]]]:
    """Duplicates: for each row that has any, the equal rows of its own person (itself included); and triples
    (row, other person, that person's sum without the row's duplicates).
    """
    own: dict[int, NDArray[np.int64]] = {}
    foreign: list[tuple[int, int, NDArray[np.float64]]] = []
    for row, group in find_duplicates(labels, ordered.content).rows.items():
        for person in np.unique(labels[group]):
            theirs = group[labels[group] == person]
            if person == labels[row]:
                own[row] = theirs
            elif len(foreign) >= MOST_FOREIGN:
                raise BadInput(
                    f"identification/centroid: more than {MOST_FOREIGN:,} times a photo of one person is the "
                    "duplicate of another's; take the copies out, or keep them with --keep-duplicates"
                )
            else:
                foreign.append((row, int(person), sums[person] - _sum(ordered, theirs)))
    return own, foreign


def _mates(
    ordered: OrderedEmbeddings,
    labels: NDArray[np.int64],
    sums: NDArray[np.float64],
    own: dict[int, NDArray[np.int64]],
    height: int,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(N,) each row's score with the mean of its person's other photos, NaN where there is none, and
    whether there is one; ``height`` rows at a time.
    """
    n = len(labels)
    mate, left = np.full(n, np.nan), np.bincount(labels)[labels] - 1
    for row, theirs in own.items():
        left[row] -= len(theirs) - 1
    usable = left > 0
    changed = np.array(sorted(own), dtype=np.int64)
    for first in range(0, n, height):
        last = min(n, first + height)
        rows = ordered.rows[first:last]
        rest = sums[labels[first:last]] - rows
        for row in changed[(changed >= first) & (changed < last)].tolist():
            rest[row - first] = sums[labels[row]] - _sum(ordered, own[row])
        means, known = _unit(rest)
        usable[first:last] &= known
        chosen = np.flatnonzero(usable[first:last])
        mate[first:last][chosen] = pair_scores(np.concatenate([rows, means]), chosen, chosen + len(rows))
    return mate, usable


def _sum(ordered: OrderedEmbeddings, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """(D,) float64 sum of some rows."""
    total: NDArray[np.float64] = ordered.rows[chosen].astype(np.float64).sum(axis=0)
    return total


def _unit(sums: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Sums scaled to length 1, as exact rows, and which of them are not zero."""
    # einsum without BLAS adds each row in one order, whatever the number of rows.
    lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    known = lengths > 0
    scaled = sums / np.where(known, lengths, 1.0)[:, None]
    return exact_rows(scaled.astype(np.float32)), known


def _memory(data: Embeddings, ordered: OrderedEmbeddings) -> int:
    """Bytes for the ordered rows, the people's sums and means, and the counts of each search."""
    n, dim = len(ordered.rows), int(ordered.rows.shape[1])
    return n * (4 * dim + 200) + 40 * dim * len(ordered.names)


KIND = Kind(figures=FIGURES, lacking=lacking_people, measure=measure_centroid, memory=_memory)
