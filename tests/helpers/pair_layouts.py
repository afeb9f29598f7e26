"""Small replicas of the published pair sets, in the layout that they have on disk."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

FOLDS = 10


def jpeg(path: Path, value: int) -> None:
    """A photo of noise that ``value`` seeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    noise = np.random.default_rng(value).integers(256, size=(8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG")
    path.write_bytes(buffer.getvalue())


def write_cfp(root: Path, people: int = 4) -> Path:
    """``people`` with ten frontal and four profile photos; one pair of a kind in each fold.

    FP, fold k: same = person k mod people, diff = that person and the next; frontal photo k, profile k mod 4.
    """
    lists: dict[str, list[str]] = {"F": [], "P": []}
    for person in range(1, people + 1):
        for side, folder, count in (("F", "frontal", 10), ("P", "profile", 4)):
            for k in range(1, count + 1):
                place = f"Data/Images/{person:03d}/{folder}/{k:02d}.jpg"
                jpeg(root / place, 16 * person + k)
                lists[side].append(f"{len(lists[side]) + 1} ../{place}\n")
    (root / "Protocol").mkdir()
    for side, lines in lists.items():
        (root / "Protocol" / f"Pair_list_{side}.txt").write_text("".join(lines))
    for fold in range(FOLDS):
        a, b = fold % people, (fold + 1) % people
        for part, own, other in (("FP", 4 * a, 4 * b), ("FF", 10 * a, 10 * b)):
            folder = root / "Protocol" / "Split" / part / f"{fold + 1:02d}"
            folder.mkdir(parents=True)
            right = fold % 4 if part == "FP" else (fold + 1) % 10
            (folder / "same.txt").write_text(f"{10 * a + fold + 1},{own + right + 1}\n")
            (folder / "diff.txt").write_text(f"{10 * a + fold + 1},{other + right + 1}\n")
    return root


NAMES = ("Ann_Lee", "Bo_van_Dam", "Cy-Jay_Kent", "Dee")


def two_line_list(kind: str, each: int = 1) -> list[str]:
    """Ten folds of ``each`` pairs of a kind: CALFW labels mated pairs by fold, CPLFW by 1."""
    lines = []
    for fold in range(FOLDS):
        label = fold + 1 if kind == "calfw" else 1
        for k in range(each):
            name = NAMES[(fold + k) % 4]
            lines += [f"{name}_0001.jpg {label}", f"{name}_0002.jpg {label}"]
    for fold in range(FOLDS):
        for k in range(each):
            a, b = NAMES[(fold + k) % 4], NAMES[(fold + k + 1) % 4]
            lines += [f"{a}_0001.jpg 0", f"{b}_0002.jpg 0"]
    return lines


def write_calfw(root: Path, kind: str = "calfw", each: int = 1) -> Path:
    original = "images&landmarks/images&landmarks/images" if kind == "calfw" else "images"
    for version, folder in enumerate(("aligned images", original)):
        for i, name in enumerate(NAMES):
            for k in (1, 2):
                jpeg(root / folder / f"{name}_{k:04d}.jpg", 100 * version + 10 * i + k)
    (root / f"pairs_{kind.upper()}.txt").write_text("\n".join(two_line_list(kind, each)) + "\n")
    return root


GROUPS = ("African", "Asian", "Caucasian", "Indian")


def write_rfw(root: Path, shared_person: bool = True) -> Path:
    """Ten folds of one mated and one other pair a group; with ``shared_person`` one id is in two groups."""
    for g, group in enumerate(GROUPS):
        ids = [f"m.0{group[:2].lower()}{k}" for k in range(3)]
        if shared_person and group in ("Asian", "Indian"):
            ids[2] = "m.0both"
        for i, person in enumerate(ids):
            for k in (1, 2, 3):
                jpeg(root / "data" / group / person / f"{person}_{k:04d}.jpg", 60 * g + 10 * i + k)
        lines = []
        for fold in range(FOLDS):
            a, b = ids[fold % 3], ids[(fold + 1) % 3]
            lines += [f"{a}\t{1 + fold % 2}\t3", f"{a}\t1\t{b}\t2"]
        (root / "txts" / group).mkdir(parents=True)
        (root / "txts" / group / f"{group}_pairs.txt").write_text("\n".join(lines) + "\n")
    return root


AGEDB = ("MariaCallas", "StephenFry", "AngelaLansbury")


def agedb_splits(each: int = 2, labels: Sequence[float] = (1, -1)) -> Any:
    """``splits`` as MATLAB has it: ten cells, each a struct of a 2 x P cell of photo structs and P labels."""

    def photo(number: int) -> dict[str, Any]:
        age = 20 + number
        return {"name": f"{number}_{AGEDB[number % 3]}_{age}_f", "age": age}

    splits = np.empty((FOLDS, 1), dtype=object)
    for fold in range(FOLDS):
        cell = np.empty((2, each), dtype=object)
        for k in range(each):
            first = (fold + k) % 3
            cell[0, k] = photo(first)
            cell[1, k] = photo(first + 3 if labels[k % len(labels)] == 1 else (first + 1) % 3 + 3)
        marks = np.array([labels[k % len(labels)] for k in range(each)], dtype=np.float64)[None]
        splits[fold, 0] = {"pairs": cell, "labels": marks}
    return splits


def write_agedb(root: Path, splits: Any = None) -> Path:
    for number in range(6):
        jpeg(root / "03_Protocol_Images" / f"{number}_{AGEDB[number % 3]}_{20 + number}_f.jpg", 30 * number)
        (root / "03_Protocol_Images" / f"{number}_{AGEDB[number % 3]}_{20 + number}_f.pts").write_text(
            "version: 1"
        )
    savemat(root / "04_FINAL_protocol_30_years.mat", {"splits": agedb_splits() if splits is None else splits})
    return root
