"""Background, clothes, and the objects of scenes without people."""

from __future__ import annotations

import numpy as np

from faceprobe.datasets.synthetic.canvas import (
    HALF,
    Array,
    Canvas,
    Color,
    Frame,
    Patch,
    ellipse,
    rounded_box,
    wave,
)
from faceprobe.datasets.synthetic.shots import Event

WHOLE = (-1.2, -1.2, 1.2, 1.2)
OBJECTS = ("ball", "house", "tree", "mug", "car", "flower")


def draw_background(canvas: Canvas, event: Event) -> None:
    """Paint the event's place over the whole photo."""
    rng = np.random.Generator(np.random.PCG64(event.seed))
    patch = _region(canvas, *WHOLE)
    slope = (patch.y + 1) * HALF
    top, bottom = np.asarray(event.wall, np.float32), np.asarray(event.wall, np.float32) * np.float32(0.74)
    patch.pixels[:] = top + (bottom - top) * slope[..., None]
    _PLACES[event.place](canvas, patch, event, rng)


def _region(canvas: Canvas, x0: float, y0: float, x1: float, y1: float) -> Patch:
    """The patch of a box that touches the photo, with full coordinate grids."""
    patch = canvas.patch(
        Frame(), (min(max(x0, -1.1), 0.95), min(max(y0, -1.1), 0.95), max(x1, -0.95), max(y1, -0.95))
    )
    assert patch is not None
    x, y = np.broadcast_arrays(patch.x, patch.y)
    return Patch(patch.pixels, x, y, patch.edge, patch.window)


def _box(canvas: Canvas, cx: float, cy: float, rx: float, ry: float, color: Color) -> None:
    patch = _region(canvas, cx - rx, cy - ry, cx + rx, cy + ry)
    patch.fill(rounded_box(patch.x, patch.y, cx, cy, rx, ry, 0.008), color)


def _plain(canvas: Canvas, patch: Patch, event: Event, rng: np.random.Generator) -> None:
    dx, dy = patch.x - np.float32(event.light_x), patch.y + np.float32(0.4)
    glow = np.maximum(1 - (dx * dx + dy * dy) * np.float32(0.4), 0)
    patch.blend(glow * np.float32(0.35), (1.0, 1.0, 1.0))


def _striped(canvas: Canvas, patch: Patch, event: Event, rng: np.random.Generator) -> None:
    count, shift = float(rng.integers(3, 8)), float(rng.random())
    axis = patch.x if rng.random() < 0.6 else patch.y
    stripes = HALF - wave(axis * np.float32(count / 2) + np.float32(shift))
    patch.blend(patch.coverage(stripes * np.float32(1 / count)) * np.float32(0.6), event.accent)


def _window(canvas: Canvas, patch: Patch, event: Event, rng: np.random.Generator) -> None:
    x, y = patch.x, patch.y
    cx, width = _between(rng, -0.7, 0.7), _between(rng, 0.35, 0.55)
    patch.fill(rounded_box(x, y, cx, -0.35, width + 0.06, 0.56, 0.02), (0.95, 0.94, 0.92))
    sky = np.float32(0.75) + np.float32(0.2) * (y + np.float32(0.9))
    blue = np.stack([sky * np.float32(0.85), sky * np.float32(0.95), np.ones_like(sky)], axis=-1)
    pane = rounded_box(x, y, cx, -0.35, width, 0.50, 0.01)
    patch.fill(pane, np.clip(blue, 0, 1))
    bars = np.minimum(np.abs(x - np.float32(cx)), np.abs(y + np.float32(0.35))) - np.float32(0.02)
    patch.fill(np.maximum(bars, pane), (0.95, 0.94, 0.92))


def _hills(canvas: Canvas, patch: Patch, event: Event, rng: np.random.Generator) -> None:
    sky = np.asarray([0.62, 0.80, 0.95], np.float32) + (patch.y[..., None] + 1) * np.float32(0.13)
    patch.pixels[:] = np.clip(sky, 0, 1)
    for k in range(3):
        base, bend, shift = (
            _between(rng, -0.15, 0.05) + 0.2 * k,
            _between(rng, 0.1, 0.35),
            _between(rng, -0.8, 0.8),
        )
        away = patch.x - np.float32(shift)
        ridge = np.float32(base) + np.float32(bend) * away * away
        shade = 1 - 0.16 * k
        patch.fill(ridge - patch.y, ((0.35 + 0.3 * event.accent[0]) * shade, 0.62 * shade, 0.33 * shade))


