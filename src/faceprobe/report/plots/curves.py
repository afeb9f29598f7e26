"""Figures drawn from stored curves: ROC, DET, CMC and the distributions of scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.report.plots.svg import Axis, Plot, Point
from faceprobe.report.plots.theme import mark
from faceprobe.report.tables.leaderboard import Scene, ranking
from faceprobe.report.text.numbers import slug
from faceprobe.results.run import ALL_PAIRS, LEAVE_ONE_OUT, Cell, Run

MAX_RANK = 100
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def curve_figures(run: Run, scene: Scene) -> list[Plot]:
    """ROC, DET and CMC of every model of ``scene`` that has the curves; fewer where they are absent."""
    cells = [(m, c) for m in ranking(run, scene) if (c := run.cell(m, scene)) is not None]
    verification = run.headline_protocol(scene, ALL_PAIRS)
    identification = run.headline_protocol(scene, LEAVE_ONE_OUT)
    drawn = (_roc(run, scene, cells, verification), _det(run, scene, cells, verification))
    return [p for p in (*drawn, _cmc(run, scene, cells, identification)) if p is not None]


def score_figures(run: Run, scene: Scene) -> list[Plot]:
    """One small plot a model: densities of mated and non-mated scores on a common axis."""
    protocol = run.headline_protocol(scene, ALL_PAIRS)
    found = []
    for model in ranking(run, scene):
        cell = run.cell(model, scene)
        counts = None if cell is None else _histogram(cell, protocol)
        if counts is not None:
            found.append((model, *counts))
    if not found:
        return []
    low, high = _support(found)
    return [
        _scores(run, scene, model, edges, mated, other, low, high) for model, edges, mated, other in found
    ]


def power_of_ten(exponent: int) -> str:
    """``10⁻³``; ``1`` for 0."""
    return "1" if exponent == 0 else f"10{str(exponent).translate(_SUPERSCRIPT)}"


def file_name(run: Run, kind: str, scene: Scene, model: str = "") -> str:
    """Name of a figure, also of its file: letters, digits and dashes."""
    dataset, cloak, crop = scene
    parts = [kind, run.short(dataset), crop, "" if cloak == "none" else cloak, model]
    return slug("-".join(p for p in parts if p))


def _roc(run: Run, scene: Scene, cells: list[tuple[str, Cell]], protocol: str) -> Plot | None:
    curves = [(m, c) for m, cell in cells if (c := _rates(cell, protocol))]
    if not curves:
        return None
    floor = round(float(np.log10(min(c[0][0] for _, c in curves))))
    curves = [(m, [p for p in c if p[0] >= 0.999 * 10.0**floor]) for m, c in curves]
    axis = log_axis("False match rate (FMR)", floor, 0)
    plot = scene_plot(
        "roc", run, scene, "ROC", "true match rate over false match rate", axis, unit_axis("TMR")
    )
    return draw_lines(run, plot, curves, lambda fmr, tmr: (fmr, tmr))


def _det(run: Run, scene: Scene, cells: list[tuple[str, Cell]], protocol: str) -> Plot | None:
    curves = [(m, [(f, 1 - t) for f, t in c]) for m, cell in cells if (c := _rates(cell, protocol))]
    curves = [(m, [p for p in c if 1e-6 < p[0] <= 0.5 and 0 < p[1] < 1]) for m, c in curves]
    curves = [(m, c) for m, c in curves if len(c) > 1]
    if not curves:
        return None
    x_low = max(min(p[0] for _, c in curves for p in c), 1e-6)
    y_low = max(min(p[1] for _, c in curves for p in c), 1e-4)
    y_high = min(max(p[1] for _, c in curves for p in c), 0.995)
    x = _probit_axis("False match rate (FMR)", x_low, 0.5)
    y = _probit_axis("FNMR", y_low, max(y_high, 0.5))
    plot = scene_plot(
        "det", run, scene, "DET", "false non-match rate over false match rate, probit axes", x, y
    )
    kept = [(m, [p for p in c if y.low <= p[1] <= y.high and p[0] >= x.low]) for m, c in curves]
    return draw_lines(run, plot, kept, lambda fmr, fnmr: (fmr, fnmr))


def _cmc(run: Run, scene: Scene, cells: list[tuple[str, Cell]], protocol: str) -> Plot | None:
    curves = []
    for model, cell in cells:
        rank, share = cell.curve(protocol, "cmc_rank"), cell.curve(protocol, "cmc_identity")
        if rank is not None and share is not None and len(rank) == len(share):
            curves.append(
                (model, [(float(r), float(s)) for r, s in zip(rank, share, strict=True) if r <= MAX_RANK])
            )
    if not curves:
        return None
    high = max(p[0] for _, c in curves for p in c)
    ticks = [(float(r), str(r)) for r in (1, 2, 5, 10, 20, 50, 100) if r <= high]
    axis = Axis("Rank", 1.0, max(high, 2.0), ticks, "log")
    plot = scene_plot(
        "cmc",
        run,
        scene,
        "CMC",
        "share of searches with a mate at or above a rank",
        axis,
        unit_axis("Share found"),
    )
    return draw_lines(run, plot, curves, lambda rank, share: (rank, share))


def draw_lines(
    run: Run, plot: Plot, curves: list[tuple[str, list[Point]]], place: Callable[[float, float], Point]
) -> Plot:
    """A line and an entry of the legend for each (model, points) of ``curves``; ``place`` maps a point."""
    for model, points in curves:
        index = run.models.index(model)
        plot.line([place(a, b) for a, b in points], mark(index), group=index)
        plot.legend.append((mark(index), model))
    return plot


def scene_plot(kind: str, run: Run, scene: Scene, short: str, title: str, x: Axis, y: Axis) -> Plot:
    """An empty plot of all models of ``scene``, ``kind`` in its file's name."""
    dataset, _, crop = scene
    where = f"{run.short(dataset)}, {crop}, people weighted equally"
    return Plot(
        file_name(run, kind, scene),
        f"{short}: {title}",
        f"{title[0].upper()}{title[1:]} for each model ({where}).",
        x,
        y,
        width=340,
        height=272,
    )


