"""``cfp-fp:PATH[?part=ff]``: Celebrities in Frontal-Profile in the Wild, frontal against profile photos.

S. Sengupta, J.-C. Chen, C. Castillo, V. M. Patel, R. Chellappa, D. W. Jacobs, Frontal to Profile Face
Verification in the Wild, WACV 2016: 500 people with ten frontal and four profile photos each,
``Data/Images/001/frontal/01.jpg``. ``Protocol/Pair_list_F.txt`` and ``Pair_list_P.txt`` number the photos
from 1 (``1 ../Data/Images/001/frontal/01.jpg``); ``Protocol/Split/FP/01/same.txt`` and ``diff.txt`` list the
pairs of fold 1 as ``frontal,profile`` numbers, those under ``Split/FF`` as two frontal ones.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from faceprobe.core.errors import BadInput, Missing, Refused, WrongUsage
from faceprobe.core.names import Name
from faceprobe.data.face_table import FaceTable
from faceprobe.data.pairs import LfwPair
from faceprobe.datasets.base import PUBLIC_FIGURES, Dataset, DatasetCard
from faceprobe.datasets.insightface_bin import N_FOLDS
from faceprobe.datasets.listing import list_folder
from faceprobe.datasets.pair_sets import PairSet, bad_line, load_pair_set, read_list

PARTS = {"fp": ("F", "P"), "ff": ("F", "F")}
"""The lists that number the left and the right photo of a pair."""

N_PAIRS = 7000
LICENCE = "research use (see `faceprobe datasets`)"
PHOTO = re.compile(r"(\d+)/(frontal|profile)/[^/]+")


def load(name: Name) -> FaceTable:
    """``cfp-fp:PATH``, or insightface's packed pairs ``cfp-fp:FILE.bin``; ``?part=ff`` for CFP-FF.

    Raises :class:`Missing`, :class:`BadInput`, and :class:`Refused` for a list that leads out of PATH.
    """
    name.check_options({"part"})
    part = name.option("part", "fp").lower()
    if part not in PARTS:
        raise WrongUsage(f"{name}: part is fp or ff, not {part!r}")
    chosen = {"part": part} if part != "fp" else {}

    def read(root: Path) -> PairSet:
        numbered = {side: _numbered(root, side) for side in sorted(set(PARTS[part]))}
        pairs = _pairs(root, part, numbered)
        return PairSet(root, _photos(root), pairs, root / "Protocol" / "Split" / part.upper())

    return load_pair_set(
        name,
        read,
        complete=N_PAIRS,
        licence=LICENCE,
        options=chosen,
        packed_options=chosen,
        example=", as in cfp-fp:cfp-dataset",
    )


def _photos(root: Path) -> dict[str, str]:
    """Every photo below ``Data/Images``, by its path below ``root``, with the number of its person."""
    images = root / "Data" / "Images"
    if not images.is_dir():
        raise Missing(f"cfp-fp {root} has no Data/Images; give the folder that holds Data and Protocol")
    found = {}
    for person in list_folder(images).folders:
        for side in ("frontal", "profile"):
            folder = images / person / side
            for photo in list_folder(folder).photos if folder.is_dir() else ():
                found[f"Data/Images/{person}/{side}/{photo}"] = person
    if not found:
        raise BadInput(f"cfp-fp {root}: Data/Images holds no <person>/frontal/<photo>; unpack it again")
    return found


def _numbered(root: Path, side: str) -> list[str]:
    """The photos of ``Pair_list_F.txt`` or ``Pair_list_P.txt`` in order, as paths below ``root``."""
    photos: list[str] = []
    for line in read_list(root / "Protocol" / f"Pair_list_{side}.txt"):
        if len(line.words) != 2 or line.words[0] != str(len(photos) + 1):
            raise bad_line(line, f"the number {len(photos) + 1} and a photo")
        photo = posixpath.normpath(posixpath.join("Protocol", line.words[1].replace("\\", "/")))
        inside = photo.removeprefix("Data/Images/")
        if inside == photo or not PHOTO.fullmatch(inside):
            raise Refused(f"{line.where}: {line.words[1]!r} is not a photo below Data/Images")
        photos.append(photo)
    return photos


def _pairs(root: Path, part: str, numbered: dict[str, list[str]]) -> list[LfwPair]:
    """The pairs fold by fold, mated pairs first in each."""
    left, right = (numbered[side] for side in PARTS[part])
    pairs: list[LfwPair] = []
    size = 0
    for fold in range(N_FOLDS):
        folder = root / "Protocol" / "Split" / part.upper() / f"{fold + 1:02d}"
        for file, same in (("same.txt", True), ("diff.txt", False)):
            lines = read_list(folder / file, ",")
            size = size or len(lines)
            if len(lines) != size:
                raise BadInput(
                    f"{folder / file} has {len(lines)} pairs where the first list has {size}; "
                    "the file is cut: get it again"
                )
            for line in lines:
                a, b = _numbers(line.words)
                if not (0 < a <= len(left) and 0 < b <= len(right)):
                    raise bad_line(line, f"two numbers from 1 to {len(left)} and {len(right)}")
                pairs.append(LfwPair(left[a - 1], right[b - 1], same, fold))
    return pairs


def _numbers(words: tuple[str, ...]) -> tuple[int, int]:
    """Two numbers; (0, 0) for anything else, which no photo has."""
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return 0, 0
    return int(words[0]), int(words[1])


DATASET = Dataset(
    card=DatasetCard(
        name="cfp-fp",
        title="Celebrities in Frontal-Profile, frontal against profile",
        use="cfp-fp:PATH[?part=ff], cfp-fp:FILE.bin",
        status="available",
        consent=PUBLIC_FIGURES,
        licence="research use",
        non_commercial=None,
        photos=7_000,
        people=500,
        pairs=N_PAIRS,
        source="http://www.cfpw.io",
        note="part=ff is CFP-FF, frontal against frontal",
    ),
    load=load,
)
