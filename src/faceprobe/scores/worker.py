"""What one thread counts: tile after tile, into arrays of its own that are added up in the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores import kernel
from faceprobe.scores.frame import Frame
from faceprobe.scores.types import Ranking, offsets


@dataclass(frozen=True)
class Tiles:
    """The part of the similarity matrix above the diagonal, cut into tiles of ``height`` x ``width``.

    ``twins`` maps a tile's corner to the places of left-out pairs in it.
    """

    n: int
    height: int
    width: int
    twins: dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.int64]]]

    @classmethod
    def of(cls, n: int, height: int, width: int, pairs: tuple[NDArray[np.int64], NDArray[np.int64]]) -> Tiles:
        left, right = pairs
        corner_i, corner_j = left - left % height, right - right % width
        places: dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        if len(left):
            order = np.lexsort((corner_j, corner_i))
            corners = np.column_stack([corner_i, corner_j])[order]
            cuts = np.flatnonzero(np.any(np.diff(corners, axis=0) != 0, axis=1)) + 1
            for group in np.split(order, cuts):
                i0, j0 = int(corner_i[group[0]]), int(corner_j[group[0]])
                places[i0, j0] = (left[group] - i0, right[group] - j0)
        return cls(n, height, width, places)

    def corners(self) -> list[tuple[int, int]]:
        """Every tile with a pair in it, row by row."""
        return [
            (i0, j0)
            for i0 in range(0, self.n, self.height)
            for j0 in range(i0 - i0 % self.width, self.n, self.width)
            if j0 + self.width > i0
        ]


@dataclass
class Bounds:
    """One :class:`Ranking` as the kernel needs it: in the frame, with the error on either side."""

    best: NDArray[np.float64]
    surely: NDArray[np.floating]
    maybe: NDArray[np.floating]
    in_gallery: NDArray[np.int32]

    @classmethod
    def of(cls, ranking: Ranking, frame: Frame) -> Bounds:
        dtype = frame.rows.dtype if not frame.exact else np.dtype(np.float64)
        best = np.where(np.isnan(ranking.best), np.inf, ranking.best)
        local = best - frame.centre
        # Rounding a bound to float32 may move it by a unit, which the doubled error covers.
        margin = 2 * frame.first_error
        inside = np.ones(len(best), dtype=np.int32)
        if ranking.gallery is not None:
            inside[:] = 0
            inside[ranking.gallery] = 1
        return cls(best, (local + margin).astype(dtype), (local - margin).astype(dtype), inside)


class Worker:
    """Counts tiles. ``flags`` (bins,) uint8 say which scores are kept (:data:`kernel.TAIL`,
    :data:`kernel.WINDOW`); None: this pass only fills the histogram. ``tail_size`` bounds what is kept of
    the tail, ``room`` the bare scores; a worker that would keep more is ``overfull`` and keeps none.
    """

    def __init__(
        self,
        frame: Frame,
        rows: NDArray[np.float32],
        labels: NDArray[np.int32],
        tiles: Tiles,
        flags: NDArray[np.uint8] | None = None,
        bounds: Sequence[Bounds] = (),
        tail_size: int = 0,
        tail_hint: int = 0,
        room: int = 0,
    ) -> None:
        self.frame, self.rows, self.labels, self.tiles, self.bounds = frame, rows, labels, tiles, bounds
        starts = offsets(labels)
        self.end = starts[1:][labels]
        dtype = np.float64 if frame.exact else np.float32
        self.tile = np.empty((tiles.height, tiles.width), dtype=dtype)
        self.bins = np.empty(self.tile.shape, dtype=np.int32)
        self.places = np.empty(self.tile.shape, dtype=np.int32)
        self.low = dtype(np.ldexp(float(frame.first), -frame.bits) - frame.centre)
        self.scale, self.top = dtype(2.0**frame.bits), dtype(frame.size - 1)
        self.histogram = np.zeros(frame.size, dtype=np.int64)
        self._recent, self._n_recent = np.zeros(frame.size, dtype=np.int32), 0
        self.measures = flags is not None
        self.flags = np.zeros(frame.size, dtype=np.uint8) if flags is None else flags.copy()
        self._flag_coarsely()
        self.overfull = False
        self.tail_size, self.floor, self.room = tail_size, -np.inf, room
        self.n_tail = self.n_window = 0
        self.window = np.empty(self.tile.size if room else 0)
        self.tail = _TailRoom.of(tail_hint + self.tile.size if self.measures else 0)
        people = len(starts) - 1 if self.measures else 0
        size = frame.grid.size + 1
        self.by_person = np.zeros((people, size), dtype=np.int32)
        self.offset = labels.astype(np.uint32) * np.uint32(size)
        self.counts = [np.zeros(len(rows), dtype=np.int32) for _ in bounds]

    def run(self, corners: Iterator[tuple[int, int]]) -> Iterator[int]:
        """Count tiles until ``corners`` ends, giving 1 after each."""
        for i0, j0 in corners:
            self._count(i0, j0)
            yield 1
        self._settle()

    def _count(self, i0: int, j0: int) -> None:
        frame, tiles = self.frame, self.tiles
        tile = frame.multiply(slice(i0, i0 + tiles.height), slice(j0, j0 + tiles.width), self.tile)
        bins, places = (a[: tile.shape[0], : tile.shape[1]] for a in (self.bins, self.places))
        if (i0, j0) in tiles.twins:
            tile[tiles.twins[i0, j0]] = -np.inf  # below every bin, threshold and rank
        kernel.bin_tile(
            tile, i0, j0, self.end, frame.shift, self.low, self.scale, self.top,
            frame.grid_shift, frame.grid_first - 1, frame.grid.size, bins, places,
        )  # fmt: skip
        if self.measures:
            self._make_room()
        self.n_tail, self.n_window = kernel.count_tile(
            tile, frame.exact, i0, j0, self.end, bins, self._recent, self.flags, self.lowest,
            self.rows, self.tail.score, self.tail.left, self.tail.right, self.n_tail,
            self.window, self.n_window, self.coarse, frame.rows, frame.shift, self.low, self.scale,
        )  # fmt: skip
        self._n_recent += tile.size
        if self._n_recent > 2**30:
            self._settle()
        if not self.measures:
            return
        kernel.count_people(
            i0, j0, self.end, self.offset, places, self.by_person.reshape(-1), self.by_person.shape[1]
        )
        for bound, counts in zip(self.bounds, self.counts, strict=True):
            kernel.rank_tile(
                tile, i0, j0, self.end, bound.surely, bound.maybe, bound.best, bound.in_gallery,
                self.rows, counts,
            )  # fmt: skip

    def _settle(self) -> None:
        """Move the small counters, which are quicker, to the ones that cannot overflow."""
        self.histogram += self._recent
        self._recent[:] = 0
        self._n_recent = 0

    def kept_tail(self) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
        """Scores and row numbers kept of the tail, in no order."""
        n = self.n_tail
        return self.tail.score[:n], self.tail.left[:n], self.tail.right[:n]

    def _make_room(self) -> None:
        """See that a whole tile can be kept."""
        if self.n_tail + self.tile.size > len(self.tail.score):
            self._cut_tail()
            if self.n_tail + self.tile.size > len(self.tail.score):
                self._grow_tail(self.n_tail + self.tile.size)
        if self.n_window + self.tile.size > len(self.window) and self.room:
            if self.n_window + self.tile.size > self.room + self.tile.size:
                self.overfull, self.n_window = True, 0
                self.flags &= np.uint8(kernel.TAIL)
                return
            grown = np.empty(min(2 * len(self.window), self.room + self.tile.size) + self.tile.size)
            grown[: self.n_window] = self.window[: self.n_window]
            self.window = grown

    def _flag_coarsely(self) -> None:
        """See which bins have to be looked at: those flagged and, for codes, all that may truly be one."""
        frame = self.frame
        looked_at = self.flags > 0
        self.coarse = np.zeros(0, dtype=np.uint8)
        if frame.codes is not None:
            near = np.zeros(frame.size + 1, dtype=np.int64)
            flagged = np.flatnonzero(looked_at)
            reach = frame.coarse + frame.guard
            np.add.at(near, np.maximum(flagged - reach, 0), 1)
            np.add.at(near, np.minimum(flagged + reach + 1, frame.size), -1)
            looked_at = np.cumsum(near[:-1]) > 0
            self.coarse = looked_at.astype(np.uint8)
        self.lowest = np.uint32(np.argmax(looked_at) if looked_at.any() else frame.size)

    def _grow_tail(self, size: int) -> None:
        n, old = self.n_tail, self.tail
        self.tail = _TailRoom.of(size)
        self.tail.score[:n], self.tail.left[:n] = old.score[:n], old.left[:n]
        self.tail.right[:n] = old.right[:n]

    def _cut_tail(self) -> None:
        """Keep the ``tail_size`` highest; none below them can be among the highest of all."""
        if self.n_tail <= self.tail_size:
            return
        score, left, right = self.kept_tail()
        order = highest(score, left, right, self.tail_size)
        self.n_tail = n = len(order)
        self.tail.score[:n], self.tail.left[:n], self.tail.right[:n] = score[order], left[order], right[order]
        self.floor = float(self.tail.score[n - 1]) if n else np.inf
        lowest = int(self.frame.bins(np.array(self.floor))) if n else self.frame.size
        self.flags[: max(0, lowest - self.frame.guard)] &= np.uint8(kernel.WINDOW)
        self._flag_coarsely()


@dataclass
class _TailRoom:
    score: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]

    @classmethod
    def of(cls, size: int) -> _TailRoom:
        return cls(np.empty(size), np.empty(size, dtype=np.int32), np.empty(size, dtype=np.int32))


def highest(
    score: NDArray[np.float64], left: NDArray[np.int32], right: NDArray[np.int32], size: int
) -> NDArray[np.int64]:
    """Places of the ``size`` highest scores, descending; of equal ones those with the lowest row numbers."""
    places = np.arange(len(score))
    if size < len(score):
        lowest = np.partition(score, len(score) - size)[len(score) - size] if size else np.inf
        places = np.flatnonzero(score >= lowest)
    order = places[np.argsort(-score[places])]
    ordered = score[order]
    tied = np.zeros(len(order), dtype=np.bool_)
    same = ordered[1:] == ordered[:-1]
    tied[1:] |= same
    tied[:-1] |= same
    among = order[tied]  # runs of equal scores, each where it belongs but for its own order
    order[tied] = among[np.lexsort((right[among], left[among], -score[among]))]
    chosen: NDArray[np.int64] = order[:size]
    return chosen
