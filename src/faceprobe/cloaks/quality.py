"""How visible a change is: PSNR, SSIM, DSSIM and, where its weights are at hand, LPIPS of two photos."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.extras import require

WINDOW = 11
"""Side of SSIM's Gaussian window (sigma 1.5), as in Wang et al. 2004 and TensorFlow's ``image.ssim``."""
STRIP_PIXELS = 1_000_000
"""Pixels of a large photo that are compared at once: scikit-image holds some ten float64 copies of them."""

Pixels = NDArray[np.uint8]
Lpips = Callable[[Pixels, Pixels], float]


@dataclass(frozen=True)
class Quality:
    """``psnr`` in dB, infinite for equal photos; ``ssim`` in [-1, 1]; ``dssim`` = (1 - ssim) / 2;
    ``lpips`` None where its weights are not at hand.
    """

    psnr: float
    ssim: float
    dssim: float
    lpips: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """As JSON can hold it: an infinite PSNR is None."""
        return {
            "psnr": self.psnr if math.isfinite(self.psnr) else None,
            "ssim": self.ssim,
            "dssim": self.dssim,
            "lpips": self.lpips,
        }


def photo_quality(clean: Pixels, changed: Pixels, lpips: Lpips | None = None) -> Quality:
    """Compare two (H, W, 3) uint8 RGB photos of equal size; :class:`BadInput` for others.

    ``lpips`` is a function that measures it; None leaves it out.
    """
    if clean.shape != changed.shape or clean.ndim != 3 or clean.shape[2] != 3:
        raise BadInput(
            f"photos of {clean.shape} and {changed.shape} cannot be compared; both must be (H, W, 3)"
        )
    similarity = ssim(clean, changed)
    distance = None if lpips is None else lpips(clean, changed)
    return Quality(psnr(clean, changed), similarity, (1 - similarity) / 2, distance)


def squared_error(clean: Pixels, changed: Pixels) -> float:
    """The sum of squared differences over all pixels and channels, exactly."""
    total = 0
    for start in range(0, len(clean), 256):
        part = slice(start, start + 256)
        difference = clean[part].astype(np.int32) - changed[part]
        total += int(np.sum(difference * difference, dtype=np.int64))
    return float(total)


def psnr(clean: Pixels, changed: Pixels) -> float:
    """10 log10(255^2 / MSE) in dB over all pixels and channels; infinite for equal photos."""
    error = squared_error(clean, changed)
    return math.inf if not error else 10 * math.log10(255.0**2 * clean.size / error)


def ssim(clean: Pixels, changed: Pixels) -> float:
    """SSIM (Wang, Bovik, Sheikh, Simoncelli 2004; K1 .01, K2 .03): the mean over channels and over the valid
    area of a Gaussian window of 11 x 11, sigma 1.5. A side below 11 px is first padded with its edge.

    Large photos are compared in strips that overlap by a window, which gives the same mean.
    """
    metrics: Any = require("skimage.metrics", "cloak", "SSIM")
    pad = [(0, max(0, WINDOW - side)) for side in clean.shape[:2]]
    if any(after for _, after in pad):
        clean, changed = (np.pad(p, [*pad, (0, 0)], mode="edge") for p in (clean, changed))
    rows = clean.shape[0] - WINDOW + 1
    total, step = 0.0, max(1, STRIP_PIXELS // clean.shape[1])
    for start in range(0, rows, step):
        count = min(step, rows - start)
        part = slice(start, start + count + WINDOW - 1)
        total += count * float(
            metrics.structural_similarity(
                clean[part],
                changed[part],
                channel_axis=-1,
                data_range=255,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
        )
    return min(float(total / rows), 1.0)


def dssim(clean: Pixels, changed: Pixels) -> float:
    """(1 - SSIM) / 2 in [0, 1]."""
    return (1 - ssim(clean, changed)) / 2
