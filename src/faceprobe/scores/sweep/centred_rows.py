"""Copies of the rows of a tile's two sides, less their mean, and the product of both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.sweep.score_bins import ScoreBins


class Panels:
    """One thread's copies of the rows that it multiplies, less the mean of all rows.

    No second copy of all rows is kept: ``height`` rows of the left side and ``width`` of the right one are
    copied again when another part is asked for. That is rare, since a thread works through one stripe of
    rows, and within it through one column of tiles, before the next one.
    """

    def __init__(self, bins: ScoreBins, height: int, width: int) -> None:
        self.bins = bins
        dim = bins.rows.shape[1] if bins.codes is None else 0
        self._left, self._right = (np.empty((n, dim), dtype=bins.dtype) for n in (height, width))
        self._left_part = self._right_part = slice(0, 0)

    def multiply(
        self, stripe: slice, i: slice, j: slice, out: NDArray[np.generic]
    ) -> NDArray[np.floating] | NDArray[np.int32]:
        """The product of the rows ``i``, which are among those of ``stripe``, and ``j``, in a corner of
        ``out``: (height, width) of the scores' dtype, or int32 where there are codes.
        """
        bins = self.bins
        if bins.codes is not None:
            from faceprobe.scores.backends.torch import int8_product

            return int8_product(bins.codes.values[i], bins.codes.values[j])
        if stripe != self._left_part:
            self._left_part = stripe
            _ready(bins, stripe, self._left)
        if j != self._right_part:
            self._right_part = j
            _ready(bins, j, self._right)
        n, m = (len(range(*part.indices(len(bins.rows)))) for part in (i, j))
        left = self._left[i.start - stripe.start :][:n]
        corner: NDArray[np.floating] = out[:n, :m]  # type: ignore[assignment]
        np.matmul(left, self._right[:m].T, out=corner)
        return corner


def _ready(bins: ScoreBins, part: slice, panel: NDArray[np.floating]) -> None:
    rows = bins.rows[part]
    np.subtract(rows, bins.mean, out=panel[: len(rows)])
