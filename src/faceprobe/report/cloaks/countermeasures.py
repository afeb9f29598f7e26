"""Figures of what undoes a cloak: purifiers, and collectors that train on cloaked photos of others."""

from __future__ import annotations

from dataclasses import dataclass, replace

from faceprobe.report.cloaks.cloak_id import CloakInfo
from faceprobe.report.cloaks.protection import LEFT, WIDTH, cloak_plot, draw_value, points_text
from faceprobe.report.cloaks.scene import ADAPTIVE, ADDED, POISONING, PROTECTION, CloakScene
from faceprobe.report.plots.axes import points_axis
from faceprobe.report.plots.svg import Plot, shortened
from faceprobe.report.plots.theme import Mark, mark

HEAD, SPACING, GAP = 24, 9, 7
"""Heights in user units: a cloak's name, a marker's line, the space between two models."""

MOST_ROWS = 15
"""With more pairs of cloak and model than this, the figures show the most telling models only."""

PURIFIER_SHAPES = (
    ("square", False),
    ("triangle", False),
    ("diamond", False),
    ("circle", True),
    ("square", True),
)
"""Marker of each purifier in its order, filled or hollow; a filled circle stands for no purifier."""

ADAPTIVE_READERS = (("linear", "linear classifier", "circle"), ("1nn", "nearest photo", "square"))
"""Name, words and marker of each classifier that a collector may use."""


@dataclass(frozen=True)
class Variant:
    """One of several values drawn for a cloak and a model: its ``label``, its row and its ``mark``."""

    label: str
    protocol: str
    metric: str
    mark: Mark
    purifier: str = "none"


def purifier_figure(scene: CloakScene) -> Plot | None:
    """Added protection with and without purifiers; None where none was measured."""
    variants = [Variant("no purifier", POISONING, ADDED, Mark(8, "", "circle"))]
    for k, purifier in enumerate(scene.purifiers):
        shape, hollow = PURIFIER_SHAPES[k % len(PURIFIER_SHAPES)]
        variants.append(Variant(purifier, POISONING, ADDED, Mark(8, "", shape, hollow), purifier))
    return _figure(scene, "purifiers", "Added protection with and without purifiers", variants)


def adaptive_figure(scene: CloakScene) -> Plot | None:
    """Added protection against collectors that have trained on cloaked photos of others, and against the same
    classifiers without that training; None where the former were not measured.
    """
    variants = [
        Variant(
            words + addition,
            protocol,
            f"added_protection@{reader}{suffix}",
            Mark(8, "", shape, hollow=bool(addition)),
        )
        for reader, words, shape in ADAPTIVE_READERS
        for protocol, addition, suffix in ((POISONING, "", ""), (ADAPTIVE, ", adaptive", "-seen"))
    ]
    adaptive = [v for v in variants if v.protocol == ADAPTIVE]
    if not any(
        scene.row(m, c, v.protocol, v.metric) for c in scene.attacks for m in scene.models for v in adaptive
    ):
        return None
    return _figure(scene, "adaptive", "Added protection with and without adaptive collectors", variants)


def shows_every_model(scene: CloakScene) -> bool:
    """Whether the figures show every model, and not only a cloak's surrogates and the best other model."""
    return len(scene.attacks) * len(scene.models) <= MOST_ROWS


def _figure(scene: CloakScene, name: str, title: str, variants: list[Variant]) -> Plot | None:
    """A row for each cloak and model with two or more of the ``variants``; None where there is no
    such pair.
    """
    every = {
        (cloak, model): {
            k: row
            for k, v in enumerate(variants)
            if (row := scene.row(model, cloak, v.protocol, v.metric, v.purifier)) is not None
        }
        for cloak in scene.attacks
        for model in _shown_models(scene, cloak)
    }
    rows = {place: found for place, found in every.items() if len(found) > 1}
    used = sorted({k for found in rows.values() for k in found})
    if len(used) < 2:
        return None
    step = SPACING * len(used) + GAP
    lines = {c: [m for k, m in rows if k is c] for c in scene.attacks}
    height = 8 + sum(HEAD + step * len(models) for models in lines.values() if models) + 44
    low = min(
        r.value or 0.0 if r.ci_low is None else r.ci_low for found in rows.values() for r in found.values()
    )
    plot = cloak_plot(scene, name, title, points_axis("Added protection, points", min(low, 0.0)), height)
    plot.right = 14
    y = float(plot.top)
    for cloak, models in lines.items():
        if not models:
            continue
        plot.text((0, y + 15), shortened(cloak.id, WIDTH), "strong")
        y += HEAD
        for model in models:
            plot.text(
                (LEFT - 10, y + step / 2 + 1),
                shortened(scene.run.short_model(model), LEFT - 10),
                "label",
                "end",
            )
            for k, row in rows[cloak, model].items():
                shape = replace(variants[k].mark, color=mark(scene.run.models.index(model)).color)
                at = y + 6 + SPACING * used.index(k)
                draw_value(plot, row, at, shape, f"{variants[k].label}: {points_text(row)} points")
            y += step
    plot.legend = [(variants[k].mark, variants[k].label) for k in used]
    return plot


def _shown_models(scene: CloakScene, cloak: CloakInfo) -> list[str]:
    if shows_every_model(scene):
        return list(scene.models)
    measured = [m for m in scene.models if scene.row(m, cloak, POISONING, PROTECTION)]
    others = [m for m in measured if not scene.is_surrogate(m, cloak)]
    return [m for m in measured if scene.is_surrogate(m, cloak)] + others[:1]
