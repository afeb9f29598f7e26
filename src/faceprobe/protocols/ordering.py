"""Put embeddings in a fixed order, with people as integers, for the passes and metrics."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.data.embeddings import Embeddings, unit_rows
from faceprobe.data.pairs import PairList
from faceprobe.protocols.types import Protocol
from faceprobe.scores import MatedScores, exact_rows, offsets
from faceprobe.scores.search.probes_against_gallery import SearchRows

MOST_DUPLICATES = 5_000_000
"""Comparisons between duplicates that are left out one by one: 3,162 copies of one photo."""


@dataclass(frozen=True)
class OrderedEmbeddings:
    """Rows sorted by identity, then by path, so that no result depends on the order they came in.

    ``order`` (N,) gives each row's number in the input. ``rows`` (N, D) are exact rows, ``labels``
    (N,) count the sorted ``names`` (P,), ``content`` (N,) numbers equal contents equally (None:
    duplicates are kept), ``events`` (N,) numbers events, -1 where unknown (None: no events at all).
    """

    order: NDArray[np.int64]
    rows: NDArray[np.float32]
    labels: NDArray[np.int32]
    names: NDArray[np.str_]
    content: NDArray[np.int64] | None
    events: NDArray[np.int64] | None

    def across_events(self, mated: MatedScores) -> NDArray[np.bool_]:
        """(M,) which mated comparisons are not known to be of one event."""
        if self.events is None:
            return np.ones(len(mated), dtype=np.bool_)
        left, right = self.events[mated.left], self.events[mated.right]
        across: NDArray[np.bool_] = (left != right) | (left < 0)
        return across

    def search_rows(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> SearchRows:
        """Some rows (ascending numbers, or a mask) as probes or gallery of a search."""
        numbers = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        return SearchRows.of(self.rows, self.labels, self.content, numbers.astype(np.int64))

    @property
    def photo_numbers(self) -> NDArray[np.int64]:
        """(N,) each row's number among the photos of its person, from 0, in the order of their paths."""
        return np.arange(len(self.labels)) - offsets(self.labels)[:-1][self.labels]

    def rows_of(self, pairs: PairList) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(P,) and (P,) the row numbers of the photos of listed pairs, left and right."""
        place = np.empty(len(self.order), dtype=np.int64)
        place[self.order] = np.arange(len(place))
        return place[pairs.left], place[pairs.right]


def order_embeddings(data: Embeddings, keep_duplicates: bool = False) -> OrderedEmbeddings:
    """Check ``data`` and put its rows in order; :class:`BadInput` where they cannot be scored."""
    for what, column in (("identities", data.identities), ("paths", data.paths)):
        if len(column) != len(data.vectors):
            raise BadInput(f"{len(data.vectors)} embeddings but {len(column)} {what}; one row each is needed")
    vectors = unit_rows(data.vectors)
    names, labels = np.unique(data.identities, return_inverse=True)
    by_path = np.unique(data.paths, return_inverse=True)[1]
    order = np.lexsort((by_path, labels)).astype(np.int64)
    content = None if keep_duplicates else _content(data, vectors)[order]
    if content is not None:
        _check_duplicates(content, data.content is not None)
    return OrderedEmbeddings(
        order=order,
        rows=exact_rows(vectors, order),
        labels=labels[order].astype(np.int32),
        names=names,
        content=content,
        events=None if data.events is None else _numbers(data.events, unknown=-1)[order],
    )


def lacking_people(protocol: Protocol, data: Embeddings) -> str:
    """Why ``data`` cannot be measured by a protocol over people, or "" where it can."""
    if not data.identities_known:
        return "the photos' identities are not known, only which listed pairs show one person"
    names, labels, photos = np.unique(data.identities, return_inverse=True, return_counts=True)
    if len(names) < 2:
        return "all photos show one identity; without a second one nothing can be confused"
    if photos.max() < 2:
        return "no identity has two photos, so there is no mated comparison"
    if protocol.cross_event:
        if data.events is None or not np.any(data.events != ""):
            return "the photos' events are not known"
        own = _numbers(data.events, unknown=-1)
        own = np.where(own < 0, -1 - np.arange(len(own)), own)
        pairs = np.unique(np.column_stack([labels, own]), axis=0)
        if len(pairs) == len(names):
            return "no person has photos from two events"
    return ""


def _check_duplicates(content: NDArray[np.int64], hashed: bool) -> None:
    """Refuse data that are mostly duplicates, as from a model that gives one vector for every photo."""
    copies = np.unique(content, return_counts=True)[1]
    if int((copies * (copies - 1) // 2).sum()) > MOST_DUPLICATES:
        what = "photos are byte-identical" if hashed else "vectors are equal"
        raise BadInput(
            f"{int(copies.max()):,} of the {len(content):,} {what}: too many duplicates to leave out one by "
            "one; take them out, or keep them with --keep-duplicates"
        )


def _content(data: Embeddings, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """Equal numbers for equal content hashes or, where none are known, for bit-equal rows."""
    if data.content is not None:
        numbers = _numbers(data.content, unknown=-1)
        return np.where(numbers < 0, -1 - np.arange(len(numbers)), numbers)
    digests = [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in vectors]
    return np.unique(np.array(digests, dtype="S16"), return_inverse=True)[1].astype(np.int64)


def _numbers(column: NDArray[np.str_], unknown: int) -> NDArray[np.int64]:
    names, numbers = np.unique(column, return_inverse=True)
    return np.where(names[numbers] == "", unknown, numbers).astype(np.int64)
