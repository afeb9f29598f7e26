"""The head: its pose, its outline, ears and skin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from faceprobe.datasets.synthetic.canvas import (
    Array,
    Canvas,
    Color,
    Frame,
    Patch,
    ellipse,
    smooth_union,
    turn,
)  # fmt: skip
from faceprobe.datasets.synthetic.people import Person
from faceprobe.datasets.synthetic.shots import Capture, Event

FACE = (-1.15, -1.35, 1.15, 1.25)


@dataclass(frozen=True)
class Spot:
    """A point of the face after the head has turned: its position, and how wide and high it looks."""

    x: float
    y: float
    wide: float
    high: float


class Head:
    """A person's head in one photo: converts face coordinates into photo coordinates."""

    def __init__(self, person: Person, capture: Capture) -> None:
        cos, sin = turn(capture.roll)
        self.person, self.capture = person, capture
        self.frame = Frame(capture.x, capture.y, capture.scale, cos, sin)
        self.yaw, self.pitch = turn(capture.yaw), turn(capture.pitch)
        self.lean = 0.10 * self.yaw[1]

    def spot(self, x: float, y: float, raised: float = 0.0) -> Spot:
        """Turn the point (x, y) of the face, on an ellipsoid (plus ``raised``), by yaw and pitch."""
        a, b, depth = 0.86, 1.12, 0.75
        inside = max(0.06, 1 - (x / a) ** 2 - (y / b) ** 2)
        z = depth * math.sqrt(inside) + raised
        fall_x = -depth * x / (a * a) / math.sqrt(inside)
        fall_y = -depth * y / (b * b) / math.sqrt(inside)
        cy, sy = self.yaw
        cp, sp = self.pitch
        turned = x * cy + (z - 0.35) * sy
        depth_now = (z - 0.35) * cy - x * sy
        nodded = y * cp + depth_now * sp
        wide = min(max(cy + fall_x * sy, 0.25), 1.15)
        high = min(max(cp + fall_y * sp, 0.4), 1.15)
        return Spot(round(turned, 5), round(nodded, 5), round(wide, 5), round(high, 5))

    def place(self, spot: Spot, angle: float = 0.0) -> Frame:
        """A frame at ``spot``, turned further by ``angle`` in the photo plane."""
        x, y = self.frame.to_photo(spot.x, spot.y)
        cos, sin = turn(self.capture.roll + angle)
        return Frame(x, y, self.frame.scale, cos, sin)

    def outline(self, x: Array, y: Array) -> Array:
        """Signed distance to the face's outline in head coordinates."""
        p = self.person
        skull = ellipse(x, y, self.lean * 0.4, -0.22, p.head_width, 0.80)
        jaw = ellipse(x, y, self.lean, p.jaw_drop - 0.02, p.jaw_width, p.chin - p.jaw_drop)
        return smooth_union(skull, jaw, 0.42)


def draw_skin(canvas: Canvas, head: Head, event: Event) -> Patch | None:
    """Draw ears and the lit skin of the face; returns the patch of the face, None where it is outside."""
    p, m = head.person, head.capture
    for side in (-1, 1):
        spot = head.spot(side * 0.74, 0.02)
        if spot.wide < 0.35 and side * head.yaw[1] > 0:
            continue
        patch = canvas.patch(head.place(spot), (-0.3, -0.4, 0.3, 0.4))
        if patch is not None:
            ear = ellipse(patch.x, patch.y, side * 0.03, 0, 0.12 * p.ear, 0.21 * p.ear)
            patch.fill(ear, tint(p.skin, 0.90))
            patch.fill(
                ellipse(patch.x, patch.y, side * 0.035, 0, 0.055 * p.ear, 0.12 * p.ear), tint(p.skin, 0.72)
            )
            if p.earring:
                patch.fill(
                    ellipse(patch.x, patch.y, side * 0.03, 0.24 * p.ear, 0.04, 0.04), (0.93, 0.80, 0.35)
                )
    patch = canvas.patch(head.frame, FACE)
    if patch is None:
        return None
    distance = head.outline(patch.x, patch.y)
    nx = patch.x * np.float32(1 / 0.80) - np.float32(head.lean)
    ny = (patch.y - np.float32(0.05)) * np.float32(1 / 1.1)
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, np.float32(0.02)))
    lit = np.maximum(
        nx * np.float32(event.light_x) + ny * np.float32(event.light_y) + nz * np.float32(0.75), 0
    )
    level = np.float32(event.ambient) + np.float32(1.08 - event.ambient) * lit
    skin = np.asarray(p.skin, np.float32)
    shadow = np.asarray([1.0, 0.90, 0.86], np.float32)
    tone = skin * (shadow + (1 - shadow) * np.minimum(level, 1)[..., None]) * level[..., None]
    patch.fill(distance, np.clip(tone, 0, 1))
    for side in (-1, 1):
        blush = head.spot(side * 0.42, 0.30)
        cheek = ellipse(patch.x, patch.y, blush.x, blush.y, 0.24 * blush.wide + 0.02, 0.20)
        warm = (min(1.0, p.skin[0] * 1.05), p.skin[1] * 0.72, p.skin[2] * 0.70)
        patch.fill(cheek, warm, alpha=p.cheek * (0.5 + 0.5 * max(m.smile, 0.0)), soft=0.22)
    return patch


def greyed(color: Color, p: Person, m: Capture) -> Color:
    """The colour of hair at the age at which the photo was taken."""
    share = min(0.55, max(0.0, (p.age + m.aging - 50) / 60))
    red, green, blue = (c + (0.72 - c) * share for c in color)
    return red, green, blue


def tint(color: Color, factor: float) -> Color:
    """``color`` made darker (factor below 1) or lighter."""
    red, green, blue = (min(1.0, c * factor) for c in color)
    return red, green, blue
