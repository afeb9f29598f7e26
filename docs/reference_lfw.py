"""Makes the committed reference figures from a run of the packaged study ``lfw``.

    python docs/reference_lfw.py RUN [--add]

writes ``docs/reference/lfw.json`` (rows and score histograms; no photo, vector, name or score of a pair), the
tables of ``docs/reference/README.md``, and the few rows that a report shows,
``src/faceprobe/report/data/reference_lfw.json``. ``--add`` keeps what is committed, but for the models and
crops that RUN holds too.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from reference_rows import FOLDER, SCHEMA, cell, markdown, model_facts, plain_rows, run_facts, write
from tables import fill

from faceprobe.core.files import read_json
from faceprobe.report.tables.reference import SHOWN, TITLES
from faceprobe.results.run import read_results

TITLE = "Measured by us on real photos: grey LFW"
NOTE = (
    "Labeled Faces in the Wild, complete (13,233 photos of 5,749 people), in a grey and aligned copy of "
    "250 x 250 pixels: not comparable with published figures on the colour photos. Faces found by YuNet. "
    "The bundled models are small and were trained on drawn people only."
)
HISTOGRAM = "verification/all-pairs"


def reference(run: Path) -> dict[str, Any]:
    """The document that is committed, from a run directory."""
    manifest = read_json(run / "manifest.json")
    histograms = {}
    for part in manifest["cells"]:
        with np.load(run / "cells" / part["key"] / "curves.npz", allow_pickle=False) as curves:
            histograms[f"{part['model']} | {part['crop']}"] = {
                name: _short(curves[f"{HISTOGRAM}//hist_{name}"])
                for name in ("edges", "mated", "nonmated")
                if f"{HISTOGRAM}//hist_{name}" in curves
            }
    return {
        "schema": SCHEMA,
        "title": TITLE,
        "note": NOTE,
        "study": "lfw",
        **run_facts(manifest),
        "models": model_facts(manifest),
        "rows": plain_rows(read_results(run)),
        "histograms": histograms,
    }


def joined(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """``old`` with the models and crops of ``new`` added or replaced, rows in the order of results."""
    place = {(r["model"], r["crop"]) for r in new["rows"]}
    rows = [r for r in old["rows"] if (r["model"], r["crop"]) not in place] + new["rows"]
    rows.sort(key=lambda r: (r["model"], r["crop"], r["protocol"], r["metric"], r["weighting"]))
    parts = {key: old[key] | new[key] for key in ("excluded", "models", "histograms")}
    return old | parts | {"rows": rows}


def packaged(document: dict[str, Any]) -> dict[str, Any]:
    """The part of the document that reports show."""
    kept = ("model", "crop", "protocol", "metric", "weighting", "value", "ci_low", "ci_high", "n_identities")
    rows = [
        {k: row[k] for k in kept}
        for row in document["rows"]
        if (row["protocol"], row["metric"], row["weighting"]) in SHOWN
    ]
    models = {model: document["models"][model] for model in dict.fromkeys(row["model"] for row in rows)}
    return {"schema": document["schema"], "title": TITLE, "note": NOTE, "models": models, "rows": rows}


def tables(document: dict[str, Any]) -> str:
    """The figures that reports show, as Markdown: one table a figure, a column a crop."""
    parts = []
    for key, title in zip(SHOWN, TITLES, strict=True):
        rows = {
            (r["model"], r["crop"]): r
            for r in document["rows"]
            if (r["protocol"], r["metric"], r["weighting"]) == key
        }
        crops = list(dict.fromkeys(crop for _, crop in rows))
        models = dict.fromkeys(model for model, _ in rows)
        lines = [[f"`{model}`", *(cell(rows.get((model, crop))) for crop in crops)] for model in models]
        parts.append(f"**{title}**, with 95 % intervals\n\n{markdown(['model', *crops], lines)}")
    return "\n\n".join(parts)


def _short(values: np.ndarray) -> list[float | int]:
    return [round(float(v), 7) if v % 1 else int(v) for v in values.tolist()]


def main() -> None:
    document = reference(Path(sys.argv[1]))
    if "--add" in sys.argv[2:]:
        document = joined(read_json(FOLDER / "lfw.json"), document)
    write("lfw", document, packaged(document))
    fill(FOLDER / "README.md", {"tables": tables(document)})
    print(f"{len(document['rows'])} rows, {len(document['histograms'])} histograms")


if __name__ == "__main__":
    main()
