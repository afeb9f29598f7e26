"""A small drawing surface whose pixels are the same bits on every machine.

A shape is a signed distance, computed on the pixel grid and blended with a soft edge one pixel wide. Arrays
undergo IEEE-exact operations only (+, -, *, /, sqrt, abs, min, max, floor), so that SIMD width and library
version cannot change a bit. Sines and cosines are computed by ``math``, once a shape, and rounded before they
enter an array.

Coordinates: x to the right and y downwards, both in [-1, 1] over a square photo.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Color = tuple[float, float, float]

HALF = np.float32(0.5)


def turn(angle: float) -> tuple[float, float]:
    """Cosine and sine of ``angle`` (radians), rounded so that the last bit of libm has no effect."""
    return round(math.cos(angle), 6), round(math.sin(angle), 6)


@dataclass(frozen=True)
class Frame:
    """A local coordinate system: its scale, rotation and position on the photo."""

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    cos: float = 1.0
    sin: float = 0.0

    def to_photo(self, x: float, y: float) -> tuple[float, float]:
        """Local point -> photo coordinates."""
        return (
            self.x + self.scale * (x * self.cos - y * self.sin),
            self.y + self.scale * (x * self.sin + y * self.cos),
        )


class Canvas:
    """``pixels`` (S, S, 3) float32 in [0, 1]; ``size`` is S."""

    def __init__(self, size: int, color: Color = (0.5, 0.5, 0.5)) -> None:
        self.size = size
        self.pixels = np.empty((size, size, 3), dtype=np.float32)
        self.pixels[:] = np.asarray(color, dtype=np.float32)
        self.axis = (np.arange(size, dtype=np.float32) + HALF) * np.float32(2 / size) - np.float32(1)

    def patch(self, frame: Frame, box: tuple[float, float, float, float]) -> Patch | None:
        """The part of the photo under the local box (x0, y0, x1, y1); None where the box is outside."""
        x0, y0, x1, y1 = box
        corners = [frame.to_photo(x, y) for x in (x0, x1) for y in (y0, y1)]
        pad = 3.0 / self.size
        left, right = self._span([c[0] for c in corners], pad)
        top, bottom = self._span([c[1] for c in corners], pad)
        if left >= right or top >= bottom:
            return None
        dx = self.axis[None, left:right] - np.float32(frame.x)
        dy = self.axis[top:bottom, None] - np.float32(frame.y)
        inverse = np.float32(1 / frame.scale)
        cos, sin = np.float32(frame.cos) * inverse, np.float32(frame.sin) * inverse
        x = dx * cos + dy * sin
        y = dy * cos - dx * sin
        edge = self.size * frame.scale / 2
        return Patch(self.pixels[top:bottom, left:right], x, y, edge, (top, bottom, left, right))

    def _span(self, values: list[float], pad: float) -> tuple[int, int]:
        low, high = min(values) - pad, max(values) + pad
        first = math.floor((low + 1) * self.size / 2)
        last = math.ceil((high + 1) * self.size / 2)
        return max(0, first), min(self.size, last)


@dataclass(frozen=True)
class Patch:
    """A view of the canvas with local coordinates ``x`` and ``y`` for each of its pixels.

    ``edge`` is the number of pixels in one local unit: a distance times ``edge`` is in pixels.
    """

    pixels: Array
    x: Array
    y: Array
    edge: float
    window: tuple[int, int, int, int]

    def coverage(self, distance: Array, soft: float = 0.0) -> Array:
        """Share of each pixel inside the shape, with an edge ``soft`` local units wider than a pixel."""
        width = max(1.0 / self.edge, soft)
        result: Array = np.clip(HALF - distance * np.float32(1 / width), 0, 1)
        return result

    def blend(self, cover: Array, color: Color | Array) -> None:
        """Blend ``color`` (one colour or (h, w, 3)) into the photo by ``cover`` (h, w) in [0, 1]."""
        paint = np.asarray(color, dtype=np.float32)
        self.pixels[:] += (paint - self.pixels) * cover[..., None]

    def fill(self, distance: Array, color: Color | Array, alpha: float = 1.0, soft: float = 0.0) -> None:
        """Fill the inside of ``distance`` (negative = inside)."""
        self.blend(self.coverage(distance, soft) * np.float32(alpha), color)

    def shade(self, cover: Array, factor: float) -> None:
        """Multiply the photo by ``factor`` where ``cover`` is 1."""
        self.pixels[:] *= (1 + cover * np.float32(factor - 1))[..., None]


def ellipse(x: Array, y: Array, cx: float, cy: float, rx: float, ry: float) -> Array:
    """Approximate signed distance to an axis-aligned ellipse (exact on its outline)."""
    px, py = x - np.float32(cx), y - np.float32(cy)
    ax, ay = px * np.float32(1 / rx), py * np.float32(1 / ry)
    k0 = np.sqrt(ax * ax + ay * ay)
    bx, by = ax * np.float32(1 / rx), ay * np.float32(1 / ry)
    k1 = np.sqrt(bx * bx + by * by)
    distance: Array = k0 * (k0 - 1) / np.maximum(k1, np.float32(1e-6))
    return distance


def rounded_box(x: Array, y: Array, cx: float, cy: float, rx: float, ry: float, corner: float) -> Array:
    """Signed distance to a box of half-sides ``rx``, ``ry`` with rounded corners."""
    qx = np.abs(x - np.float32(cx)) - np.float32(rx - corner)
    qy = np.abs(y - np.float32(cy)) - np.float32(ry - corner)
    ox, oy = np.maximum(qx, 0), np.maximum(qy, 0)
    outside = np.sqrt(ox * ox + oy * oy)
    distance: Array = outside + np.minimum(np.maximum(qx, qy), 0) - np.float32(corner)
    return distance


def lens(x: Array, y: Array, half_width: float, up: float, down: float) -> Array:
    """Signed distance (approximate) to an almond: parabolas of height ``up`` above, ``down`` below."""
    t = x * np.float32(1 / half_width)
    profile = 1 - t * t
    height = np.where(y < 0, np.float32(up), np.float32(down))
    slope = 2 * t * height * np.float32(1 / half_width)
    distance: Array = (np.abs(y) - height * profile) / np.sqrt(1 + slope * slope)
    return distance


def stroke(x: Array, y: Array, half_width: float, bend: float, thick: float, taper: float = 1.0) -> Array:
    """Signed distance to a stroke along y = bend * (x / half_width)^2 that gets thinner at its ends."""
    t = x * np.float32(1 / half_width)
    over = np.maximum(np.abs(t) - 1, 0) * np.float32(half_width)
    centre = np.float32(bend) * t * t
    slope = np.float32(2 * bend / half_width) * t
    across = np.abs(y - centre) / np.sqrt(1 + slope * slope)
    inner = np.minimum(t * t, 1)
    distance: Array = np.sqrt(across * across + over * over) - np.float32(thick) * (
        1 - np.float32(taper) * inner
    )
    return distance


def smooth_union(a: Array, b: Array, k: float) -> Array:
    """Union of two shapes with a rounded seam of width ``k`` (polynomial smooth minimum)."""
    h = np.maximum(np.float32(k) - np.abs(a - b), 0) * np.float32(1 / k)
    blended: Array = np.minimum(a, b) - h * h * np.float32(k / 4)
    return blended


def wave(t: Array) -> Array:
    """A triangle wave with period 1 and range [0, 1]."""
    phase = t - np.floor(t)
    folded: Array = np.abs(phase * 2 - 1)
    return folded
