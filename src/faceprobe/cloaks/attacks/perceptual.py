"""Differentiable perceptual distances between photos: DSSIM here, LPIPS in ``lpips.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from faceprobe.core.extras import require

if TYPE_CHECKING:
    from torch import Tensor

WINDOW = 11
"""Side of SSIM's Gaussian window (sigma 1.5), as in Wang et al. 2004 and TensorFlow's ``image.ssim``."""

SIGMA = 1.5

Perceptual = Callable[["Tensor", "Tensor"], "Tensor"]
"""Two (B, 3, H, W) batches in [0, 1] -> (B,) distances, differentiable."""


def dssim(changed: Tensor, clean: Tensor) -> Tensor:
    """(1 - SSIM) / 2 in [0, 1] for (B, 3, H, W) photos in [0, 1], both sides at least 11: (B,).

    SSIM (Wang, Bovik, Sheikh, Simoncelli 2004, K1 .01, K2 .03) over the valid area of a Gaussian window of
    11 x 11, sigma 1.5, mean over channels, as Fawkes defines DSSIM.
    """
    msssim: Any = require("pytorch_msssim", "cloak", "DSSIM")
    similarity: Tensor = msssim.ssim(changed, clean, data_range=1.0, size_average=False, win_size=WINDOW)
    return (1 - similarity) / 2


class DssimTo:
    """:func:`dssim` to one fixed batch of clean photos, whose means and variances are computed once.

    The Gaussian window is applied as a banded matrix from both sides: on a CPU, BLAS does that several times
    faster than a depthwise convolution. The values equal those of :func:`dssim` up to float32 rounding.
    """

    def __init__(self, clean: Tensor) -> None:
        self._clean = clean
        self._down = _window_matrix(clean.shape[2], clean)
        self._across = _window_matrix(clean.shape[3], clean).T.contiguous()
        self._mean = self._blurred(clean)
        self._variance = self._blurred(clean * clean) - self._mean**2

    def __call__(self, changed: Tensor) -> Tensor:
        """(B, 3, H, W) photos in [0, 1] -> (B,) distances, differentiable."""
        c1, c2 = 0.01**2, 0.03**2
        mean = self._blurred(changed)
        variance = self._blurred(changed * changed) - mean * mean
        covariance = self._blurred(changed * self._clean) - mean * self._mean
        structure = (2 * covariance + c2) / (variance + self._variance + c2)
        similarity = (2 * mean * self._mean + c1) / (mean * mean + self._mean**2 + c1) * structure
        return (1 - similarity.mean((1, 2, 3))) / 2

    def _blurred(self, photos: Tensor) -> Tensor:
        return self._down @ photos @ self._across


def _window_matrix(size: int, photos: Tensor) -> Tensor:
    """(size - 10, size): row i holds the Gaussian window over i .. i + 10; dtype and device of ``photos``."""
    import torch

    places = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-(places**2) / (2 * SIGMA**2))
    matrix = torch.zeros(size - WINDOW + 1, size, dtype=torch.float64)
    for row in range(len(matrix)):
        matrix[row, row : row + WINDOW] = weights / weights.sum()
    return matrix.to(photos)
