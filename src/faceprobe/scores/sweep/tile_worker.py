"""The counts of one thread: tile after tile, in its own arrays, which are added up at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.row_kernels import TAIL, WINDOW
from faceprobe.scores.sweep.centred_rows import Panels
from faceprobe.scores.sweep.score_bins import ScoreBins
from faceprobe.scores.sweep.score_buffer import ScoreBuffer
from faceprobe.scores.sweep.tile_kernel import count_tile
from faceprobe.scores.types import Ranking, offsets

STRIPE_TILES = 4
"""Tiles above one another whose left rows are copied together."""


@dataclass(frozen=True)
class Tiles:
    """The part of the similarity matrix above the diagonal, cut into tiles of ``height`` x ``width``.

    ``duplicates`` maps a tile's corner to the places (T, 2) of the pairs in it that are left out, by row.
    ``copies`` says that equal rows are compared, and so score exactly 1.
    """

    n: int
    height: int
    width: int
    duplicates: dict[tuple[int, int], NDArray[np.int64]]
    copies: bool = False

    @classmethod
    def of(
        cls,
        n: int,
        height: int,
        width: int,
        pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
        copies: bool = False,
    ) -> Tiles:
        left, right = pairs
        corner_i, corner_j = left - left % height, right - right % width
        places: dict[tuple[int, int], NDArray[np.int64]] = {}
        if len(left):
            order = np.lexsort((right, left, corner_j, corner_i))
            corners = np.column_stack([corner_i, corner_j])[order]
            cuts = np.flatnonzero(np.any(np.diff(corners, axis=0) != 0, axis=1)) + 1
            for group in np.split(order, cuts):
                i0, j0 = int(corner_i[group[0]]), int(corner_j[group[0]])
                places[i0, j0] = np.column_stack([left[group] - i0, right[group] - j0])
        return cls(n, height, width, places, copies)

    @property
    def stripe(self) -> int:
        """Rows of a stripe."""
        return min(self.n, STRIPE_TILES * self.height)

    def corners(self) -> list[tuple[int, int]]:
        """The corner of every tile that holds a pair: stripe by stripe, and within it column by column."""
        return [
            (i0, j0)
            for start in range(0, self.n, self.stripe)
            for j0 in range(start - start % self.width, self.n, self.width)
            for i0 in range(start, min(self.n, start + self.stripe), self.height)
            if j0 + self.width > i0
        ]


@dataclass
class Bounds:
    """B :class:`Ranking` as the kernel needs them, (B, N): relative to the bins' centre, with the error of a
    score on either side.
    """

    best: NDArray[np.float64]
    surely: NDArray[np.floating]
    maybe: NDArray[np.floating]
    in_gallery: NDArray[np.int32]
    least: NDArray[np.floating]

    @classmethod
    def of(cls, rankings: Sequence[Ranking], bins: ScoreBins) -> Bounds:
        best = np.full((len(rankings), len(bins.rows)), np.inf)
        inside = np.ones(best.shape, dtype=np.int32)
        for k, ranking in enumerate(rankings):
            best[k] = np.where(np.isnan(ranking.best), np.inf, ranking.best)
            if ranking.gallery is not None:
                inside[k] = 0
                inside[k, ranking.gallery] = 1
        local = best - bins.centre
        # Rounding a bound to float32 may move it by a unit, which the doubled error covers.
        margin = 2 * bins.first_error
        surely, maybe = (local + margin).astype(bins.dtype), (local - margin).astype(bins.dtype)
        return cls(best, surely, maybe, inside, maybe.min(axis=0, initial=np.inf))

    def __len__(self) -> int:
        return len(self.best)


class Worker:
    """Counts tiles. ``flags`` (bins,) uint8 say which scores are kept (:data:`TAIL`, :data:`WINDOW`); None:
    this pass only fills the histogram. ``tail_size`` bounds the tail; scores in windows go to ``buffer``
    until it is full.
    """

    def __init__(
        self,
        bins: ScoreBins,
        rows: NDArray[np.float32],
        labels: NDArray[np.int32],
        tiles: Tiles,
        bounds: Bounds,
        flags: NDArray[np.uint8] | None = None,
        tail_size: int = 0,
        tail_hint: int = 0,
        buffer: ScoreBuffer | None = None,
    ) -> None:
        self.bins, self.rows, self.labels, self.tiles, self.bounds = bins, rows, labels, tiles, bounds
        starts = offsets(labels)
        self.end = starts[1:][labels]
        self.panels = Panels(bins, tiles.stripe, tiles.width)
        self.tile = np.empty((tiles.height, tiles.width), dtype=bins.dtype)
        self._row = np.empty(tiles.width, dtype=bins.dtype)
        self._bins, self._places, self._hot = (np.empty(tiles.width, dtype=np.int32) for _ in range(3))
        self._sides = [
            np.empty(n, dtype=kind) for kind in (np.float32, np.float64) for n in (rows.shape[1], tiles.width)
        ]
        number = bins.dtype.type
        self.low = number(np.ldexp(float(bins.first), -bins.bits) - bins.centre)
        self.scale, self.top = number(2.0**bins.bits), number(bins.size - 1)
        # Codes are off by more than other products.
        off = 0.05 if bins.codes is not None else 1e-4
        self.copies = tiles.copies
        self.one, self.near_copy = number(1.0 - bins.centre), number(1.0 - off - bins.centre)
        self._code_arrays()
        self.histogram = np.zeros(bins.size, dtype=np.int64)
        self._recent, self._n_recent = np.zeros(bins.size, dtype=np.int32), 0
        self.measures = flags is not None
        self.flags = np.zeros(bins.size, dtype=np.uint8) if flags is None else flags.copy()
        self._flag_coarsely()
        self.tail_size, self.floor = tail_size, -np.inf
        self.n_tail = self.n_window = 0
        self.buffer = buffer or ScoreBuffer(0, tiles.width, 0)
        self._chunk, self.window = self.buffer.take()
        self.tail = _TailArrays.of(tail_hint + tiles.width if self.measures else 0)
        people = len(starts) - 1 if self.measures else 0
        size = bins.grid.size + 1
        self.by_person = np.zeros((people, size), dtype=np.int32)
        self.offset = labels.astype(np.uint32) * np.uint32(size)
        self.counts = np.zeros((len(bounds), len(rows)), dtype=np.int32)

    def run(self, groups: Iterator[list[tuple[int, int]]]) -> Iterator[int]:
        """Count the tiles at the corners in ``groups``; yields 1 after each tile."""
        for group in groups:
            for i0, j0 in group:
                self._count(i0, j0)
                yield 1
        self._settle()
        self.buffer.give(self._chunk, self.n_window)

    def _count(self, i0: int, j0: int) -> None:
        bins, tiles, bounds = self.bins, self.tiles, self.bounds
        start = i0 - i0 % tiles.stripe
        stripe, i, j = (
            slice(a, a + n) for a, n in ((start, tiles.stripe), (i0, tiles.height), (j0, tiles.width))
        )
        product = self.panels.multiply(stripe, i, j, self.tile)
        duplicates = tiles.duplicates.get((i0, j0), _NO_DUPLICATES)
        row = 0
        while True:
            row, self.n_tail, self.n_window = count_tile(
                product, row, i0, j0, self.end, duplicates, self.code_scale, self.code_bounds,
                self.code_slack, bins.exact, bins.shift, self.low, self.scale, self.top, bins.grid_shift,
                bins.grid_first - 1, bins.grid.size, self._row, self._bins, self._places, self._hot,
                *self._sides, self._recent, self.flags, self.gap, self.lowest, self.rows, bins.mean,
                self.tail.score, self.tail.left, self.tail.right, self.n_tail, self.window, self.n_window,
                self.offset, self.by_person.reshape(-1), bounds.least, bounds.surely, bounds.maybe,
                bounds.best, bounds.in_gallery, self.counts, self.copies, self.near_copy, self.one,
            )  # fmt: skip
            if row == len(product):
                break
            self._make_space()
        self._n_recent += product.size
        if self._n_recent > 2**30:
            self._settle()

    def _settle(self) -> None:
        """Add the 32-bit counters, which are quicker, to the 64-bit ones, which cannot overflow."""
        self.histogram += self._recent
        self._recent[:] = 0
        self._n_recent = 0

    def kept_tail(self) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
        """Scores and row numbers of the tail, in no order."""
        n = self.n_tail
        return self.tail.score[:n], self.tail.left[:n], self.tail.right[:n]

    def _make_space(self) -> None:
        """Make sure that a whole row of a tile can be kept."""
        width = self.tiles.width
        if self.n_tail + width > len(self.tail.score):
            self._cut_tail()
            if self.n_tail + width > len(self.tail.score):
                self._grow_tail(self.n_tail + self.n_tail // 2 + width)
        if len(self.window) and self.n_window + width > len(self.window):
            self.buffer.give(self._chunk, self.n_window)
            (self._chunk, self.window), self.n_window = self.buffer.take(), 0
            if not len(self.window):
                self.flags &= np.uint8(TAIL)
                self._flag_coarsely()

    def _code_arrays(self) -> None:
        """The codes' scales and bounds in units of bins, as the kernel needs them; empty without codes."""
        bins, codes = self.bins, self.bins.codes
        self.code_scale = np.zeros(0, dtype=np.float32)
        self.code_bounds, self.code_slack = np.zeros((0, 2), dtype=np.float32), np.float32(0)
        if codes is not None:
            self.code_scale = codes.scale
            self.code_bounds = codes.bounds * np.float32(2.0 ** (bins.bits / 2))
            # A score that is off by less than a bin may still lie in the next one.
            self.code_slack = np.float32(1.1 + np.ldexp(codes.rounding + bins.error, bins.bits))

    def _flag_coarsely(self) -> None:
        """Find the lowest bin that must be looked at: the lowest flagged one or, for codes, the lowest one
        whose scores may belong there.
        """
        flagged = np.flatnonzero(self.flags)
        coarse = self.bins.coarse + self.bins.guard if self.bins.codes is not None else 0
        self.lowest = np.uint32(max(0, int(flagged[0]) - coarse) if len(flagged) else self.bins.size)
        self.gap = np.zeros(0, dtype=np.int32)
        if self.bins.codes is not None and len(flagged):
            bins = np.arange(self.bins.size)
            after = np.minimum(np.searchsorted(flagged, bins), len(flagged) - 1)
            before = np.maximum(after - 1, 0)
            distance = np.minimum(np.abs(flagged[after] - bins), np.abs(bins - flagged[before]))
            self.gap = distance.astype(np.int32)

    def _grow_tail(self, size: int) -> None:
        n, old = self.n_tail, self.tail
        self.tail = _TailArrays.of(size)
        self.tail.score[:n], self.tail.left[:n] = old.score[:n], old.left[:n]
        self.tail.right[:n] = old.right[:n]

    def _cut_tail(self) -> None:
        """Keep the ``tail_size`` highest scores: no lower one can be among the highest of all threads."""
        if self.n_tail <= self.tail_size:
            return
        score, left, right = self.kept_tail()
        order = highest(score, left, right, self.tail_size)
        self.n_tail = n = len(order)
        self.tail.score[:n], self.tail.left[:n], self.tail.right[:n] = score[order], left[order], right[order]
        self.floor = float(self.tail.score[n - 1]) if n else np.inf
        lowest = int(self.bins.index_of(np.array(self.floor))) if n else self.bins.size
        self.flags[: max(0, lowest - self.bins.guard)] &= np.uint8(WINDOW)
        self._flag_coarsely()


_NO_DUPLICATES = np.zeros((0, 2), dtype=np.int64)


@dataclass
class _TailArrays:
    score: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]

    @classmethod
    def of(cls, size: int) -> _TailArrays:
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
