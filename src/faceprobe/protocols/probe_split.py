"""Each person's photos in two halves, of which one is enrolled and the other searched."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.protocols.photo_variants import CloakedPhotos
from faceprobe.scores import offsets


@dataclass(frozen=True)
class ProbeSplit:
    """One half enrolled, the other searched: ``enrolled`` (E,) and ``probes`` (Q,) are clean rows of
    ``person`` that share no event and no content.
    """

    person: int
    enrolled: NDArray[np.int64]
    probes: NDArray[np.int64]


def probe_splits(photos: CloakedPhotos, seed: int) -> list[ProbeSplit]:
    """Both assignments of the halves, for every person with cloaked photos, in the order of people.

    A half is made of whole events where these are known, else of photos; duplicates stay together. The
    order of a person's events or photos depends on ``seed`` and the person's name only. A person with a
    single one is left out.
    """
    bounds = offsets(photos.labels)
    found = []
    for person in photos.people:
        rows = np.arange(bounds[person], bounds[person + 1])
        unit = _units(photos, rows)
        order = np.random.default_rng([seed, _number(str(photos.names[person]))]).permutation(unit.max() + 1)
        if len(order) < 2:
            continue
        sizes = np.cumsum(np.bincount(unit)[order])
        # The first half ends with the unit that brings it to half of the photos, and leaves one at least.
        cut = min(int(np.searchsorted(sizes, len(rows) / 2)) + 1, len(order) - 1)
        first = np.isin(unit, order[:cut])
        found += [
            ProbeSplit(int(person), rows[first], rows[~first]),
            ProbeSplit(int(person), rows[~first], rows[first]),
        ]
    return found


def _units(photos: CloakedPhotos, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) numbers from 0: photos of one event or of one content, taken together, share one."""
    unit = np.arange(len(rows))
    for column in (photos.events, photos.content):
        if column is None:
            continue
        values = column[rows]
        for value in np.unique(values[values >= 0] if column is photos.events else values):
            joined = np.unique(unit[values == value])
            unit[np.isin(unit, joined)] = joined[0]
    return np.unique(unit, return_inverse=True)[1].astype(np.int64)


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
