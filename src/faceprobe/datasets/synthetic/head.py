"""The face: skin, ears, eyes, brows, nose, mouth, beard, marks and glasses."""

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
    lens,
    rounded_box,
    smooth_union,
    stroke,
    turn,
)  # fmt: skip
from faceprobe.datasets.synthetic.people import FRAME_COLORS, Person
from faceprobe.datasets.synthetic.shots import Event, Moment

FACE = (-1.15, -1.35, 1.15, 1.25)


@dataclass(frozen=True)
class Spot:
    """A point of the face after the head has turned: where it lies, and how much narrower it looks."""

    x: float
    y: float
    wide: float
    high: float


class Head:
    """A person's head at one moment: turns face coordinates into photo coordinates."""

    def __init__(self, person: Person, moment: Moment) -> None:
        cos, sin = turn(moment.roll)
        self.person, self.moment = person, moment
        self.frame = Frame(moment.x, moment.y, moment.scale, cos, sin)
        self.yaw, self.pitch = turn(moment.yaw), turn(moment.pitch)
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
        cos, sin = turn(self.moment.roll + angle)
        return Frame(x, y, self.frame.scale, cos, sin)

    def outline(self, x: Array, y: Array) -> Array:
        """Signed distance to the face's outline in head coordinates."""
        p = self.person
        skull = ellipse(x, y, self.lean * 0.4, -0.22, p.head_width, 0.80)
        jaw = ellipse(x, y, self.lean, p.jaw_drop - 0.02, p.jaw_width, p.chin - p.jaw_drop)
        return smooth_union(skull, jaw, 0.42)


