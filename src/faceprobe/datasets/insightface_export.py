"""Write a dataset's pair list as insightface's packed verification file (``.bin``).

The file is a pickle of ``(list of encoded photos, list of booleans)``: pair k is photo 2k and photo 2k + 1.
``insightface-bin:FILE`` and insightface's own script read it. This module only writes; faceprobe reads such
files with its restricted reader.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceprobe.core.errors import BadInput
from faceprobe.core.files import atomic_path, check_new_file
from faceprobe.core.progress import progress
from faceprobe.data.face_table import FaceTable
from faceprobe.datasets.files import EncodedSource
from faceprobe.datasets.insightface_bin import N_FOLDS

PICKLE_PROTOCOL = 4


@dataclass(frozen=True)
class Exported:
    """Number of ``pairs`` written and of different ``photos`` in them.

    Readers of the file cut the pairs into ten contiguous folds: ``folds_kept`` says whether these are the
    folds of the list.
    """

    pairs: int
    photos: int
    folds_kept: bool


def export_bin(table: FaceTable, out: Path, quiet: bool = False) -> Exported:
    """Write the pairs of ``table`` to the new file ``out``, fold by fold, within a fold in the list's order.

    Photos that are files are copied byte for byte, in any format and size (insightface's own loader expects
    aligned squares of 112 pixels); photos without a file are written as PNG. Raises :class:`BadInput` for
    a dataset without a pair list and where ``out`` exists,
    :class:`faceprobe.data.photo.UnreadablePhoto` for a photo that cannot be read.
    """
    pairs = table.pairs
    if pairs is None or not len(pairs):
        raise BadInput(f"{table.name} has no list of pairs, and a .bin needs one; give a dataset with pairs")
    if out.exists():
        raise BadInput(f"{out} exists already; give the name of a new file")
    check_new_file(out, "--export")
    order = np.argsort(pairs.fold, kind="stable")
    rows = np.column_stack([pairs.left, pairs.right])[order].reshape(-1).tolist()
    encoded: dict[int, bytes] = {}  # one object a photo: pickle writes it once, in however many pairs it is
    with progress("reading photos", len(set(rows)), quiet) as tick:
        for row in dict.fromkeys(rows):
            encoded[row] = photo_bytes(table, row)
            tick()
    with atomic_path(out) as temporary, open(temporary, "wb") as handle:
        photos = [encoded[row] for row in rows]
        pickle.dump((photos, pairs.same[order].tolist()), handle, protocol=PICKLE_PROTOCOL)
    folds = np.repeat(np.arange(N_FOLDS), [len(p) for p in np.array_split(order, N_FOLDS)])
    return Exported(len(pairs), len(encoded), bool(np.array_equal(folds, pairs.fold[order])))


def photo_bytes(table: FaceTable, row: int) -> bytes:
    """The encoded photo in ``row``: the bytes of its file, or a PNG where there is no file."""
    image = str(table.images[row])
    if isinstance(table.source, EncodedSource):
        return table.source.encoded(image)
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(table.photo(row).pixels).save(buffer, "PNG")
    return buffer.getvalue()