def _city(canvas: Canvas, patch: Patch, event: Event, rng: np.random.Generator) -> None:
    patch.pixels[:] = np.clip(patch.pixels * np.float32(0.6) + np.float32(0.42), 0, 1)
    for _ in range(8):
        cx, half, top = _between(rng, -1, 1), _between(rng, 0.08, 0.2), _between(rng, -0.75, 0.1)
        tint = _between(rng, 0.35, 0.8)
        part = _region(canvas, cx - half, top, cx + half, 1)
        block = rounded_box(part.x, part.y, cx, 1 + top, half, 1.0, 0.01)
        part.fill(block, (event.accent[0] * tint, event.accent[1] * tint, event.accent[2] * tint + 0.05))
        lit = np.maximum(wave(part.x * np.float32(9)), wave(part.y * np.float32(7))) - np.float32(0.45)
        part.fill(np.maximum(lit * np.float32(0.1), block + np.float32(0.02)), (0.95, 0.90, 0.68), alpha=0.45)


def _bokeh(canvas: Canvas, patch: Patch, event: Event, rng: np.random.Generator) -> None:
    patch.pixels[:] *= np.float32(0.45)
    for k in range(16):
        r, x, y = _between(rng, 0.05, 0.2), _between(rng, -1, 1), _between(rng, -1, 0.7)
        color = event.accent if k % 2 else (0.95, 0.85, 0.60)
        part = _region(canvas, x - r - 0.02, y - r - 0.02, x + r + 0.02, y + r + 0.02)
        part.fill(ellipse(part.x, part.y, x, y, r, r), color, alpha=_between(rng, 0.2, 0.6), soft=0.03)


def _books(canvas: Canvas, patch: Patch, event: Event, rng: np.random.Generator) -> None:
    patch.pixels[:] = np.asarray([0.33, 0.22, 0.15], np.float32)
    for shelf in range(4):
        left, low = -1.0, -0.52 + 0.52 * shelf
        while left < 1:
            width, height = _between(rng, 0.05, 0.13), _between(rng, 0.30, 0.44)
            color = event.accent if rng.random() < 0.4 else event.wall
            tint = _between(rng, 0.5, 1.0)
            shaded = (color[0] * tint, color[1] * tint, color[2] * tint)
            _box(canvas, left + width / 2, low - height / 2, width / 2 - 0.006, height / 2, shaded)
            left += width


def _tiles(canvas: Canvas, patch: Patch, event: Event, rng: np.random.Generator) -> None:
    count = float(rng.integers(3, 7))
    checks = np.floor(patch.x * np.float32(count / 2)) + np.floor(patch.y * np.float32(count / 2))
    odd = wave(checks * HALF) < HALF
    patch.blend(np.where(odd, np.float32(0.45), np.float32(0.0)), event.accent)


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(rng.random())


_PLACES = {
    "plain wall": _plain,
    "striped wall": _striped,
    "window": _window,
    "hills": _hills,
    "city": _city,
    "bokeh lights": _bokeh,
    "bookshelf": _books,
    "tiled wall": _tiles,
}


def draw_clothes(canvas: Canvas, body: Frame, event: Event, skin: Color) -> None:
    """Neck, shoulders and garment under a head placed at ``body`` (head units, see ``Person``)."""
    patch = canvas.patch(body, (-2.4, 0.4, 2.4, 4.5))
    if patch is None:
        return
    x, y = np.broadcast_arrays(patch.x, patch.y)
    neck = np.abs(x) - np.float32(0.34) - np.maximum(y - np.float32(1.05), 0) * np.float32(0.5)
    inside = np.maximum(neck, np.float32(0.3) - y)
    patch.fill(inside, skin)
    shadow = patch.coverage(ellipse(x, y, 0, 0.92, 0.50, 0.34), soft=0.2) * patch.coverage(inside)
    patch.shade(shadow, 0.72)
    torso = np.minimum(ellipse(x, y, 0, 3.0, 1.75, 1.75), rounded_box(x, y, 0, 3.4, 1.5, 1.6, 0.7))
    opening = _neckline(x, y, event.garment)
    cloth = np.maximum(torso, -opening)
    patch.fill(cloth, _cloth_color(x, y, event))
    inside_cloth = patch.coverage(cloth)
    patch.shade(inside_cloth * np.clip(np.abs(x) * np.float32(0.45), 0, 1), 0.72)
    if event.garment == "turtleneck":
        collar = rounded_box(x, y, 0, 1.28, 0.44, 0.17, 0.10)
        patch.fill(collar, _cloth_color(x, y, event))
        patch.shade(patch.coverage(np.maximum(collar, np.float32(1.36) - y), soft=0.05), 0.8)
    elif event.garment in ("shirt", "jacket"):
        for side in (-1, 1):
            lapel = np.abs(
                x * side - np.float32(0.30) + (y - np.float32(1.45)) * np.float32(0.42)
            ) - np.float32(0.13)
            lapel = np.maximum(
                np.maximum(lapel, np.abs(y - np.float32(1.55)) - np.float32(0.30)), torso - np.float32(0.06)
            )
            patch.fill(lapel, event.second if event.garment == "jacket" else event.cloth)
            patch.shade(patch.coverage(np.abs(lapel) - np.float32(0.012)), 0.75)
        if event.garment == "shirt":
            patch.shade(patch.coverage(np.maximum(np.abs(x) - np.float32(0.012), np.float32(1.65) - y)), 0.7)


