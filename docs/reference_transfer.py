"""Makes the committed figures on how cloaks carry over from one real face recogniser to another.

    python docs/reference_transfer.py SHARED --detector YUNET [--facescrub N] [--lfw10 M] [--keep FOLDER]

SHARED holds ``data/facescrub_cloaks``, ``data/lfw10_color`` and the ONNX files of ``weights``. Fawkes and
LowKey are made with MobileFaceNet as surrogate and with EdgeFace-XS as surrogate, on the first N photos of
each person of the one set and the first M of the other, and tried on both and on an image model that never
saw a face task. Each is measured next to noise of its PSNR on the same photos and to the files of the cloaks'
authors. Writes
``docs/reference/transfer.json`` and the tables of ``docs/reference/README.md``: aggregates only, no photo,
vector, name or score of a photo; people are numbered in the order of their names. Cloaked photos are kept in
the cache and measured cells in ``--keep``, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from reference_cloaks import FOLDER, PROTOCOLS, measured, people_text, row_value, written
from reference_rows import markdown
from tables import fill

from faceprobe.cloaks.photos.cloaked_table import CloakedPhotos, with_cloaked
from faceprobe.cloaks.photos.dataset_cache import cloak_table
from faceprobe.cloaks.photos.visibility import photo_quality
from faceprobe.cloaks.registry import load_cloak
from faceprobe.core.files import sha256_json
from faceprobe.data.embeddings import CLEAN
from faceprobe.data.face_table import FaceTable
from faceprobe.datasets import load_dataset
from faceprobe.faces.detect import Detector
from faceprobe.faces.weights import find_detector
from faceprobe.models import load_model
from faceprobe.models.base import ImageEncoder

PLACE = FOLDER / "transfer.json"
TITLE = "Cloaks from one real face recogniser to another"
WEIGHTS = {
    "MobileFaceNet": "mobilefacenet_112.onnx?size=112&mean=127.5&scale=128&color=rgb",
    "EdgeFace-XS": "edgeface_xs_112.onnx?size=112&mean=127.5&scale=127.5&color=rgb",
    "EfficientNet-lite0 (ImageNet)": (
        "efficientnet_lite0_imagenet_224.onnx?size=224&mean=123.675,116.28,103.53"
        "&scale=58.395,57.12,57.375&color=rgb"
    ),
}
SURROGATES = ("MobileFaceNet", "EdgeFace-XS")
CROPS = {"MobileFaceNet": "aligned-112", "EdgeFace-XS": "aligned-112"}
"""The crop of each model; the image model is measured on whole photos, which is how it is used."""
STEMS = ("fawkes-1.0.2-mid", "lowkey")
AUTHORS = ("lowkey", "fawkes-v1", "fawkes-v0.3-high", "clean-framed")
REFRAMED = ("fawkes-v1", "clean-framed")
SETS = ("facescrub_cloaks", "lfw10_color")
QUALITY = ("psnr", "dssim")
HEADS = ["cloak", "surrogate", "model", "PSNR", "DSSIM", "cosine", "poisoning", "evasion", "without cloak"]
BATCH = 5
"""Photos that are cloaked at once: what is lost where a run is stopped."""


@dataclass(frozen=True)
class PhotoSet:
    """Clean photos of one dataset and its rows that are cloaked."""

    name: str
    table: FaceTable
    rows: list[int]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("shared", type=Path)
    options.add_argument("--detector", required=True)
    options.add_argument("--facescrub", type=int, default=4)
    options.add_argument("--lfw10", type=int, default=2)
    options.add_argument("--keep", type=Path, default=Path(".transfer"))
    options.add_argument("--kept", action="store_true", help="write what is in --keep and measure no more")
    asked = options.parse_args()
    asked.keep.mkdir(parents=True, exist_ok=True)
    names = {model: f"onnx:{asked.shared / 'weights' / file}" for model, file in WEIGHTS.items()}
    run = Run(
        {model: load_model(name) for model, name in names.items()}, asked.detector, asked.keep, asked.kept
    )
    each = (asked.facescrub, asked.lfw10)
    sets = [photo_set(asked.shared / "data", name, n) for name, n in zip(SETS, each, strict=True)]
    cells = run.published(asked.shared / "data" / "facescrub_cloaks")
    for photos in sets:
        for stem in STEMS:
            for surrogate in SURROGATES:
                cells += run.own(photos, stem, surrogate, names[surrogate])
    for cell in cells:
        if cell["cloak"] in REFRAMED:  # not registered with the clean photos
            cell["psnr"] = cell["dssim"] = None
    document = {
        "schema": "faceprobe.reference.transfer/1",
        "title": TITLE,
        "photos": {p.name: len(p.rows) for p in sets},
        "gallery_people": {p.name: len(np.unique(p.table.identities)) for p in sets},
        "cells": cells,
    }
    PLACE.write_text(written(document), encoding="utf-8")
    fill(FOLDER / "README.md", {"transfer": tables(cells)})
    print(f"{len(cells)} cells")


def photo_set(data: Path, name: str, photos_each: int) -> PhotoSet:
    """The first ``photos_each`` clean photos of each person that the cloaks' authors cloaked."""
    if name == "facescrub_cloaks":
        table = load_dataset(f"cloaked:{data / name}?clean=small&variant=clean")
        able = [k for k, image in enumerate(table.images.tolist()) if image.endswith("_small.png")]
    else:
        table = load_dataset(f"folder:{data / name}")
        able = list(range(len(table)))
    of_person: dict[str, list[int]] = defaultdict(list)
    for k in able:
        of_person[str(table.identities[k])].append(k)
    return PhotoSet(name, table, [k for person in sorted(of_person) for k in of_person[person][:photos_each]])


