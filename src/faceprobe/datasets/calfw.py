"""``calfw:PATH`` and ``cplfw:PATH``: Cross-Age LFW and Cross-Pose LFW, which share their layout.

T. Zheng, W. Deng, J. Hu, Cross-Age LFW, arXiv 1708.08197, 2017; T. Zheng, W. Deng, Cross-Pose LFW, technical
report 18-01, BUPT, 2018. ``pairs_CALFW.txt`` gives a pair in two lines ``file label``: 3,000 pairs of one
person, then 3,000 of two. In CALFW the label of a mated pair is its fold, 1 to 10; 0 means two people in both
sets. Fold k holds the k-th 300 mated and the k-th 300 non-mated pairs. Photos are ``<name>_<number>.jpg`` in
``aligned images``; as taken, in ``images`` (CPLFW) or ``images&landmarks/images&landmarks/images`` (CALFW).
"""

from __future__ import annotations

import re
from pathlib import Path

from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.core.names import Name
from faceprobe.data.face_table import FaceTable
from faceprobe.data.pairs import LfwPair
from faceprobe.datasets.base import PUBLIC_FIGURES, Dataset, DatasetCard
from faceprobe.datasets.insightface_bin import N_FOLDS
from faceprobe.datasets.listing import list_folder
from faceprobe.datasets.pair_sets import Line, PairSet, bad_line, load_pair_set, plain_name, read_list

N_PAIRS = 6000
LICENCE = "none stated by its authors; research use (see `faceprobe datasets`)"
FOLDERS = {
    "aligned": ("aligned images",),
    "original": ("images", "images&landmarks/images&landmarks/images", "images&landmarks/images"),
}
"""Folders of the photos, by the option ``images``; the first that exists is read."""

PHOTO = re.compile(r"(.+)_\d+\.[A-Za-z]+")


def load(name: Name) -> FaceTable:
    """``calfw:PATH[?images=original]``, or insightface's packed pairs ``calfw:FILE.bin``; ``cplfw`` likewise.

    Without ``images`` the aligned photos are read. Raises :class:`Missing`, :class:`BadInput`, and
    :class:`faceprobe.core.errors.Refused` for a list that names something else than plain files.
    """
    kind = name.kind
    name.check_options({"images"})
    version = name.option("images", "aligned")
    if version not in FOLDERS:
        raise WrongUsage(f"{name}: images is {' or '.join(FOLDERS)}, not {version!r}")

    def read(root: Path) -> PairSet:
        listed = root / f"pairs_{kind.upper()}.txt"
        pairs = _pairs(listed)
        folder = _photo_folder(root, kind, version)
        return PairSet(folder, _people(folder), pairs, listed)

    options = {"images": version} if version != "aligned" else {}
    return load_pair_set(name, read, complete=N_PAIRS, licence=LICENCE, options=options)


def _photo_folder(root: Path, kind: str, version: str) -> Path:
    for folder in FOLDERS[version]:
        if (root / folder).is_dir():
            return root / folder
    other = next(v for v in FOLDERS if v != version)
    raise Missing(
        f"{kind} {root} has no folder {FOLDERS[version][0]!r}; unpack the photos there, or read the others"
        f" with ?images={other}"
    )


def _people(folder: Path) -> dict[str, str]:
    """Every photo in ``folder`` with the name of its person."""
    people = {}
    for photo in list_folder(folder).photos:
        named = PHOTO.fullmatch(photo)
        if not named:
            raise BadInput(f"{folder / photo} should be called <name>_<number>.jpg; it names no person")
        people[photo] = named[1]
    if not people:
        raise BadInput(f"{folder} holds no photos; unpack them again")
    return people


def _pairs(path: Path) -> list[LfwPair]:
    """The pairs in ten folds, mated pairs first in each."""
    lines = read_list(path)
    if len(lines) % 2:
        raise BadInput(
            f"{path} has {len(lines):,} lines where a pair takes two; the file is cut: get it again"
        )
    listed = [_pair(a, b) for a, b in zip(lines[::2], lines[1::2], strict=True)]
    mated = [pair for pair in listed if pair[2]]
    others = [pair for pair in listed if not pair[2]]
    if listed != mated + others:
        raise BadInput(f"{path}: pairs of two people (label 0) must all follow those of one; get it again")
    each, rest = divmod(len(mated), N_FOLDS)
    if rest or not each or len(others) != len(mated):
        raise BadInput(
            f"{path} has {len(mated):,} pairs of one person and {len(others):,} of two, which do not make "
            "ten equal folds; the file is cut: get it again"
        )
    return [
        LfwPair(left, right, same, fold)
        for fold in range(N_FOLDS)
        for part in (mated, others)
        for left, right, same in part[each * fold : each * (fold + 1)]
    ]


def _pair(first: Line, second: Line) -> tuple[str, str, bool]:
    for line in (first, second):
        if len(line.words) != 2 or not line.words[1].isdecimal():
            raise bad_line(line, "a photo and a label (0 or more)")
    if first.words[1] != second.words[1]:
        raise bad_line(second, f"the label {first.words[1]}, as in the line before")
    left, right = (plain_name(line.words[0], line.where) for line in (first, second))
    if left == right:
        raise bad_line(second, "another photo than in the line before")
    return left, right, int(first.words[1]) != 0


CALFW = Dataset(
    card=DatasetCard(
        name="calfw",
        title="Cross-Age LFW",
        use="calfw:PATH[?images=original], calfw:FILE.bin",
        status="available",
        consent=PUBLIC_FIGURES,
        licence="none stated; research use",
        non_commercial=None,
        pairs=N_PAIRS,
        source="http://whdeng.cn/CALFW/",
    ),
    load=load,
)


CPLFW = Dataset(
    card=DatasetCard(
        name="cplfw",
        title="Cross-Pose LFW",
        use="cplfw:PATH[?images=original], cplfw:FILE.bin",
        status="available",
        consent=PUBLIC_FIGURES,
        licence="none stated; research use",
        non_commercial=None,
        pairs=N_PAIRS,
        source="http://whdeng.cn/CPLFW/",
    ),
    load=load,
)
