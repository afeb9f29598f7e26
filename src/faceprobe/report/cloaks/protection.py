"""Figures of protection by cloak and model, for cloaked photos that are enrolled and for cloaked probes."""

from __future__ import annotations

from faceprobe.report.cloaks.cloak_id import CloakInfo
from faceprobe.report.cloaks.scene import ADDED, CLEAN, EVASION, POISONING, PROTECTION, CloakScene
from faceprobe.report.plots.axes import Axis, share_axis
from faceprobe.report.plots.scene_plot import file_name
from faceprobe.report.plots.svg import Plot, ends_of, shortened
from faceprobe.report.plots.theme import Mark, mark
from faceprobe.report.text.numbers import MINUS, fraction
from faceprobe.results.result import Result

WIDTH, LEFT, RIGHT = 470, 120, 102
"""User units: the figure, the column of model names, the column of figures."""

ROW, HEAD = 17, 24
"""Heights in user units: a model's row, a cloak's name."""

SETTINGS = (
    (POISONING, "poisoning", "Cloaked photos enrolled"),
    (EVASION, "evasion", "Cloaked photo as probe"),
)


def protection_figures(scene: CloakScene) -> list[tuple[Plot, str]]:
    """(figure, its heading) for poisoning and for evasion, where they were measured."""
    found = ((_forest(scene, *setting), setting[2]) for setting in SETTINGS)
    return [(plot, title) for plot, title in found if plot is not None]


def cloak_plot(scene: CloakScene, name: str, title: str, axis: Axis, height: int) -> Plot:
    """An empty plot with a row for each cloak and model."""
    where = f"{scene.run.short(scene.dataset)}, {scene.crop}"
    return Plot(
        file_name(scene.run, f"cloaks-{name}", (scene.dataset, "none", scene.crop)),
        title,
        f"{title} ({where}), with 95 % intervals over people; the table below holds every figure.",
        axis,
        width=WIDTH,
        height=height,
        left=LEFT,
        right=RIGHT,
        top=4,
        bottom=44,
        lines=False,
    )


def draw_value(plot: Plot, row: Result, y: float, shape: Mark, hint: str) -> None:
    """A marker at the value of ``row`` with its interval, at the height ``y``."""
    assert row.value is not None
    plot.mark((plot.px(row.value), y), shape, [(plot.px(v), y) for v in ends_of(row)], hint)


def points_text(row: Result) -> str:
    """``+31 [24, 38]`` in percentage points."""
    assert row.value is not None
    text = whole_points(row.value, "+")
    if row.ci_low is None or row.ci_high is None:
        return text
    return f"{text} [{whole_points(row.ci_low)}, {whole_points(row.ci_high)}]"


def whole_points(value: float, plus: str = "") -> str:
    """A share in whole percentage points; ``plus`` stands before a positive number."""
    number = round(100 * value)
    return f"{MINUS if number < 0 else plus if number > 0 else ''}{abs(number)}"


def _forest(scene: CloakScene, protocol: str, name: str, title: str) -> Plot | None:
    groups = [
        (c, models)
        for c in scene.shown
        if (models := [m for m in scene.models if scene.row(m, c, protocol, PROTECTION)])
    ]
    if not groups:
        return None
    height = 26 + sum(HEAD + ROW * len(models) for _, models in groups) + 46
    axis = share_axis("Share of probes that miss the person")
    plot = cloak_plot(scene, name, f"Protection by cloak and model: {title.lower()}", axis, height)
    plot.top = 20
    plot.text((WIDTH, 11), "added, points", "quiet", "end")
    y, has_noise = 22.0, False
    for cloak, models in groups:
        plot.text((0, y + 15), shortened(cloak.id, WIDTH), "strong")
        y += HEAD
        for model in models:
            has_noise |= _forest_row(plot, scene, cloak, model, protocol, y + ROW / 2)
            y += ROW
    plot.legend = [(Mark(8, "", "circle"), "cloaked"), (Mark(8, "", "bar"), "clean photos instead")]
    if has_noise:
        plot.legend.append((Mark(8, "", "diamond", True), "noise at equal PSNR instead"))
    return plot


def _forest_row(plot: Plot, scene: CloakScene, cloak: CloakInfo, model: str, protocol: str, y: float) -> bool:
    """Draw one model under one cloak; True where the noise control is drawn too."""
    row, clean = (scene.row(model, cloak, protocol, m) for m in (PROTECTION, CLEAN))
    noise = scene.row(model, scene.noise_of(cloak), protocol, PROTECTION)
    added = scene.row(model, cloak, protocol, ADDED)
    assert row is not None and row.value is not None
    plot.rule((plot.px(0), y), (plot.px(1), y), "grid")
    plot.text((LEFT - 10, y + 4), shortened(scene.run.short_model(model), LEFT - 10), "label", "end")
    color = mark(scene.run.models.index(model)).color
    if clean is not None and clean.value is not None:
        plot.rule((plot.px(clean.value), y), (plot.px(row.value), y), "join")
        plot.mark((plot.px(clean.value), y), Mark(8, "", "bar"), hint=f"clean: {fraction(clean.value)}")
    if noise is not None and noise.value is not None:
        hint = f"noise at equal PSNR: {fraction(noise.value)}"
        plot.mark((plot.px(noise.value), y), Mark(8, "", "diamond", True), hint=hint)
    draw_value(plot, row, y, Mark(color, "", "circle"), f"{model}, {cloak.id}: {fraction(row.value)}")
    if added is not None:
        plot.text((WIDTH, y + 4), points_text(added), "label", "end")
    return noise is not None