class Run:
    """Makes cloaks and measures cells; a cell that was measured before is read from ``keep``."""

    def __init__(self, models: dict[str, ImageEncoder], detector: str, keep: Path, kept: bool) -> None:
        self.models, self.detector, self.keep, self.kept = models, detector, keep, kept
        self.finder: Detector = find_detector(detector)

    def own(self, photos: PhotoSet, stem: str, surrogate: str, name: str) -> list[dict[str, Any]]:
        """Our cloak and noise of its PSNR, tried on every model."""
        place = {"set": photos.name, "cloak": stem, "surrogate": surrogate}
        return self._kept({**place, "photos": len(photos.rows)}, lambda: self._own(photos, place, name))

    def _own(self, photos: PhotoSet, place: dict[str, str], name: str) -> list[dict[str, Any]]:
        began = time.monotonic()
        text = f"{place['cloak']}[({name})]"
        cloak = load_cloak(text)
        cloak.batch = BATCH
        made = cloak_table(photos.table, cloak, photos.rows, seed=0, detector=self.finder, tick=_tick)
        noise = cloak_table(
            photos.table,
            load_cloak(f"noise[{text}]"),
            made.rows,
            seed=0,
            detector=self.finder,
            noise_reference=made,
        )
        print(*place.values(), f"{time.monotonic() - began:.0f} s", flush=True)
        return [
            *self._measured(photos.table, made, place | {"kind": "cloak"}),
            *self._measured(photos.table, noise, place | {"kind": "noise"}),
        ]

    def _measured(self, table: FaceTable, made: CloakedPhotos, place: dict[str, str]) -> list[dict[str, Any]]:
        changed = sum(any(f.changed for f in r.faces) for r in made.records)
        pairs = [(table.photo(row).pixels, made.pixels(k)) for k, row in enumerate(made.rows)]
        about = {"id": made.cloak.id, "photos": len(made), "changed": changed, **quality(pairs)}
        both = with_cloaked(table, made)
        return [self._cell(both, model, place, made.cloak.id) | about for model in self.models]

    def _cell(self, both: FaceTable, model: str, place: dict[str, str], cloak: str) -> dict[str, Any]:
        cell = measured(
            both, self.models[model], model, cloak, CROPS.get(model, "as-is"), self.detector, PROTOCOLS[:4]
        )
        return {**place, **{k: cell[k] for k in ("model", "crop", "rows", "people")}}

    def published(self, folder: Path) -> list[dict[str, Any]]:
        """The authors' own files: LowKey next to the photos as its authors scaled them, Fawkes next to the
        originals, and the clean photos in the border of their Fawkes version.
        """
        cells = []
        for variant in AUTHORS:
            place = {"set": folder.name, "cloak": variant, "surrogate": "the authors' own", "kind": "files"}
            size = "small" if variant == "lowkey" else "original"
            name = f"cloaked:{folder}?control=framed&clean={size}&variant=clean,{variant}"
            cells += self._kept(place, lambda n=name, p=place: self._published(n, p))
        return cells

    def _published(self, name: str, place: dict[str, str]) -> list[dict[str, Any]]:
        table = load_dataset(name)
        assert table.variants is not None and table.sources is not None
        row_of = {image: k for k, image in enumerate(table.images.tolist())}
        changed = [k for k, variant in enumerate(table.variants.tolist()) if variant != CLEAN]
        pairs = [(table.photo(row_of[str(table.sources[k])]).pixels, table.photo(k).pixels) for k in changed]
        about = {"id": place["cloak"], "photos": len(changed), **quality(pairs)}
        print(*place.values(), flush=True)
        return [self._cell(table, model, place, place["cloak"]) | about for model in self.models]

    def _kept(self, key: dict[str, Any], measure: Any) -> list[dict[str, Any]]:
        place = self.keep / f"{sha256_json(key)[:16]}.json"
        if place.is_file():
            return list(json.loads(place.read_text(encoding="utf-8")))
        if self.kept:
            return []
        cells: list[dict[str, Any]] = measure()
        place.with_suffix(".tmp").write_text(json.dumps(cells), encoding="utf-8")
        place.with_suffix(".tmp").rename(place)
        return cells


