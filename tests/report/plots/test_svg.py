"""The plot: where things land, and that nothing is lost in making paths short."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceprobe.report.plots.svg import Axis, Plot, shortened, simplified
from faceprobe.report.plots.theme import Mark

MARK = Mark(1, "", "circle")


def plot() -> Plot:
    return Plot(
        "p",
        "A <title>",
        "Words & more",
        Axis("x", 1e-4, 1.0, [(1e-4, "a"), (1.0, "b")], "log"),
        Axis("y", 0.01, 0.5, [(0.5, "half")], "probit"),
        width=300,
        height=200,
    )


def test_axes_place_their_ends_and_middles() -> None:
    p = plot()
    assert p.px(1e-4) == p.left and p.px(1.0) == pytest.approx(p.width - p.right)
    assert p.px(1e-2) == pytest.approx((p.left + p.width - p.right) / 2)
    assert p.py(0.01) == pytest.approx(p.height - p.bottom) and p.py(0.5) == pytest.approx(p.top)
    low, mid = Axis("", 0.02275, 0.5, (), "probit"), 0.15866
    assert low.place(mid) == pytest.approx(0.5, abs=1e-3), "probit: -2, -1, 0 are equally far apart"


def test_the_drawing_is_valid_and_escaped() -> None:
    p = plot()
    p.line([(1e-3, 0.1), (1e-2, 0.05)], MARK, group=3)
    p.point((1e-2, 0.2), MARK, ((1e-2, 0.1), (1e-2, 0.3)), hint="<b>")
    p.text((10, 10), "<script>")
    p.legend.append((MARK, "a & b"))
    inline = ElementTree.fromstring(str(p.inline()))
    assert inline.find("{*}title").text == "A <title>"  # type: ignore[union-attr]
    assert "a & b" not in "".join(inline.itertext())
    whole = ElementTree.fromstring(p.file())
    assert "a & b" in "".join(whole.itertext())
    assert whole.get("viewBox") == "0 0 300 226"
    assert whole.find(".//*[@data-series='3']") is not None


points = st.lists(st.tuples(st.floats(0, 300), st.floats(0, 300)), min_size=2, max_size=40)


def distance(point: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    """From ``point`` to the line through a and b (to a where they coincide)."""
    length = math.dist(a, b)
    if length == 0:
        return math.dist(point, a)
    return abs((b[0] - a[0]) * (a[1] - point[1]) - (a[0] - point[0]) * (b[1] - a[1])) / length


@given(points)
def test_simplifying_moves_no_point_by_more_than_the_tolerance(line: list[tuple[float, float]]) -> None:
    line = [(float(k), y) for k, (_, y) in enumerate(line)]
    kept = simplified(line, 0.5)
    assert kept[0] == line[0] and kept[-1] == line[-1]
    assert set(kept) <= set(line)
    for point in line:
        a, b = next((a, b) for a, b in pairwise(kept) if a[0] <= point[0] <= b[0])
        assert distance(point, a, b) <= 0.5 + 1e-9


def test_a_straight_line_needs_two_points() -> None:
    assert simplified([(float(k), 2.0 * k) for k in range(100)]) == [(0.0, 0.0), (99.0, 198.0)]


def test_long_names_lose_their_middle() -> None:
    assert shortened("short", 100) == "short"
    name = "onnx:mobilefacenet_112.onnx?size=112&mean=127.5&scale=128&color=rgb&flip=sum"
    cut = shortened(name, 200)
    assert len(cut) * 6.7 <= 200 and cut.startswith("onnx:mobile") and cut.endswith("flip=sum") and "…" in cut
