"""A region as large as the face at a random place: the control for removing the face."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def random_region(region: NDArray[np.bool_], content_hash: str, seed: int) -> NDArray[np.bool_]:
    """``region`` (H, W) moved by a random whole number of pixels down and right, wrapped at the edges.

    Every shift is equally likely and depends on ``content_hash`` and ``seed`` only. Wrapping keeps the area
    exactly and makes every pixel equally likely to be covered: a region that covers the share a of the photo
    overlaps itself by the share a on average.
    """
    height, width = region.shape
    digest = hashlib.sha256(f"random-mask/{seed}/{content_hash}".encode()).digest()
    down = int.from_bytes(digest[:8], "big") % height
    right = int.from_bytes(digest[8:16], "big") % width
    moved: NDArray[np.bool_] = np.roll(region, (down, right), axis=(0, 1))
    return moved
