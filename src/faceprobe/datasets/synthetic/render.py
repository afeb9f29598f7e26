"""Draw one photo of the built-in world: from people, event and capture to pixels and ground truth."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceprobe.data.photo import Face
from faceprobe.datasets.synthetic.canvas import Array, Canvas, Frame
from faceprobe.datasets.synthetic.face_parts import (
    draw_beard,
    draw_eyes,
    draw_glasses,
    draw_marks,
    draw_mouth,
    draw_nose,
    mouth_half_width,
    mouth_spot,
)
from faceprobe.datasets.synthetic.hair import cap, draw_hair_back, draw_hair_front
from faceprobe.datasets.synthetic.head import Head, draw_skin
from faceprobe.datasets.synthetic.people import Person
from faceprobe.datasets.synthetic.scene import draw_background, draw_clothes, draw_object
from faceprobe.datasets.synthetic.shots import Capture, Event

DEFAULT_SIZE = 112


@dataclass(frozen=True)
class Rendering:
    """``pixels`` (S, S, 3) uint8 RGB after JPEG, ``raw`` the same before JPEG, ``faces`` the ground truth."""

    pixels: NDArray[np.uint8]
    raw: NDArray[np.uint8]
    faces: tuple[Face, ...]


def render(
    people: list[tuple[Person, Capture]],
    event: Event,
    camera: Capture,
    size: int = DEFAULT_SIZE,
    thing: str = "",
) -> Rendering:
    """Draw ``people``, each with a pose, at ``event``; ``camera`` gives exposure, blur, noise and JPEG.

    ``size`` is the side in pixels. ``thing`` is an object of a scene without people (:data:`scene.OBJECTS`).
    """
    canvas = Canvas(size)
    draw_background(canvas, event)
    if thing:
        draw_object(
            canvas, thing, Frame(camera.x * 2, 0.15 + camera.y, 0.62 * camera.scale / 0.57), event.cloth
        )
    heads = [Head(person, capture) for person, capture in people]
    for head in heads:
        _draw_person(canvas, head, event)
    raw = _develop(canvas.pixels, event, camera)
    return Rendering(_jpeg(raw, camera.jpeg), raw, tuple(_truth(head, size) for head in heads))


def _draw_person(canvas: Canvas, head: Head, event: Event) -> None:
    draw_hair_back(canvas, head)
    upright = Frame(head.frame.x, head.frame.y, head.frame.scale)
    draw_clothes(canvas, upright, event, head.person.skin)
    if draw_skin(canvas, head, event) is None:
        return
    draw_marks(canvas, head)
    draw_beard(canvas, head)
    draw_nose(canvas, head, event)
    draw_mouth(canvas, head)
    draw_eyes(canvas, head)
    draw_hair_front(canvas, head)
    draw_glasses(canvas, head)


def _develop(pixels: Array, event: Event, camera: Capture) -> NDArray[np.uint8]:
    """Colour cast, exposure, contrast, blur and noise; then 8 bits."""
    cast = np.asarray([1 + event.warmth, 1.0, 1 - event.warmth], np.float32) * np.float32(camera.gain)
    light = np.clip(pixels * cast, 0, 1)
    light = light + np.float32(camera.contrast) * (light - np.float32(0.5)) * (1 - np.abs(2 * light - 1))
    size = pixels.shape[0]
    radius = camera.blur * size / 112
    if radius > 0.05:
        light = _blur(light, radius)
    rng = np.random.Generator(np.random.PCG64(camera.seed))
    grain = (
        rng.random((3, size, size, 1), dtype=np.float32)
        + rng.random((3, size, size, 1), dtype=np.float32)
        - 1
    )
    light = light + np.float32(camera.noise * 1.6) * grain[0]
    light = light + np.float32(camera.noise * 0.7) * np.concatenate([grain[1], grain[2], -grain[1]], axis=-1)
    bits: NDArray[np.uint8] = np.floor(np.clip(light, 0, 1) * np.float32(255) + np.float32(0.5)).astype(
        np.uint8
    )
    return bits


def _blur(image: Array, radius: float) -> Array:
    """Two passes of a separable (w, 1 - 2w, w) filter at a step of one pixel or more."""
    step = max(1, round(radius))
    weight = np.float32(min(0.30, 0.25 * radius / step + 0.05))
    for _ in range(2):
        for axis in (0, 1):
            padded = np.concatenate(
                [np.take(image, [0] * step, axis), image, np.take(image, [-1] * step, axis)], axis
            )
            length = image.shape[axis]
            before = np.take(padded, range(0, length), axis)
            after = np.take(padded, range(2 * step, 2 * step + length), axis)
            image = image * (1 - 2 * weight) + (before + after) * weight
    return image


def _jpeg(raw: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(raw).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"), dtype=np.uint8)


def _truth(head: Head, size: int) -> Face:
    """Box of the head without hair, five landmarks, and the mask of the face with the hair over it."""

    def pixel(x: float, y: float) -> tuple[float, float]:
        px, py = head.frame.to_photo(x, y)
        return (px + 1) * size / 2 - 0.5, (py + 1) * size / 2 - 0.5

    p = head.person
    eyes = [head.spot(side * p.eye_gap, p.eye_y) for side in (-1, 1)]
    nose = head.spot(0.0, p.eye_y + p.nose_length, raised=0.16)
    mouth, half = mouth_spot(head), mouth_half_width(head)
    lift = -0.055 * head.capture.smile
    points = [pixel(eyes[0].x, eyes[0].y), pixel(eyes[1].x, eyes[1].y), pixel(nose.x, nose.y)]
    points += [pixel(mouth.x - half, mouth.y + lift), pixel(mouth.x + half, mouth.y + lift)]
    canvas = Canvas(size)
    patch = canvas.patch(head.frame, (-3.0, -3.0, 3.0, 3.0))
    mask = np.zeros((size, size), dtype=np.bool_)
    face = np.zeros((size, size), dtype=np.bool_)
    if patch is not None:
        top, bottom, left, right = patch.window
        outline = head.outline(patch.x, patch.y)
        face[top:bottom, left:right] = outline < 0
        covered = np.minimum(outline, cap(head, patch.x, patch.y)) if p.hair_style != "bald" else outline
        mask[top:bottom, left:right] = covered < np.float32(0.06)
    rows, columns = np.flatnonzero(face.any(axis=1)), np.flatnonzero(face.any(axis=0))
    box = (0.0, 0.0, 1.0, 1.0)
    if len(rows) and len(columns):
        box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return Face(box=box, landmarks=np.asarray(points, dtype=np.float32), score=1.0, mask=mask)
