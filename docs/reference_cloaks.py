"""Makes the committed figures on published cloaked photos.

    python docs/reference_cloaks.py FOLDER RECOGNISER [--detector YUNET] [--own N]

FOLDER holds photos of actors with the cloaks of their authors (``cloaked:FOLDER``), RECOGNISER is an ONNX
face recogniser of 112 x 112 pixels. Writes ``docs/reference/cloaks.json`` and the tables of
``docs/reference/README.md``: aggregates only, no photo, vector or score of a photo, people as "person 1" and
so on in the order of their names. With ``--own`` those figures stay as they are committed, and our own
Fawkes and LowKey are measured instead, made from the first N photos of each person among the clean ones that
LowKey's authors scaled (185 in all), with the recogniser and then a bundled model to look through; what was
made is kept in the cache.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tables import fill

from faceprobe.core.errors import BadInput
from faceprobe.data.face_table import FaceTable
from faceprobe.data.remarks import text_of
from faceprobe.datasets import load_dataset
from faceprobe.embedding import embed
from faceprobe.models import load_model
from faceprobe.models.base import ImageEncoder
from faceprobe.protocols import Evaluation, evaluate

FOLDER = Path(__file__).parent / "reference"
PLACE = FOLDER / "cloaks.json"
TITLE = "Published cloaked photos of five actors"
NOTE = (
    "523 face crops of 18 actors; five of them (185 photos) with the authors' own LowKey and Fawkes v1 "
    "files, one (45 photos) with Fawkes v0.3 high. No spread over so few people is claimed: every figure "
    "stands for each person. The face recogniser is a small MobileFaceNet used for tests and not shipped; "
    "the bundled models are small and were trained on drawn people only. A high value says that a cloak "
    "beats this network, and nothing about others."
)
RECOGNISER = "face recogniser (ONNX)"
BUNDLED = tuple(f"bundled:{name}" for name in ("face", "clip-s", "clip-m", "clip-l", "clip-vit"))
AUTHORS = ("lowkey", "fawkes-v1", "fawkes-v0.3-high")
CONTROLS = ("clean-framed", "clean-png", "clean-jpeg")
PROTOCOLS = ("poisoning", "evasion", "self-retrieval", "verification", "adaptive")
OWN = ("fawkes-1.0.2-mid", "lowkey")
SHOWN = ("1nn", "centroid", "linear")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("recogniser", type=Path)
    options.add_argument("--detector")
    options.add_argument("--own", type=int, default=0)
    asked = options.parse_args()
    onnx = f"onnx:{asked.recogniser}?size=112&mean=127.5&scale=128&color=rgb"
    models = {RECOGNISER: load_model(onnx)} | {name: load_model(name) for name in BUNDLED}
    committed = json.loads(PLACE.read_text(encoding="utf-8"))["cells"] if PLACE.is_file() else []
    ours = [cell for cell in committed if "[" in cell["cloak"]]
    if asked.own:
        cells = [cell for cell in committed if cell not in ours]
        cells += own_cloaks(asked.folder, models, onnx, asked.detector, asked.own)
    else:
        cells = published_cloaks(asked.folder, models, asked.detector) + ours
    document = {"schema": "faceprobe.reference.cloaks/1", "title": TITLE, "note": NOTE, "cells": cells}
    PLACE.write_text(written(document), encoding="utf-8")
    fill(FOLDER / "README.md", {"cloaks": tables(cells)})
    print(f"{len(cells)} cells")


def written(document: dict[str, Any]) -> str:
    """JSON with a line for each cell."""
    head = json.dumps({k: v for k, v in document.items() if k != "cells"}, indent=1)
    cells = ",\n".join(json.dumps(cell) for cell in document["cells"])
    return f'{head[:-2]},\n "cells": [\n{cells}\n ]\n}}\n'


def measured(
    table: FaceTable,
    encoder: ImageEncoder,
    model: str,
    cloak: str,
    crop: str,
    detector: str | None = None,
    protocols: Sequence[str] = PROTOCOLS,
) -> dict[str, Any]:
    """The cloak ``protocols`` of one model on one cloak: rows without intervals, and values per person."""
    data = embed(table, encoder, crop, detector=detector, quiet=True).data
    rows: list[dict[str, Any]] = []
    people: dict[str, list[float]] = {}
    for name in protocols:
        try:
            outcome = evaluate(data, [f"cloak/{name}"], replicates=0)
        except BadInput as error:  # one cloaked person: nobody for an adaptive collector to learn from
            rows.append({"protocol": f"cloak/{name}", "note": str(error)})
            continue
        rows += [
            {
                "protocol": m.protocol,
                "metric": m.metric,
                "weighting": m.weighting,
                "value": m.value,
                "n": m.n,
                "n_identities": m.n_identities,
                "note": text_of(m.remarks),
            }
            for m in outcome.metrics
        ]
        people |= per_person(outcome)
    return {"model": model, "cloak": cloak, "crop": crop, "rows": rows, "people": people}


def per_person(outcome: Evaluation) -> dict[str, list[float]]:
    """{"<protocol>//<metric>": one value for person 1, 2, ...}; names are left behind."""
    return {
        key: [round(float(v), 4) for v in values]
        for key, values in outcome.curves.items()
        if np.issubdtype(values.dtype, np.floating)
    }


def published_cloaks(
    folder: Path, models: dict[str, ImageEncoder], detector: str | None
) -> list[dict[str, Any]]:
    """The authors' own files, and the clean photos saved or framed as they are."""
    name = f"cloaked:{folder}?control=framed,png,jpeg"
    cells = []
    for cloak in (*AUTHORS, *CONTROLS):
        table = load_dataset(f"{name}&variant=clean,{cloak}")
        cells += [measured(table, models[model], model, cloak, "as-is") for model in models]
        if detector:
            cells.append(measured(table, models[RECOGNISER], RECOGNISER, cloak, "aligned-112", detector))
        print(cloak, "done", flush=True)
    return cells


