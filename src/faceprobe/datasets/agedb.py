"""``agedb-30:PATH``: AgeDB's verification protocol with photos of a person 30 years apart.

S. Moschoglou, A. Papaioannou, C. Sagonas, J. Deng, I. Kotsia, S. Zafeiriou, AgeDB: the first manually
collected, in-the-wild age database, CVPR Workshops 2017. ``04_FINAL_protocol_30_years.mat`` (MATLAB 5) holds
``splits``, a 10 x 1 cell. Each fold in it has a 2 x 600 cell of photos, whose first field is the file's name
without ``.jpg``, and 600 labels: 1 for one person, -1 for two. Photos lie in ``03_Protocol_Images``.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.extras import require
from faceprobe.core.names import Name
from faceprobe.data.face_table import FaceTable
from faceprobe.data.pairs import LfwPair
from faceprobe.datasets.base import PUBLIC_FIGURES, Dataset, DatasetCard
from faceprobe.datasets.insightface_bin import N_FOLDS
from faceprobe.datasets.listing import list_folder
from faceprobe.datasets.pair_sets import PairSet, load_pair_set, plain_name

MOST_BYTES = 2**26
"""A list that unpacks to more is not read: a small packed file can hold gigabytes."""

LIST = "04_FINAL_protocol_30_years.mat"
LIST_FOLDERS = ("", "AgeDB_FINAL_protocol")
PHOTO_FOLDERS = ("03_Protocol_Images", "AgeDB", "")
N_PAIRS = 6000
LICENCE = "non-commercial research, by agreement with its authors (see `faceprobe datasets`)"


def load(name: Name) -> FaceTable:
    """``agedb-30:PATH[?pairs=FILE.mat]``, or insightface's packed pairs ``agedb-30:FILE.bin``.

    Raises :class:`Missing`, :class:`BadInput`, and :class:`faceprobe.core.errors.Refused` for a list that
    names something else than plain files.
    """
    name.check_options({"pairs"})

    def read(root: Path) -> PairSet:
        listed = _list_file(root, name.option("pairs", ""))
        pairs = _pairs(listed)
        folder = next(root / folder for folder in PHOTO_FOLDERS if (root / folder).is_dir())
        photos = list_folder(folder).photos
        if not photos:
            raise BadInput(f"agedb-30 {folder} holds no photos; unpack 03_Protocol_Images there")
        return PairSet(folder, {photo: _person(photo, folder) for photo in photos}, pairs, listed)

    return load_pair_set(name, read, complete=N_PAIRS, licence=LICENCE, options={})


def _list_file(root: Path, option: str) -> Path:
    if option:
        listed = Path(option).expanduser()
        if not listed.is_file():
            raise Missing(f"agedb-30: ?pairs={option}: no such file; give the path of {LIST}")
        return listed
    for folder in LIST_FOLDERS:
        if (root / folder / LIST).is_file():
            return root / folder / LIST
    raise Missing(f"agedb-30 {root} has no {LIST}; put it there or name it with ?pairs=FILE")


def _person(photo: str, folder: Path) -> str:
    """The name in ``0_MariaCallas_35_f.jpg``: the first part that is not a number."""
    for part in photo.rpartition(".")[0].split("_"):
        if part and not part.isdecimal():
            return part
    raise BadInput(f"{folder / photo} should be called <number>_<name>_<age>_<sex>.jpg; it names no person")


def _pairs(path: Path) -> list[LfwPair]:
    folds = _splits(path)
    if len(folds) != N_FOLDS:
        raise BadInput(f"{path}: 'splits' has {len(folds)} folds, not ten; get the file again")
    pairs: list[LfwPair] = []
    for fold, split in enumerate(folds):
        where = f"{path}, fold {fold + 1}"
        photos, labels = _members(split, where)
        if fold and len(labels) * fold != len(pairs):
            raise BadInput(f"{where}: {len(labels)} pairs where the first fold has {len(pairs) // fold}")
        for k, label in enumerate(labels.tolist()):
            if label not in (1, -1):
                raise BadInput(f"{where}, pair {k + 1}: the label is {label:g}; 1 is one person, -1 two")
            left, right = (
                plain_name(_text(photos[side, k], where), f"{where}, pair {k + 1}") + ".jpg"
                for side in (0, 1)
            )
            pairs.append(LfwPair(left, right, label == 1, fold))
    return pairs


def _splits(path: Path) -> list[Any]:
    """The cells of ``splits``. scipy reads MATLAB's format and runs no code of the file."""
    loadmat = require("scipy.io", "encode", f"the list {LIST} of AgeDB-30").loadmat
    try:
        if _unpacked(path) > MOST_BYTES:
            raise BadInput(f"{path} unpacks to more than {MOST_BYTES >> 20} MB; {LIST} needs less than one")
        found = loadmat(path, variable_names=["splits"])
    except BadInput:
        raise
    except NotImplementedError as error:
        raise BadInput(f"{path} is a MATLAB 7.3 file; the published one is of MATLAB 5") from error
    except Exception as error:  # a damaged file raises nearly any type
        raise BadInput(f"{path} is not a complete MATLAB file ({type(error).__name__})") from error
    if "splits" not in found:
        raise BadInput(f"{path} holds no 'splits'; the list of AgeDB-30 is called {LIST}")
    return list(np.asarray(found["splits"]).reshape(-1))


