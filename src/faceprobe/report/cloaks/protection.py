"""Protection by cloak and model: the figures, and what purifiers and adaptive collectors leave."""

from __future__ import annotations

from dataclasses import dataclass, replace

from faceprobe.report.cloaks.rows import (
    ADAPTIVE,
    ADDED,
    CLEAN,
    EVASION,
    POISONING,
    PROTECTION,
    CloakInfo,
    CloakScene,
)
from faceprobe.report.plots.scene_plot import file_name
from faceprobe.report.plots.svg import Axis, Plot, shortened
from faceprobe.report.plots.theme import Mark, mark
from faceprobe.report.text.numbers import MINUS, fraction
from faceprobe.results.result import Result

WIDTH, LEFT, RIGHT = 470, 120, 102
ROW, HEAD = 17, 24
SPACING, MOST_ROWS = 9, 15
SHAPES = (("square", False), ("triangle", False), ("diamond", False), ("circle", True), ("square", True))
"""Markers of the purifiers in their order; without one: a filled circle."""

SETTINGS = (
    (POISONING, "poisoning", "Cloaked photos enrolled"),
    (EVASION, "evasion", "Cloaked photo as probe"),
)


@dataclass(frozen=True)
class Variant:
    """One of several figures set beside each other: its ``label``, the row it reads and its ``mark``."""

    label: str
    protocol: str
    metric: str
    mark: Mark
    purifier: str = "none"


def protection_figures(scene: CloakScene) -> list[tuple[Plot, str]]:
    """(figure, what it shows) for poisoning and evasion, where they were measured."""
    found = ((_forest(scene, *setting), setting[2]) for setting in SETTINGS)
    return [(plot, title) for plot, title in found if plot is not None]


def purifier_figure(scene: CloakScene) -> Plot | None:
    """Added protection with and without purifiers; None where none was measured."""
    variants = [Variant("no purifier", POISONING, ADDED, Mark(8, "", "circle"))]
    for k, purifier in enumerate(scene.purifiers):
        shape, hollow = SHAPES[k % len(SHAPES)]
        variants.append(Variant(purifier, POISONING, ADDED, Mark(8, "", shape, hollow), purifier))
    return _beside_figure(scene, "purifiers", "Added protection with and without purifiers", variants)


def adaptive_figure(scene: CloakScene) -> Plot | None:
    """Added protection against collectors who have seen cloaked photos of others and who have not; None where
    the former were not measured.
    """
    variants = [
        Variant(words + seen, protocol, f"added_protection@{reader}{suffix}", Mark(8, "", shape, bool(seen)))
        for reader, words, shape in (
            ("linear", "linear classifier", "circle"),
            ("1nn", "nearest photo", "square"),
        )
        for protocol, seen, suffix in ((POISONING, "", ""), (ADAPTIVE, ", adaptive", "-seen"))
    ]
    if not any(
        scene.row(m, c, v.protocol, v.metric)
        for c in scene.attacks
        for m in scene.models
        for v in variants[1::2]
    ):
        return None
    return _beside_figure(scene, "adaptive", "Added protection, adaptive collectors beside others", variants)


def _beside_figure(scene: CloakScene, name: str, title: str, variants: list[Variant]) -> Plot | None:
    """A row a cloak and model that has two of the ``variants``, a marker each; None where there is none."""
    every = {
        (cloak, model): {
            k: row
            for k, v in enumerate(variants)
            if (row := scene.row(model, cloak, v.protocol, v.metric, v.purifier)) is not None
        }
        for cloak in scene.attacks
        for model in _focus(scene, cloak)
    }
    rows = {place: found for place, found in every.items() if len(found) > 1}
    used = sorted({k for found in rows.values() for k in found})
    if len(used) < 2:
        return None
    step = SPACING * len(used) + 7
    lines = {c: [m for k, m in rows if k is c] for c in scene.attacks}
    height = 8 + sum(HEAD + step * len(models) for models in lines.values() if models) + 44
    low = min(
        r.value or 0.0 if r.ci_low is None else r.ci_low for found in rows.values() for r in found.values()
    )
    plot = _plot(scene, name, title, _points_axis("Added protection, points", min(low, 0.0)), height)
    plot.right = 14
    y = float(plot.top)
    for cloak, models in lines.items():
        if not models:
            continue
        plot.text((0, y + 15), shortened(cloak.id, WIDTH), "strong")
        y += HEAD
        for model in models:
            plot.text((LEFT - 10, y + step / 2 + 1), shortened(model, LEFT - 10), "label", "end")
            for k, row in rows[cloak, model].items():
                shape = replace(variants[k].mark, color=mark(scene.run.models.index(model)).color)
                at = y + 6 + SPACING * used.index(k)
                _dot(plot, row, at, shape, f"{variants[k].label}: {points_text(row)} points")
            y += step
    plot.legend = [(variants[k].mark, variants[k].label) for k in used]
    return plot


