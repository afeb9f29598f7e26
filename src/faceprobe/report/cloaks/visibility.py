"""Protection against visibility: what a change of the photo buys, beside noise that changes it as much."""

from __future__ import annotations

import math
from dataclasses import dataclass

from faceprobe.report.cloaks.rows import ADDED, POISONING, CloakInfo, CloakScene
from faceprobe.report.plots.scene_plot import file_name
from faceprobe.report.plots.svg import Axis, Plot
from faceprobe.report.plots.theme import Mark, mark
from faceprobe.report.text.numbers import MINUS, fraction
from faceprobe.results.result import Result

NOISE = Mark(8, "", "diamond", True)
CONTROL_SHAPES = ("square", "triangle", "circle")
TICKS = tuple(m * 10.0**e for e in range(-6, 1) for m in (1, 2, 5))


@dataclass(frozen=True)
class Visibility:
    """A plot a model, the legend they share, and the cloaks left out with the reason."""

    plots: tuple[tuple[str, Plot], ...]
    legend: tuple[tuple[Mark, str], ...]
    omitted: tuple[str, ...]


def visibility(scene: CloakScene) -> Visibility | None:
    """Added protection over DSSIM for each model; None where no cloak's DSSIM is known."""
    shown = [*scene.attacks, *(c for c in scene.cloaks if c.control and not c.like)]
    seen = {c.id: value for c in scene.cloaks if (value := _dssim(scene, c))}
    if not any(c.id in seen for c in scene.attacks):
        return None
    low, high = min(seen.values()) / 2, max(seen.values()) * 2
    axis = Axis("Change of the photo, DSSIM", low, high, _ticks(low, high), "log")
    rows = [_row(scene, m, c) for m in scene.models for c in scene.cloaks]
    floor = min([0.0, *(_low(r) for r in rows if r is not None)])
    plots = [(m, _drawn(scene, m, axis, floor, seen)) for m in scene.models]
    legend = [(cloak_mark(scene, c), c.id) for c in shown if c.id in seen]
    if any(c.like and c.id in seen for c in scene.cloaks):
        legend.append((NOISE, "noise at the cloak's own PSNR, joined to it"))
    for _, plot in plots:
        if plot is not None:
            plot.legend = list(legend)
    omitted = tuple(c.id for c in shown if c.id not in seen)
    return Visibility(tuple((m, p) for m, p in plots if p is not None), tuple(legend), omitted)


def cloak_mark(scene: CloakScene, cloak: CloakInfo) -> Mark:
    """The mark of ``cloak``: a colour and a shape of its own; controls are grey."""
    if cloak.like:
        return NOISE
    if cloak.control:
        turn, number = divmod([c.id for c in scene.shown if c.control].index(cloak.id), len(CONTROL_SHAPES))
        return Mark(8, "", CONTROL_SHAPES[number], hollow=turn % 2 == 0)
    return mark([c.id for c in scene.attacks].index(cloak.id))


def _drawn(scene: CloakScene, model: str, axis: Axis, floor: float, seen: dict[str, float]) -> Plot | None:
    found = [(c, seen[c.id], r) for c in scene.cloaks if c.id in seen and (r := _row(scene, model, c))]
    if not found:
        return None
    start = math.floor(5 * floor + 1e-9)
    ticks = [(k / 5, f"{20 * k}".replace("-", MINUS)) for k in range(start, 6)]
    plot = Plot(
        file_name(scene.run, "visibility", (scene.dataset, "none", scene.crop), model),
        f"Added protection over DSSIM, {model}",
        f"Added protection of each cloak on {model} over how much it changes the photo: "
        + "; ".join(f"{c.id}: DSSIM {x:.4f}, {fraction(r.value)}" for c, x, r in found),
        axis,
        Axis("Added protection, points", start / 5, 1.0, ticks),
        width=340,
        height=260,
        lines=False,
    )
    if start < 0:
        plot.rule((plot.px(axis.low), plot.py(0)), (plot.px(axis.high), plot.py(0)), "axis")
    at = {c.id: (plot.px(x), plot.py(r.value or 0.0)) for c, x, r in found}
    for cloak, _, _ in found:
        if cloak.like in at:
            plot.rule(at[cloak.id], at[cloak.like], "join")
    for cloak, x, row in sorted(found, key=lambda entry: not entry[0].control):
        ends = None if row.ci_low is None or row.ci_high is None else ((x, row.ci_low), (x, row.ci_high))
        hint = f"{cloak.id}: DSSIM {x:.4f}, added protection {fraction(row.value)}"
        plot.point((x, row.value or 0.0), cloak_mark(scene, cloak), ends, hint)
    return plot


def _row(scene: CloakScene, model: str, cloak: CloakInfo) -> Result | None:
    return scene.row(model, cloak, POISONING, ADDED)


def _low(row: Result) -> float:
    return (row.value or 0.0) if row.ci_low is None else row.ci_low


def _dssim(scene: CloakScene, cloak: CloakInfo) -> float | None:
    """The mean DSSIM of the cloaked photos; None where it is not known or zero (no place on a log axis)."""
    row = scene.quality(cloak, "dssim")
    return row.value if row is not None and row.value is not None and row.value > 0 else None


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    inside = [t for t in TICKS if low <= t <= high]
    if len(inside) > 6:
        inside = [t for t in inside if f"{t:e}".startswith("1")]
    return [(t, f"{t:.6f}".rstrip("0")) for t in inside]
