"""Protection by cloak and model: the figures, and what purifiers and adaptive collectors leave."""

from __future__ import annotations

from faceprobe.core.result import Result
from faceprobe.report.cloaks import (
    ADAPTIVE,
    ADDED,
    CLEAN,
    EVASION,
    POISONING,
    PROTECTION,
    CloakInfo,
    CloakScene,
)
from faceprobe.report.curves import file_name
from faceprobe.report.plot import Axis, Plot, shortened
from faceprobe.report.theme import Mark, mark
from faceprobe.report.words import MINUS, fraction

WIDTH, LEFT, RIGHT = 460, 120, 86
ROW, HEAD = 17, 24
VARIANTS = (
    ("circle", False),
    ("square", False),
    ("triangle", False),
    ("diamond", False),
    ("circle", True),
    ("square", True),
    ("triangle", True),
)

SETTINGS = (
    (POISONING, "poisoning", "Cloaked photos enrolled"),
    (EVASION, "evasion", "Cloaked photo as probe"),
)


def protection_figures(scene: CloakScene) -> list[tuple[Plot, str]]:
    """(figure, what it shows) for poisoning and evasion, where they were measured."""
    found = ((_forest(scene, *setting), setting[2]) for setting in SETTINGS)
    return [(plot, title) for plot, title in found if plot is not None]


def purifier_figure(scene: CloakScene) -> Plot | None:
    """Added protection of each cloak with and without purifiers; None where there are none."""
    variants = [("no purifier", POISONING, ADDED, "none")]
    variants += [(p, POISONING, ADDED, p) for p in scene.purifiers]
    return _beside_figure(scene, "purifiers", "Added protection with and without purifiers", variants)


def adaptive_figure(scene: CloakScene) -> Plot | None:
    """Added protection against collectors who have seen cloaked photos of others and who have not."""
    variants = [
        ("linear classifier", POISONING, "added_protection@linear", "none"),
        ("the same, adaptive", ADAPTIVE, "added_protection@linear-seen", "none"),
        ("nearest photo", POISONING, ADDED, "none"),
        ("the same, adaptive", ADAPTIVE, "added_protection@1nn-seen", "none"),
    ]
    return _beside_figure(scene, "adaptive", "Added protection, adaptive collectors beside others", variants)


def _beside_figure(
    scene: CloakScene, name: str, title: str, variants: list[tuple[str, str, str, str]]
) -> Plot | None:
    """A row a cloak and model, a marker a variant (label, protocol, metric, purifier); None where only
    the first of the variants was measured.
    """
    rows = {
        (c.id, m, k): scene.row(m, c, *how)
        for c in scene.attacks
        for m in scene.models
        for k, (_, *how) in enumerate(variants)
    }
    used = [k for k in range(len(variants)) if any(row for (_, _, n), row in rows.items() if n == k)]
    lines = {c.id: [m for m in scene.models if any(rows[c.id, m, k] for k in used)] for c in scene.attacks}
    if len(used) < 2:
        return None
    step = 5 * len(used) + 9
    height = 8 + sum(HEAD + step * len(models) for models in lines.values() if models) + 44
    known = [r for r in rows.values() if r is not None and r.value is not None]
    low = min([0.0, *(r.value if r.ci_low is None else r.ci_low for r in known if r.value is not None)])
    plot = _plot(scene, name, title, _points_axis("Added protection, points", low), height)
    plot.right = 14
    y = float(plot.top)
    for cloak, models in lines.items():
        if not models:
            continue
        plot.text((0, y + 15), shortened(cloak, WIDTH), "strong")
        y += HEAD
        for model in models:
            plot.text((LEFT - 10, y + step / 2), shortened(model, LEFT - 10), "label", "end")
            for place, k in enumerate(used):
                row = rows[cloak, model, k]
                if row is not None:
                    shape = variant_mark(k, mark(scene.run.models.index(model)).color)
                    _dot(plot, row, y + 4 + 5 * place, shape, f"{variants[k][0]}: {points_text(row)} points")
            y += step
    plot.legend = [(variant_mark(k), variants[k][0]) for k in used]
    return plot


def variant_mark(number: int, color: int = 8) -> Mark:
    """Marker of variant ``number`` of a figure, 0 the one that the others are set beside."""
    shape, hollow = VARIANTS[number % len(VARIANTS)]
    return Mark(color, "", shape, hollow)


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


def _added(scene: CloakScene, model: str, cloak: CloakInfo, purifier: str) -> Result | None:
    return scene.row(model, cloak, POISONING, ADDED, purifier)


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
