"""The bins that scores are sorted into, and the error of approximate scores.

Vectors of many models lie close together: all cosines are .9 and more. So rows are taken relative to
their mean, x = mean + d, and s = d_i . d_j + shift_i + shift_j + centre with small shifts: a float32
matrix product then errs by a small part of the scores' *spread*, not of 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.exact import COLUMNS, block_scores
from faceprobe.scores.sweep.int8_codes import Codes
from faceprobe.scores.types import Grid

UNIT = 2.0**-24
"""Unit roundoff of float32."""

MAX_GRID_VALUES = 2**24
"""Bound on people x thresholds of the grid (128 MB for each thread)."""


@dataclass(frozen=True)
class ScoreBins:
    """Bins of scores, and how a tile's scores are formed.

    A tile's scores are true scores less ``centre``, within ``error`` (both 0 for exact tiles).

    ``rows`` (N, D) less ``mean`` (D,) float32 are what is multiplied (see :class:`Panels`), ``shift`` (N,)
    what is added for each row. Bin k holds the scores from ``(first + k) * 2**-bits`` on; the first and the
    last of the ``size`` bins hold all beyond. An approximate score lies at most ``guard`` bins from its true
    one. With ``codes`` scores come from 8-bit codes first and lie up to ``coarse`` bins off; they are then
    computed again in float32 wherever that matters. ``grid`` is made of every
    ``2**grid_shift``-th bin, its first threshold being that of bin ``grid_first * 2**grid_shift``.
    """

    exact: bool
    rows: NDArray[np.float32]
    mean: NDArray[np.float32]
    shift: NDArray[np.floating]
    centre: float
    error: float
    first: int
    bits: int
    size: int
    guard: int
    grid: Grid
    grid_shift: int
    grid_first: int
    codes: Codes | None = None
    coarse: int = 0

    @property
    def first_error(self) -> float:
        """Bound on the error of a score as it comes from :meth:`Panels.multiply`."""
        return self.error + (self.codes.error if self.codes is not None else 0.0)

    def edge(self, k: NDArray[np.int64] | int) -> NDArray[np.float64]:
        """The lower ends of the bins ``k``."""
        return np.ldexp(np.asarray(k + self.first, dtype=np.float64), -self.bits)

    def index_of(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """(K,) the bin of each exact score, not clipped to the bins that there are."""
        return np.floor(np.ldexp(scores, self.bits)).astype(np.int64) - self.first

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """The scores' dtype: float64 where they are exact, else float32."""
        return np.dtype(np.float64 if self.exact else np.float32)


def typical_nonmated(rows: NDArray[np.float32], labels: NDArray[np.int32]) -> tuple[float, float, float]:
    """Mean and standard deviation of the non-mated scores among up to 1,024 rows spread over the set, and
    half the width of the middle 68 % of them, which a few outliers do not widen.

    They only place bins and grid, and do not depend on the size of tiles.
    """
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), 1024)).astype(np.int64))
    some = rows[chosen]
    scores = block_scores(some, 0, len(some))
    other = scores[labels[chosen][:, None] != labels[chosen]]
    if len(other) == 0:
        return 0.0, 0.0, 0.0
    low, high = np.quantile(other, [0.16, 0.84])
    return float(other.mean()), float(other.std()), float(high - low) / 2


def choose_bins(
    rows: NDArray[np.float32], labels: NDArray[np.int32], exact: bool, coded: bool = False
) -> ScoreBins:
    """Place bins and grid for the (N, D) exact ``rows``; centre them unless ``exact``, and code them in
    8 bits where they are to be ``coded``.
    """
    typical, spread, middle = typical_nonmated(rows, labels)
    spread = max(spread, 2.0**-30)
    # A bin is between 1/2048 and 1/4096 of the spread wide (of an eighth of it where strays make it);
    # 24 spreads below and 40 above the centre make at most 2**18 (2**21) bins.
    bits = 11 - int(np.floor(np.log2(np.clip(middle, spread / 8, spread))))
    first = int(np.floor(np.ldexp(max(-1.03, typical - 24 * spread), bits)))
    last = int(np.ceil(np.ldexp(min(1.03, typical + 40 * spread), bits)))
    grid = _grid(typical, spread, int(labels[-1]) + 1)
    # The grid's thresholds must be bins' edges; 2**grid_shift bins make one of its steps.
    grid_shift = bits - grid.bits
    first = (first >> grid_shift) << grid_shift
    mean: NDArray[np.float32] = np.zeros(rows.shape[1], dtype=np.float32)
    shift: NDArray[np.floating] = np.zeros(len(rows))
    centre = error = 0.0
    if not exact:
        mean, shift, centre, error = _centre(rows, typical)
    codes = Codes.of(rows, mean) if coded and not exact else None
    return ScoreBins(
        exact=exact,
        rows=rows,
        mean=mean,
        shift=shift,
        centre=centre,
        error=error,
        first=first,
        bits=bits,
        size=last - first + 1,
        guard=0 if exact else int(np.ceil(np.ldexp(error, bits) + 0.05)),
        grid=grid,
        grid_shift=grid_shift,
        grid_first=grid.first - (first >> grid_shift),
        codes=codes,
        coarse=0 if codes is None else int(np.ceil(np.ldexp(codes.error + error, bits) + 0.05)),
    )


def _centre(
    rows: NDArray[np.float32], typical: float
) -> tuple[NDArray[np.float32], NDArray[np.floating], float, float]:
    """The rows' mean, shifts, centre, and a bound on the error of a score formed from them.

    The bound: a float32 dot product of D terms in any order errs by at most D u |a| |b| / (1 - D u)
    (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1), the rounding of
    the rows less their mean by 2 u |a| |b|, and the sums with the shifts by a few u of their parts. The mean
    itself is rounded to float32 first, so that this moves no score.
    """
    total = np.zeros(rows.shape[1])
    for start in range(0, len(rows), COLUMNS):
        total += rows[start : start + COLUMNS].sum(axis=0, dtype=np.float64)
    mean = (total / len(rows)).astype(np.float32)
    origin = mean.astype(np.float64)
    shift, longest = np.empty(len(rows)), 0.0
    square = float(origin @ origin)
    for start in range(0, len(rows), COLUMNS):
        wide = rows[start : start + COLUMNS] - origin
        shift[start : start + COLUMNS] = wide @ origin + (square - typical) / 2
        longest = max(longest, float(np.einsum("ij,ij->i", wide, wide).max()))
    reach = float(np.abs(shift).max())
    terms = rows.shape[1]
    error = UNIT * (terms + 8) / (1 - terms * UNIT) * longest + UNIT * 8 * (2 * reach + longest)
    return mean, shift.astype(np.float32), typical, error


def _grid(centre: float, spread: float, n_people: int) -> Grid:
    """From 5 standard deviations below the typical non-mated score to 9 above it, in steps between
    1/16 and 1/8 of one (coarser where ``n_people`` would need more than MAX_GRID_VALUES).
    """
    finest = 3 - int(np.floor(np.log2(spread)))
    grid = _grid_of(centre, spread, finest)
    while grid.size * n_people > MAX_GRID_VALUES and grid.size > 64:
        grid = _grid_of(centre, spread, grid.bits - 1)
    return grid


def _grid_of(centre: float, spread: float, bits: int) -> Grid:
    centre = min(max(centre, -1.0), 1.0)  # rounding takes equal or opposite rows a little beyond
    first = int(np.floor(np.ldexp(max(-1.0, centre - 5 * spread), bits)))
    last = int(np.ceil(np.ldexp(min(1.0, centre + 9 * spread), bits))) + 1
    return Grid(first, bits, last - first + 1)
