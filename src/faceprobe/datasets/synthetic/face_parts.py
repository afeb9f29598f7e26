"""The parts of the face: eyes, brows, nose, mouth, beard, marks and glasses."""

from __future__ import annotations

import numpy as np

from faceprobe.datasets.synthetic.canvas import Canvas, Patch, ellipse, lens, rounded_box, stroke
from faceprobe.datasets.synthetic.head import FACE, Head, Spot, greyed, tint
from faceprobe.datasets.synthetic.people import FRAME_COLORS, Person
from faceprobe.datasets.synthetic.shots import Capture, Event


def draw_eyes(canvas: Canvas, head: Head) -> None:
    """Draw both eyes and brows."""
    p, m = head.person, head.capture
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
        patch.fill(socket, tint(p.skin, 0.66), alpha=0.30 + 0.18 * p.lash, soft=0.10)
        almond = lens(patch.x, patch.y, width, up, down)
        patch.fill(almond, (0.97, 0.96, 0.95))
        white = patch.coverage(almond)
        gaze = 0.35 * m.gaze * width
        radius = 0.085
        iris = ellipse(patch.x, patch.y, gaze, -0.12 * up, radius * spot.wide, radius)
        patch.blend(patch.coverage(iris) * white, p.iris)
        patch.blend(patch.coverage(np.abs(iris) - np.float32(0.008)) * white, tint(p.iris, 0.5))
        pupil = ellipse(patch.x, patch.y, gaze, -0.12 * up, 0.040 * spot.wide, 0.040)
        patch.blend(patch.coverage(pupil) * white, (0.03, 0.03, 0.04))
        glint = ellipse(patch.x, patch.y, gaze - 0.024, -0.12 * up - 0.026, 0.018, 0.018)
        patch.blend(patch.coverage(glint) * white, (1.0, 1.0, 1.0))
        lid = stroke(patch.x, patch.y + np.float32(up), width * 1.04, up, 0.010 + 0.016 * p.lash, 0.5)
        patch.fill(lid, (0.10, 0.07, 0.06), alpha=0.85)
        crease = stroke(patch.x, patch.y + np.float32(up + 0.05), width * 0.95, up * 0.9, 0.008, 0.9)
        patch.fill(crease, tint(p.skin, 0.6), alpha=0.6)
        _wrinkles(patch, p, m, width, side)
        _brow(canvas, head, side)


def _wrinkles(patch: Patch, p: Person, m: Capture, width: float, side: int) -> None:
    age = p.age + m.aging
    if age > 42:
        strength = min(0.5, (age - 42) / 60) * (0.6 + 0.4 * max(m.smile, 0.0))
        bag = stroke(patch.x, patch.y - np.float32(0.10), width * 0.9, -0.03, 0.009, 0.9)
        patch.fill(bag, tint(p.skin, 0.62), alpha=strength)
        for k in (-1, 0, 1):
            foot = stroke(
                patch.x - np.float32(side * (width + 0.06)),
                patch.y - np.float32(0.03 * k),
                0.045,
                0.01 * k,
                0.006,
            )
            patch.fill(foot, tint(p.skin, 0.6), alpha=strength)


def _brow(canvas: Canvas, head: Head, side: int) -> None:
    p, m = head.person, head.capture
    spot = head.spot(side * (p.eye_gap + 0.015), p.eye_y - p.brow_gap - m.brow_raise)
    patch = canvas.patch(head.place(spot, side * p.brow_tilt), (-0.35, -0.25, 0.35, 0.25))
    if patch is None:
        return
    width = 0.20 * spot.wide
    grey = greyed(p.hair, p, m)
    color = tint(grey, 0.72) if p.hair_style != "bald" else tint(p.skin, 0.42)
    brow = stroke(patch.x, patch.y + np.float32(p.brow_bend * 0.5), width, p.brow_bend, p.brow_thick, 0.55)
    patch.fill(brow, color, alpha=0.92, soft=0.02)


def draw_nose(canvas: Canvas, head: Head, event: Event) -> None:
    """Draw bridge, tip and nostrils, shaded on the side away from the light."""
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
    patch.fill(flank, tint(p.skin, 0.66), alpha=0.25 + 0.35 * p.nose_bridge, soft=0.07)
    shine = np.maximum(
        np.abs(x - ridge) - np.float32(0.02), np.maximum(np.float32(root.y + 0.06) - y, y - np.float32(tip.y))
    )
    patch.fill(shine, (1.0, 0.97, 0.93), alpha=0.10 + 0.22 * p.nose_bridge, soft=0.06)
    width = p.nose_width * (0.55 + 0.45 * tip.wide)
    ball = ellipse(x, y, tip.x, tip.y - 0.02, width * 0.72, 0.085)
    patch.fill(ball, tint(p.skin, 1.06), alpha=0.55, soft=0.06)
    for side in (-1, 1):
        wing = ellipse(x, y, tip.x + side * width * 0.80, tip.y + 0.015, width * 0.34, 0.055)
        patch.fill(wing, tint(p.skin, 0.82), alpha=0.7, soft=0.025)
        hole = ellipse(x, y, tip.x + side * width * 0.46, tip.y + 0.048, width * 0.26, 0.024)
        patch.fill(hole, tint(p.skin, 0.34), alpha=0.85, soft=0.015)
    under = stroke(x - np.float32(tip.x), y - np.float32(tip.y + 0.075), width * 0.9, -0.025, 0.010, 0.8)
    patch.fill(under, tint(p.skin, 0.55), alpha=0.6, soft=0.015)


def mouth_spot(head: Head) -> Spot:
    """Centre of the mouth after the head has turned."""
    p = head.person
    return head.spot(0.0, p.eye_y + p.nose_length + p.mouth_gap, raised=0.05)


def mouth_half_width(head: Head) -> float:
    """Half the width of the mouth in this photo: a smile widens it."""
    return head.person.mouth_width * (1 + 0.22 * max(head.capture.smile, 0.0)) * mouth_spot(head).wide


def draw_mouth(canvas: Canvas, head: Head) -> None:
    """Draw lips, opening and teeth; a smile lifts the corners."""
    p, m = head.person, head.capture
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
        patch.fill(seam, tint((lip[0], lip[1], lip[2]), 0.45), soft=0.008)
    age = p.age + m.aging
    fold = min(0.55, max(0.0, (age - 35) / 70)) + 0.25 * max(m.smile, 0.0)
    for side in (-1, 1):
        local = patch.x - np.float32(side * (width + 0.075))
        line = stroke(patch.y + np.float32(0.08), local, 0.16, -0.05 * side, 0.010, 0.8)
        patch.fill(line, tint(p.skin, 0.62), alpha=min(0.7, fold), soft=0.02)


def draw_beard(canvas: Canvas, head: Head) -> None:
    """Draw facial hair, which the mouth is drawn over."""
    p, m = head.person, head.capture
    if p.beard == "none":
        return
    patch = canvas.patch(head.frame, FACE)
    if patch is None:
        return
    spot = mouth_spot(head)
    x, y = patch.x, patch.y
    color = tint(greyed(p.hair, p, m), 0.80)
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
    """Draw freckles and a mole: small marks that are the same in all photos of a person."""
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
                ellipse(patch.x, patch.y, 0, 0, radius * spot.wide, radius), tint(p.skin, 0.48), alpha=0.75
            )


def draw_glasses(canvas: Canvas, head: Head) -> None:
    """Draw glasses, where the person wears them in this photo."""
    p = head.person
    if p.glasses == "none" or not head.capture.wears_glasses:
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
