"""Figures drawn from result rows: accuracy against size, and what each crop leaves of it."""

from __future__ import annotations

import math
from itertools import pairwise

from faceprobe.report.plots.curves import file_name
from faceprobe.report.plots.svg import CHARACTER, Axis, Plot, Point, shortened
from faceprobe.report.plots.theme import Mark, mark
from faceprobe.report.tables.leaderboard import Scene, entrants, family_of
from faceprobe.report.text.numbers import percent_with_interval, scaled
from faceprobe.results.result import Result
from faceprobe.results.run import LEAVE_ONE_OUT, Run

CROP_MARKS = (
    ("as-is", "circle", False),
    ("face-only", "diamond", False),
    ("aligned-112", "triangle", False),
    ("context-only", "circle", True),
    ("random-mask", "diamond", True),
)
ROW_HEIGHT = 40
LABEL_WIDTH = 190

Box = tuple[float, float, float, float]


def size_figure(run: Run, scene: Scene) -> Plot | None:
    """Rank-1 with intervals over parameters, one thin line a family; None below two sized models."""
    protocol = run.headline_protocol(scene, LEAVE_ONE_OUT)
    sized = []
    for model in run.models:
        row, params = run.get(model, scene, protocol, "rank1"), run.card(model).get("n_params")
        if row is not None and row.value is not None and params:
            sized.append((model, float(params), row))
    if len(sized) < 2:
        return None
    axis = _size_axis([s for _, s, _ in sized])
    plot = Plot(
        file_name(run, "size", scene),
        "Rank-1 against model size",
        "Identity-weighted rank-1 with 95 % intervals over the parameters of the image tower: "
        + "; ".join(f"{m}, {scaled(s)}: {percent_with_interval(r)}" for m, s, r in sized),
        axis,
        Axis("Rank-1", 0.0, 1.0, [(k / 5, f"{k / 5:.1f}") for k in range(6)]),
        width=400,
        height=300,
        lines=False,
    )
    lines = _join_families(plot, run, sized)
    taken: list[Box] = []
    for _, size, row in sized:
        assert row.value is not None
        x, y = plot.px(size), plot.py(row.value)
        taken.append((x - 7, y - 7, x + 7, y + 7))
        if spread := _whisker(row):
            taken.append((x - 1, plot.py(spread[1]), x + 1, plot.py(spread[0])))
    for model, size, row in sized:
        assert row.value is not None
        spread = _whisker(row)
        ends = ((size, spread[0]), (size, spread[1])) if spread else None
        hint = f"{model}: {percent_with_interval(row)}, {scaled(size)} parameters"
        plot.point((size, row.value), mark(run.models.index(model)), ends, hint=hint)
    taken += lines
    for model, size, row in sized:
        assert row.value is not None
        if not _label(plot, (plot.px(size), plot.py(row.value)), shortened(model, LABEL_WIDTH), taken):
            plot.legend.append((mark(run.models.index(model)), model))
    return plot


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
    """A row a model, a marker a crop: rank-1 under ``protocol``; None where nothing was measured."""
    crops = crops_of(run, dataset)
    models = [m for m, _ in entrants(run, (dataset, "none", crops[0]))] if crops else []
    models += [m for m in run.models if m not in models]
    rows = {(m, c): run.get(m, (dataset, "none", c), protocol, "rank1") for m in models for c in crops}
    models = [m for m in models if any((r := rows[m, c]) and r.value is not None for c in crops)]
    if not models:
        return None
    plot = Plot(
        file_name(
            run, "crops-all" if protocol == LEAVE_ONE_OUT else "crops-cross-event", (dataset, "none", "")
        ),
        f"Rank-1 by crop, {title}",
        f"Identity-weighted rank-1 of each model by crop on {run.short(dataset)}, {title}.",
        Axis(f"Rank-1, {title}", 0.0, 1.0, [(k / 5, f"{k / 5:.1f}") for k in range(6)]),
        width=440,
        height=26 + ROW_HEIGHT * len(models) + 26,
        left=12,
        right=16,
        top=4,
        bottom=44,
        lines=False,
    )
    for k, model in enumerate(models):
        _crop_row(plot, run, model, plot.top + 14 + ROW_HEIGHT * k, [(c, rows[model, c]) for c in crops])
    plot.legend = [(crop_mark(c), c) for c in crops]
    return plot


def _crop_row(plot: Plot, run: Run, model: str, y: float, found: list[tuple[str, Result | None]]) -> None:
    plot.text((plot.left, y), shortened(model, plot.width - plot.left), "label")
    track = y + 13
    plot.rule((plot.px(0), track), (plot.px(1), track), "grid")
    for crop, row in reversed(found):
        if row is None or row.value is None:
            continue
        shape = crop_mark(crop, mark(run.models.index(model)).color)
        spread = _whisker(row)
        ends = [(plot.px(v), track) for v in spread] if spread else []
        hint = f"{crop}: {percent_with_interval(row)}"
        plot.mark((plot.px(row.value), track), shape, ends, hint)


def _whisker(row: Result) -> tuple[float, float] | None:
    return None if row.ci_low is None or row.ci_high is None else (row.ci_low, row.ci_high)


def _join_families(plot: Plot, run: Run, sized: list[tuple[str, float, Result]]) -> list[Box]:
    """Draw a thin line through each family by size; returns small boxes along it, for labels to avoid."""
    boxes: list[Box] = []
    grouped: dict[str, list[Point]] = {}
    for model, size, row in sized:
        grouped.setdefault(family_of(run, model), []).append((plot.px(size), plot.py(row.value or 0.0)))
    for points in grouped.values():
        ordered = sorted(points)
        for start, end in pairwise(ordered):
            plot.rule(start, end, "join")
            steps = max(1, round(math.dist(start, end) / 6))
            for k in range(steps + 1):
                x, y = (a + (b - a) * k / steps for a, b in zip(start, end, strict=True))
                boxes.append((x - 1, y - 1, x + 1, y + 1))
    return boxes


def _label(plot: Plot, at: Point, text: str, taken: list[Box]) -> bool:
    """Write ``text`` beside a point where it covers neither a mark nor another label; False if nowhere."""
    x, y = at
    width = CHARACTER * len(text)
    places = (
        (x + 10, y + 4, "start"),
        (x - 10, y + 4, "end"),
        (x, y - 12, "middle"),
        (x, y + 20, "middle"),
        (x + 8, y - 12, "start"),
        (x + 8, y + 20, "start"),
        (x - 8, y - 12, "end"),
        (x - 8, y + 20, "end"),
        (x + 12, y - 24, "end"),
        (x - 12, y - 24, "start"),
        (x + 12, y + 32, "end"),
        (x - 12, y + 32, "start"),
        (x, y - 26, "middle"),
        (x, y + 34, "middle"),
        (x + 8, y + 34, "start"),
        (x - 8, y - 26, "end"),
    )
    for left, base, anchor in places:
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


def _size_axis(sizes: list[float]) -> Axis:
    low, high = min(sizes) / 1.9, max(sizes) * 1.9
    ticks = [
        m * 10.0**e
        for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for m in (1, 2, 5)
    ]
    shown = [t for t in ticks if low <= t <= high]
    if len(shown) > 8:
        shown = [t for t in shown if f"{t:e}".startswith("1")]
    return Axis("Parameters of the image tower", low, high, [(t, scaled(t)) for t in shown], "log")
