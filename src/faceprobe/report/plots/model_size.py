"""Rank-1 over the number of parameters, with a thin line through each family of models."""

from __future__ import annotations

import math
from itertools import pairwise

from faceprobe.report.plots.axes import parameters_axis, share_axis
from faceprobe.report.plots.scene_plot import file_name
from faceprobe.report.plots.svg import CHARACTER, Plot, Point, ends_of, shortened
from faceprobe.report.plots.theme import mark
from faceprobe.report.scenes import Scene, family_of
from faceprobe.report.text.numbers import percent_with_interval, scaled
from faceprobe.results.result import Result
from faceprobe.results.run import LEAVE_ONE_OUT, Run

LABEL_WIDTH = 190

LABEL_PLACES = (
    (10, 4, "start"),
    (-10, 4, "end"),
    (0, -12, "middle"),
    (0, 20, "middle"),
    (8, -12, "start"),
    (8, 20, "start"),
    (-8, -12, "end"),
    (-8, 20, "end"),
    (12, -24, "end"),
    (-12, -24, "start"),
    (12, 32, "end"),
    (-12, 32, "start"),
    (0, -26, "middle"),
    (0, 34, "middle"),
    (8, 34, "start"),
    (-8, -26, "end"),
)
"""Places of a point's label, the best first: offset of its baseline in user units, and its anchor."""

Box = tuple[float, float, float, float]
"""(left, top, right, bottom) in user units."""

SizedModel = tuple[str, float, Result]
"""A model, its number of parameters and its row of rank-1."""


def size_figure(run: Run, scene: Scene) -> Plot | None:
    """Rank-1 with intervals over parameters; None where fewer than two models have a known size."""
    protocol = run.headline_protocol(scene, LEAVE_ONE_OUT)
    sized: list[SizedModel] = []
    for model in run.models:
        row, params = run.get(model, scene, protocol, "rank1"), run.card(model).get("n_params")
        if row is not None and row.value is not None and params:
            sized.append((model, float(params), row))
    if len(sized) < 2:
        return None
    plot = Plot(
        file_name(run, "size", scene),
        "Rank-1 against model size",
        "Identity-weighted rank-1 with 95 % intervals over the parameters of the image tower: "
        + "; ".join(f"{m}, {scaled(s)}: {percent_with_interval(r)}" for m, s, r in sized),
        parameters_axis([s for _, s, _ in sized]),
        share_axis("Rank-1"),
        width=350,
        height=280,
        lines=False,
    )
    joined = _join_families(plot, run, sized)
    taken = [box for _, size, row in sized for box in _boxes_of_point(plot, size, row)]
    for model, size, row in sized:
        low_high = ends_of(row)
        ends = ((size, low_high[0]), (size, low_high[1])) if low_high else None
        hint = f"{model}: {percent_with_interval(row)}, {scaled(size)} parameters"
        plot.point((size, row.value or 0.0), mark(run.models.index(model)), ends, hint=hint)
    taken += joined
    for model, size, row in sized:
        at = (plot.px(size), plot.py(row.value or 0.0))
        if not _label(plot, at, shortened(run.short_model(model), LABEL_WIDTH), taken):
            plot.legend.append((mark(run.models.index(model)), run.short_model(model)))
    return plot


def _join_families(plot: Plot, run: Run, sized: list[SizedModel]) -> list[Box]:
    """Draw a thin line through each family by size; returns small boxes along it, for labels to avoid."""
    boxes: list[Box] = []
    grouped: dict[str, list[Point]] = {}
    for model, size, row in sized:
        grouped.setdefault(family_of(run, model), []).append((plot.px(size), plot.py(row.value or 0.0)))
    for points in grouped.values():
        for start, end in pairwise(sorted(points)):
            plot.rule(start, end, "join")
            steps = max(1, round(math.dist(start, end) / 6))
            for k in range(steps + 1):
                x, y = (a + (b - a) * k / steps for a, b in zip(start, end, strict=True))
                boxes.append((x - 1, y - 1, x + 1, y + 1))
    return boxes


def _boxes_of_point(plot: Plot, size: float, row: Result) -> list[Box]:
    """The areas that a marker and its interval cover."""
    x, y = plot.px(size), plot.py(row.value or 0.0)
    boxes: list[Box] = [(x - 7, y - 7, x + 7, y + 7)]
    if low_high := ends_of(row):
        boxes.append((x - 1, plot.py(low_high[1]), x + 1, plot.py(low_high[0])))
    return boxes


def _label(plot: Plot, at: Point, text: str, taken: list[Box]) -> bool:
    """Write ``text`` next to ``at`` where it covers nothing in ``taken``; False where no place is free."""
    width = CHARACTER * len(text)
    for right, down, anchor in LABEL_PLACES:
        left, base = at[0] + right, at[1] + down
        start = left - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        box = (start, base - 10, start + width, base + 3)
        inside = (
            box[0] >= plot.left
            and box[2] <= plot.width
            and plot.top <= box[1]
            and box[3] <= plot.height - plot.bottom
        )
        if inside and not any(_overlap(box, other) for other in taken):
            taken.append(box)
            plot.text((left, base), text, "halo", anchor)
            return True
    return False


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
