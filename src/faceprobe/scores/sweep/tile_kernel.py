"""The compiled loop over one tile of the similarity matrix. It releases the interpreter's lock.

A tile holds the products of rows ``i0 ...`` (first of each pair) with rows ``j0 ...``; only pairs of
different people with the first row before the second are looked at: rows are sorted by person, so row i's
start at ``end[i]``, where its person ends. A score is either *approximate*, float32, where
``s = product + shift[i] + shift[j]`` is within a known error of the true score, or *exact*, the true float64
score with shifts of zero. Wherever an approximate score could fall on either side of
something that matters, :func:`faceprobe.scores.row_kernels.dot` gives the true one.

A row of the tile is finished before the next one is begun, so that what is known of it stays in the
processor's nearest cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from faceprobe.scores.row_kernels import NEAR_COPY, TAIL, WINDOW, dot, quick_scores, same_row, true_scores


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def count_tile(
    product: Any,
    first_row: int,
    i0: int,
    j0: int,
    end: Any,
    left_out: Any,
    code_scale: Any,
    code_bounds: Any,
    code_slack: Any,
    exact: bool,
    shift: Any,
    low: Any,
    scale: Any,
    top: Any,
    grid_shift: int,
    grid_first: int,
    grid_size: int,
    row: Any,
    bins: Any,
    places: Any,
    hot: Any,
    quick_row: Any,
    quick: Any,
    true_row: Any,
    true: Any,
    histogram: Any,
    flags: Any,
    gap: Any,
    lowest: Any,
    rows: Any,
    mean: Any,
    tail_score: Any,
    tail_left: Any,
    tail_right: Any,
    n_tail: int,
    window: Any,
    n_window: int,
    offset: Any,
    by_person: Any,
    least: Any,
    surely: Any,
    maybe: Any,
    best: Any,
    in_gallery: Any,
    counts: Any,
    copies: bool,
    near_copy: Any,
    one: Any,
) -> tuple[int, int, int]:
    """Count the rows of a tile from ``first_row`` on, as long as there is space for the scores to keep.

    Returns the row reached and the new numbers of kept scores; the caller makes space and continues there.

    - ``product`` (height, width): float32 or float64, or int32 products of codes whose scales (N,) are
      ``code_scale`` (empty otherwise). A score from codes lies at most ``b[i, 0] * b[j, 1] + b[i, 1] *
      b[j, 0] + code_slack`` bins off, b being ``code_bounds`` (N, 2). ``left_out`` (T, 2) are the places in
      the tile of pairs to leave out, by row.
    - ``row``, ``bins``, ``places``, ``hot``, ``quick`` and ``true`` (width,), ``quick_row`` and ``true_row``
      (D,) are work space.
    - ``histogram`` (bins,) int32 counts the scores. Of those in bins with ``flags``, none of which lies below
      ``lowest``, the true score is put behind the ``n_tail`` and ``n_window`` kept ones. Where scores come
      from codes, and a flagged bin, ``gap`` (bins,) int32 bins away, is within their error, they are first
      computed again from the rows less ``mean``, which may move them to another bin.
    - ``by_person`` (P * (grid_size + 1),) int32, in which the person of row i begins at ``offset[i]``, counts
      them at both people's places in the grid (0 lies below it); empty: only the histogram is wanted.
    - ``counts`` (B, N) int32: for both rows of each pair as probe, where the other one lies ``in_gallery``
      (B, N) and scores at or above the probe's ``best``. At ``surely`` it does, below ``maybe`` it does not;
      ``least`` (N,) is the lowest ``maybe`` of a row.
    - ``copies``: equal rows are kept, and score exactly 1, which is ``one`` relative to the bins' centre;
      only scores above ``near_copy`` are looked at.
    """
    height, width = product.shape
    coded, measures = len(code_scale) > 0, len(by_person) > 0
    keeps = lowest < len(flags)
    size = np.uint32(grid_size + 1)
    next_left_out = 0
    for r in range(first_row, height):
        i = i0 + r
        start = max(0, end[i] - j0)
        if start >= width:
            continue
        n, first = width - start, j0 + start
        full = n_tail + n > len(tail_score) or (len(window) > 0 and n_window + n > len(window))
        if keeps and full:
            return r, n_tail, n_window
        products, column_shift = product[r, start:], shift[first : first + n]
        s, b_row, p_row = row[:n], bins[:n], places[:n]
        row_shift = shift[i]
        if coded:
            row_scale, column_scale = code_scale[i], code_scale[first : first + n]
            for q in range(n):
                s[q] = np.float32(products[q]) * (row_scale * column_scale[q]) + (row_shift + column_shift[q])
        else:
            for q in range(n):
                s[q] = products[q] + (row_shift + column_shift[q])
        for q in range(n if copies else 0):
            if s[q] > near_copy and same_row(rows, i, first + q):
                s[q] = one
        while next_left_out < len(left_out) and left_out[next_left_out, 0] <= r:
            if left_out[next_left_out, 0] == r:
                s[left_out[next_left_out, 1] - start] = -np.inf  # below every bin, threshold and rank
            next_left_out += 1
        for q in range(n):
            x = (s[q] - low) * scale
            x = x if x > 0 else type(x)(0)
            x = x if x < top else top
            b = np.int32(x)
            b_row[q] = b
            p = (b >> grid_shift) - grid_first
            p = p if p > 0 else np.int32(0)
            p_row[q] = p if p < grid_size else np.int32(grid_size)
        n_hot = np.int64(0)
        if measures:
            others, own_first = offset[first : first + n], offset[i]
            own = by_person[own_first : own_first + size]
            for q in range(n):
                # Unsigned indices need no check for counting from the end.
                into, place = np.uint32(b_row[q]), np.uint32(p_row[q])
                histogram[into] += np.int32(1)
                by_person[others[q] + place] += np.int32(1)
                own[place] += np.int32(1)
                hot[n_hot] = q
                n_hot += np.int64(into >= lowest)
        else:
            for q in range(n):
                histogram[np.uint32(b_row[q])] += np.int32(1)
        if coded and n_hot > 0:
            n_near = np.int64(0)
            for h in range(n_hot):
                q = hot[h]
                j = first + q
                reach = code_bounds[i, 0] * code_bounds[j, 1] + code_bounds[i, 1] * code_bounds[j, 0]
                if np.float32(gap[b_row[q]]) <= reach + code_slack and s[q] != -np.inf:
                    hot[n_near] = q
                    n_near += 1
            n_hot = n_near
            for k in range(len(quick_row)):
                quick_row[k] = rows[i, k] - mean[k]
            quick_scores(quick_row, rows, mean, first, hot[:n_hot], quick)
        n_true = 0
        for h in range(n_hot):
            q = hot[h]
            into = np.uint32(b_row[q])
            if coded:
                near = (quick[h] + (row_shift + shift[first + q]) - low) * scale
                near = max(near, np.float32(0))
                histogram[into] -= np.int32(1)
                into = np.uint32(min(near, np.float32(len(flags) - 1)))
                histogram[into] += np.int32(1)
                b_row[q] = into
            if flags[into] != 0 and s[q] != -np.inf:  # not a duplicate
                hot[n_true] = q
                n_true += 1
        if n_true > 0:
            if exact:
                for h in range(n_true):
                    true[h] = s[hot[h]]
            else:
                for k in range(len(true_row)):
                    true_row[k] = rows[i, k]
                true_scores(true_row, rows, first, hot[:n_true], true)
                for h in range(n_true if copies else 0):
                    if true[h] > NEAR_COPY and same_row(rows, i, first + hot[h]):
                        true[h] = 1.0
            for h in range(n_true):
                flag = flags[b_row[hot[h]]]
                if flag & TAIL:
                    tail_score[n_tail] = true[h]
                    tail_left[n_tail] = i
                    tail_right[n_tail] = first + hot[h]
                    n_tail += 1
                if flag & WINDOW:
                    window[n_window] = true[h]
                    n_window += 1
        if len(best) > 0:
            _rank_row(s, i, first, least, surely, maybe, best, in_gallery, rows, counts)
    return height, n_tail, n_window


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _rank_row(
    s: Any,
    i: int,
    first: int,
    least: Any,
    surely: Any,
    maybe: Any,
    best: Any,
    in_gallery: Any,
    rows: Any,
    counts: Any,
) -> None:
    """The part of :func:`count_tile` about ranks: ``s`` (n,) are the scores of row i with ``first ...``."""
    n = len(s)
    least_i, least_j = least[i], least[first : first + n]
    near = np.int32(0)
    for q in range(n):
        near += np.int32(s[q] >= least_i) | np.int32(s[q] >= least_j[q])
    if near == 0:  # so it is in nearly all rows of a model that knows people
        return
    for k in range(len(best)):
        surely_j, maybe_j = surely[k, first : first + n], maybe[k, first : first + n]
        inside_j, counts_j = in_gallery[k, first : first + n], counts[k, first : first + n]
        surely_i, maybe_i, inside_i = surely[k, i], maybe[k, i], in_gallery[k, i]
        found = np.int32(0)
        unsure = np.int32(0)
        for q in range(n):
            yes_i = np.int32(s[q] >= surely_i) & inside_j[q]
            yes_j = np.int32(s[q] >= surely_j[q]) & inside_i
            found += yes_i
            counts_j[q] += yes_j
            unsure += (np.int32(s[q] >= maybe_i) & inside_j[q]) - yes_i
            unsure += (np.int32(s[q] >= maybe_j[q]) & inside_i) - yes_j
        counts[k, i] += found
        if unsure == 0:
            continue
        for q in range(n):
            ask_i = inside_j[q] != 0 and maybe_i <= s[q] < surely_i
            ask_j = inside_i != 0 and maybe_j[q] <= s[q] < surely_j[q]
            if ask_i or ask_j:
                true = dot(rows, i, first + q)
                if ask_i and true >= best[k, i]:
                    counts[k, i] += 1
                if ask_j and true >= best[k, first + q]:
                    counts_j[q] += 1
