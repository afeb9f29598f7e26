"""Transfer maps: what a cloak computed on one model does to each other model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from faceprobe.report.cloaks.cloak_id import CloakInfo
from faceprobe.report.cloaks.protection import whole_points
from faceprobe.report.cloaks.scene import ADDED, EVASION, POISONING, CloakScene
from faceprobe.report.plots.axes import Axis
from faceprobe.report.plots.scene_plot import file_name
from faceprobe.report.plots.svg import CHARACTER, Plot, shortened
from faceprobe.report.plots.theme import HEAT_MOST
from faceprobe.report.text.numbers import listed
from faceprobe.results.result import Result

LEFT, COLUMN, ROW, LINE = 124, 74, 40, 14
PROTOCOLS = ((POISONING, "enrolled", "cloaked photos enrolled"), (EVASION, "probe", "cloaked photo as probe"))


def transfer_figures(scene: CloakScene) -> list[Plot]:
    """A map for each algorithm, surrogates across and victims down, for poisoning and for evasion.

    Algorithms with one surrogate share a map. Empty where fewer than two models were measured.
    """
    if len(scene.models) < 2:
        return []
    found = [
        (title, _map(scene, protocol, name, words, title, cloaks))
        for protocol, name, words in PROTOCOLS
        for title, cloaks in _algorithms(scene, protocol)
    ]
    order = list(dict.fromkeys(title for title, _ in found))
    return [plot for _, plot in sorted(found, key=lambda entry: order.index(entry[0]))]


def _algorithms(scene: CloakScene, protocol: str) -> list[tuple[str, list[CloakInfo]]]:
    """(title, cloaks) of each map."""
    groups: dict[str, list[CloakInfo]] = {}
    for cloak in scene.attacks:
        if cloak.surrogates and any(scene.row(m, cloak, protocol, ADDED) for m in scene.models):
            groups.setdefault(cloak.stem, []).append(cloak)
    alone = [cloaks[0] for cloaks in groups.values() if len(cloaks) == 1]
    maps = [(stem, cloaks) for stem, cloaks in groups.items() if len(cloaks) > 1]
    return maps + ([("cloaks side by side" if len(alone) > 1 else alone[0].stem, alone)] if alone else [])


def _map(
    scene: CloakScene, protocol: str, name: str, words: str, title: str, cloaks: list[CloakInfo]
) -> Plot:
    heads = [_heading(cloak, cloaks) for cloak in cloaks]
    top = 8 + LINE * max(map(len, heads)) + 4
    width = LEFT + COLUMN * len(cloaks) + 6
    plot = Plot(
        file_name(scene.run, f"transfer-{name}", (scene.dataset, "none", f"{scene.crop} {title}")),
        f"Transfer, {title}: {words}",
        f"Added protection in percentage points ({words}), surrogate across and victim down; "
        "a frame marks a victim that was the surrogate itself. " + _description(scene, protocol, cloaks),
        Axis("", 0.0, 1.0, ()),
        width=width,
        height=top + ROW * len(scene.models) + 8,
        left=LEFT,
        right=6,
        top=top,
        bottom=8,
        lines=False,
    )
    for i, lines in enumerate(heads):
        for k, line in enumerate(reversed(lines)):
            plot.text((LEFT + COLUMN * (i + 0.5), top - 8 - LINE * k), line, "quiet", "middle")
    frames = []
    for j, model in enumerate(scene.models):
        y = top + ROW * j
        plot.text(
            (LEFT - 8, y + ROW / 2 + 4), shortened(scene.run.short_model(model), LEFT - 8), "label", "end"
        )
        for i, cloak in enumerate(cloaks):
            corner = (LEFT + COLUMN * i, float(y))
            _cell(plot, corner, scene.row(model, cloak, protocol, ADDED), f"{cloak.id} against {model}")
            if scene.is_surrogate(model, cloak):
                frames.append(corner)
    for x, y_ in frames:
        plot.box((x + 2, y_ + 2), (COLUMN - 4, ROW - 4), "whitebox", 0.0, "white box: surrogate and victim")
    return plot


def _cell(plot: Plot, corner: tuple[float, float], row: Result | None, hint: str) -> None:
    x, y = corner
    if row is None or row.value is None:
        plot.box(corner, (COLUMN, ROW), "heat", 0.0, f"{hint}: not measured")
        plot.text((x + COLUMN / 2, y + ROW / 2 + 4), "-", "quiet", "middle")
        return
    css = "heat" if row.value >= 0 else "cool"
    spread = _spread(row)
    plot.box(
        corner, (COLUMN, ROW), css, HEAT_MOST * min(abs(row.value), 1.0), f"{hint}: {whole_points(row.value)}"
    )
    plot.text(
        (x + COLUMN / 2, y + (17 if spread else ROW / 2 + 4)), whole_points(row.value), "strong", "middle"
    )
    if spread:
        plot.text((x + COLUMN / 2, y + 31), spread, "label", "middle")


def _heading(cloak: CloakInfo, cloaks: Sequence[CloakInfo]) -> list[str]:
    """The lines above a column: its surrogates, and its options where another column has the same
    surrogates.
    """
    if len({c.stem for c in cloaks}) > 1:
        lines = [*wrapped(cloak.stem, COLUMN - 4), *_surrogates(cloak)]
    else:
        lines = _surrogates(cloak)
    alike = [c for c in cloaks if c.stem == cloak.stem and c.surrogates == cloak.surrogates]
    return lines + (wrapped(cloak.rest, COLUMN - 4) if len(alike) > 1 and cloak.rest else [])


def _surrogates(cloak: CloakInfo) -> list[str]:
    lines: list[str] = []
    for k, name in enumerate(cloak.surrogates):
        lines += wrapped(("+ " if k else "") + name, COLUMN - 4)
    return lines


def wrapped(text: str, width: float) -> list[str]:
    """``text`` in lines of at most ``width`` user units, broken after : / - + and spaces; a single piece that
    is wider loses its middle.
    """
    lines = [""]
    for piece in re.findall(r"[^:/\-+ ]*[:/\-+ ]?", text):
        if lines[-1] and CHARACTER * len((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [shortened(line.strip(), width) for line in lines if line.strip()]


def _description(scene: CloakScene, protocol: str, cloaks: Sequence[CloakInfo]) -> str:
    """The map in words, for screen readers."""
    parts = []
    for cloak in cloaks:
        found = [(m, r) for m in scene.models if (r := scene.row(m, cloak, protocol, ADDED)) is not None]
        texts = [f"{m} {whole_points(r.value)}" for m, r in found if r.value is not None]
        parts.append(f"{cloak.id}: {listed(texts)}")
    return "; ".join(parts) + "."


def _spread(row: Result) -> str:
    if row.ci_low is None or row.ci_high is None:
        return ""
    return f"{whole_points(row.ci_low)} to {whole_points(row.ci_high)}"
