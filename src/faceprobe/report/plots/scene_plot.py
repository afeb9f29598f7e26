"""A figure of all models of one scene: its file name, its frame and a line for each model."""

from __future__ import annotations

from collections.abc import Sequence

from faceprobe.core.words import slug
from faceprobe.report.plots.axes import Axis
from faceprobe.report.plots.svg import Plot, Point
from faceprobe.report.plots.theme import mark
from faceprobe.report.scenes import Scene
from faceprobe.results.run import Run

ModelCurve = tuple[str, list[Point]]
"""A model and the points of its curve, in data units."""


def file_name(run: Run, kind: str, scene: Scene, model: str = "") -> str:
    """Name of a figure and of its file: letters, digits and dashes."""
    dataset, cloak, crop = scene
    parts = [kind, run.short(dataset), crop, "" if cloak == "none" else cloak, model]
    return slug("-".join(p for p in parts if p))


def scene_plot(kind: str, run: Run, scene: Scene, short: str, title: str, x: Axis, y: Axis) -> Plot:
    """An empty plot for all models of ``scene``; ``kind`` begins its file name."""
    dataset, _, crop = scene
    where = f"{run.short(dataset)}, {crop}, people weighted equally"
    return Plot(
        file_name(run, kind, scene),
        f"{short}: {title}",
        f"{title[0].upper()}{title[1:]} for each model ({where}).",
        x,
        y,
        width=320,
        height=260,
    )


def draw_lines(run: Run, plot: Plot, curves: Sequence[ModelCurve]) -> Plot:
    """Draw each curve with its entry in the legend; returns ``plot``."""
    for model, points in curves:
        index = run.models.index(model)
        plot.line(points, mark(index), group=index)
        plot.legend.append((mark(index), run.short_model(model)))
    return plot
