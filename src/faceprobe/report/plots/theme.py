"""Colours and marks of the report: one place for the page, its figures and their copies.

The categorical colours keep a contrast of at least 3:1 to the page in both themes and stay distinguishable
under simulated protanopia and deuteranopia (a test computes both). Dash and marker repeat the distinction,
so that none depends on colour alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LIGHT: dict[str, str] = {
    "page": "#ffffff",
    "surface": "#f6f7f8",
    "text": "#1b1e23",
    "muted": "#59606b",
    "rule": "#dfe2e6",
    "grid": "#eceef0",
    "axis": "#878e98",
    "accent": "#0b5fb3",
    "tint": "#e8f1fa",
    "warn": "#8a4b00",
    "s1": "#0b69c7",
    "s2": "#b8430b",
    "s3": "#2a9d74",
    "s4": "#6f1d6b",
    "s5": "#a88d10",
    "s6": "#2b9cc4",
    "s7": "#4038d8",
    "s8": "#3a3f47",
}

DARK: dict[str, str] = {
    "page": "#15181d",
    "surface": "#1d2127",
    "text": "#e7e9ec",
    "muted": "#a2a9b4",
    "rule": "#333941",
    "grid": "#262b32",
    "axis": "#6f7782",
    "accent": "#6fb1f5",
    "tint": "#1b2a3b",
    "warn": "#f0b25c",
    "s1": "#3f8fe8",
    "s2": "#e8672c",
    "s3": "#55d6a8",
    "s4": "#b465c4",
    "s5": "#f2d675",
    "s6": "#a9e3fb",
    "s7": "#857bff",
    "s8": "#c3c8d0",
}

N_COLORS = 8
DASHES = ("", "6 3", "2 2.5", "8 3 2 3", "12 4", "1 4", "8 2 2 2 2 2", "4 6")
MARKERS = ("circle", "square", "triangle", "diamond")
HEAT_MOST = 0.5
"""Highest opacity of a transfer map's fill: text on it keeps 4.5:1 in both themes (a test computes it)."""


@dataclass(frozen=True)
class Mark:
    """How one series is drawn: ``color`` 1 to 8, ``dash`` an SVG dash array, ``marker`` a shape, filled or
    ``hollow``.
    """

    color: int
    dash: str
    marker: str
    hollow: bool = False


def mark(index: int) -> Mark:
    """The mark of series ``index`` (0, 1, ...): 64 distinct marks before they repeat. Eight in a row differ
    in their dashes, and in the shape or filling of their markers: they are told apart without colour.
    """
    turn = index // N_COLORS
    return Mark(
        index % N_COLORS + 1,
        DASHES[(index + turn) % len(DASHES)],
        MARKERS[(index + turn) % len(MARKERS)],
        hollow=index // len(MARKERS) % 2 == 1,
    )


def css_variables(colors: dict[str, str]) -> str:
    """``--page: #fff; ...`` for a rule of the style sheet."""
    return " ".join(f"--{name}: {value};" for name, value in colors.items())


def literal_css(css: str, colors: dict[str, str] = LIGHT) -> str:
    """``css`` with every ``var(--name)`` replaced by its colour, for programs that know no CSS variables."""
    return re.sub(r"var\(--([a-z0-9]+)\)", lambda m: colors[m.group(1)], css)
