"""Sum and sum of squares of each person's non-mated scores, in closed form, without forming any pair.

With the rows X, S the sum of all rows and S_a that of person a's, the sum of a's non-mated scores is
S_a . (S - S_a). With G = X'X, the sum of the squares of row x's scores with all rows is x'Gx; the pairs
within a are subtracted from it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.duplicates import Duplicates
from faceprobe.scores.exact import COLUMNS, pair_scores
from faceprobe.scores.types import MatedScores, offsets


def person_moments(
    rows: NDArray[np.float32], labels: NDArray[np.int32], mated: MatedScores, duplicates: Duplicates
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """(P,) number, sum and sum of squares of each person's non-mated scores, duplicates left out."""
    bounds = offsets(labels)
    people = len(bounds) - 1
    sums = np.zeros((people, rows.shape[1]))
    gram = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), COLUMNS):
        wide = rows[start : start + COLUMNS].astype(np.float64)
        own = labels[start : start + COLUMNS]
        first = np.flatnonzero(np.diff(own, prepend=own[0] - 1))
        sums[own[first]] += np.add.reduceat(wide, first, axis=0)
        gram += wide.T @ wide
    total = np.einsum("pd,pd->p", sums, sums.sum(axis=0) - sums)
    squares = np.zeros(people)
    for start in range(0, len(rows), COLUMNS):
        wide = rows[start : start + COLUMNS].astype(np.float64)
        lengths = np.einsum("ij,ij->i", wide, wide)
        every = np.einsum("ij,ij->i", wide @ gram, wide) - lengths * lengths
        squares += np.bincount(labels[start : start + COLUMNS], every, people)
    squares -= 2.0 * np.bincount(mated.label, mated.score * mated.score, people)
    photos = np.diff(bounds)
    count = photos * (len(rows) - photos)
    left, right = duplicates.pairs
    if len(left):
        score = pair_scores(rows, left, right)
        a, b = labels[left], labels[right]
        strangers = a != b
        squares -= 2.0 * np.bincount(a[~strangers], score[~strangers] ** 2, people)
        for side in (a[strangers], b[strangers]):
            count -= np.bincount(side, minlength=people)
            total -= np.bincount(side, score[strangers], people)
            squares -= np.bincount(side, score[strangers] ** 2, people)
    return count, total, np.maximum(squares, 0.0)
