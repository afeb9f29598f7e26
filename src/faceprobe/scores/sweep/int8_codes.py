"""Rows as 8-bit codes, with a bound on the error of their products.

A row d is coded as c = round(d / scale) with scale = max |d| / 127; e = d - scale c is what is lost. By
Cauchy-Schwarz the product of two coded rows errs by at most |e_i| |d_j| + |scale_i c_i| |e_j|. Only
scores that this bound leaves on either side of something that matters are computed again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.exact import COLUMNS


@dataclass(frozen=True)
class Codes:
    """``values`` (N, D) int8 and ``scale`` (N,) float32.

    With the columns ``lost`` and ``length`` of ``bounds`` (N, 2) float32, a product of rows i and j errs by
    at most ``lost[i] * length[j] + length[i] * lost[j] + rounding``, and none by more than ``error``.
    """

    values: NDArray[np.int8]
    scale: NDArray[np.float32]
    bounds: NDArray[np.float32]
    rounding: float
    error: float

    @classmethod
    def of(cls, rows: NDArray[np.float32], mean: NDArray[np.float32]) -> Codes:
        """Codes of the (N, D) ``rows`` less ``mean`` (D,), as float32 has them."""
        values = np.empty(rows.shape, dtype=np.int8)
        scale = np.empty(len(rows), dtype=np.float32)
        bounds = np.empty((len(rows), 2))
        for start in range(0, len(rows), COLUMNS):
            part = slice(start, start + COLUMNS)
            wide = (rows[part] - mean).astype(np.float64)
            step = (np.abs(wide).max(axis=1) / 127).astype(np.float32)
            own = np.where(step > 0, step, 1).astype(np.float64)[:, None]
            codes = np.clip(np.rint(wide / own), -127, 127)
            rest = wide - codes * own
            values[part], scale[part] = codes, step
            bounds[part, 0] = np.einsum("ij,ij->i", rest, rest)
            coded = codes * own
            length, coded_length = (np.einsum("ij,ij->i", a, a) for a in (wide, coded))
            bounds[part, 1] = np.maximum(length, coded_length)
        # Up to the next float32 and beyond, so that no bound is rounded down.
        bounds = np.sqrt(bounds) * (1 + 2.0**-20)
        lost, longest = (float(x) for x in bounds.max(axis=0))
        # The two scales, their product and its product with the integer are each rounded once.
        rounding = 2.0**-22 * longest**2
        return cls(values, scale, bounds.astype(np.float32), rounding, 2 * lost * longest + rounding)
