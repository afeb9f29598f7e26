"""Who is enrolled, and with which photos."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.protocols.ordering import Arranged
from faceprobe.scores import offsets
from faceprobe.scores.search.gallery import SearchRows


def side(arranged: Arranged, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> SearchRows:
    """Some rows (numbers, ascending, or a mask) as probes or gallery of a search."""
    numbers = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
    return SearchRows.of(arranged.rows, arranged.labels, arranged.content, numbers.astype(np.int64))


def place_within_person(labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """(N,) how many photos of its person stand before each row, in the order of their paths."""
    starts = offsets(labels)[:-1]
    return np.arange(len(labels)) - starts[labels]


def enrolled_half(n_people: int, seed: int) -> NDArray[np.bool_]:
    """(P,) a seeded half of the people, the smaller one where their number is odd."""
    chosen = np.zeros(n_people, dtype=np.bool_)
    chosen[np.random.default_rng(seed).permutation(n_people)[: n_people // 2]] = True
    return chosen