def draw_skin(canvas: Canvas, head: Head, event: Event) -> Patch | None:
    """Ears and the lit skin of the face; returns the patch of the face for what follows."""
    p, m = head.person, head.moment
    for side in (-1, 1):
        spot = head.spot(side * 0.74, 0.02)
        if spot.wide < 0.35 and side * head.yaw[1] > 0:
            continue
        patch = canvas.patch(head.place(spot), (-0.3, -0.4, 0.3, 0.4))
        if patch is not None:
            ear = ellipse(patch.x, patch.y, side * 0.03, 0, 0.12 * p.ear, 0.21 * p.ear)
            patch.fill(ear, _tint(p.skin, 0.90))
            patch.fill(
                ellipse(patch.x, patch.y, side * 0.035, 0, 0.055 * p.ear, 0.12 * p.ear), _tint(p.skin, 0.72)
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


def draw_eyes(canvas: Canvas, head: Head) -> None:
    """Both eyes and brows."""
    p, m = head.person, head.moment
    open_now = m.eye_open * (1 - 0.22 * max(m.smile, 0.0))
    for side in (-1, 1):
        spot = head.spot(side * p.eye_gap, p.eye_y)
        frame = head.place(spot, side * p.eye_tilt)
        patch = canvas.patch(frame, (-0.3, -0.3, 0.3, 0.3))
        if patch is None:
            continue
        width = p.eye_width * spot.wide
        up, down = p.eye_open * open_now * 1.15, p.eye_open * open_now * 0.75
        socket = ellipse(patch.x, patch.y, 0, -0.01, width * 1.45, p.eye_open * 2.1)
        patch.fill(socket, _tint(p.skin, 0.66), alpha=0.30 + 0.18 * p.lash, soft=0.10)
        almond = lens(patch.x, patch.y, width, up, down)
        patch.fill(almond, (0.97, 0.96, 0.95))
        white = patch.coverage(almond)
        gaze = 0.35 * m.gaze * width
        radius = 0.085
        iris = ellipse(patch.x, patch.y, gaze, -0.12 * up, radius * spot.wide, radius)
        patch.blend(patch.coverage(iris) * white, p.iris)
        patch.blend(patch.coverage(np.abs(iris) - np.float32(0.008)) * white, _tint(p.iris, 0.5))
        pupil = ellipse(patch.x, patch.y, gaze, -0.12 * up, 0.040 * spot.wide, 0.040)
        patch.blend(patch.coverage(pupil) * white, (0.03, 0.03, 0.04))
        glint = ellipse(patch.x, patch.y, gaze - 0.024, -0.12 * up - 0.026, 0.018, 0.018)
        patch.blend(patch.coverage(glint) * white, (1.0, 1.0, 1.0))
        lid = stroke(patch.x, patch.y + np.float32(up), width * 1.04, up, 0.010 + 0.016 * p.lash, 0.5)
        patch.fill(lid, (0.10, 0.07, 0.06), alpha=0.85)
        crease = stroke(patch.x, patch.y + np.float32(up + 0.05), width * 0.95, up * 0.9, 0.008, 0.9)
        patch.fill(crease, _tint(p.skin, 0.6), alpha=0.6)
        _wrinkles(patch, p, m, width, side)
        _brow(canvas, head, side)


def _wrinkles(patch: Patch, p: Person, m: Moment, width: float, side: int) -> None:
    age = p.age + m.aging
    if age > 42:
        strength = min(0.5, (age - 42) / 60) * (0.6 + 0.4 * max(m.smile, 0.0))
        bag = stroke(patch.x, patch.y - np.float32(0.10), width * 0.9, -0.03, 0.009, 0.9)
        patch.fill(bag, _tint(p.skin, 0.62), alpha=strength)
        for k in (-1, 0, 1):
            foot = stroke(
                patch.x - np.float32(side * (width + 0.06)),
                patch.y - np.float32(0.03 * k),
                0.045,
                0.01 * k,
                0.006,
            )
            patch.fill(foot, _tint(p.skin, 0.6), alpha=strength)


def _brow(canvas: Canvas, head: Head, side: int) -> None:
    p, m = head.person, head.moment
    spot = head.spot(side * (p.eye_gap + 0.015), p.eye_y - p.brow_gap - m.brow_raise)
    patch = canvas.patch(head.place(spot, side * p.brow_tilt), (-0.35, -0.25, 0.35, 0.25))
    if patch is None:
        return
    width = 0.20 * spot.wide
    grey = greyed(p.hair, p, m)
    color = _tint(grey, 0.72) if p.hair_style != "bald" else _tint(p.skin, 0.42)
    brow = stroke(patch.x, patch.y + np.float32(p.brow_bend * 0.5), width, p.brow_bend, p.brow_thick, 0.55)
    patch.fill(brow, color, alpha=0.92, soft=0.02)


def draw_nose(canvas: Canvas, head: Head, event: Event) -> None:
    """Bridge, tip and nostrils; the shaded side follows the light."""
    p = head.person
    tip = head.spot(0.0, p.eye_y + p.nose_length, raised=0.16)
    root = head.spot(0.0, p.eye_y - 0.02)
    patch = canvas.patch(head.frame, (-0.6, -0.4, 0.6, 0.8))
    if patch is None:
        return
    x, y = patch.x, patch.y
    run = max(tip.y - root.y, 0.05)
    along = np.clip((y - np.float32(root.y)) * np.float32(1 / run), 0, 1)
    ridge = np.float32(root.x) + np.float32(tip.x - root.x) * along
    half = np.float32(0.045) + np.float32(p.nose_width * 0.55) * along * along
    dark_side = -1 if event.light_x > 0 else 1
    flank = np.abs(x - ridge - np.float32(dark_side) * half) - np.float32(0.035)
    flank = np.maximum(flank, np.maximum(np.float32(root.y) - y, y - np.float32(tip.y)))
    patch.fill(flank, _tint(p.skin, 0.66), alpha=0.25 + 0.35 * p.nose_bridge, soft=0.07)
    shine = np.maximum(
        np.abs(x - ridge) - np.float32(0.02), np.maximum(np.float32(root.y + 0.06) - y, y - np.float32(tip.y))
    )
    patch.fill(shine, (1.0, 0.97, 0.93), alpha=0.10 + 0.22 * p.nose_bridge, soft=0.06)
    width = p.nose_width * (0.55 + 0.45 * tip.wide)
    ball = ellipse(x, y, tip.x, tip.y - 0.02, width * 0.72, 0.085)
    patch.fill(ball, _tint(p.skin, 1.06), alpha=0.55, soft=0.06)
    for side in (-1, 1):
        wing = ellipse(x, y, tip.x + side * width * 0.80, tip.y + 0.015, width * 0.34, 0.055)
        patch.fill(wing, _tint(p.skin, 0.82), alpha=0.7, soft=0.025)
        hole = ellipse(x, y, tip.x + side * width * 0.46, tip.y + 0.048, width * 0.26, 0.024)
        patch.fill(hole, _tint(p.skin, 0.34), alpha=0.85, soft=0.015)
    under = stroke(x - np.float32(tip.x), y - np.float32(tip.y + 0.075), width * 0.9, -0.025, 0.010, 0.8)
    patch.fill(under, _tint(p.skin, 0.55), alpha=0.6, soft=0.015)


def mouth_spot(head: Head) -> Spot:
    """Centre of the mouth after the head has turned."""
    p = head.person
    return head.spot(0.0, p.eye_y + p.nose_length + p.mouth_gap, raised=0.05)


def mouth_half_width(head: Head) -> float:
    """Half the width of the mouth now: a smile widens it."""
    return head.person.mouth_width * (1 + 0.22 * max(head.moment.smile, 0.0)) * mouth_spot(head).wide


def draw_mouth(canvas: Canvas, head: Head) -> None:
    """Lips, opening and teeth; corners rise with the smile."""
    p, m = head.person, head.moment
    spot = mouth_spot(head)
    patch = canvas.patch(head.place(spot), (-0.5, -0.3, 0.5, 0.4))
    if patch is None:
        return
    width = mouth_half_width(head)
    t = np.clip(patch.x * np.float32(1 / width), -1, 1)
    over = np.maximum(np.abs(patch.x) - np.float32(width), 0)
    bow = 1 - t * t
    centre = -np.float32(0.085 * m.smile) * t * t + np.float32(0.03 * m.smile)
    gape = np.float32(0.10 * m.mouth_open) * bow
    y = patch.y - centre
    dip = np.float32(0.25) * np.maximum(1 - np.abs(t) * np.float32(4), 0)
    top = -np.float32(p.lip_up) * bow * (1 - dip) - gape * np.float32(0.35)
    low = np.float32(p.lip_down) * bow + gape * np.float32(0.65)
    lips = np.maximum(np.maximum(top - y, y - low), over)
    red = (min(1.0, p.skin[0] * 0.62 + 0.24), p.skin[1] * 0.42 + 0.06, p.skin[2] * 0.45 + 0.08)
    lip = tuple(s * (1 - p.lip_tint) * 0.84 + r * p.lip_tint for s, r in zip(p.skin, red, strict=True))
    patch.fill(lips, (lip[0], lip[1], lip[2]), soft=0.012)
    patch.shade(patch.coverage(np.maximum(lips, y - np.float32(0.0))), 0.86)
    if m.mouth_open > 0:
        inner = np.maximum(np.maximum(-gape * np.float32(0.35) - y, y - gape * np.float32(0.65)), over)
        patch.fill(inner, (0.30, 0.08, 0.09))
        teeth = np.maximum(inner, y - gape * np.float32(0.18))
        patch.fill(teeth, (0.96, 0.95, 0.92))
    else:
        seam = np.maximum(np.abs(y) - np.float32(0.011), over)
        patch.fill(seam, _tint((lip[0], lip[1], lip[2]), 0.45), soft=0.008)
    age = p.age + m.aging
    fold = min(0.55, max(0.0, (age - 35) / 70)) + 0.25 * max(m.smile, 0.0)
    for side in (-1, 1):
        local = patch.x - np.float32(side * (width + 0.075))
        line = stroke(patch.y + np.float32(0.08), local, 0.16, -0.05 * side, 0.010, 0.8)
        patch.fill(line, _tint(p.skin, 0.62), alpha=min(0.7, fold), soft=0.02)


def draw_beard(canvas: Canvas, head: Head) -> None:
    """Facial hair, under the mouth's drawing."""
    p, m = head.person, head.moment
    if p.beard == "none":
        return
    patch = canvas.patch(head.frame, FACE)
    if patch is None:
        return
    spot = mouth_spot(head)
    x, y = patch.x, patch.y
    color = _tint(greyed(p.hair, p, m), 0.80)
    inside = head.outline(x, y)
    lip_top = spot.y - p.lip_up
    moustache = stroke(
        x - np.float32(spot.x), y - np.float32(lip_top - 0.055), p.mouth_width * 1.05, 0.06, 0.055, 0.6
    )
    if p.beard == "moustache":
        patch.fill(moustache, color, soft=0.03)
        return
    if p.beard == "goatee":
        tuft = ellipse(x, y, spot.x * 0.8, spot.y + 0.20, 0.20, 0.19)
        patch.fill(np.maximum(np.minimum(tuft, moustache), inside), color, soft=0.05)
        return
    cheeks = np.float32(spot.y - 0.16) - y - np.abs(x - np.float32(head.lean)) * np.float32(0.55)
    beard = np.maximum(np.maximum(cheeks, inside - np.float32(0.03)), np.float32(p.eye_y + 0.08) - y)
    hole = ellipse(x, y, spot.x, spot.y + 0.01, p.mouth_width * 1.1, 0.09)
    if p.beard == "stubble":
        patch.fill(np.minimum(np.maximum(beard, -hole), moustache), color, alpha=0.34, soft=0.10)
    else:
        patch.fill(np.minimum(np.maximum(beard, -hole), moustache), color, alpha=0.95, soft=0.05)


def draw_marks(canvas: Canvas, head: Head) -> None:
    """Freckles and a mole: small, constant marks of one person."""
    p = head.person
    places: list[tuple[float, float, float]] = []
    if p.freckles:
        rng = np.random.Generator(np.random.PCG64(p.index))
        places = [
            (float(rng.uniform(0.08, 0.5)) * side, float(rng.uniform(0.08, 0.36)), 0.016)
            for side in (-1, 1)
            for _ in range(int(9 * p.freckles))
        ]
    if p.mole is not None:
        places.append((*p.mole, 0.034))
    for x, y, radius in places:
        spot = head.spot(x, y)
        patch = canvas.patch(head.place(spot), (-0.06, -0.06, 0.06, 0.06))
        if patch is not None:
            patch.fill(
                ellipse(patch.x, patch.y, 0, 0, radius * spot.wide, radius), _tint(p.skin, 0.48), alpha=0.75
            )


def draw_glasses(canvas: Canvas, head: Head) -> None:
    """Frames over the eyes when this moment has them on."""
    p = head.person
    if p.glasses == "none" or not head.moment.wears_glasses:
        return
    color = FRAME_COLORS[p.frame_color]
    thick = 0.022 if p.glasses == "half" else 0.03
    spots = {side: head.spot(side * p.eye_gap, p.eye_y + 0.02, raised=0.06) for side in (-1, 1)}
    for spot in spots.values():
        patch = canvas.patch(head.place(spot), (-0.4, -0.35, 0.4, 0.35))
        if patch is None:
            continue
        width = 0.235 * spot.wide
        if p.glasses == "round":
            rim = ellipse(patch.x, patch.y, 0, 0, width * 0.95, 0.20)
        else:
            rim = rounded_box(patch.x, patch.y, 0, 0, width, 0.155, 0.06)
        patch.fill(rim, (0.85, 0.92, 0.98), alpha=0.14)
        ring = np.abs(rim) - np.float32(thick)
        if p.glasses == "half":
            ring = np.maximum(ring, patch.y - np.float32(0.02))
        patch.fill(ring, color)
    patch = canvas.patch(head.frame, (-0.9, -0.6, 0.9, 0.6))
    if patch is not None:
        left, right = spots[-1], spots[1]
        start, end = left.x + 0.235 * left.wide, right.x - 0.235 * right.wide
        middle = (left.y + right.y) / 2 - 0.04
        bridge = rounded_box(
            patch.x, patch.y, (start + end) / 2, middle, max(0.02, (end - start) / 2), thick * 0.8, 0.01
        )
        patch.fill(bridge, color)


def greyed(color: Color, p: Person, m: Moment) -> Color:
    """Hair greys with the age at which the photo was taken."""
    share = min(0.55, max(0.0, (p.age + m.aging - 50) / 60))
    red, green, blue = (c + (0.72 - c) * share for c in color)
    return red, green, blue


def _tint(color: Color, factor: float) -> Color:
    red, green, blue = (min(1.0, c * factor) for c in color)
    return red, green, blue
