"""Rank-1 of each model by crop: a row for each model, a marker for each crop."""

from __future__ import annotations

from faceprobe.report.plots.axes import share_axis
from faceprobe.report.plots.scene_plot import file_name
from faceprobe.report.plots.svg import Plot, ends_of, shortened
from faceprobe.report.plots.theme import Mark, mark
from faceprobe.report.scenes import entrants
from faceprobe.report.text.numbers import percent_with_interval
from faceprobe.results.result import Result
from faceprobe.results.run import LEAVE_ONE_OUT, Run

CROP_MARKS = (
    ("as-is", "circle", False),
    ("face-only", "diamond", False),
    ("aligned-112", "triangle", False),
    ("context-only", "circle", True),
    ("random-mask", "diamond", True),
)
"""Marker of each well-known crop: its shape, and whether it is hollow."""

ROW_HEIGHT = 40


def crops_of(run: Run, dataset: str, cloak: str = "none") -> list[str]:
    """Crops measured on ``dataset``, the well-known ones first."""
    crops = [s[2] for s in run.scenes if s[0] == dataset and s[1] == cloak]
    known = [c for c, _, _ in CROP_MARKS]
    return sorted(crops, key=lambda c: (known.index(c) if c in known else len(known), c))


def crop_mark(crop: str, color: int = 8) -> Mark:
    """Marker of a crop; margins are squares."""
    for known, shape, hollow in CROP_MARKS:
        if crop == known:
            return Mark(color, "", shape, hollow)
    return Mark(color, "", "square")


def crop_figure(run: Run, dataset: str, protocol: str, title: str) -> Plot | None:
    """Rank-1 under ``protocol`` of the models on ``dataset``; None where nothing was measured."""
    crops = crops_of(run, dataset)
    models = [m for m, _ in entrants(run, (dataset, "none", crops[0]))] if crops else []
    models += [m for m in run.models if m not in models]
    rows = {(m, c): run.get(m, (dataset, "none", c), protocol, "rank1") for m in models for c in crops}
    models = [m for m in models if any((r := rows[m, c]) and r.value is not None for c in crops)]
    if not models:
        return None
    kind = "crops-all" if protocol == LEAVE_ONE_OUT else "crops-cross-event"
    plot = Plot(
        file_name(run, kind, (dataset, "none", "")),
        f"Rank-1 by crop, {title}",
        f"Identity-weighted rank-1 of each model by crop on {run.short(dataset)}, {title}.",
        share_axis(f"Rank-1, {title}"),
        width=350,
        height=26 + ROW_HEIGHT * len(models) + 26,
        left=12,
        right=16,
        top=4,
        bottom=44,
        lines=False,
    )
    for k, model in enumerate(models):
        _draw_model(plot, run, model, plot.top + 14 + ROW_HEIGHT * k, [(c, rows[model, c]) for c in crops])
    plot.legend = [(crop_mark(c), c) for c in crops]
    return plot


def _draw_model(plot: Plot, run: Run, model: str, y: float, found: list[tuple[str, Result | None]]) -> None:
    plot.text((plot.left, y), shortened(run.short_model(model), plot.width - plot.left), "label")
    track = y + 13
    plot.rule((plot.px(0), track), (plot.px(1), track), "grid")
    for crop, row in reversed(found):
        if row is None or row.value is None:
            continue
        shape = crop_mark(crop, mark(run.models.index(model)).color)
        ends = [(plot.px(v), track) for v in ends_of(row)]
        plot.mark((plot.px(row.value), track), shape, ends, f"{crop}: {percent_with_interval(row)}")
