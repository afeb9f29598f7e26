"""What the loaders of published pair lists share: reading a list, the photos named in it, the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceprobe.core.errors import BadInput, Missing, Refused
from faceprobe.data.face_table import FaceTable, face_table_columns
from faceprobe.data.pairs import LfwPair, PairList
from faceprobe.datasets.files import FileSource

N_FOLDS = 10
DEFAULT_PROTOCOL = "lfw/insightface"
"""How figures on these sets are published, as a rule."""


@dataclass(frozen=True)
class Line:
    """One line of a list: where it stands, for messages, and its words."""

    where: str
    words: tuple[str, ...]


def read_list(path: Path, separator: str | None = None) -> list[Line]:
    """The lines of a text list that hold anything, split at ``separator`` (None: at white space).

    Raises :class:`Missing` where there is no such file, :class:`BadInput` where it is empty or not text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise Missing(f"no list at {path}; check that the folder is complete") from error
    except (UnicodeDecodeError, OSError) as error:
        raise BadInput(f"{path} cannot be read as a list of pairs: {error}") from error
    found = [
        Line(f"{path}, line {number}", tuple(word.strip() for word in line.split(separator)))
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    if not found:
        raise BadInput(f"{path} is empty; get the list again")
    return found


def bad_line(line: Line, expected: str) -> BadInput:
    return BadInput(f"{line.where}: expected {expected}, found {' '.join(line.words)!r}")


def plain_name(name: str, where: str) -> str:
    """``name`` where it is the name of a file or folder and nothing more; :class:`Refused` for a path, which
    could lead out of the dataset's folder.
    """
    if name in ("", ".", "..") or any(c in name for c in "/\\\0") or name[1:2] == ":":
        raise Refused(
            f"{where}: {name!r} is not the plain name of a photo; a list must not name other places"
        )
    return name


def paired_table(
    name: str,
    root: Path,
    identities: Mapping[str, str],
    pairs: Iterable[LfwPair],
    where: Path,
    *,
    complete: int,
    licence: str,
    groups: Mapping[str, str] | None = None,
    notes: tuple[str, ...] = (),
) -> FaceTable:
    """The table of photos ``identities`` (path below ``root`` -> person) with the ``pairs`` of the list
    ``where`` between them, in their order. ``complete`` is how many pairs the published list has.

    Raises :class:`BadInput` where the list names photos that are not there.
    """
    images, pairs = sorted(identities), list(pairs)
    rows = {image: row for row, image in enumerate(images)}
    named = dict.fromkeys(image for pair in pairs for image in (pair.left, pair.right))
    absent = [image for image in named if image not in rows]
    if absent:
        raise BadInput(
            f"{where}: {len(absent):,} of its {len(named):,} photos are not in {root} (first: {absent[0]}); "
            "unpack the photos again, or use the list that came with them"
        )
    columns = {"image": images, "identity": [identities[image] for image in images]}
    if groups is not None:
        columns["group"] = [groups[image] for image in images]
    if len(pairs) != complete:
        notes += (f"{len(pairs):,} pairs; the complete list has {complete:,}",)
    contradicted = sum((identities[p.left] == identities[p.right]) != p.same for p in pairs)
    if contradicted:
        notes += (f"pairs labelled otherwise than their photos' names say: {contradicted:,}",)
    return FaceTable(
        name=name,
        table=face_table_columns(**columns),
        source=FileSource(str(root.resolve())),
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