def is_short(scene: CloakScene) -> bool:
    """Whether the figures of what undoes a cloak show every model, not only a cloak's surrogates and the best
    other recogniser.
    """
    return len(scene.attacks) * len(scene.models) <= MOST_ROWS


def _focus(scene: CloakScene, cloak: CloakInfo) -> list[str]:
    if is_short(scene):
        return list(scene.models)
    measured = [m for m in scene.models if scene.row(m, cloak, POISONING, PROTECTION)]
    others = [m for m in measured if not scene.is_surrogate(m, cloak)]
    return [m for m in measured if scene.is_surrogate(m, cloak)] + others[:1]


def _forest(scene: CloakScene, protocol: str, name: str, title: str) -> Plot | None:
    groups = [
        (c, models)
        for c in scene.shown
        if (models := [m for m in scene.models if scene.row(m, c, protocol, PROTECTION)])
    ]
    if not groups:
        return None
    height = 26 + sum(HEAD + ROW * len(models) for _, models in groups) + 46
    ticks = [(k / 5, f"{k / 5:.1f}") for k in range(6)]
    axis = Axis("Share of probes that miss the person", 0.0, 1.0, ticks)
    plot = _plot(scene, name, f"Protection by cloak and model: {title.lower()}", axis, height)
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
    """One model under one cloak; whether the noise control was drawn."""
    row, clean = (scene.row(model, cloak, protocol, m) for m in (PROTECTION, CLEAN))
    noise = scene.row(model, scene.noise_of(cloak), protocol, PROTECTION)
    added = scene.row(model, cloak, protocol, ADDED)
    assert row is not None and row.value is not None
    plot.rule((plot.px(0), y), (plot.px(1), y), "grid")
    plot.text((LEFT - 10, y + 4), shortened(model, LEFT - 10), "label", "end")
    color = mark(scene.run.models.index(model)).color
    if clean is not None and clean.value is not None:
        plot.rule((plot.px(clean.value), y), (plot.px(row.value), y), "join")
        plot.mark((plot.px(clean.value), y), Mark(8, "", "bar"), hint=f"clean: {fraction(clean.value)}")
    if noise is not None and noise.value is not None:
        hint = f"noise at equal PSNR: {fraction(noise.value)}"
        plot.mark((plot.px(noise.value), y), Mark(8, "", "diamond", True), hint=hint)
    _dot(plot, row, y, Mark(color, "", "circle"), f"{model}, {cloak.id}: {fraction(row.value)}")
    if added is not None:
        plot.text((WIDTH, y + 4), points_text(added), "label", "end")
    return noise is not None


def _dot(plot: Plot, row: Result, y: float, shape: Mark, hint: str) -> None:
    assert row.value is not None
    ends = [] if row.ci_low is None or row.ci_high is None else [row.ci_low, row.ci_high]
    plot.mark((plot.px(row.value), y), shape, [(plot.px(v), y) for v in ends], hint)


def _plot(scene: CloakScene, name: str, title: str, axis: Axis, height: int) -> Plot:
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


def _points_axis(title: str, low: float) -> Axis:
    """From ``low``, down to the next fifth, to 1, labelled in percentage points."""
    start = 0
    while start / 5 > low + 1e-9 and start > -5:
        start -= 1
    ticks = [(k / 5, f"{20 * k}".replace("-", MINUS)) for k in range(start, 6)]
    return Axis(title, start / 5, 1.0, ticks)


def points_text(row: Result) -> str:
    """``+31 [24, 38]`` in percentage points."""
    assert row.value is not None
    text = _whole(row.value, "+")
    if row.ci_low is None or row.ci_high is None:
        return text
    return f"{text} [{_whole(row.ci_low)}, {_whole(row.ci_high)}]"


def _whole(value: float, plus: str = "") -> str:
    number = round(100 * value)
    return f"{MINUS if number < 0 else plus if number > 0 else ''}{abs(number)}"
