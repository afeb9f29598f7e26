"""The geometry of Fawkes: a face box padded to a square of 112 pixels, and pasting a change back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceprobe.data.photo import Face

SIDE = 112
PADDING = 30
"""Pixels that the square is longer than the box's longer side."""

MIN_SIDE, MIN_SCORE = 30, 0.9
"""Faces that are smaller (pixels), or have a lower detector score, are left unchanged."""

_ROWS = 512
"""Rows of the photo that are pasted at once, so that a face of 9,000 pixels needs no float copy."""

Array = NDArray[np.uint8] | NDArray[np.float32]


@dataclass(frozen=True)
class Square:
    """A face box in whole pixels that lies inside its photo (``x0 <= x < x1``), and the square around it."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def side(self) -> int:
        """Side of the square in pixels of the photo: the longer side of the box and :data:`PADDING`."""
        return max(self.x1 - self.x0, self.y1 - self.y0) + PADDING

    @property
    def left(self) -> int:
        """Padding of the square on the left of the box, in pixels."""
        return (self.side - (self.x1 - self.x0)) // 2

    @property
    def top(self) -> int:
        """Padding of the square above the box, in pixels."""
        return (self.side - (self.y1 - self.y0)) // 2


def square_of(face: Face, height: int, width: int) -> Square | None:
    """The square of ``face`` in a photo of this size; None where Fawkes leaves the face unchanged."""
    if not np.isfinite(face.box).all() or face.score < MIN_SCORE:
        return None
    x0, y0, x1, y1 = (round(v) for v in face.box)
    box = Square(max(x0, 0), max(y0, 0), min(x1, width), min(y1, height))
    if min(box.x1 - box.x0, box.y1 - box.y0) < MIN_SIDE:
        return None
    return box


def take(pixels: NDArray[np.uint8], square: Square, *, stretch: bool = False) -> NDArray[np.float32]:
    """The input of the algorithm: the face as (3, 112, 112) float32 RGB in [0, 1], in steps of 1/255.

    The box is padded with its mean colour and scaled (bicubic, as Pillow does for Fawkes). ``stretch`` first
    spreads the padded square's values over 0..255, as Keras' ``array_to_img`` does in the original.
    """
    box = pixels[square.y0 : square.y1, square.x0 : square.x1]
    height, width = box.shape[:2]
    low, high = (int(box.min()), int(box.max())) if stretch else (0, 255)
    crop = np.empty((3, SIDE, SIDE), dtype=np.float32)
    for channel in range(3):
        inside = box[..., channel]
        mean = min(255, round(float(inside.mean(dtype=np.float64))))
        canvas = np.full((square.side, square.side), mean, dtype=np.uint8)
        canvas[square.top : square.top + height, square.left : square.left + width] = inside
        if stretch and high > low:
            canvas = _spread_table(low, high)[canvas]
        scaled = Image.fromarray(canvas).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        crop[channel] = np.asarray(scaled, dtype=np.float32) / 255
    return crop


def paste(pixels: NDArray[np.uint8], square: Square, change: NDArray[np.float32]) -> None:
    """Add ``change`` (3, 112, 112), in units of [0, 1], to the face in ``pixels``, in place.

    The change is scaled to the square's size (bicubic, but nowhere larger than in ``change``), its part
    inside the box added, rounded and clipped.
    """
    largest = float(np.abs(change).max()) * 255
    for channel in range(3):
        layer = np.ascontiguousarray(change[channel], dtype=np.float32) * 255
        for rows in _bands(square):
            enlarged = _enlarged(layer, square, rows).astype(np.float32, copy=False)
            _add(pixels, square, rows, channel, enlarged.clip(-largest, largest))


def paste_rescaled(
    pixels: NDArray[np.uint8], square: Square, clean: NDArray[np.float32], changed: NDArray[np.float32]
) -> None:
    """Paste as the original code does: ``clean`` and ``changed`` (3, 112, 112) in [0, 1] are each spread over
    0..255, cut to 8 bits and scaled, and their difference is added to ``pixels`` in place. So the change is
    enlarged by the factor by which the face's values were spread, and shifted where the two ranges differ.
    """
    before, after = _spread(clean), _spread(changed)
    for channel in range(3):
        for rows in _bands(square):
            old = _enlarged(before[channel], square, rows).astype(np.float32)
            new = _enlarged(after[channel], square, rows).astype(np.float32)
            _add(pixels, square, rows, channel, new - old)


def _bands(square: Square) -> Iterator[slice]:
    """The rows of the box, counted from its top, in bands of :data:`_ROWS`."""
    height = square.y1 - square.y0
    for start in range(0, height, _ROWS):
        yield slice(start, min(start + _ROWS, height))


def _enlarged(layer: Array, square: Square, rows: slice) -> Array:
    """The part ``rows`` of the box, cut from a (112, 112) layer that is scaled to the whole square."""
    unit = SIDE / square.side
    left, top = square.left, square.top + rows.start
    width, height = square.x1 - square.x0, rows.stop - rows.start
    part = (left * unit, top * unit, (left + width) * unit, (top + height) * unit)
    scaled = Image.fromarray(layer).resize((width, height), Image.Resampling.BICUBIC, box=part)
    return np.asarray(scaled)


def _add(pixels: NDArray[np.uint8], square: Square, rows: slice, channel: int, change: Array) -> None:
    target = pixels[square.y0 + rows.start : square.y0 + rows.stop, square.x0 : square.x1, channel]
    target[...] = np.clip(np.rint(target + change), 0, 255).astype(np.uint8)


def _spread(photo: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = float(photo.min()), float(photo.max())
    scaled = (photo - low) / ((high - low) or 1.0) * 255
    return scaled.astype(np.uint8)


def _spread_table(low: int, high: int) -> NDArray[np.uint8]:
    values = (np.arange(256) - low) / (high - low) * 255
    return values.clip(0, 255).astype(np.uint8)