def quality(pairs: Sequence[tuple[Any, Any]]) -> dict[str, float | None]:
    """Means over the photos that a cloak changed and that have the size of their clean photo."""
    equal = [
        photo_quality(a, b).to_dict() for a, b in pairs if a.shape == b.shape and not np.array_equal(a, b)
    ]
    found = {name: [q[name] for q in equal if q[name] is not None] for name in QUALITY}
    return {name: round(math.fsum(v) / len(v), 5) if v else None for name, v in found.items()}


def tables(cells: list[dict[str, Any]]) -> str:
    """Markdown: a table for each set of photos, a row for each cloak and model, mean and every person."""
    parts = []
    for name in dict.fromkeys(cell["set"] for cell in cells):
        lines = []
        for cell in (c for c in cells if c["set"] == name):
            title = f"noise for {cell['cloak']}" if cell["kind"] == "noise" else cell["cloak"]
            psnr, dssim = cell["psnr"], cell["dssim"]
            shown = [
                f"`{title}`",
                cell["surrogate"],
                f"**{cell['model']}**" if cell["model"] == cell["surrogate"] else cell["model"],
                "-" if psnr is None else f"{psnr:.1f}",
                "-" if dssim is None else f"{dssim:.3f}",
                f"{row_value(cell, 'cosine_to_clean', 'pair'):.2f}",
                people_text(cell, "cloak/poisoning//protection_1nn"),
                people_text(cell, "cloak/evasion//protection_1nn"),
                people_text(cell, "cloak/poisoning//clean_error_1nn"),
            ]
            lines.append(shown)
        parts.append(f"**`{name}`**\n\n{markdown(HEADS, lines)}")
    return "\n\n".join(parts)


_DONE = 0


def _tick() -> None:
    global _DONE
    _DONE += 1
    if _DONE % 20 == 0:
        print(f"{_DONE} photos, {time.process_time():.0f} s of processor time", flush=True)


if __name__ == "__main__":
    main()
