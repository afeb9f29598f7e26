"""The rows of a tile's two sides, made ready for multiplying, and the product of both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.sweep.score_bins import Frame


class Panels:
    """One thread's copies of the rows it is multiplying, less the frame's mean.

    No second copy of all rows is kept: ``height`` rows of the left side and ``width`` of the right one are
    made anew when another part is asked for, which a walk through the tiles that keeps to one stripe of
    rows, and in it to one column of tiles, makes rare.
    """

    def __init__(self, frame: Frame, height: int, width: int) -> None:
        self.frame = frame
        dim = frame.rows.shape[1] if frame.codes is None else 0
        self._left, self._right = (np.empty((n, dim), dtype=frame.dtype) for n in (height, width))
        self._left_part = self._right_part = slice(0, 0)

    def multiply(
        self, stripe: slice, i: slice, j: slice, out: NDArray[np.generic]
    ) -> NDArray[np.floating] | NDArray[np.int32]:
        """The product of the rows ``i``, which are among those of ``stripe``, and ``j``, in a corner of
        ``out``: (height, width) of the frame's dtype, or int32 where there are codes.
        """
        frame = self.frame
        if frame.codes is not None:
            from faceprobe.scores.backends.torch import int8_product

            return int8_product(frame.codes.values[i], frame.codes.values[j])
        if stripe != self._left_part:
            self._left_part = stripe
            _ready(frame, stripe, self._left)
        if j != self._right_part:
            self._right_part = j
            _ready(frame, j, self._right)
        n, m = (len(range(*part.indices(len(frame.rows)))) for part in (i, j))
        left = self._left[i.start - stripe.start :][:n]
        corner: NDArray[np.floating] = out[:n, :m]  # type: ignore[assignment]
        np.matmul(left, self._right[:m].T, out=corner)
        return corner


def _ready(frame: Frame, part: slice, panel: NDArray[np.floating]) -> None:
    rows = frame.rows[part]
    np.subtract(rows, frame.mean, out=panel[: len(rows)])
