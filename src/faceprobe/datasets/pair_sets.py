"""What the loaders of sets with a published pair list share (AgeDB-30, CALFW, CPLFW, CFP-FP, RFW)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceprobe.core.errors import BadInput, Refused
from faceprobe.core.names import Name
from faceprobe.core.text_files import text_lines, words_of
from faceprobe.data.face_table import FaceTable, face_table_columns
from faceprobe.data.pairs import LfwPair, PairList
from faceprobe.datasets.files import FileSource, existing_folder, path_of
from faceprobe.datasets.insightface_bin import is_bin, named_bin

DEFAULT_PROTOCOL = "lfw/insightface"
"""Most figures on these sets are published by this protocol."""


@dataclass(frozen=True)
class PairSet:
    """One set as it lies on disk.

    ``identities`` maps each photo, a path below ``root``, to its person, and ``groups`` each photo to its
    group where groups are known. ``pairs`` are those of the list ``where``, in its order.
    """

    root: Path
    identities: Mapping[str, str]
    pairs: Iterable[LfwPair]
    where: Path
    groups: Mapping[str, str] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One line of a list: its words, and ``where`` it is, for messages."""

    where: str
    words: tuple[str, ...]


def load_pair_set(
    name: Name,
    read: Callable[[Path], PairSet],
    *,
    complete: int,
    licence: str,
    options: Mapping[str, str],
    packed_options: Iterable[str] = (),
    group: str = "",
    example: str = "",
) -> FaceTable:
    """Open ``KIND:PATH``, or insightface's packed pairs ``KIND:FILE.bin``. ``read`` gets the folder PATH.

    ``complete`` is the number of pairs of the published list. ``options`` are shown in the name that results
    carry; a packed file allows ``packed_options`` only, and its photos are of ``group`` ("" = not known).
    ``example`` follows the forms in the message for a name without a path. Raises :class:`Missing`,
    :class:`BadInput`, also where the list names photos that do not exist, and what ``read`` raises.
    """
    kind = name.kind
    path = path_of(name, f"{kind}:PATH or {kind}:FILE.bin{example}")
    if is_bin(path):
        name.check_options(set(packed_options))
        return named_bin(path, kind, options=options, group=group)
    found = read(existing_folder(path, kind))
    return paired_table(str(Name(kind, "", options=dict(options))), found, complete, licence)


def paired_table(name: str, found: PairSet, complete: int, licence: str) -> FaceTable:
    """The table of all photos of ``found``, and its pairs. Notes say what differs from the complete list.

    Raises :class:`BadInput` where the list names photos that do not exist.
    """
    identities, images, pairs = found.identities, sorted(found.identities), list(found.pairs)
    rows = {image: row for row, image in enumerate(images)}
    named = dict.fromkeys(image for pair in pairs for image in (pair.left, pair.right))
    absent = [image for image in named if image not in rows]
    if absent:
        raise BadInput(
            f"{found.where}: {len(absent):,} of its {len(named):,} photos are not in {found.root} (first:"
            f" {absent[0]}); unpack the photos again, or use the list that came with them"
        )
    columns = {"image": images, "identity": [identities[image] for image in images]}
    if found.groups is not None:
        columns["group"] = [found.groups[image] for image in images]
    notes = found.notes
    if len(pairs) != complete:
        notes += (f"{len(pairs):,} pairs; the complete list has {complete:,}",)
    contradicted = sum((identities[p.left] == identities[p.right]) != p.same for p in pairs)
    if contradicted:
        notes += (f"pairs labelled otherwise than their photos' names say: {contradicted:,}",)
    return FaceTable(
        name=name,
        table=face_table_columns(**columns),
        source=FileSource(str(found.root.resolve())),
        default_protocol=DEFAULT_PROTOCOL,
        pairs=PairList(
            left=np.array([rows[p.left] for p in pairs], dtype=np.int64),
            right=np.array([rows[p.right] for p in pairs], dtype=np.int64),
            same=np.array([p.same for p in pairs], dtype=np.bool_),
            fold=np.array([p.fold for p in pairs], dtype=np.int64),
        ),
        licence=licence,
        notes=notes,
    )


def read_list(path: Path, separator: str | None = None) -> list[Line]:
    """The lines of a text list that are not blank, split at ``separator`` (None: at tabs where
    there are any, so that a name may hold spaces, else at white space).

    Raises :class:`Missing` where there is no such file, :class:`BadInput` where it is empty or not text.
    """
    found = [
        Line(
            f"{path}, line {number}",
            tuple(word.strip() for word in line.split(separator))
            if separator
            else tuple(words_of(line, (2, 3, 4))),
        )
        for number, line in text_lines(path)
    ]
    if not found:
        raise BadInput(f"{path} is empty; get the list again")
    return found


def bad_line(line: Line, expected: str) -> BadInput:
    """The error of a line that holds something else than ``expected``."""
    return BadInput(f"{line.where}: expected {expected}, found {' '.join(line.words)!r}")


def plain_name(name: str, where: str) -> str:
    """``name``, if it is the name of one file or folder. A path is :class:`Refused`: it could lead out of the
    dataset's folder.
    """
    if name in ("", ".", "..") or any(c in name for c in "/\\\0") or name[1:2] == ":":
        raise Refused(
            f"{where}: {name!r} is not the plain name of a photo; a list must not name other places"
        )
    return name
