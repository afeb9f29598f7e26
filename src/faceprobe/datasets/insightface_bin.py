"""``insightface-bin:FILE``: verification pairs as insightface packs them (LFW, CFP-FP, AgeDB-30, ...).

A pickle of ``(list of encoded photos, list of booleans)``: photo 2k is compared with 2k + 1.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.names import Name
from faceprobe.data.face_table import FaceTable, face_table_columns
from faceprobe.data.pairs import PairList, same_labels
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.datasets.base import Dataset, DatasetCard
from faceprobe.datasets.files import EncodedSource, path_of
from faceprobe.datasets.safe_pickle import load_plain

N_FOLDS = 10


def load(name: Name) -> FaceTable:
    """``insightface-bin:FILE``; see :func:`bin_table`."""
    name.check_options(set())
    path = path_of(name, "insightface-bin:FILE, as in insightface-bin:lfw.bin")
    return bin_table(path, f"insightface-bin:{path.name}", "lfw/official")


def is_bin(path: Path) -> bool:
    """Whether a dataset's path names one of insightface's packed files."""
    return path.suffix.lower() == ".bin" and not path.is_dir()


def named_bin(
    path: Path, kind: str, *, options: Mapping[str, str] | None = None, group: str = ""
) -> FaceTable:
    """The packed form of the dataset ``kind``, under its name, with the protocol of its published figures."""
    return bin_table(path, str(Name(kind, path.name, options=dict(options or {}))), "lfw/insightface", group)


def bin_table(path: Path, name: str, default_protocol: str, group: str = "") -> FaceTable:
    """Photos ``00000-a``, ``00000-b``, ``00001-a``, ... of pairs 0, 1, ... in ten contiguous folds.

    The file names no people. The two photos of a mated pair share the label ``pair-00000``, those
    of a non-mated pair have ``pair-00001-a`` and ``pair-00001-b``. Whether photos of *different*
    pairs show one person is unknown, so ``identities_known`` is False: only protocols over the pairs
    can be used. ``group`` is that of every photo ("" = not known). Raises :class:`Missing`,
    :class:`BadInput`, and :class:`faceprobe.core.errors.Refused` for a pickle that asks for code.
    """
    if not path.is_file():
        raise Missing(f"{name.partition(':')[0]} {path}: no such file; check the path")
    _, same = read_bin(str(path.resolve()))
    digits = max(5, len(str(len(same) - 1)))
    images, identities = [], []
    for k, mated in enumerate(same):
        pair = f"{k:0{digits}d}"
        images += [f"{pair}-a", f"{pair}-b"]
        identities += [f"pair-{pair}"] * 2 if mated else [f"pair-{pair}-a", f"pair-{pair}-b"]
    left = np.arange(len(same), dtype=np.int64) * 2
    folds = np.array_split(np.arange(len(same)), N_FOLDS)
    fold = np.concatenate([np.full(len(part), f, dtype=np.int64) for f, part in enumerate(folds)])
    notes = ["the file names no people: only protocols over its pairs can be used"]
    if len(set(same)) == 1:
        kind = "show one person" if same[0] else "show two people"
        notes.append(f"all {len(same):,} pairs {kind}: no accuracy can be measured on one kind alone")
    columns = {"image": images, "identity": identities}
    return FaceTable(
        name=name,
        table=face_table_columns(**columns, **({"group": [group] * len(images)} if group else {})),
        source=BinSource(str(path.resolve())),
        default_protocol=default_protocol,
        pairs=PairList(left, left + 1, np.array(same, dtype=np.bool_), fold),
        identities_known=False,
        licence="that of the set inside the file",
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class BinSource(EncodedSource):
    """The photos of one ``.bin`` file. Each process that reads photos holds the whole file in memory once."""

    path: str

    def encoded(self, image: str) -> bytes:
        pair, _, side = image.partition("-")
        data = read_bin(self.path)[0][2 * int(pair) + (side == "b")]
        if not data:
            raise UnreadablePhoto(image, "empty file")
        return data


def read_bin(path: str) -> tuple[list[bytes], list[bool]]:
    """``(photos, same)`` of a ``.bin`` file, with ``len(photos) == 2 * len(same)``."""
    try:
        state = os.stat(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    return _read_once(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=2)
def _read_once(path: str, _changed: int, _size: int) -> tuple[list[bytes], list[bool]]:
    value = load_plain(Path(path))
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise BadInput(f"{path} is a pickle, but not of (photos, booleans): not an insightface .bin")
    photos, same = (v.tolist() if isinstance(v, np.ndarray) else v for v in value)
    if not isinstance(photos, (tuple, list)) or not isinstance(same, (tuple, list)):
        raise BadInput(f"{path} does not hold two lists: not an insightface .bin")
    # A pickle may refer to one photo object many times: it is copied once.
    copies = {id(p): p.tobytes() if isinstance(p, np.ndarray) else p for p in photos}
    if not all(isinstance(p, (bytes, bytearray)) for p in copies.values()):
        raise BadInput(f"{path}: its photos are not bytes: not an insightface .bin")
    if not same:
        raise BadInput(f"{path}: its second list is empty: not an insightface .bin")
    mated = same_labels(same, path)
    if len(photos) != 2 * len(same):
        raise BadInput(
            f"{path} has {len(photos)} photos for {len(same)} pairs; it should have two for each pair"
        )
    copies = {k: bytes(p) for k, p in copies.items()}
    return [copies[id(p)] for p in photos], mated.tolist()


DATASET = Dataset(
    card=DatasetCard(
        name="insightface-bin",
        title="Verification pairs packed by insightface (.bin)",
        use="insightface-bin:FILE",
        status="your own",
        consent="that of the set inside the file",
        licence="that of the set inside the file",
        non_commercial=None,
        note="read with a restricted unpickler; names no people",
    ),
    load=load,
)
