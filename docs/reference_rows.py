"""What the scripts of the committed reference figures share: rows and counts of a run as plain data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from faceprobe.results.result import Result

SCHEMA = "faceprobe.reference/1"

FOLDER = Path(__file__).parent / "reference"
PACKAGED = FOLDER.parent.parent / "src" / "faceprobe" / "report" / "data"

DROPPED = ("remarks", "model_hash", "dataset_hash", "conventions")
"""Columns that the committed rows leave out; the remarks are their ``note``."""


def plain_rows(rows: Iterable[Result]) -> list[dict[str, Any]]:
    """The rows as they are committed."""
    return [{k: v for k, v in row.to_dict().items() if k not in DROPPED} | {"note": row.text} for row in rows]


def run_facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Versions, machine, and the photos left out of each cell, counted by reason."""
    return {
        "versions": manifest["versions"],
        "machine": manifest["machine"],
        "excluded": {f"{c['model']} | {c['crop']}": c["excluded"] for c in manifest["cells"]},
    }


def model_facts(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Role, and whether all training data were synthetic, of each model."""
    return {
        model: {"role": card["role"], "synthetic": card["synthetic"]}
        for model, card in sorted(manifest["models"].items())
    }


def write(name: str, document: Mapping[str, Any], packaged: Mapping[str, Any]) -> None:
    """Write ``docs/reference/NAME.json`` and the part of it that reports show."""
    places = {FOLDER / f"{name}.json": document, PACKAGED / f"reference_{name}.json": packaged}
    for path, content in places.items():
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def cell(row: Mapping[str, Any] | None) -> str:
    """``0.380 [0.296, 0.466]``, or "-" for what was not measured or has no value."""
    if row is None or row["value"] is None:
        return "-"
    low, high = row["ci_low"], row["ci_high"]
    return f"{row['value']:.3f}" + ("" if low is None else f" [{low:.3f}, {high:.3f}]")


def markdown(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    rows = [list(heads), ["---"] * len(heads), *map(list, lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
