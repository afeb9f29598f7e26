"""How much a cloak tints a face: CIEDE2000 between the clean and the changed photo over the face's box.

SSIM is computed by channel from local means, variances and covariances. A smooth tint changes the means a
little and the rest not at all, so a face may turn green at an SSIM of .98; a difference of colours shows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np

from faceprobe.cloaks.base import Pixels
from faceprobe.core.extras import require
from faceprobe.data.photo import Face

VISIBLE_TINT = 2.3
"""Mean difference over a face above which a photo is called visibly tinted: the just noticeable difference
of CIELAB (Mahy, Van Eycken and Oosterlinck, Evaluation of uniform color spaces developed after the adoption
of CIELAB and CIELUV, Color Research and Application 19(2), 1994). It is a Euclidean distance in CIELAB
there; taking it for the mean of CIEDE2000 over a face is our choice.
"""

MOST_PIXELS = 250_000
"""Of a larger face, every second, third, ... row and column is compared, to bound time and memory."""


@dataclass(frozen=True)
class ColourDifference:
    """CIEDE2000 over the pixels of a face: the ``mean``, and ``p95``, the 95th percentile. 0 for equal
    faces.
    """

    mean: float
    p95: float


def is_tinted(mean: float | None) -> bool:
    """Whether a face of that ``mean`` difference is visibly tinted; False where it is not known."""
    return mean is not None and mean > VISIBLE_TINT


def face_difference(clean: Pixels, changed: Pixels, faces: Iterable[Face] | None) -> ColourDifference | None:
    """The difference over the box of the face that changed most; photos are (H, W, 3) uint8 sRGB of one size.

    CIEDE2000 (Luo, Cui and Rigg 2001; kL = kC = kH = 1) of each pair of pixels, sRGB read with white D65, by
    scikit-image. None where no face is known or none lies in the photo.
    """
    found = [
        _difference(clean[part], changed[part]) for face in faces or () if (part := _inside(face, clean))
    ]
    return max(found, key=lambda one: one.mean, default=None)


def _inside(face: Face, pixels: Pixels) -> tuple[slice, slice] | None:
    """The rows and columns of the face's box within the photo; None where it lies outside."""
    x0, y0, x1, y1 = (round(value) for value in face.box)
    rows = slice(max(y0, 0), min(y1, pixels.shape[0]))
    columns = slice(max(x0, 0), min(x1, pixels.shape[1]))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def _difference(clean: Pixels, changed: Pixels) -> ColourDifference:
    colour: Any = require("skimage.color", "cloak", "colour differences")
    step = ceil(sqrt(clean[..., 0].size / MOST_PIXELS))
    before, after = (colour.rgb2lab(pixels[::step, ::step]) for pixels in (clean, changed))
    values = colour.deltaE_ciede2000(before, after)
    return ColourDifference(float(np.mean(values)), float(np.percentile(values, 95)))
