"""``rfw:PATH[?group=African]``: Racial Faces in the Wild, four groups with their own pairs.

M. Wang, W. Deng, J. Hu, X. Tao, Y. Huang, Racial Faces in the Wild, ICCV 2019. Photos are
``data/<group>/<id>/<id>_0001.jpg``, pairs ``txts/<group>/<group>_pairs.txt``: 6,000 lines as in LFW's list
but without its header, ten folds of 300 ``id i j`` and 300 ``id1 i id2 j``. An id names a person; a few
people occur in two groups.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.core.names import Name
from faceprobe.data.face_table import FaceTable
from faceprobe.data.pairs import LfwPair
from faceprobe.datasets.base import PUBLIC_FIGURES, Dataset, DatasetCard
from faceprobe.datasets.insightface_bin import N_FOLDS
from faceprobe.datasets.listing import list_folder
from faceprobe.datasets.pair_sets import Line, PairSet, bad_line, load_pair_set, plain_name, read_list

GROUPS = ("African", "Asian", "Caucasian", "Indian")
"""The groups as the authors of the set label them."""

N_PAIRS = 6000
LICENCE = "non-commercial research, by agreement with its authors (see `faceprobe datasets`)"
INNER = ("", "test", "images/test")
"""Folders below PATH that may hold ``data`` and ``txts``, depending on the archive."""


def load(name: Name) -> FaceTable:
    """``rfw:PATH``, or one group's packed pairs ``rfw:FILE.bin``; ``?group=NAME`` reads one group only.

    All four groups share ten folds: fold k holds fold k of every group, so that a threshold is common to all.
    Published figures have a threshold for each group. Raises :class:`Missing`, :class:`BadInput`, and
    :class:`faceprobe.core.errors.Refused` for a list that names something else than plain files.
    """
    name.check_options({"group"})
    known = {group.lower(): group for group in GROUPS}
    asked = name.option("group", "")
    if asked and asked.lower() not in known:
        raise WrongUsage(f"{name}: no group {asked!r}; known: {', '.join(GROUPS)}")
    groups = (known[asked.lower()],) if asked else GROUPS
    chosen = {"group": groups[0]} if asked else {}

    def read(path: Path) -> PairSet:
        root = _root(path)
        folds = [_folds(root, group) for group in groups]
        images = {group: _photos(root, group) for group in groups}
        return PairSet(
            root=root,
            identities={image: person for found in images.values() for image, person in found.items()},
            pairs=chain.from_iterable(own[fold] for fold in range(N_FOLDS) for own in folds),
            where=root / "txts",
            groups={image: group for group, found in images.items() for image in found},
            notes=_notes(images),
        )

    return load_pair_set(
        name,
        read,
        complete=N_PAIRS * len(groups),
        licence=LICENCE,
        options=chosen,
        packed_options=chosen,
        group=groups[0] if asked else "",
    )


def _notes(images: dict[str, dict[str, str]]) -> tuple[str, ...]:
    if len(images) == 1:
        return ()
    people = [set(found.values()) for found in images.values()]
    shared = sum(map(len, people)) - len(set().union(*people))
    notes = ["the four groups share ten folds and each threshold; figures of one group: ?group=NAME"]
    if shared:
        notes.append(f"people who occur in a second group: {shared:,}")
    return tuple(notes)


def _root(path: Path) -> Path:
    for inner in INNER:
        if (path / inner / "data").is_dir() and (path / inner / "txts").is_dir():
            return path / inner
    raise Missing(f"rfw {path} has no data and txts; give the folder that test.tar.gz was unpacked into")


def _photos(root: Path, group: str) -> dict[str, str]:
    """Every photo of ``group`` by its path below ``root``, with the id of its person."""
    folder = root / "data" / group
    if not folder.is_dir():
        raise Missing(f"rfw {root} has no data/{group}; read another group with ?group=NAME")
    found = {}
    for person in list_folder(folder).folders:
        for photo in list_folder(folder / person).photos:
            found[f"data/{group}/{person}/{photo}"] = person
    return found


def _folds(root: Path, group: str) -> list[list[LfwPair]]:
    """The pairs of one group fold by fold, mated pairs first in each."""
    path = root / "txts" / group / f"{group}_pairs.txt"
    lines = read_list(path)
    size, rest = divmod(len(lines), N_FOLDS)
    if rest or size % 2 or not size:
        raise BadInput(f"{path}: {len(lines):,} pairs do not make ten folds; the file is cut: get it again")
    return [
        [_pair(group, line, k < size // 2, fold) for k, line in enumerate(lines[fold * size :][:size])]
        for fold in range(N_FOLDS)
    ]


def _pair(group: str, line: Line, same: bool, fold: int) -> LfwPair:
    words = line.words if len(line.words) != 3 else (*line.words[:2], line.words[0], line.words[2])
    if len(line.words) != (3 if same else 4) or not (words[1].isdecimal() and words[3].isdecimal()):
        raise bad_line(line, "'id i j' of one person" if same else "'id1 i id2 j' of two people")
    if not same and words[0] == words[2]:
        raise bad_line(line, "two people")
    left, right = (
        f"data/{group}/{plain_name(person, line.where)}/{person}_{int(number):04d}.jpg"
        for person, number in (words[:2], words[2:])
    )
    if left == right:
        raise bad_line(line, "two photos")
    return LfwPair(left, right, same, fold)


DATASET = Dataset(
    card=DatasetCard(
        name="rfw",
        title="Racial Faces in the Wild",
        use="rfw:PATH[?group=African], rfw:FILE.bin",
        status="on request",
        consent=f"{PUBLIC_FIGURES} (taken from MS-Celeb-1M)",
        licence="non-commercial research agreement",
        non_commercial=True,
        photos=40_607,
        pairs=N_PAIRS * len(GROUPS),
        source="http://whdeng.cn/RFW/testing.html",
        note="6,000 pairs in each of four groups; models trained on MS-Celeb-1M may have seen its people",
    ),
    load=load,
)
