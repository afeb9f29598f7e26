"""How visible a change is, as a differentiable number: DSSIM and, where its weights are reachable, LPIPS."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from faceprobe.core.extras import require

if TYPE_CHECKING:
    from torch import Tensor

WINDOW = 11
"""Side of SSIM's Gaussian window (sigma 1.5), as in Wang et al. 2004 and TensorFlow's ``image.ssim``."""

Perceptual = Callable[["Tensor", "Tensor"], "Tensor"]
"""Two (B, 3, H, W) batches in [0, 1] -> (B,) distances, differentiable."""


def dssim(changed: Tensor, clean: Tensor) -> Tensor:
    """(1 - SSIM) / 2 in [0, 1] for (B, 3, H, W) photos in [0, 1], both sides at least 11: (B,).

    SSIM (Wang, Bovik, Sheikh, Simoncelli 2004, K1 .01, K2 .03) over the valid area of a Gaussian window of
    11 x 11, sigma 1.5, mean over channels: what Fawkes calls DSSIM.
    """
    msssim: Any = require("pytorch_msssim", "cloak", "DSSIM")
    similarity: Tensor = msssim.ssim(changed, clean, data_range=1.0, size_average=False, win_size=WINDOW)
    return (1 - similarity) / 2