def own_cloaks(
    folder: Path, models: dict[str, ImageEncoder], onnx: str, detector: str | None, photos_each: int
) -> list[dict[str, Any]]:
    """Our own Fawkes and LowKey on LowKey's scaled clean photos, seen through one model and tried on all."""
    from faceprobe.cloaks.photos.cloaked_table import with_cloaked
    from faceprobe.cloaks.photos.dataset_cache import cloak_table
    from faceprobe.cloaks.registry import load_cloak
    from faceprobe.faces.detect import Detector
    from faceprobe.faces.weights import find_detector

    table = load_dataset(f"cloaked:{folder}?clean=small&variant=clean")
    small = [k for k, image in enumerate(table.images.tolist()) if image.endswith("_small.png")]
    people = sorted({str(table.identities[k]) for k in small})
    rows = [k for who in people for k in [k for k in small if table.identities[k] == who][:photos_each]]
    eyes: Detector = find_detector(detector)
    cells = []
    for surrogate in (f"({onnx})", "bundled:face"):
        for stem in OWN:
            cloak = load_cloak(f"{stem}[{surrogate}]")
            photos = cloak_table(table, cloak, rows, seed=0, detector=eyes)
            both = with_cloaked(table, photos)
            seen = [(model, "as-is") for model in models]
            for model, crop in [*seen, (RECOGNISER, "aligned-112"), ("bundled:face", "aligned-112")]:
                cell = measured(both, models[model], model, photos.cloak.id, crop, detector)
                changed = sum(any(f.changed for f in r.faces) for r in photos.records)
                cells.append(cell | {"photos": len(photos.records), "changed": changed})
            print(photos.cloak.id, "done", flush=True)
    return cells


def tables(cells: list[dict[str, Any]]) -> str:
    """Markdown: for each cloak a row a model, the mean over people and, behind it, every person."""
    parts = []
    for protocol, title in (("poisoning", "Poisoning"), ("evasion", "Evasion")):
        lines = [
            "| cloak | model | crop | cosine to clean | " + " | ".join(SHOWN) + " | 1nn without cloak |",
            "| --- " * (5 + len(SHOWN)) + "|",
        ]
        for cell in cells:
            shown = [people_text(cell, f"cloak/{protocol}//protection_{n}") for n in SHOWN]
            shown.append(people_text(cell, f"cloak/{protocol}//clean_error_1nn"))
            cosine = f"{row_value(cell, 'cosine_to_clean', 'pair'):.2f}"
            names = [f"`{cell['cloak']}`", f"`{cell['model']}`", cell["crop"], cosine]
            lines.append("| " + " | ".join([*names, *shown]) + " |")
        parts.append(
            f"**{title}: share of probes not given to their person**, mean (each person)\n\n"
            + "\n".join(lines)
        )
    return "\n\n".join(parts)


def people_text(cell: dict[str, Any], key: str) -> str:
    """The mean over people and, behind it, every person; "-" where it was not measured."""
    values = cell["people"].get(key)
    if values is None:
        return "-"
    each = " ".join(f"{v:.2f}".removeprefix("0") for v in values)
    return f"{np.mean(values):.2f} ({each})"


def row_value(cell: dict[str, Any], metric: str, weighting: str) -> float:
    """The value of one row of ``cell``."""
    found = (r for r in cell["rows"] if (r.get("metric"), r.get("weighting")) == (metric, weighting))
    return float(next(found)["value"])


if __name__ == "__main__":
    main()
