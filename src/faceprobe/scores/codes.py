"""Rows as 8-bit codes, with a bound on what that costs a score.

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
    """``values`` (N, D) int8 and ``scale`` (N,) float32; a product of two rows errs by at most ``error``."""

    values: NDArray[np.int8]
    scale: NDArray[np.float32]
    error: float

    @classmethod
    def of(cls, rows: NDArray[np.float32], mean: NDArray[np.float32]) -> Codes:
        """Codes of the (N, D) ``rows`` less ``mean`` (D,), as float32 has them."""
        values = np.empty(rows.shape, dtype=np.int8)
        scale = np.empty(len(rows), dtype=np.float32)
        lost = longest = 0.0
        for start in range(0, len(rows), COLUMNS):
            part = slice(start, start + COLUMNS)
            wide = (rows[part] - mean).astype(np.float64)
            step = (np.abs(wide).max(axis=1) / 127).astype(np.float32)
            own = np.where(step > 0, step, 1).astype(np.float64)[:, None]
            codes = np.clip(np.rint(wide / own), -127, 127)
            rest = wide - codes * own
            values[part], scale[part] = codes, step
            lost = max(lost, float(np.einsum("ij,ij->i", rest, rest).max()))
            longest = max(longest, float(np.einsum("ij,ij->i", wide, wide).max()))
        lost, longest = lost**0.5, longest**0.5
        # The two scales, their product and its product with the integer are each rounded once.
        rounding = 2.0**-22 * (longest + lost) ** 2
        return cls(values, scale, lost * longest + (longest + lost) * lost + rounding)
