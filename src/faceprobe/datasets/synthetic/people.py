"""Synthetic people: an identity is a set of drawing parameters, sampled from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceprobe.datasets.synthetic.canvas import Color

HAIR_STYLES = (
    "bald", "buzz", "short", "side-part", "quiff", "curly", "afro", "bob", "long", "wavy", "bun", "fringe",
)  # fmt: skip
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
GLASSES = ("none", "round", "square", "half")
GROUPS = ("tone-1", "tone-2", "tone-3", "tone-4")
GROUP_NOTE = "Render groups are drawing parameters of synthetic people; they support no demographic claim."

SKIN: tuple[Color, ...] = (
    (0.98, 0.87, 0.79), (0.95, 0.80, 0.69), (0.91, 0.73, 0.58), (0.84, 0.64, 0.48),
    (0.74, 0.53, 0.38), (0.62, 0.43, 0.30), (0.49, 0.33, 0.23), (0.37, 0.25, 0.18),
)  # fmt: skip
HAIR: dict[str, Color] = {
    "black": (0.09, 0.08, 0.09),
    "dark brown": (0.24, 0.15, 0.10),
    "brown": (0.42, 0.27, 0.16),
    "auburn": (0.52, 0.22, 0.12),
    "red": (0.74, 0.33, 0.13),
    "blond": (0.87, 0.70, 0.40),
    "grey": (0.62, 0.62, 0.63),
    "white": (0.90, 0.89, 0.86),
}
IRIS: dict[str, Color] = {
    "brown": (0.33, 0.19, 0.09),
    "dark": (0.14, 0.09, 0.06),
    "hazel": (0.50, 0.37, 0.16),
    "green": (0.30, 0.47, 0.28),
    "blue": (0.27, 0.47, 0.68),
    "grey": (0.48, 0.53, 0.57),
}
FRAME_COLORS: dict[str, Color] = {
    "black": (0.10, 0.10, 0.12),
    "tortoise": (0.40, 0.22, 0.10),
    "red": (0.65, 0.12, 0.14),
    "blue": (0.15, 0.25, 0.55),
    "silver": (0.62, 0.64, 0.67),
}


@dataclass(frozen=True)
class Person:
    """The drawing parameters of one person.

    Lengths are in head units: the head is about 2 high and 1.5 wide, centred on (0, 0).
    """

    index: int
    tone: float
    skin: Color
    hair_style: str
    hair_color: str
    hair: Color
    hair_volume: float
    hairline: float
    part: float
    head_width: float
    jaw_width: float
    jaw_drop: float
    chin: float
    eye_y: float
    eye_gap: float
    eye_width: float
    eye_open: float
    eye_tilt: float
    iris_name: str
    iris: Color
    lash: float
    brow_gap: float
    brow_thick: float
    brow_bend: float
    brow_tilt: float
    nose_length: float
    nose_width: float
    nose_bridge: float
    mouth_gap: float
    mouth_width: float
    lip_up: float
    lip_down: float
    lip_tint: float
    ear: float
    cheek: float
    beard: str
    glasses: str
    frame_color: str
    freckles: float
    mole: tuple[float, float] | None
    earring: bool
    age: float

    @property
    def group(self) -> str:
        return GROUPS[min(int(self.tone * len(GROUPS)), len(GROUPS) - 1)]


def sample_person(seed: int, index: int) -> Person:
    """Person number ``index`` of the world ``seed``; independent of every other person."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 1, index])))

    def between(low: float, high: float) -> float:
        return round(low + (high - low) * float(rng.random()), 5)

    def pick(names: tuple[str, ...], weights: tuple[float, ...]) -> str:
        level = float(rng.random()) * sum(weights)
        for name, weight in zip(names, weights, strict=True):
            level -= weight
            if level < 0:
                return name
        return names[-1]

    tone = between(0, 1)
    age = between(18, 75)
    dark = tone > 0.55
    grey = max(0.0, (age - 45) / 30)
    young = (4, 2, 1, 0.3, 0.2, 0.3) if dark else (2, 3, 3, 1.3, 1.2, 2.5)
    hair_color = pick(tuple(HAIR), (*(w * (1 - 0.8 * grey) for w in young), 4 * grey, 2.5 * grey))
    style = pick(HAIR_STYLES, (0.6, 0.8, 1.1, 1.1, 0.9, 1.0, 0.7, 1.0, 1.1, 1.0, 0.8, 0.9))
    beard = pick(BEARDS, (5, 0.8, 0.7, 0.7, 1.1)) if style not in ("bob", "long", "wavy", "bun") else "none"
    iris_name = pick(tuple(IRIS), (4, 4, 1, 0.3, 0.2, 0.2) if dark else (3, 1, 1.5, 1.2, 2.2, 1.2))
    hair = _mix(HAIR[hair_color], (between(0.1, 0.9),) * 3, 0.08)
    return Person(
        index=index,
        tone=tone,
        skin=_mix(_along(SKIN, tone), (between(0.6, 0.9), between(0.4, 0.6), between(0.25, 0.5)), 0.12),
        hair_style=style,
        hair_color=hair_color,
        hair=hair,
        hair_volume=between(0.7, 1.35),
        hairline=between(-0.66, -0.47),
        part=between(-1, 1),
        head_width=between(0.62, 0.80),
        jaw_width=between(0.40, 0.66),
        jaw_drop=between(0.30, 0.52),
        chin=between(0.86, 1.06),
        eye_y=between(-0.15, 0.00),
        eye_gap=between(0.25, 0.36),
        eye_width=between(0.13, 0.20),
        eye_open=between(0.06, 0.125),
        eye_tilt=between(-0.22, 0.16),
        iris_name=iris_name,
        iris=IRIS[iris_name],
        lash=between(0.0, 1.0),
        brow_gap=between(0.13, 0.23),
        brow_thick=between(0.018, 0.055),
        brow_bend=between(0.0, 0.09),
        brow_tilt=between(-0.30, 0.22),
        nose_length=between(0.28, 0.46),
        nose_width=between(0.09, 0.19),
        nose_bridge=between(0.2, 1.0),
        mouth_gap=between(0.16, 0.27),
        mouth_width=between(0.17, 0.31),
        lip_up=between(0.018, 0.070),
        lip_down=between(0.030, 0.10),
        lip_tint=between(0.15, 0.75),
        ear=between(0.6, 1.3),
        cheek=between(0.0, 0.35),
        beard=beard,
        glasses=pick(GLASSES, (6, 1.3, 1.3, 0.9)),
        frame_color=pick(tuple(FRAME_COLORS), (4, 2, 1, 1, 1.5)),
        freckles=between(0.3, 1.0) if rng.random() < 0.14 else 0.0,
        mole=(between(-0.45, 0.45), between(-0.05, 0.6)) if rng.random() < 0.22 else None,
        earring=bool(rng.random() < 0.2),
        age=age,
    )


def _along(stops: tuple[Color, ...], t: float) -> Color:
    place = t * (len(stops) - 1)
    k = min(int(place), len(stops) - 2)
    return _mix(stops[k], stops[k + 1], place - k)


def _mix(a: Color, b: tuple[float, ...], t: float) -> Color:
    red, green, blue = (round(p + (q - p) * t, 5) for p, q in zip(a, b, strict=True))
    return red, green, blue
