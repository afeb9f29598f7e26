"""Figures on real photos that faceprobe's developers measured; shown with a run in the built-in world.

The figures are packaged data (``data/reference_lfw.json``, made by ``docs/reference_lfw.py``). All of them,
with score histograms, are in the repository under ``docs/reference/``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from faceprobe.report.text.numbers import fraction, interval, percent
from faceprobe.report.text.sentences import Basis, Sentence, say
from faceprobe.results.run import ALL_PAIRS, LEAVE_ONE_OUT

SHOWN = (
    (LEAVE_ONE_OUT, "rank1", "identity"),
    (ALL_PAIRS, "tmr@fmr=1e-3", "identity"),
    ("lfw/official", "accuracy", "pair"),
)
"""The figures that a report shows: protocol, metric, weighting."""

TITLES = ("Rank-1, people weighted equally", "TMR at FMR 1e-3, people weighted equally", "View 2 accuracy")


@dataclass(frozen=True)
class ReferenceFigure:
    """One figure as printed, its interval, and whether it is the best of its column."""

    value: str
    interval: str
    best: bool


@dataclass(frozen=True)
class ReferenceTable:
    """One metric by model and crop: ``columns`` are crops, ``rows`` are (model, kind of model, figures), with
    None for what was not measured.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[ReferenceFigure | None, ...]], ...]


@dataclass(frozen=True)
class Reference:
    """``title`` and ``note`` of the data, its tables, and the ``verdict`` on the bundled models in words."""

    title: str
    note: str
    tables: tuple[ReferenceTable, ...]
    verdict: Sentence | None


@cache
def reference() -> Reference | None:
    """The packaged reference figures; None where the package has none."""
    place = files("faceprobe.report").joinpath("data/reference_lfw.json")
    if not place.is_file():
        return None
    stored = json.loads(place.read_text(encoding="utf-8"))
    rows, models = stored["rows"], stored["models"]
    tables = tuple(_table(rows, models, key, title) for key, title in zip(SHOWN, TITLES, strict=True))
    return Reference(stored["title"], stored["note"], tables, verdict(rows, models))


def verdict(rows: list[dict[str, Any]], models: dict[str, dict[str, Any]]) -> Sentence | None:
    """Whether the best synthetic-trained CLIP-style model is better on these photos than untrained baselines.

    ``models`` maps each model to ``role`` and ``synthetic`` of its card.
    """
    key = SHOWN[0]
    found = [r for r in rows if (r["protocol"], r["metric"], r["weighting"]) == key]
    floors = [r for r in found if models[r["model"]]["role"] == "floor"]
    bundled = [r for r in found if models[r["model"]]["role"] == "clip" and models[r["model"]]["synthetic"]]
    if not floors or not bundled:
        return None
    best = max(bundled, key=lambda r: float(r["value"]))
    floor = max(
        (r for r in floors if r["crop"] == best["crop"]), key=lambda r: float(r["value"]), default=None
    )
    if floor is None:
        return None
    low, high = (best["ci_low"], floor["ci_high"])
    near = (best["value"] if low is None else low) <= (floor["value"] if high is None else high)
    return say(
        "reference_floor" if near else "reference_above_floor",
        Basis(("real-photos",)),
        model=best["model"],
        crop=best["crop"],
        value=percent(best["value"], _width(best)),
        floor_model=floor["model"],
        floor=percent(floor["value"], _width(floor)),
    )


def _width(row: dict[str, Any]) -> float:
    return 1.0 if row["ci_low"] is None else float(row["ci_high"] - row["ci_low"])


def _table(
    rows: list[dict[str, Any]], facts: dict[str, dict[str, Any]], key: tuple[str, str, str], title: str
) -> ReferenceTable:
    own = {(r["model"], r["crop"]): r for r in rows if (r["protocol"], r["metric"], r["weighting"]) == key}
    crops = tuple(dict.fromkeys(crop for _, crop in own))
    highest = {c: max((r["value"] for (_, k), r in own.items() if k == c), default=None) for c in crops}

    def cell(model: str, crop: str) -> ReferenceFigure | None:
        row = own.get((model, crop))
        if row is None or row["value"] is None:
            return None
        printed = interval(row["ci_low"], row["ci_high"], key[1])
        return ReferenceFigure(fraction(row["value"], key[1]), printed, row["value"] == highest[crop])

    models = dict.fromkeys(model for model, _ in own)
    return ReferenceTable(
        title, crops, tuple((m, _kind(facts[m]), tuple(cell(m, c) for c in crops)) for m in models)
    )


def _kind(facts: dict[str, Any]) -> str:
    """What kind of model it is, in words."""
    if facts["synthetic"]:
        return "trained on drawn people"
    return {"floor": "untrained baseline", "specialist": "made for faces"}.get(facts["role"], "image encoder")