def _unpacked(path: Path) -> int:
    """Bytes of the file with its packed elements unpacked; the count stops above MOST_BYTES.

    A MATLAB 5 file has a header of 128 bytes, then elements: type and length, 4 bytes each, and the body.
    Elements of type 15 are packed by zlib (MathWorks, MAT-File Format, chapter 1).
    """
    data = path.read_bytes()
    order = "<" if data[126:128] == b"IM" else ">"
    total, place = len(data), 128
    while place + 8 <= len(data) and total <= MOST_BYTES:
        kind, length = struct.unpack(f"{order}II", data[place : place + 8])
        if kind == 15:
            body = data[place + 8 : place + 8 + length]
            total += len(zlib.decompressobj().decompress(body, MOST_BYTES + 1))
        place += 8 + length
    return total


def _members(split: Any, where: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """``photos`` (2, P) objects and ``labels`` (P,) numbers of one fold."""
    members = _fields(_single(split))
    if len(members) >= 2:
        photos, labels = members[0], np.asarray(members[1]).reshape(-1)
        if (
            len(labels)
            and isinstance(photos, np.ndarray)
            and photos.dtype == object
            and photos.shape == (2, len(labels))
            and labels.dtype.kind in "iuf"
        ):
            return photos, labels
    raise BadInput(f"{where}: expected a 2 x 600 cell of photos and 600 labels; get the file again")


def _single(value: Any) -> Any:
    """The element of a MATLAB array that has one only; anything else as it is."""
    while isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "OV":
        value = value.reshape(-1)[0]
    return value


def _fields(value: Any) -> list[Any]:
    """The fields of a struct, or the cells of a cell array, in order."""
    if isinstance(value, np.void) and value.dtype.names:
        return [value[field] for field in value.dtype.names]
    return list(value.reshape(-1)) if isinstance(value, np.ndarray) and value.dtype == object else []


def _text(entry: Any, where: str) -> str:
    """The name of a photo: a text, or the first field of a struct that holds one."""
    value = _single(entry)
    fields = _fields(value)
    value = _single(fields[0]) if fields else value
    if isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.size == 1:
        value = value.reshape(-1)[0]
    if not isinstance(value, str):
        raise BadInput(f"{where}: a photo has no name; get the file again")
    return str(value)


DATASET = Dataset(
    card=DatasetCard(
        name="agedb-30",
        title="AgeDB, pairs 30 years apart",
        use="agedb-30:PATH[?pairs=FILE.mat], agedb-30:FILE.bin",
        status="on request",
        consent=PUBLIC_FIGURES,
        licence="non-commercial research agreement",
        non_commercial=True,
        pairs=N_PAIRS,
        source="https://ibug.doc.ic.ac.uk/resources/agedb/",
    ),
    load=load,
)
