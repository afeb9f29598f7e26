"""How visible a change is: PSNR, SSIM and DSSIM of two photos, the colour difference of the face, and LPIPS
where its weights are installed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from faceprobe.cloaks.attacks import lpips as lpips_term
from faceprobe.cloaks.base import Pixels
from faceprobe.cloaks.photos.colour_difference import face_difference
from faceprobe.core.errors import BadInput
from faceprobe.core.extras import require
from faceprobe.data.photo import Face

WINDOW = 11
"""Side of SSIM's Gaussian window (sigma 1.5), as in Wang et al. 2004 and TensorFlow's ``image.ssim``."""
STRIP_PIXELS = 1_000_000
"""Pixels of a large photo that are compared at once: scikit-image holds about ten float64 copies of them."""
_ROWS = 256

Lpips = Callable[[Pixels, Pixels], float]
"""Measures LPIPS of a clean and a changed photo, each (H, W, 3) uint8."""


@dataclass(frozen=True)
class Quality:
    """``psnr`` in dB, infinite for equal photos; ``ssim`` in [-1, 1]; ``dssim`` = (1 - ssim) / 2 in [0, 1];
    ``lpips`` None where it was not measured. ``delta_e`` and ``delta_e_p95`` are the mean and the 95th
    percentile of CIEDE2000 over the face that changed most, None where no face is known.
    """

    psnr: float
    ssim: float
    dssim: float
    delta_e: float | None = None
    delta_e_p95: float | None = None
    lpips: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """All six; an infinite PSNR, which JSON cannot hold, is None."""
        return {
            "psnr": self.psnr if math.isfinite(self.psnr) else None,
            "ssim": self.ssim,
            "dssim": self.dssim,
            "delta_e": self.delta_e,
            "delta_e_p95": self.delta_e_p95,
            "lpips": self.lpips,
        }


def photo_quality(
    clean: Pixels,
    changed: Pixels,
    lpips: Lpips | None = None,
    faces: Sequence[Face] | None = None,
) -> Quality:
    """Compare two (H, W, 3) uint8 RGB photos of equal size; :class:`BadInput` for others.

    ``lpips`` measures LPIPS; None leaves it out, and so does a photo that is too small for it. ``faces`` are
    those of the clean photo, None where they are not known.
    """
    if clean.shape != changed.shape or clean.ndim != 3 or clean.shape[2] != 3:
        raise BadInput(
            f"photos of {clean.shape} and {changed.shape} cannot be compared; both must be (H, W, 3)"
        )
    similarity = ssim(clean, changed)
    large_enough = min(clean.shape[:2]) >= lpips_term.SMALLEST
    distance = lpips(clean, changed) if lpips is not None and large_enough else None
    tint = face_difference(clean, changed, faces)
    return Quality(
        psnr(clean, changed),
        similarity,
        (1 - similarity) / 2,
        None if tint is None else tint.mean,
        None if tint is None else tint.p95,
        distance,
    )


def installed_lpips() -> Lpips | None:
    """LPIPS on the CPU where its weights and libraries are installed, else None; fetches nothing."""
    if not lpips_term.weights_file().is_file() or not all(map(find_spec, ("torch", "lpips"))):
        return None
    torch: Any = require("torch", "encode", "LPIPS")
    distance, _ = lpips_term.load_perceptual("lpips", device=torch.device("cpu"), offline=True)

    def tensor(pixels: Pixels) -> Any:
        return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None]

    def measure(clean: Pixels, changed: Pixels) -> float:
        with torch.no_grad():
            return float(distance(tensor(changed), tensor(clean))[0])

    return measure


def changed_box(clean: Pixels, changed: Pixels) -> tuple[int, int, int, int] | None:
    """(y0, y1, x0, x1), ends excluded, of the box around all pixels that differ; None where none does."""
    rows = np.array([not np.array_equal(a, b) for a, b in zip(clean, changed, strict=True)])
    if not rows.any():
        return None
    y0, y1 = int(rows.argmax()), len(rows) - int(rows[::-1].argmax())
    columns = np.zeros(clean.shape[1], dtype=bool)
    for start in range(y0, y1, _ROWS):
        part = slice(start, min(start + _ROWS, y1))
        columns |= (clean[part] != changed[part]).any(axis=(0, 2))
    return y0, y1, int(columns.argmax()), len(columns) - int(columns[::-1].argmax())


def squared_error(clean: Pixels, changed: Pixels) -> float:
    """The sum of squared differences over all pixels and channels, exactly."""
    total = 0
    for start in range(0, len(clean), _ROWS):
        part = slice(start, start + _ROWS)
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

    Only windows with a changed pixel are computed, since SSIM of the others is exactly 1. Large photos are
    compared in strips that overlap by a window. Neither changes the mean.
    """
    pad = [(0, max(0, WINDOW - side)) for side in clean.shape[:2]]
    if any(after for _, after in pad):
        clean, changed = (np.pad(p, [*pad, (0, 0)], mode="edge") for p in (clean, changed))
    box = changed_box(clean, changed)
    if box is None:
        return 1.0
    reach = WINDOW - 1
    part = (slice(max(0, box[0] - reach), box[1] + reach), slice(max(0, box[2] - reach), box[3] + reach))
    total, count = _sum_of_windows(clean[part], changed[part])
    everywhere = int((clean.shape[0] - reach) * (clean.shape[1] - reach))
    return min(float(total + everywhere - count) / everywhere, 1.0)


def _sum_of_windows(clean: Pixels, changed: Pixels) -> tuple[float, int]:
    """The sum of SSIM over all windows that lie inside the photos, and the number of these windows."""
    metrics: Any = require("skimage.metrics", "cloak", "SSIM")
    rows, columns = (side - WINDOW + 1 for side in clean.shape[:2])
    total, step = 0.0, max(1, STRIP_PIXELS // clean.shape[1])
    for start in range(0, rows, step):
        count = min(step, rows - start)
        part = slice(start, start + count + WINDOW - 1)
        mean = metrics.structural_similarity(
            clean[part],
            changed[part],
            channel_axis=-1,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        total += count * columns * float(mean)
    return total, rows * columns


def dssim(clean: Pixels, changed: Pixels) -> float:
    """(1 - SSIM) / 2 in [0, 1]."""
    return (1 - ssim(clean, changed)) / 2
