"""Densities of mated and non-mated scores: one small figure for each model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.report.plots.axes import Axis
from faceprobe.report.plots.scene_plot import file_name
from faceprobe.report.plots.svg import Plot, Point
from faceprobe.report.scenes import Scene, ranking
from faceprobe.report.text.numbers import MINUS
from faceprobe.results.cells import Cell
from faceprobe.results.run import ALL_PAIRS, Run

Array = NDArray[Any]


@dataclass(frozen=True)
class ScoreHistogram:
    """Counts of ``mated`` and ``nonmated`` scores, both (B,), between the (B + 1,) bin ``edges``."""

    edges: Array
    mated: Array
    nonmated: Array


def score_figures(run: Run, scene: Scene) -> list[Plot]:
    """A figure for each model of ``scene`` that stores a histogram, all on one axis of scores."""
    protocol = run.headline_protocol(scene, ALL_PAIRS)
    found: list[tuple[str, ScoreHistogram]] = []
    for model in ranking(run, scene):
        cell = run.cell(model, scene)
        histogram = None if cell is None else _histogram(cell, protocol)
        if histogram is not None:
            found.append((model, histogram))
    if not found:
        return []
    axis = _score_axis([histogram for _, histogram in found])
    return [_figure(run, scene, model, histogram, axis) for model, histogram in found]


def _histogram(cell: Cell, protocol: str) -> ScoreHistogram | None:
    """The stored histogram, its neighbouring bins joined until the mated scores fill no more bins than Rice's
    rule allows: 2 n^(1/3) for n scores.
    """
    edges, mated, nonmated = (
        cell.curve(protocol, name) for name in ("hist_edges", "hist_mated", "hist_nonmated")
    )
    if edges is None or mated is None or nonmated is None or not mated.sum() or not nonmated.sum():
        return None
    occupied = np.flatnonzero(mated)
    span = int(occupied[-1] - occupied[0]) + 1
    step = max(1, round(span / (2 * float(mated.sum()) ** (1 / 3))))
    starts = np.arange(0, len(mated), step)
    return ScoreHistogram(
        np.append(edges[starts], edges[-1]),
        np.add.reduceat(mated, starts),
        np.add.reduceat(nonmated, starts),
    )


def _score_axis(histograms: list[ScoreHistogram]) -> Axis:
    """The range of scores that holds all but 1 in 5,000 of each distribution, to a tenth."""
    lows: list[float] = []
    highs: list[float] = []
    for h in histograms:
        for counts in (h.mated, h.nonmated):
            share = np.cumsum(counts) / counts.sum()
            lows.append(float(h.edges[int(np.searchsorted(share, 2e-4))]))
            last = int(np.searchsorted(share, 1 - 2e-4)) + 1
            highs.append(float(h.edges[min(last, len(h.edges) - 1)]))
    low = float(np.floor(10 * min(lows)) / 10)
    high = max(float(np.ceil(10 * max(highs)) / 10), low + 0.1)
    span = high - low
    step = 0.1 if span <= 0.5 else 0.2 if span <= 1 else 0.5
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    ticks = [(step * k, f"{step * k:.1f}".replace("-", MINUS)) for k in range(first, last + 1)]
    return Axis("Cosine", low, high, ticks)


def _figure(run: Run, scene: Scene, model: str, histogram: ScoreHistogram, axis: Axis) -> Plot:
    edges = histogram.edges
    inside = (edges[:-1] >= axis.low - 1e-9) & (edges[1:] <= axis.high + 1e-9)
    drawn = {"nonmated": histogram.nonmated, "mated": histogram.mated}
    densities = {css: counts / (counts.sum() * np.diff(edges)) for css, counts in drawn.items()}
    top = max(float(d[inside].max(initial=1e-9)) for d in densities.values())
    about = f"Densities of mated and non-mated scores of {model} ({run.short(scene[0])}, {scene[2]})."
    plot = Plot(
        file_name(run, "scores", scene, model),
        f"Scores of {run.short_model(model)}",
        about,
        axis,
        Axis("", 0.0, top * 1.05, ()),
        width=165,
        height=116,
        left=8,
        right=8,
        top=8,
        bottom=38,
    )
    for css, density in densities.items():
        plot.area(_outline(edges, density, inside), css)
    return plot


def _outline(edges: Array, density: Array, inside: NDArray[np.bool_]) -> list[Point]:
    """Points through the middles of the bins, from the first occupied bin to the last."""
    rows = np.flatnonzero(inside & (density > 0))
    if not len(rows):
        return []
    middles = (edges[:-1] + edges[1:]) / 2
    inner = [(float(middles[k]), float(density[k])) for k in range(rows[0], rows[-1] + 1)]
    return [(float(edges[rows[0]]), 0.0), *inner, (float(edges[rows[-1] + 1]), 0.0)]
