"""Hair: the part behind the head, and the part over the forehead."""

from __future__ import annotations

import numpy as np

from faceprobe.datasets.synthetic.canvas import (
    Array,
    Canvas,
    Color,
    Patch,
    ellipse,
    rounded_box,
    smooth_union,
    wave,
)
from faceprobe.datasets.synthetic.head import Head, greyed

LONG = {"bob": 0.62, "long": 1.75, "wavy": 1.45}
SHORT_SIDES = ("buzz", "short", "side-part", "quiff", "fringe", "curly", "bun")


def draw_hair_back(canvas: Canvas, head: Head) -> None:
    """The part of long hair, of an afro or of a bun that lies behind the head."""
    p = head.person
    patch = canvas.patch(head.frame, (-1.7, -1.9, 1.7, 2.2))
    if patch is None:
        return
    x, y = patch.x - np.float32(head.lean * 0.5), patch.y
    color = greyed(p.hair, p, head.capture)
    if p.hair_style in LONG:
        drop = LONG[p.hair_style]
        width = p.head_width + 0.10 + 0.12 * p.hair_volume
        shape = smooth_union(
            ellipse(x, y, 0, -0.25, width, 0.95),
            rounded_box(_bend(x, y, p.hair_style), y, 0, drop * 0.5 - 0.1, width, drop * 0.5 + 0.1, 0.22),
            0.2,
        )
        _paint(patch, shape, x, y, color, 0.72)
    elif p.hair_style == "afro":
        radius = p.head_width + 0.26 * p.hair_volume
        _paint(patch, _bumps(x, y, 0, -0.38, radius, radius * 0.98, 0.09), x, y, color, 0.85)
    elif p.hair_style == "bun":
        _paint(
            patch,
            ellipse(x, y, -head.lean * 2, -1.22, 0.34 * p.hair_volume, 0.30 * p.hair_volume),
            x,
            y,
            color,
            0.8,
        )


def draw_hair_front(canvas: Canvas, head: Head) -> None:
    """The hair on top of the head, over the forehead and at the sides."""
    p = head.person
    if p.hair_style == "bald":
        return
    patch = canvas.patch(head.frame, (-1.5, -1.8, 1.5, 1.0))
    if patch is None:
        return
    x, y = patch.x, patch.y
    color = greyed(p.hair, p, head.capture)
    shape = cap(head, x, y)
    strength = 0.55 if p.hair_style == "buzz" else 1.0
    _paint(patch, shape, x, y, color, 1.0, alpha=strength, soft=0.10 if p.hair_style == "buzz" else 0.02)


def cap(head: Head, x: Array, y: Array) -> Array:
    """Signed distance to the hair that lies over the head (not behind it)."""
    p = head.person
    volume = {"buzz": 0.02, "short": 0.07, "side-part": 0.10, "quiff": 0.10, "bun": 0.05}.get(
        p.hair_style, 0.11
    )
    rise = volume * p.hair_volume
    width = p.head_width + 0.02 + rise * 0.5
    centre = head.lean * 0.4
    if p.hair_style in ("curly", "afro"):
        dome = _bumps(x, y, centre, -0.32, width + 0.04, 0.78 + rise, 0.07)
    else:
        dome = ellipse(x, y, centre, -0.24, width, 0.82 + rise)
    across = x - np.float32(head.lean)
    line = np.float32(p.hairline + head.pitch[1] * 0.35)
    side = np.abs(across) * np.float32(1 / 0.72)
    if p.hair_style == "side-part":
        sweep = across - np.float32(0.35 * (1 if p.part > 0 else -1))
        edge = (
            line + np.float32(0.10) - np.abs(sweep) * np.float32(0.16) + side * side * side * np.float32(0.30)
        )
        notch = np.maximum(np.float32(0.10) - np.abs(sweep), 0) * np.float32(1.6)
        edge = edge - notch
    elif p.hair_style == "fringe":
        edge = (
            line
            + np.float32(0.24)
            + side * side * np.float32(0.14)
            + np.float32(0.02) * wave(across * np.float32(6))
        )
    elif p.hair_style in ("bob", "long", "wavy"):
        part = across - np.float32(0.28 * p.part)
        edge = (
            line
            - np.float32(0.12)
            + np.minimum(np.abs(part) * np.float32(0.75), 0.5)
            + side * side * side * np.float32(0.8)
        )
    elif p.hair_style == "quiff":
        edge = line + side * side * np.float32(0.30)
        swoop = ellipse(x, y, centre + 0.12 * p.part, -0.92, 0.48, 0.26 * p.hair_volume)
        dome = smooth_union(dome, swoop, 0.18)
    else:
        edge = (
            line + side * side * side * np.float32(0.34) + np.float32(0.03) * wave(across * np.float32(3.5))
        )
    front = np.maximum(dome, y - edge)
    if p.hair_style in SHORT_SIDES or p.hair_style == "afro":
        low = 0.02 if p.hair_style == "buzz" else 0.14
        burns = np.maximum(dome, np.float32(p.head_width - 0.055) - np.abs(x - np.float32(centre)))
        front = np.minimum(front, np.maximum(burns, y - np.float32(low)))
    elif p.hair_style in LONG:
        drop = min(LONG[p.hair_style], 0.95)
        strand = np.abs(
            np.abs(_bend(x, y, p.hair_style) - np.float32(head.lean * 0.5)) - np.float32(p.head_width + 0.02)
        )
        strand = np.maximum(
            strand - np.float32(0.09 * p.hair_volume), np.maximum(np.float32(-0.5) - y, y - np.float32(drop))
        )
        front = smooth_union(front, strand, 0.08)
    result: Array = front
    return result


def _bend(x: Array, y: Array, style: str) -> Array:
    if style != "wavy":
        return x
    bent: Array = x + (wave(y * np.float32(2.6)) - np.float32(0.5)) * np.float32(0.13)
    return bent


def _bumps(x: Array, y: Array, cx: float, cy: float, rx: float, ry: float, depth: float) -> Array:
    """An ellipse with a curly outline."""
    px, py = x - np.float32(cx), y - np.float32(cy)
    curl = wave((px + py) * np.float32(4.1)) + wave((px - py) * np.float32(3.7))
    bumpy: Array = ellipse(x, y, cx, cy, rx, ry) + (curl - 1) * np.float32(depth)
    return bumpy


def _paint(
    patch: Patch,
    shape: Array,
    x: Array,
    y: Array,
    color: Color,
    level: float,
    alpha: float = 1.0,
    soft: float = 0.02,
) -> None:
    """Fill ``shape`` with strands: a fine pattern in the hair's colour, lighter at the crown."""
    fan = x * np.float32(7) + x * y * np.float32(4)
    strands = np.float32(0.90) + np.float32(0.16) * wave(fan) - np.float32(0.07) * wave(fan * np.float32(2.7))
    crown = np.float32(1) + np.float32(0.22) * np.maximum(
        1 - np.abs(y + np.float32(0.85)) * np.float32(2.2), 0
    )
    tone = np.asarray(color, np.float32) * (strands * crown * np.float32(level))[..., None]
    patch.fill(shape, np.clip(tone, 0, 1), alpha=alpha, soft=soft)
