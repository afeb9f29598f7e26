"""The plot of one metric: where its dots lie, what its rows are called, and that it stands alone."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from faceprobe.core.errors import BadInput
from faceprobe.report.plots.metric import LEFT, RIGHT, WIDTH, plot_metric
from faceprobe.results.result import Metric, Result, attach

SVG = "{http://www.w3.org/2000/svg}"


def rows(
    metric: str, values: list[tuple[float | None, float | None, float | None]], **where: Any
) -> list[Result]:
    found = []
    for k, (value, low, high) in enumerate(values):
        metrics = [Metric("verification/all-pairs", metric, "identity", value, low, high)]
        place = {"model": f"m{k}", "dataset": "lfw", "crop": "as-is", "evidence": "real-photos"} | where
        found += attach(metrics, **place)
    return found


def drawing(found: list[Result], metric: str) -> ElementTree.Element:
    return ElementTree.fromstring(plot_metric(found, metric))


def words(root: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in root.iter(f"{SVG}text")]


def test_dots_and_intervals_lie_on_an_axis_from_0_to_1() -> None:
    root = drawing(rows("rank1", [(0.25, 0.2, 0.5), (1.0, None, None)]), "rank1")
    width = WIDTH - LEFT - RIGHT
    dots = [float(c.get("cx", "")) for c in root.iter(f"{SVG}circle")]
    assert dots == pytest.approx([LEFT + width / 4, LEFT + width], abs=0.06)
    ranges = [p.get("d") for p in root.iter(f"{SVG}path") if p.get("class") == "range"]
    assert len(ranges) == 1, "a row without an interval has none"
    assert ranges[0] is not None and ranges[0].startswith(f"M{LEFT + width / 5:.1f} ")
    assert ranges[0].endswith(f"H{LEFT + width / 2:.1f}")
    assert {"Rank-1", "m0", "0.250", "m1", "1.000", "0.0", "1.0"} <= set(words(root))


def test_values_beyond_a_share_get_round_ticks_around_them() -> None:
    root = drawing(rows("d_prime", [(3.7, 3.5, 3.9), (-0.4, -0.6, -0.2)]), "d_prime")
    shown = words(root)
    assert {"-1", "0", "1", "4"} <= set(shown) and "3.70" in shown and "−0.40" in shown
    dots = [float(c.get("cx", "")) for c in root.iter(f"{SVG}circle")]
    assert LEFT <= dots[1] < dots[0] <= WIDTH - RIGHT


def test_counts_are_written_as_counts() -> None:
    shown = words(drawing(rows("n_nonmated", [(87307269.0, None, None)]), "n_nonmated"))
    assert "87,307,269" in shown and "1e+08" in shown
    assert not any("95 % intervals" in text for text in shown)


def test_rows_are_named_by_what_differs_and_the_rest_stands_above() -> None:
    both = rows("rank1", [(0.5, None, None)]) + rows("rank1", [(0.4, None, None)], crop="face-only")
    shown = words(drawing(both, "rank1"))
    assert "m0, as-is" in shown and "m0, face-only" in shown
    assert shown[1:3] == ["lfw, verification/all-pairs", "people weigh equally; Real photos"]


def test_the_weakest_evidence_is_named() -> None:
    mixed = rows("rank1", [(0.5, None, None)]) + rows("rank1", [(0.5, None, None)], evidence="synthetic")
    assert any("Built-in world: synthetic people" in text for text in words(drawing(mixed, "rank1")))


def test_it_stands_alone_in_both_themes_and_escapes_names() -> None:
    bad = "local:<script>alert(1)</script>"
    svg = plot_metric(rows("rank1", [(0.5, 0.4, 0.6)], model=bad), "rank1")
    ElementTree.fromstring(svg)
    assert "<script" not in svg and "href" not in svg and "url(" not in svg
    assert "prefers-color-scheme:dark" in svg
    style = svg[svg.index("<style>") : svg.index("</style>")]
    selectors = [rule.split("}")[-1] for rule in style.removeprefix("<style>").split("{")[:-1]]
    assert all(".faceprobe-plot" in s for s in selectors if not s.startswith("@")), (
        "no rule leaks into the page"
    )


def test_without_a_value_there_is_nothing_to_plot() -> None:
    found = rows("rank1", [(None, None, None)])
    with pytest.raises(BadInput, match="no row has a value of rank1 with weighting identity"):
        plot_metric(found, "rank1")
    with pytest.raises(BadInput, match="weighting pair"):
        plot_metric(rows("rank1", [(0.5, None, None)]), "rank1", "pair")


def test_long_names_are_cut_and_whole_in_the_hint() -> None:
    name = "onnx:mobilefacenet_112.onnx?size=112&mean=127.5&scale=128&color=rgb"
    root = drawing(rows("rank1", [(0.5, None, None)], model=name), "rank1")
    assert name not in words(root) and any("…" in text for text in words(root))
    assert [t.text for t in root.iter(f"{SVG}title")] == [f"{name}: 0.500"]
