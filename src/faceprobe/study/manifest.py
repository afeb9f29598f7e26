"""``manifest.json``: all that a run's results stand on and that changes from run to run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from faceprobe.core.machine import describe_machine, versions
from faceprobe.results.result import Result
from faceprobe.study.evaluate import FinishedCell
from faceprobe.study.plan import Plan
from faceprobe.study.schema import Study
from faceprobe.study.types import NO_CLOAK, NO_PURIFIER

SCHEMA = "faceprobe.manifest/1"


def build_manifest(
    name: str,
    study: Study,
    plan: Plan,
    finished: Sequence[FinishedCell],
    cloaks: Sequence[FinishedCell],
    missing: Sequence[str],
    rows: Sequence[Result],
    seconds: float,
) -> dict[str, Any]:
    """Versions, hashes, seeds, machine and timings of a run; the models' cards; its cells in the
    study's order; its cloaks, each with its card and the seconds that a photo took when it was made; what was
    missing; the resolved study.
    """
    cards = {cell.summary["model"]: cell.card for cell in finished}
    for model, card in cards.items():
        card["family"] = plan.cards[model].family
    return {
        "schema": SCHEMA,
        "study": {"name": name, **study.model_dump(), "fingerprint": study.fingerprint()},
        "versions": versions(),
        "machine": describe_machine(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "seeds": {"seed": study.seed, "replicates": study.replicates},
        "hashes": {
            "models": {row.model: row.model_hash for row in rows if row.model in cards},
            "datasets": _dataset_hashes(rows),
        },
        "models": cards,
        "datasets": {
            name: {
                "photos": len(table),
                "licence": table.licence,
                "notes": list(table.notes),
                "evidence": table.evidence,
                "default_protocol": table.default_protocol,
            }
            for name, table in plan.tables.items()
        },
        "cells": [cell.summary for cell in finished],
        "cloaks": [
            {key: value for key, value in cloak.summary.items() if key != "sample"} for cloak in cloaks
        ],
        "missing": list(missing),
    }


def _dataset_hashes(rows: Sequence[Result]) -> dict[str, dict[str, str]]:
    """Of each dataset, the hash of the clean photos that were measured in each crop."""
    hashes: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.cloak == NO_CLOAK and row.purifier == NO_PURIFIER:
            hashes.setdefault(row.dataset, {})[row.crop] = row.dataset_hash
    return hashes
