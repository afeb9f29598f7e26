"""From samples of 16 or 32 bits, integers or floats, to 8 bits: by a range that is known, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

WIDE_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
"""Pillow's modes of one channel with more than 8 bits."""

_BITS, _SAMPLE_FORMAT, _PHOTOMETRIC = 258, 339, 262
_MAXIMA = (341, 281)
"""TIFF's SMaxSampleValue and MaxSampleValue."""
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3


class UnknownRange(ValueError):
    """It is not known which value of a sample is white; the text is a reason that groups well in a count."""


def eight_bits(image: Image.Image) -> NDArray[np.uint8]:
    """(H, W) uint8 of an image of :data:`WIDE_MODES`: black is 0, white 255.

    White is 2^16 - 1 in 16 bits, unless a TIFF states fewer bits or a smaller maximum of the form 2^n - 1,
    and 1 in floats, as their users take it (OpenCV, scikit-image, Photoshop). 16-bit samples are cut to the
    upper 8 bits, as Pillow and libpng do. Raises :class:`UnknownRange` for integers of 32 bits or with a sign
    whose maximum the file does not state, and for samples outside the range.
    """
    samples = np.asarray(image)
    white = _white(image)
    if samples.dtype.kind == "f":
        if not np.isfinite(samples).all() or samples.min(initial=0) < 0 or samples.max(initial=0) > white:
            raise UnknownRange("float samples outside 0 to 1, of unknown range")
        scaled = np.rint(samples * (255 / white))
    else:
        if samples.min(initial=0) < 0 or samples.max(initial=0) > white:
            raise UnknownRange("samples outside the range that the file states")
        scaled = samples.astype(np.int64) >> 8 if white == 65535 else np.rint(samples * (255.0 / white))
    grey = scaled.astype(np.uint8)
    inverted = image.format == "TIFF" and _tag(image, _PHOTOMETRIC, 1) == 0
    return 255 - grey if inverted else grey


def check_colours(image: Image.Image) -> None:
    """Raise :class:`UnknownRange` for a colour TIFF of 16 bits that states a smaller maximum: Pillow has cut
    its samples to the upper 8 bits.
    """
    if image.format == "TIFF" and image.mode in ("RGB", "RGBA", "RGBX") and _tag(image, _BITS, 8) == 16:
        stated = _stated(image)
        if stated and stated < 65535:
            raise UnknownRange(f"16-bit colours that end at {stated}")


def _white(image: Image.Image) -> float:
    if image.mode == "F":
        return float(_stated(image) or 1)
    if image.mode != "I":
        bits = _tag(image, _BITS, 16) if image.format == "TIFF" else 16
        return float(_stated(image) or 2 ** min(bits, 16) - 1)
    if image.format == "PPM":  # Pillow has scaled its samples to 16 bits
        return 65535.0
    if not (stated := _stated(image)):
        signed = image.format == "TIFF" and _tag(image, _BITS, 32) == 16
        raise UnknownRange(
            "16-bit integers with a sign, of unknown range" if signed else "32-bit integers of unknown range"
        )
    return float(stated)


def _stated(image: Image.Image) -> int:
    """The largest sample that a TIFF states, if it is of the form 2^n - 1, else 0: other maxima are mostly
    those of the one photo.
    """
    if image.format != "TIFF":
        return 0
    for tag in _MAXIMA:
        value = _tag(image, tag, 0)
        if value > 1 and value == int(value) and (int(value) + 1) & int(value) == 0:
            return int(value)
    return 0


def _tag(image: Image.Image, tag: int, default: int) -> Any:
    found: Any = getattr(image, "tag_v2", {}).get(tag, default)
    if isinstance(found, tuple):
        found = found[0] if found else default
    return found if isinstance(found, int | float) else default
