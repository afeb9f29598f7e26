"""Figures of added protection over how much a cloak changes the photo, with noise of equal PSNR."""

from __future__ import annotations

from dataclasses import dataclass

from faceprobe.report.cloaks.cloak_id import CloakInfo
from faceprobe.report.cloaks.scene import ADDED, POISONING, CloakScene
from faceprobe.report.plots.axes import Axis, points_axis, ticks_1_2_5
from faceprobe.report.plots.scene_plot import file_name
from faceprobe.report.plots.svg import Plot, ends_of
from faceprobe.report.plots.theme import Mark, mark
from faceprobe.report.text.numbers import fraction
from faceprobe.results.result import Result

NOISE = Mark(8, "", "diamond", True)
CONTROL_SHAPES = ("square", "triangle", "circle")
MOST_TICKS = 6


@dataclass(frozen=True)
class Visibility:
    """(model, figure) for each model, their common legend, and the cloaks that have no place in the
    figures.
    """

    plots: tuple[tuple[str, Plot], ...]
    legend: tuple[tuple[Mark, str], ...]
    omitted: tuple[str, ...]


def visibility(scene: CloakScene) -> Visibility | None:
    """Added protection over DSSIM for each model; None where no cloak's DSSIM is known."""
    shown = [*scene.attacks, *(c for c in scene.cloaks if c.control and not c.noise_for)]
    known = {c.id: value for c in scene.cloaks if (value := _dssim(scene, c))}
    if not any(c.id in known for c in scene.attacks):
        return None
    low, high = min(known.values()) / 2, max(known.values()) * 2
    ticks = [(t, f"{t:.6f}".rstrip("0")) for t in ticks_1_2_5(low, high, MOST_TICKS)]
    axis = Axis("Change of the photo, DSSIM", low, high, ticks, "log")
    rows = [row for m in scene.models for c in scene.cloaks if (row := _row(scene, m, c)) is not None]
    floor = min([0.0, *((r.value or 0.0) if r.ci_low is None else r.ci_low for r in rows)])
    plots = [(m, _drawn(scene, m, axis, floor, known)) for m in scene.models]
    legend = [(cloak_mark(scene, c), c.id) for c in shown if c.id in known]
    if any(c.noise_for and c.id in known for c in scene.cloaks):
        legend.append((NOISE, "noise at the cloak's own PSNR, joined to it"))
    for _, plot in plots:
        if plot is not None:
            plot.legend = list(legend)
    omitted = tuple(c.id for c in shown if c.id not in known)
    return Visibility(tuple((m, p) for m, p in plots if p is not None), tuple(legend), omitted)


def cloak_mark(scene: CloakScene, cloak: CloakInfo) -> Mark:
    """The mark of ``cloak``; controls are grey."""
    if cloak.noise_for:
        return NOISE
    if cloak.control:
        turn, number = divmod([c.id for c in scene.shown if c.control].index(cloak.id), len(CONTROL_SHAPES))
        return Mark(8, "", CONTROL_SHAPES[number], hollow=turn % 2 == 0)
    return mark([c.id for c in scene.attacks].index(cloak.id))


def _drawn(scene: CloakScene, model: str, axis: Axis, floor: float, known: dict[str, float]) -> Plot | None:
    found = [(c, known[c.id], r) for c in scene.cloaks if c.id in known and (r := _row(scene, model, c))]
    if not found:
        return None
    y = points_axis("Added protection, points", floor)
    plot = Plot(
        file_name(scene.run, "visibility", (scene.dataset, "none", scene.crop), model),
        f"Added protection over DSSIM, {model}",
        f"Added protection of each cloak on {model} over how much it changes the photo: "
        + "; ".join(f"{c.id}: DSSIM {fraction(x, 'dssim')}, {fraction(r.value)}" for c, x, r in found),
        axis,
        y,
        width=320,
        height=250,
        lines=False,
    )
    if y.low < 0:
        plot.rule((plot.px(axis.low), plot.py(0)), (plot.px(axis.high), plot.py(0)), "axis")
    at = {c.id: (plot.px(x), plot.py(r.value or 0.0)) for c, x, r in found}
    for cloak, _, _ in found:
        if cloak.noise_for in at:
            plot.rule(at[cloak.id], at[cloak.noise_for], "join")
    for cloak, x, row in sorted(found, key=lambda entry: not entry[0].control):
        low_high = ends_of(row)
        ends = ((x, low_high[0]), (x, low_high[1])) if low_high else None
        hint = f"{cloak.id}: DSSIM {fraction(x, 'dssim')}, added protection {fraction(row.value)}"
        plot.point((x, row.value or 0.0), cloak_mark(scene, cloak), ends, hint)
    return plot


def _row(scene: CloakScene, model: str, cloak: CloakInfo) -> Result | None:
    return scene.row(model, cloak, POISONING, ADDED)


def _dssim(scene: CloakScene, cloak: CloakInfo) -> float | None:
    """The mean DSSIM of the cloaked photos; None where it is not known or zero (no place on a log axis)."""
    row = scene.quality(cloak, "dssim")
    return row.value if row is not None and row.value is not None and row.value > 0 else None
