"""Histograms of oriented gradients, ``hog:112`` (Dalal and Triggs, CVPR 2005): an untrained baseline."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.names import Name
from faceprobe.models.base import ImageEncoder, ModelCard, ModelFamily
from faceprobe.models.floors.descriptors import ClassicalEncoder, classical_card, side_of

CELL, BLOCK, BINS = 8, 2, 9
"""Pixels across a cell, cells across a block (blocks overlap by one cell), orientations in 180 degrees."""

CLIP = 0.2
"""Largest entry of a block in L2-Hys."""


def describe(grey: NDArray[np.float32], cell: int = CELL) -> NDArray[np.float32]:
    """(B, S, S) grey -> (B, (S/cell - 1)^2 * 36) block histograms, in the order row, column, cell, bin.

    Gradients by [-1, 0, 1] without smoothing (edge pixels repeated), nine unsigned orientations whose
    centres are (k + 1/2) 20 degrees; a pixel's magnitude is shared linearly between the two nearest and
    goes to its own cell (no interpolation in space and no Gaussian window); blocks are L2-Hys.
    """
    count, side = len(grey), grey.shape[1]
    n = side // cell
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    dx = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    dy = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    size = np.sqrt(dx * dx + dy * dy)
    place = np.arctan2(dy, dx) * np.float32(BINS / np.pi) - np.float32(0.5)
    low = np.floor(place)
    upper = size * (place - low)
    which = low.astype(np.int64) % BINS
    rows = np.arange(side) // cell
    cells = (np.arange(count)[:, None, None] * n + rows[None, :, None]) * n + rows[None, None, :]
    total = count * n * n * BINS
    votes = np.bincount((cells * BINS + which).ravel(), (size - upper).ravel(), total)
    votes += np.bincount((cells * BINS + (which + 1) % BINS).ravel(), upper.ravel(), total)
    histograms = votes.reshape(count, n, n, BINS)
    parts = [histograms[:, i : n - 1 + i, j : n - 1 + j] for i in range(BLOCK) for j in range(BLOCK)]
    blocks = _l2(np.minimum(_l2(np.concatenate(parts, axis=-1)), CLIP))
    return blocks.reshape(count, -1).astype(np.float32)


def _l2(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + 1e-12)
    return found


class Hog(ModelFamily):
    usage = "hog:112"
    about = "histograms of oriented gradients at that side, as a floor"

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder:
        options = {"version": 1, "cell": CELL, "block": BLOCK, "bins": BINS, "side": side_of(name, CELL)}
        return ClassicalEncoder(self.card(name), name, partial(describe, cell=CELL), options)

    def card(self, name: Name) -> ModelCard:
        name.check_options({"flip"})
        side = side_of(name, CELL)
        dim = (side // CELL - 1) ** 2 * BLOCK**2 * BINS
        notes = f"histograms of oriented gradients (cells of {CELL}, blocks of {BLOCK} x {BLOCK}, L2-Hys)"
        return classical_card(name, dim, side, notes)

    def known(self) -> list[str]:
        return ["hog:64", "hog:112"]


FAMILY = Hog()
