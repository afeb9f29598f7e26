"""What differs between photos: event (place, clothes, light) and capture (pose, expression, camera)."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from faceprobe.datasets.synthetic.canvas import Color

PLACES = ("plain wall", "striped wall", "window", "hills", "city", "bokeh lights", "bookshelf", "tiled wall")
GARMENTS = ("t-shirt", "v-neck", "shirt", "turtleneck", "jacket")
PATTERNS = ("plain", "striped", "dotted", "checked")
CLOTH: dict[str, Color] = {
    "red": (0.75, 0.20, 0.20),
    "orange": (0.88, 0.52, 0.20),
    "yellow": (0.90, 0.78, 0.32),
    "green": (0.25, 0.52, 0.32),
    "teal": (0.16, 0.52, 0.55),
    "blue": (0.22, 0.38, 0.68),
    "purple": (0.46, 0.30, 0.58),
    "pink": (0.88, 0.55, 0.66),
    "white": (0.92, 0.92, 0.90),
    "grey": (0.50, 0.52, 0.54),
    "black": (0.14, 0.14, 0.16),
}


@dataclass(frozen=True)
class Event:
    """What a few photos of one person share: background, clothes and the direction of the light."""

    seed: int
    place: str
    wall: Color
    accent: Color
    garment: str
    pattern: str
    cloth_name: str
    cloth: Color
    second: Color
    light_x: float
    light_y: float
    ambient: float
    warmth: float


@dataclass(frozen=True)
class Capture:
    """How one photo is taken. Angles are in radians; ``x``, ``y`` and ``scale`` place the head."""

    seed: int
    yaw: float
    pitch: float
    roll: float
    x: float
    y: float
    scale: float
    smile: float
    mouth_open: float
    eye_open: float
    brow_raise: float
    gaze: float
    wears_glasses: bool
    aging: float
    gain: float
    contrast: float
    blur: float
    noise: float
    jpeg: int


def sample_event(rng: np.random.Generator) -> Event:
    """Draw an event from ``rng``, which the caller seeds for one event of one person."""
    cloth_name = _pick(rng, tuple(CLOTH))
    return Event(
        seed=int(rng.integers(2**31)),
        place=_pick(rng, PLACES),
        wall=_hsv(_u(rng, 0, 1), _u(rng, 0.05, 0.40), _u(rng, 0.45, 0.92)),
        accent=_hsv(_u(rng, 0, 1), _u(rng, 0.15, 0.60), _u(rng, 0.30, 0.90)),
        garment=_pick(rng, GARMENTS),
        pattern=_pick(rng, PATTERNS) if rng.random() < 0.6 else "plain",
        cloth_name=cloth_name,
        cloth=CLOTH[cloth_name],
        second=CLOTH[_pick(rng, tuple(CLOTH))],
        light_x=_u(rng, -0.85, 0.85),
        light_y=_u(rng, -0.75, 0.15),
        ambient=_u(rng, 0.50, 0.80),
        warmth=_u(rng, -0.09, 0.09),
    )


def sample_capture(rng: np.random.Generator, glasses: bool) -> Capture:
    """Draw pose, expression and camera of one photo; ``glasses`` says whether the person has any."""
    return Capture(
        seed=int(rng.integers(2**31)),
        yaw=_bell(rng, 0.62),
        pitch=_bell(rng, 0.32),
        roll=_bell(rng, 0.26),
        x=_bell(rng, 0.14),
        y=_bell(rng, 0.10) - 0.08,
        scale=_u(rng, 0.56, 0.72),
        smile=_u(rng, -0.35, 1.0),
        mouth_open=max(0.0, _u(rng, -0.9, 1.0)),
        eye_open=_u(rng, 0.55, 1.15),
        brow_raise=_u(rng, -0.04, 0.06),
        gaze=_bell(rng, 0.8),
        wears_glasses=bool(glasses and rng.random() < 0.85),
        aging=_u(rng, 0.0, 12.0),
        gain=_u(rng, 0.84, 1.20),
        contrast=_u(rng, -0.18, 0.22),
        blur=max(0.0, _u(rng, -0.9, 0.85)),
        noise=_u(rng, 0.0, 0.026),
        jpeg=int(rng.integers(55, 96)),
    )


def _u(rng: np.random.Generator, low: float, high: float) -> float:
    return round(low + (high - low) * float(rng.random()), 5)


def _bell(rng: np.random.Generator, spread: float) -> float:
    """A bell-shaped draw in (-spread, spread): the scaled sum of three uniform numbers, without libm."""
    return round(spread * (float(rng.random()) + float(rng.random()) + float(rng.random()) - 1.5) / 1.5, 5)


def _pick(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    return names[int(rng.integers(len(names)))]


def _hsv(hue: float, saturation: float, value: float) -> Color:
    red, green, blue = (round(c, 5) for c in colorsys.hsv_to_rgb(hue, saturation, value))
    return red, green, blue
