"""Sum and sum of squares of each person's non-mated scores, in closed form, without forming any pair.

With rows written as two factors (see :func:`person_moments`), L and R the sums of all rows' factors and L_a,
R_a those of person a's, the sum of a's non-mated scores is L_a . (R - R_a). With G = R'R over rows, the sum
of the squares of a row's scores with all rows is l'Gl; the pairs within a are subtracted from it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.duplicates import Duplicates, find_duplicates, may_have_equal_rows
from faceprobe.scores.exact import COLUMNS
from faceprobe.scores.types import MatedScores, offsets


def person_moments(
    rows: NDArray[np.float32], labels: NDArray[np.int32], mated: MatedScores, duplicates: Duplicates
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], float]:
    """(P,) number, sum and sum of squares of each person's non-mated scores less an origin, duplicates left
    out, and the origin: the square of the mean row's length.

    With the mean row m and x = m + d, the score of two rows less the origin m'm is m'd + m'e + d'e: of the
    size of the scores' spread, so that nothing cancels where scores lie close together.
    """
    bounds = offsets(labels)
    people = len(bounds) - 1
    mean = np.zeros(rows.shape[1])
    for start in range(0, len(rows), COLUMNS):
        mean += rows[start : start + COLUMNS].astype(np.float64).sum(axis=0)
    mean /= len(rows)
    origin = float(mean @ mean)

    def sides(start: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(d, m'd, 1) and (d, 1, m'd) of some rows: the product of both sides is score - origin."""
        shifted = rows[start : start + COLUMNS].astype(np.float64) - mean
        towards, ones = (shifted @ mean)[:, None], np.ones((len(shifted), 1))
        return np.hstack([shifted, towards, ones]), np.hstack([shifted, ones, towards])

    left_sums, right_sums = (np.zeros((people, rows.shape[1] + 2)) for _ in range(2))
    gram = np.zeros((rows.shape[1] + 2, rows.shape[1] + 2))
    for start in range(0, len(rows), COLUMNS):
        own = labels[start : start + COLUMNS]
        first = np.flatnonzero(np.diff(own, prepend=own[0] - 1))
        one, other = sides(start)
        left_sums[own[first]] += np.add.reduceat(one, first, axis=0)
        right_sums[own[first]] += np.add.reduceat(other, first, axis=0)
        gram += other.T @ other
    total = np.einsum("pd,pd->p", left_sums, right_sums.sum(axis=0) - right_sums)
    squares = np.zeros(people)
    for start in range(0, len(rows), COLUMNS):
        one, other = sides(start)
        itself = np.einsum("ij,ij->i", one, other)
        every = np.einsum("ij,ij->i", one @ gram, one) - itself * itself
        squares += np.bincount(labels[start : start + COLUMNS], every, people)
    # The sums above hold copies with the square of their length in place of 1.
    products, copies = mated.score.copy(), np.flatnonzero(mated.score == 1)
    products[copies] = _products(rows, mated.left[copies], mated.right[copies])
    squares -= 2.0 * np.bincount(mated.label, (products - origin) ** 2, people)
    photos = np.diff(bounds)
    count = photos * (len(rows) - photos)
    left, right = duplicates.pairs
    if len(left):
        score = _products(rows, left, right) - origin
        a, b = labels[left], labels[right]
        strangers = a != b
        squares -= 2.0 * np.bincount(a[~strangers], score[~strangers] ** 2, people)
        for side in (a[strangers], b[strangers]):
            count -= np.bincount(side, minlength=people)
            total -= np.bincount(side, score[strangers], people)
            squares -= np.bincount(side, score[strangers] ** 2, people)
    first_copy, second_copy = _kept_copies(rows, labels, duplicates)
    if len(first_copy):
        raw = _products(rows, first_copy, second_copy)
        for side in (labels[first_copy], labels[second_copy]):
            total += np.bincount(side, 1.0 - raw, people)
            squares += np.bincount(side, (1.0 - origin) ** 2 - (raw - origin) ** 2, people)
    return count, total, np.maximum(squares, 0.0), origin


def _kept_copies(
    rows: NDArray[np.float32], labels: NDArray[np.int32], duplicates: Duplicates
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of equal rows of different people that are compared."""
    none = np.zeros(0, dtype=np.int64)
    if not may_have_equal_rows(rows):
        return none, none
    content = np.unique(rows + np.float32(0), axis=0, return_inverse=True)[1].ravel()
    left, right = find_duplicates(labels, content).pairs
    strangers = labels[left] != labels[right]
    left, right = left[strangers], right[strangers]
    left_out = duplicates.pairs[0] * len(rows) + duplicates.pairs[1]
    kept = ~np.isin(left * len(rows) + right, left_out)
    return left[kept], right[kept]


def _products(
    rows: NDArray[np.float32], left: NDArray[np.integer], right: NDArray[np.integer]
) -> NDArray[np.float64]:
    """The products (K,) of listed pairs as the sums hold them: of equal rows the square of their length."""
    found = np.empty(len(left))
    for start in range(0, len(left), COLUMNS):
        part = slice(start, start + COLUMNS)
        wide = (rows[side[part]].astype(np.float64) for side in (left, right))
        found[part] = np.einsum("ij,ij->i", *wide)
    return found
