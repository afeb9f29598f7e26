"""Closed-set identification by nearest centroid: a person is the mean vector of the photos."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.progress import Tick, progress
from faceprobe.protocols.arrange import Arranged, lacking_people
from faceprobe.protocols.galleries import side
from faceprobe.protocols.identification import FIGURES, identification_outcome
from faceprobe.protocols.types import Context, Kind, Outcome, Protocol
from faceprobe.scores import exact_rows, find_twins, offsets, pair_scores
from faceprobe.scores.search import Side, search

MOST_FOREIGN = 50_000
"""Means without a duplicate that are held at a time, one for each such photo and person."""


def measure_centroid(protocol: Protocol, context: Context) -> Outcome:
    """All rows of closed-set identification among the people's mean vectors."""
    arranged = context.arranged
    with progress("comparing photos with people", len(arranged.rows), context.quiet) as tick:
        ranks = _ranks(arranged, tick)
    return identification_outcome(protocol, context, ranks, None, len(arranged.names))


def _ranks(arranged: Arranged, tick: Tick) -> NDArray[np.int64]:
    """(N,) rank of each row's person among all people; 0 where no other photo of that person is left.

    Sums of exact rows are exact in float64, so neither they nor the centroids depend on an order.
    """
    labels, rows = arranged.labels.astype(np.int64), arranged.rows.astype(np.float64)
    starts = offsets(labels)[:-1]
    sums = np.add.reduceat(rows, starts, axis=0)
    own_sum = sums[labels] - rows
    own_left = np.bincount(labels)[labels] - 1
    foreign: list[tuple[int, int, NDArray[np.float64]]] = []
    for row, group in find_twins(labels, arranged.content).rows.items():
        for person in np.unique(labels[group]):
            theirs = group[labels[group] == person]
            if person == labels[row]:
                own_sum[row] = sums[person] - rows[theirs].sum(axis=0)
                own_left[row] -= len(theirs) - 1
            elif len(foreign) >= MOST_FOREIGN:
                raise BadInput(
                    f"identification/centroid: more than {MOST_FOREIGN:,} times a photo of one person is the "
                    "duplicate of another's; take the copies out, or keep them with --keep-duplicates"
                )
            else:
                foreign.append((row, int(person), sums[person] - rows[theirs].sum(axis=0)))
    mate = np.full(len(rows), np.nan)
    mates, usable = _unit(own_sum)
    usable &= own_left > 0
    chosen = np.flatnonzero(usable)
    joined = np.concatenate([arranged.rows, mates])
    mate[chosen] = pair_scores(joined, chosen, chosen + len(rows))
    centres, known = _unit(sums)
    people = np.flatnonzero(known)
    gallery = Side(centres[people], people, -1 - people)
    place = np.searchsorted(people, [person for _, person, _ in foreign])
    skip = (np.array([row for row, _, _ in foreign], dtype=np.int64), place.astype(np.int64))
    found = search(side(arranged, np.arange(len(rows))), gallery, mate=mate, skip=skip, tick=tick)
    ranks = np.where(usable, 1 + found.people, 0)
    if foreign:
        without, left = _unit(np.stack([total for _, _, total in foreign]))
        again = pair_scores(
            np.concatenate([arranged.rows[skip[0]], without]),
            np.arange(len(without)),
            np.arange(len(without)) + len(without),
        )
        np.add.at(ranks, skip[0], left & usable[skip[0]] & (again >= mate[skip[0]]))
    return ranks


def _unit(sums: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Sums scaled to length 1, as exact rows, and which of them are not zero."""
    # einsum without BLAS adds each row in one order, whatever the number of rows.
    lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    known = lengths > 0
    scaled = sums / np.where(known, lengths, 1.0)[:, None]
    return exact_rows(scaled.astype(np.float32)), known


KIND = Kind(figures=FIGURES, lacking=lacking_people, measure=measure_centroid)
