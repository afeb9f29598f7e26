"""The compiled loops over one tile of the similarity matrix. They release the interpreter's lock.

A tile holds the scores of rows ``i0 ...`` (first of each pair) with rows ``j0 ...``; only pairs of different
people with the first row before the second are looked at: rows are sorted by person, so row i's
start at ``end[i]``, where its person ends. A tile is either *approximate*, float32 scores in a
frame where ``s = tile + shift[i] + shift[j]`` is within a known error of the true score, or *exact*, true
float64 scores with shifts of zero. Wherever an approximate score could fall on either side of
something that matters, :func:`dot` gives the true one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

TAIL, WINDOW = 1, 2
"""Bits of a bin's flag: its scores are kept with their pairs, or as bare scores."""


@njit(nogil=True, cache=True, fastmath=True)  # type: ignore[untyped-decorator]
def true_score(a: Any, b: Any) -> float:
    """The true score of two exact rows; the order of a sum of grid numbers does not matter."""
    total = 0.0
    for k in range(len(a)):
        total += np.float64(a[k]) * np.float64(b[k])
    return total


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def dot(rows: Any, i: int, j: int) -> float:
    """:func:`true_score` of two of ``rows``."""
    return float(true_score(rows[i], rows[j]))


@njit(nogil=True, cache=True, fastmath=True)  # type: ignore[untyped-decorator]
def dot32(rows: Any, i: int, j: int) -> Any:
    """A float32 product of two rows, within the frame's error of the true one."""
    a, b = rows[i], rows[j]
    total = np.float32(0)
    for k in range(len(a)):
        total += a[k] * b[k]
    return total


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def scale_codes(product: Any, row_scale: Any, column_scale: Any, tile: Any) -> None:
    """The float32 scores in ``tile`` that products of 8-bit codes stand for."""
    height, width = product.shape
    for r in range(height):
        scale, codes, row = row_scale[r], product[r], tile[r]
        for q in range(width):
            row[q] = np.float32(codes[q]) * (scale * column_scale[q])


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def bin_tile(
    tile: Any,
    i0: int,
    j0: int,
    end: Any,
    shift: Any,
    low: Any,
    scale: Any,
    top: Any,
    grid_shift: int,
    grid_first: int,
    grid_size: int,
    bins: Any,
    places: Any,
) -> None:
    """Complete the scores of ``tile`` in place and sort them into bins (int32) and, more coarsely, into
    places of the grid (int32; 0 lies below it).
    """
    height, width = tile.shape
    for r in range(height):
        start = max(0, end[i0 + r] - j0)
        if start >= width:
            continue
        row, column_shift = tile[r, start:], shift[j0 + start : j0 + width]
        bin_row, place_row = bins[r, start:], places[r, start:]
        row_shift = shift[i0 + r]
        for q in range(len(row)):
            s = row[q] + (row_shift + column_shift[q])
            row[q] = s
            x = (s - low) * scale
            x = x if x > 0 else type(x)(0)
            x = x if x < top else top
            b = np.int32(x)
            bin_row[q] = b
            p = (b >> grid_shift) - grid_first
            p = p if p > 0 else np.int32(0)
            place_row[q] = p if p < grid_size else np.int32(grid_size)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def count_tile(
    tile: Any,
    exact: bool,
    i0: int,
    j0: int,
    end: Any,
    bins: Any,
    histogram: Any,
    flags: Any,
    lowest: Any,
    rows: Any,
    tail_score: Any,
    tail_left: Any,
    tail_right: Any,
    n_tail: int,
    window: Any,
    n_window: int,
    coarse: Any,
    centred: Any,
    shift: Any,
    low: Any,
    scale: Any,
) -> tuple[int, int]:
    """Add the tile's bins to ``histogram``, and put the true scores in flagged bins (none lies below
    ``lowest``) behind the ``n_tail`` and ``n_window`` kept ones, where there is room for a whole tile.
    Returns the new numbers. Where scores come from codes, ``coarse`` flags the bins in which they are first
    computed again from the ``centred`` rows, which may move them to another bin.
    """
    height, width = bins.shape
    for r in range(height):
        start = max(0, end[i0 + r] - j0)
        if start >= width:
            continue
        row = bins[r, start:]
        for q in range(len(row)):
            b = np.uint32(row[q])  # an unsigned index needs no check for counting from the end
            histogram[b] += np.int32(1)
            if b < lowest:
                continue
            j = start + q
            if len(coarse):
                if coarse[b] == 0 or tile[r, j] == -np.inf:
                    continue
                near = dot32(centred, i0 + r, j0 + j) + (shift[i0 + r] + shift[j0 + j])
                place = (near - low) * scale
                place = max(place, np.float32(0))
                histogram[b] -= np.int32(1)
                b = np.uint32(min(place, np.float32(len(flags) - 1)))
                histogram[b] += np.int32(1)
            flag = flags[b]
            if flag == 0:
                continue
            if tile[r, j] == -np.inf:  # a duplicate
                continue
            s = np.float64(tile[r, j]) if exact else dot(rows, i0 + r, j0 + j)
            if flag & TAIL:
                tail_score[n_tail] = s
                tail_left[n_tail] = i0 + r
                tail_right[n_tail] = j0 + j
                n_tail += 1
            if flag & WINDOW:
                window[n_window] = s
                n_window += 1
    return n_tail, n_window


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def count_people(i0: int, j0: int, end: Any, offset: Any, places: Any, by_person: Any, size: int) -> None:
    """Add the tile's places to those of both people of each pair: ``by_person`` (P * size,) int32, in which
    the person of row i begins at ``offset[i]``.
    """
    height, width = places.shape
    for r in range(height):
        start = max(0, end[i0 + r] - j0)
        if start >= width:
            continue
        row, others = places[r, start:], offset[j0 + start : j0 + width]
        first = offset[i0 + r]
        own = by_person[first : first + np.uint32(size)]
        for q in range(len(row)):
            by_person[others[q] + np.uint32(row[q])] += np.int32(1)
            own[np.uint32(row[q])] += np.int32(1)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def rank_tile(
    tile: Any,
    i0: int,
    j0: int,
    end: Any,
    surely: Any,
    maybe: Any,
    best: Any,
    in_gallery: Any,
    rows: Any,
    counts: Any,
) -> None:
    """Count, for both rows of each pair as probe, where the other lies in the gallery and scores at or
    above the probe's ``best``. At ``surely`` it does, below ``maybe`` it does not; between them
    :func:`dot` tells.
    """
    height, width = tile.shape
    for r in range(height):
        i = i0 + r
        start = max(0, end[i] - j0)
        if start >= width:
            continue
        row, first = tile[r, start:], j0 + start
        surely_j, maybe_j = surely[first : j0 + width], maybe[first : j0 + width]
        inside_j, counts_j = in_gallery[first : j0 + width], counts[first : j0 + width]
        surely_i, maybe_i, inside_i = surely[i], maybe[i], in_gallery[i]
        near = np.int32(0)
        for q in range(len(row)):
            near += np.int32(row[q] >= maybe_i) | np.int32(row[q] >= maybe_j[q])
        if near == 0:  # so it is in nearly all rows of a model that knows people
            continue
        found = np.int32(0)
        unsure = np.int32(0)
        for q in range(len(row)):
            s = row[q]
            yes_i = np.int32(s >= surely_i) & inside_j[q]
            yes_j = np.int32(s >= surely_j[q]) & inside_i
            found += yes_i
            counts_j[q] += yes_j
            unsure += (np.int32(s >= maybe_i) & inside_j[q]) - yes_i
            unsure += (np.int32(s >= maybe_j[q]) & inside_i) - yes_j
        counts[i] += found
        if unsure == 0:
            continue
        for q in range(len(row)):
            s = row[q]
            ask_i = inside_j[q] != 0 and maybe_i <= s < surely_i
            ask_j = inside_i != 0 and maybe_j[q] <= s < surely_j[q]
            if ask_i or ask_j:
                true = dot(rows, i, first + q)
                if ask_i and true >= best[i]:
                    counts[i] += 1
                if ask_j and true >= best[first + q]:
                    counts_j[q] += 1


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def score_people(rows: Any, bounds: Any, people: Any, score: Any, left: Any, right: Any) -> None:
    """Every pair of rows of each of ``people``, one after the other: true scores and row numbers."""
    n = 0
    for a in people:
        for i in range(bounds[a], bounds[a + 1]):
            for j in range(i + 1, bounds[a + 1]):
                score[n] = dot(rows, i, j)
                left[n] = i
                right[n] = j
                n += 1


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def score_pairs(rows: Any, left: Any, right: Any, score: Any) -> None:
    """The true scores of listed pairs."""
    for k in range(len(left)):
        score[k] = dot(rows, left[k], right[k])
