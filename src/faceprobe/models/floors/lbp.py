"""Uniform local binary patterns, ``lbp:112`` (Ahonen, Hadid and Pietikainen, PAMI 2006):
an untrained baseline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.names import Name
from faceprobe.models.base import ImageEncoder, ModelCard, ModelFamily
from faceprobe.models.floors.descriptors import ClassicalEncoder, classical_card, side_of

GRID, POINTS, RADIUS, PATTERNS = 7, 8, 1, 59
"""Regions across the photo, neighbours and their distance in pixels, histogram bins: 58 uniform + 1."""

TOLERANCE = 1e-3
"""Grey levels by which an interpolated neighbour may lie below the centre and still count as its equal."""


def uniform_bins() -> NDArray[np.int64]:
    """(256,) bin of each code: one for each code with at most two changes around the circle, in rising
    order, and the last for all others.
    """
    codes = range(2**POINTS)
    changes = [bin(c ^ (c >> 1 | (c & 1) << (POINTS - 1))).count("1") for c in codes]
    plain = [c for c in codes if changes[c] <= 2]
    found = np.full(len(codes), PATTERNS - 1, dtype=np.int64)
    found[plain] = np.arange(len(plain))
    return found


BINS = uniform_bins()


def codes(grey: NDArray[np.float32]) -> NDArray[np.int64]:
    """(B, S, S) whole grey levels -> codes 0..255.

    Bit k is set where the neighbour at angle k * 45 degrees (counter-clockwise from the right), at distance
    one and bilinearly interpolated, is at least the centre; edge pixels are repeated outwards.
    """
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    side = grey.shape[1]
    found = np.zeros(grey.shape, dtype=np.int64)

    def moved(down: int, right: int) -> NDArray[np.float32]:
        return padded[:, 1 + down : 1 + down + side, 1 + right : 1 + right + side]

    a = np.float32(np.sqrt(0.5))
    b = np.float32(1) - a
    near = grey - np.float32(TOLERANCE)
    for bit, (down, right) in enumerate(
        [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]
    ):
        value = moved(down, right)
        if down and right:
            across = a * b * (moved(0, right) + moved(down, 0))
            value = a * a * value + across + b * b * grey
        found |= (value >= near).astype(np.int64) << bit
    return found


def describe(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """(B, S, S) grey 0..255 -> (B, 49 * 59): the square root of each region's histogram of patterns.

    So the cosine of two photos is the mean over regions of the Bhattacharyya coefficient of their
    histograms, where the paper sums chi-square distances.
    """
    count, side = len(grey), grey.shape[1]
    which = BINS[codes(np.rint(grey).astype(np.float32))]
    rows = np.arange(side) * GRID // side
    region = (np.arange(count)[:, None, None] * GRID + rows[None, :, None]) * GRID + rows[None, None, :]
    votes = np.bincount((region * PATTERNS + which).ravel(), minlength=count * GRID * GRID * PATTERNS)
    shares = votes.reshape(count, GRID * GRID, PATTERNS) / (side // GRID) ** 2
    rows_found: NDArray[np.float32] = np.sqrt(shares).reshape(count, -1).astype(np.float32)
    return rows_found


class Lbp(ModelFamily):
    usage = "lbp:112"
    about = "uniform local binary patterns on a 7 x 7 grid, as a floor"

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder:
        options = {
            "version": 1,
            "grid": GRID,
            "points": POINTS,
            "radius": RADIUS,
            "side": side_of(name, GRID),
        }
        return ClassicalEncoder(self.card(name), name, describe, options)

    def card(self, name: Name) -> ModelCard:
        name.check_options({"flip"})
        side = side_of(name, GRID)
        notes = f"uniform local binary patterns ({POINTS},{RADIUS}) in {GRID} x {GRID} regions, square root"
        return classical_card(name, GRID * GRID * PATTERNS, side, notes)

    def known(self) -> list[str]:
        return ["lbp:56", "lbp:112"]


FAMILY = Lbp()