def _rates(cell: Cell, protocol: str) -> list[Point] | None:
    """(FMR, TMR) points of a cell, people weighted equally, by rising FMR."""
    fmr, tmr = cell.curve(protocol, "roc_fmr"), cell.curve(protocol, "roc_tmr_identity")
    if fmr is None or tmr is None or len(fmr) != len(tmr):
        return None
    points = [(float(f), float(t)) for f, t in zip(fmr, tmr, strict=True) if f > 0 and np.isfinite(t)]
    return sorted(points) if len(points) > 1 else None


def _histogram(cell: Cell, protocol: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None:
    found = [cell.curve(protocol, name) for name in ("hist_edges", "hist_mated", "hist_nonmated")]
    edges, mated, other = found
    if edges is None or mated is None or other is None or not mated.sum() or not other.sum():
        return None
    return _coarser(edges, mated, other)


def _coarser(
    edges: NDArray[Any], mated: NDArray[Any], other: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Join neighbouring bins until the mated scores fill no more than Rice's rule allows, 2 n^(1/3)."""
    occupied = np.flatnonzero(mated)
    span = int(occupied[-1] - occupied[0]) + 1
    step = max(1, round(span / (2 * float(mated.sum()) ** (1 / 3))))
    starts = np.arange(0, len(mated), step)
    return (
        np.append(edges[starts], edges[-1]),
        np.add.reduceat(mated, starts),
        np.add.reduceat(other, starts),
    )


def _support(found: list[tuple[str, NDArray[Any], NDArray[Any], NDArray[Any]]]) -> tuple[float, float]:
    """The range of scores that holds all but 1 in 5,000 of each distribution, to a tenth."""
    lows: list[float] = []
    highs: list[float] = []
    for _, edges, mated, other in found:
        for counts in (mated, other):
            share = np.cumsum(counts) / counts.sum()
            lows.append(float(edges[int(np.searchsorted(share, 2e-4))]))
            last = int(np.searchsorted(share, 1 - 2e-4)) + 1
            highs.append(float(edges[min(last, len(edges) - 1)]))
    low, high = np.floor(10 * min(lows)) / 10, np.ceil(10 * max(highs)) / 10
    return float(low), float(max(high, low + 0.1))


def _scores(
    run: Run,
    scene: Scene,
    model: str,
    edges: NDArray[Any],
    mated: NDArray[Any],
    other: NDArray[Any],
    low: float,
    high: float,
) -> Plot:
    inside = (edges[:-1] >= low - 1e-9) & (edges[1:] <= high + 1e-9)
    densities = [counts / (counts.sum() * np.diff(edges)) for counts in (other, mated)]
    top = max(float(d[inside].max(initial=1e-9)) for d in densities)
    span = high - low
    step = 0.1 if span <= 0.5 else 0.2 if span <= 1 else 0.5
    first = int(np.ceil(low / step - 1e-9))
    last = int(np.floor(high / step + 1e-9))
    ticks = [(step * k, f"{step * k:.1f}".replace("-", "−")) for k in range(first, last + 1)]
    about = f"Densities of mated and non-mated scores of {model} ({run.short(scene[0])}, {scene[2]})."
    plot = Plot(
        file_name(run, "scores", scene, model),
        f"Scores of {model}",
        about,
        Axis("Cosine", low, high, ticks),
        Axis("", 0.0, top * 1.05, ()),
        width=240,
        height=150,
        left=12,
        right=12,
        top=8,
        bottom=38,
    )
    for density, css in zip(densities, ("nonmated", "mated"), strict=True):
        plot.area(_outline(edges, density, inside), css)
    return plot


def _outline(edges: NDArray[Any], density: NDArray[Any], inside: NDArray[np.bool_]) -> list[Point]:
    """Through the middles of the bins, from the first occupied one to the last."""
    rows = np.flatnonzero(inside & (density > 0))
    if not len(rows):
        return []
    middles = (edges[:-1] + edges[1:]) / 2
    inner = [(float(middles[k]), float(density[k])) for k in range(rows[0], rows[-1] + 1)]
    return [(float(edges[rows[0]]), 0.0), *inner, (float(edges[rows[-1] + 1]), 0.0)]


def unit_axis(title: str) -> Axis:
    """A share from 0 to 1."""
    return Axis(title, 0.0, 1.0, [(k / 5, f"{k / 5:.1f}") for k in range(6)])


def log_axis(title: str, low: int, high: int) -> Axis:
    """From 10**``low`` to 10**``high``, a tick each power."""
    return Axis(
        title, 10.0**low, 10.0**high, [(10.0**k, power_of_ten(k)) for k in range(low, high + 1)], "log"
    )


_PROBIT_TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)


def _probit_axis(title: str, low: float, high: float) -> Axis:
    """From the tick at or below ``low`` to ``high`` or the tick above it."""
    start = max((t for t in _PROBIT_TICKS if t <= low * 1.05), default=_PROBIT_TICKS[0])
    end = min((t for t in _PROBIT_TICKS if t >= high * 0.9999), default=0.995)
    ticks = [(t, power_of_ten(round(np.log10(t))) if t < 0.005 else f"{t:g}") for t in _PROBIT_TICKS]
    return Axis(title, start, end, [t for t in ticks if start <= t[0] <= end], "probit")
