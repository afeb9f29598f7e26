"""Dot products that come out the same whatever the block size, the thread count or the library.

Every element of a unit row is rounded to a multiple of 2**-26. A product of two such numbers is
a multiple of 2**-52, and by Cauchy-Schwarz every partial sum of a dot product of two unit rows
stays below 2: an integer below 2**53 in units of 2**-52, which float64 holds exactly. So no order
of summation, no fused multiply-add and no blocking can change a bit of a score, equal rows have
equal scores with everything and score exactly 1 with each other, and ties are real ties. The rounding moves
a score by about 6e-9 (root mean square, for any dimension), less than float32 rows are certain to. Rows that
are given with a length within 2e-6 of 1 are not scaled again. So scores are exactly those of the rounded
rows in float64, not of the vectors that were given: where scores lie closer together than that, ranks can
differ (in a cone where all cosines are above .9999, MRR was seen to move by 2e-4).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.row_kernels import NEAR_COPY, score_pairs

BITS = 26
"""Elements are multiples of ``2**-BITS``."""

COLUMNS = 8192
"""Rows that are widened to float64 at a time."""

PAIRS = 1_000_000
"""Pairs that are scored at a time."""


def exact_rows(vectors: NDArray[np.float32], order: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
    """Round the (N, D) float32 unit rows, taken in ``order`` (None: as they are), to multiples of 2**-26.

    The result is (N, D) float32 without further loss: from 0.25 on float32 itself has coarser steps, and
    below 0.25 its 24 bits hold every such multiple. Raises :class:`ValueError` where a row holds NaN or is
    longer than 1.01.
    """
    n = len(vectors) if order is None else len(order)
    rounded = np.empty((n, vectors.shape[1]), dtype=np.float32)
    for start in range(0, n, COLUMNS):
        part = slice(start, start + COLUMNS)
        wide = vectors[part if order is None else order[part]].astype(np.float64)
        lengths = np.einsum("ij,ij->i", wide, wide)
        if not np.all(lengths <= 1.02):  # also false for NaN
            raise ValueError("rows must have length 1 (faceprobe.data.embeddings.unit_rows)")
        rounded[part] = np.ldexp(np.rint(np.ldexp(wide, BITS)), -BITS)
    return rounded


def block_scores(rows: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float64]:
    """The scores of rows ``start`` to ``stop`` with all rows: (stop - start, N) float64, exact."""
    left = rows[start:stop].astype(np.float64)
    scores = np.empty((stop - start, len(rows)))
    for first in range(0, len(rows), COLUMNS):
        right = rows[first : first + COLUMNS].astype(np.float64)
        scores[:, first : first + COLUMNS] = left @ right.T
    return scores


def set_copies(scores: NDArray[np.float64], left: NDArray[np.float32], right: NDArray[np.float32]) -> None:
    """Set the ``scores`` (M, K) of equal rows of ``left`` (M, D) and ``right`` (K, D) to exactly 1, in place,
    as :func:`pair_scores` gives them.
    """
    near, other = np.nonzero(scores > NEAR_COPY)
    for start in range(0, len(near), COLUMNS):
        i, j = near[start : start + COLUMNS], other[start : start + COLUMNS]
        same = (left[i] == right[j]).all(axis=1)
        scores[i[same], j[same]] = 1.0


def pair_scores(
    rows: NDArray[np.float32],
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    tick: Callable[[int], None] | None = None,
    chunk: int = PAIRS,
) -> NDArray[np.float64]:
    """The scores (P,) float64 of the pairs of row numbers ``left`` and ``right`` (P,), exact.

    Only the result grows with P. ``tick`` is called with the number of pairs in each ``chunk``.
    """
    scores = np.empty(len(left))
    for start in range(0, len(left), chunk):
        part = slice(start, start + chunk)
        score_pairs(rows, left[part], right[part], scores[part])
        if tick is not None:
            tick(len(scores[part]))
    return scores
