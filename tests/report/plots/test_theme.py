"""The palette holds up: contrast to the page, and apart for colour-blind readers."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from faceprobe.report.plots.theme import DARK, DASHES, HEAT_MOST, LIGHT, MARKERS, N_COLORS, literal_css, mark

# Machado, Oliveira, Fernandes 2009, severity 1.
SIGHT = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}


def linear(color: str) -> NDArray[np.float64]:
    channel = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """WCAG 2 contrast ratio."""
    low, high = sorted(float(linear(c) @ (0.2126, 0.7152, 0.0722)) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ rgb / (0.9505, 1.0, 1.089)
    f = np.where(xyz > 0.008856, np.cbrt(np.clip(xyz, 0, None)), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast(colors: dict[str, str]) -> None:
    for ground in ("page", "surface"):
        for name in ("text", "muted", "accent", "warn"):
            assert contrast(colors[name], colors[ground]) >= 4.5, (name, ground)
    assert contrast(colors["accent"], colors["tint"]) >= 4.5
    for k in range(1, N_COLORS + 1):
        assert contrast(colors[f"s{k}"], colors["page"]) >= 3, f"s{k}"


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("sight", sorted(SIGHT))
def test_series_stay_apart(colors: dict[str, str], sight: str) -> None:
    seen = [lab(np.clip(SIGHT[sight] @ linear(colors[f"s{k}"]), 0, 1)) for k in range(1, N_COLORS + 1)]
    for a, b in combinations(range(N_COLORS), 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 10, (a + 1, b + 1)


def test_both_themes_name_the_same_colors() -> None:
    assert set(LIGHT) == set(DARK)


def test_many_series_stay_distinct() -> None:
    marks = {mark(k) for k in range(N_COLORS * len(DASHES))}
    assert len(marks) == N_COLORS * len(DASHES)
    assert {m.marker for m in marks} == set(MARKERS)


def test_series_are_told_apart_without_colour() -> None:
    first = [mark(k) for k in range(N_COLORS)]
    assert len({m.dash for m in first}) == N_COLORS
    assert len({(m.marker, m.hollow) for m in first}) == N_COLORS


def test_literal_css_leaves_no_variable() -> None:
    css = literal_css(".a { fill: var(--s1); stroke: var(--page); }")
    assert css == f".a {{ fill: {LIGHT['s1']}; stroke: {LIGHT['page']}; }}"


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("fill", ["accent", "s2"])
def test_text_on_the_darkest_cell_of_a_map(colors: dict[str, str], fill: str) -> None:
    mixed = [
        round(
            HEAT_MOST * int(colors[fill][k : k + 2], 16)
            + (1 - HEAT_MOST) * int(colors["page"][k : k + 2], 16)
        )
        for k in (1, 3, 5)
    ]
    assert contrast(colors["text"], "#" + "".join(f"{v:02x}" for v in mixed)) >= 4.5
