"""Render the training photos of the built-in world once, as arrays that training maps into memory.

    python training/data.py --out training/scratch/data

Writes ``clip_images.npy`` (N, 64, 64, 3) uint8 with ``clip_captions.json`` (captions, person numbers,
whether the name is in the caption) and ``face_images.npy`` (M, 64, 64, 3) uint8 of aligned crops with
``face_labels.npy``. Both come from one seed; people of the two sets and of the test split are disjoint.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.files import atomic_path, write_bytes, write_json
from faceprobe.core.progress import progress
from faceprobe.data.photo import Photo
from faceprobe.datasets.synthetic.captions import name_class
from faceprobe.datasets.synthetic.world import SPLITS, World
from faceprobe.faces.crops import CropPolicy
from faceprobe.models.preprocess import Preprocess

SIDE = 64
NAMES_RECORD = Path("src/faceprobe/models/bundled/data/names.csv")
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
SHRINK = Preprocess(size=(SIDE, SIDE), mean=CLIP_MEAN, std=CLIP_STD)


def _clip_person(seed: int, index: int, photos: int) -> NDArray[np.uint8]:
    world = World(seed)
    return np.stack([SHRINK.prepare(world.photo(index, k).pixels) for k in range(photos)])


def _face_person(seed: int, index: int, photos: int) -> NDArray[np.uint8]:
    world, crop = World(seed), CropPolicy.parse("aligned-112")
    pixels = []
    for k in range(photos):
        shot = world.photo(index, k)
        face = crop.apply(Photo(shot.pixels, "", shot.faces), (0, 0, 0))
        pixels.append(SHRINK.prepare(face))
    return np.stack(pixels)


def _render(kind: str, out: Path, seed: int, people: int, photos: int, workers: int) -> None:
    """Render one set in worker processes; the order of rows does not depend on their number."""
    task, first = (_clip_person, SPLITS["train"]) if kind == "clip" else (_face_person, SPLITS["specialist"])
    with atomic_path(out / f"{kind}_images.npy") as temporary, open(temporary, "wb") as handle:
        header = {"descr": "|u1", "fortran_order": False, "shape": (people * photos, SIDE, SIDE, 3)}
        np.lib.format.write_array_header_1_0(handle, header)
        with (
            ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
            progress(f"rendering {kind}", people) as tick,
        ):
            numbers = range(first, first + people)
            for pixels in pool.map(task, [seed] * people, numbers, [photos] * people, chunksize=16):
                handle.write(pixels.tobytes())
                tick()


def _record_names(world: World, said: list[list[tuple[str, bool]]], first: int) -> None:
    """Which names stood in the captions, and how often: ``names.csv``, shipped with the models."""
    lines = ["person,name,name_class,photos,named_photos"]
    for i, captions in enumerate(said, start=first):
        kind, named = name_class(world.seed, i), sum(n for _, n in captions)
        lines.append(f"p{i:06d},{world.name(i)},{kind},{len(captions)},{named}")
    write_bytes(NAMES_RECORD, ("\n".join(lines) + "\n").encode())


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training/scratch/data"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--people", type=int, default=5000)
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=("clip", "face"))
    a = parser.parse_args(arguments)
    first = SPLITS["train"]
    if a.only != "face" and not (a.out / "clip_images.npy").exists():
        _render("clip", a.out, a.seed, a.people, a.photos, a.workers)
    if a.only != "face" and not (a.out / "clip_captions.json").exists():
        world = World(a.seed)
        said = [[world.caption(first + i, k) for k in range(a.photos)] for i in range(a.people)]
        texts = [text for person in said for text, _ in person]
        named = [int(named) for person in said for _, named in person]
        people = [first + k // a.photos for k in range(a.people * a.photos)]
        write_json(a.out / "clip_captions.json", {"texts": texts, "named": named, "people": people})
        _record_names(world, said, first)
    if a.only != "clip" and not (a.out / "face_images.npy").exists():
        _render("face", a.out, a.seed, a.people, a.photos, a.workers)
        with atomic_path(a.out / "face_labels.npy") as temporary, open(temporary, "wb") as handle:
            np.save(handle, np.repeat(np.arange(a.people), a.photos))
    print(json.dumps({"people": a.people, "photos": a.photos, "seed": a.seed}))


if __name__ == "__main__":
    main()