def _neckline(x: Array, y: Array, garment: str) -> Array:
    """Negative where the garment is cut away and skin shows."""
    if garment == "v-neck":
        cut: Array = np.maximum(np.abs(x) - (np.float32(1.95) - y) * np.float32(0.52), y - np.float32(1.95))
        return cut
    if garment in ("shirt", "jacket"):
        cut = np.maximum(np.abs(x) - (np.float32(1.72) - y) * np.float32(0.6), y - np.float32(1.72))
        return cut
    return ellipse(x, y, 0, 1.12, 0.5, 0.32)


def _cloth_color(x: Array, y: Array, event: Event) -> Array:
    base, second = np.asarray(event.cloth, np.float32), np.asarray(event.second, np.float32)
    if event.pattern == "striped":
        mark = wave(y * np.float32(3)) < np.float32(0.4)
    elif event.pattern == "dotted":
        dx, dy = wave(x * np.float32(3)), wave(y * np.float32(3))
        mark = dx * dx + dy * dy < np.float32(0.16)
    elif event.pattern == "checked":
        mark = (wave(x * np.float32(2.5)) < np.float32(0.3)) | (wave(y * np.float32(2.5)) < np.float32(0.3))
    else:
        mark = np.zeros(x.shape, dtype=bool)
    color: Array = np.where(mark[..., None], second, base)
    return color


def draw_object(canvas: Canvas, name: str, frame: Frame, color: Color) -> None:
    """One object of a scene without people; ``frame`` places it, about 1 local unit in radius."""
    patch = canvas.patch(frame, (-1.3, -1.3, 1.3, 1.3))
    if patch is None:
        return
    x, y = np.broadcast_arrays(patch.x, patch.y)
    dark = (color[0] * 0.55, color[1] * 0.55, color[2] * 0.55)
    if name == "ball":
        ball = ellipse(x, y, 0, 0, 0.9, 0.9)
        patch.fill(ball, color)
        patch.fill(np.maximum(ball, np.abs(x + y * np.float32(0.3)) - np.float32(0.18)), (0.95, 0.95, 0.93))
    elif name == "house":
        patch.fill(rounded_box(x, y, 0, 0.4, 0.8, 0.6, 0.02), color)
        patch.fill(
            np.maximum(np.abs(x) * np.float32(0.75) - (y + np.float32(1.0)) * np.float32(1.0), y + 0.2), dark
        )
        patch.fill(rounded_box(x, y, 0, 0.65, 0.18, 0.35, 0.02), (0.35, 0.22, 0.14))
    elif name == "tree":
        patch.fill(rounded_box(x, y, 0, 0.6, 0.13, 0.5, 0.03), (0.38, 0.25, 0.15))
        for cx, cy in ((-0.35, -0.1), (0.35, -0.1), (0, -0.5)):
            patch.fill(ellipse(x, y, cx, cy, 0.5, 0.45), (0.22, 0.45 + 0.2 * color[1], 0.24))
    elif name == "mug":
        patch.fill(np.abs(ellipse(x, y, 0.6, 0.1, 0.34, 0.36)) - np.float32(0.07), dark)
        patch.fill(rounded_box(x, y, -0.05, 0.1, 0.6, 0.7, 0.1), color)
        patch.fill(ellipse(x, y, -0.05, -0.56, 0.58, 0.13), dark)
    elif name == "car":
        patch.fill(rounded_box(x, y, 0, -0.1, 0.55, 0.4, 0.2), dark)
        patch.fill(rounded_box(x, y, 0, 0.25, 1.1, 0.32, 0.14), color)
        for cx in (-0.6, 0.6):
            patch.fill(ellipse(x, y, cx, 0.55, 0.26, 0.26), (0.10, 0.10, 0.11))
    else:
        patch.fill(np.maximum(np.abs(x) - np.float32(0.04), np.float32(0) - y), (0.25, 0.5, 0.25))
        for cx, cy in ((0, -0.75), (0.4, -0.4), (-0.4, -0.4), (0.25, 0.05), (-0.25, 0.05)):
            patch.fill(ellipse(x, y, cx, cy + 0.05, 0.27, 0.27), color)
        patch.fill(ellipse(x, y, 0, -0.3, 0.2, 0.2), (0.95, 0.8, 0.3))
