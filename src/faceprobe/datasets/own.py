"""``own:NAME``: a dataset given as an object (a table, or photos in memory), registered for this process."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from faceprobe.core.errors import BadInput, UnknownName
from faceprobe.core.files import sha256_bytes, sha256_json
from faceprobe.core.names import Name, escape, unescape
from faceprobe.data.face_table import COLUMNS, FaceTable, PhotoSource, face_table_columns
from faceprobe.data.label_files import table_columns
from faceprobe.data.labels import label_text, label_texts, path_texts
from faceprobe.data.photo import Photo, PhotoDigest, decode_image, digest_faces, image_pixels
from faceprobe.data.sample_range import UnknownRange
from faceprobe.datasets.base import Dataset, DatasetCard
from faceprobe.datasets.files import check_photo_file, read_photo_file
from faceprobe.datasets.folder import evidence_of_files
from faceprobe.datasets.listing import utf8_name

PHOTO_COLUMNS = ("path", "image", "image_path")
"""Names of the column of photos in a table, the preferred one first."""

FORMS = "give a path, a PIL image or an array (H, W, 3) of uint8"

_registered: dict[str, FaceTable] = {}


def own_dataset(
    source: Any, *, name: str | None = None, root: str | os.PathLike[str] | None = None
) -> FaceTable:
    """Make a dataset of ``source`` and register it as ``own:NAME`` for this process.

    ``source`` is a pandas DataFrame, an Arrow table or a mapping of columns, with ``path`` (or ``image``,
    ``image_path``) and ``identity``, and where known ``media``, ``event``, ``group``, ``split``, ``variant``
    and ``source_image``; or any iterable of (photo, identity). A photo is a path, a PIL image, a uint8 array
    (H, W, 3) in RGB or (H, W) in grey, or a :class:`Photo` with faces of its own. Arrays are copied.

    Paths are relative to ``root`` (default: the working folder). ``name`` is what results call the dataset
    (None: ``own-`` and a hash of its rows); a later dataset of the same name replaces it. A file that cannot
    be read is no error here: it is left out, with its reason, when the photos are read.

    A missing identity (None, NaN, "" or blanks) stands for an unknown person: such photos can be embedded,
    and are left out and counted where people are compared. Raises :class:`BadInput` where a column is missing
    or there twice, no row has an identity, a photo has another form or is named twice, an identity is a list,
    and where there are no rows.
    """
    given = name is not None
    name = "own" if name is None else name
    if not isinstance(name, str) or not name.strip():
        raise BadInput(f"the name of a dataset is a text, such as 'mine', not {name!r}")
    photos, identities, more = _rows(source, name)
    if not photos:
        raise BadInput(f"the dataset {name} has no photos; give at least one")
    identities = label_texts(identities, f"the dataset {name}, column identity")
    if not any(identities):
        raise BadInput(f"the dataset {name}: no row has an identity, so nobody is known")
    base = (Path.cwd() if root is None else Path(root).expanduser()).absolute()
    files, in_memory, images = _named(photos, identities, name, base)
    if len(set(images)) < len(images):
        twice = next(image for image, count in Counter(images).items() if count > 1)
        raise BadInput(f"the dataset {name} names the photo {twice} twice; a photo stands in one row")
    columns = {"image": images, "identity": identities}
    for column, values in more.items():
        texts = path_texts if column == "source_image" else label_texts
        columns[column] = texts(values, f"the dataset {name}, column {column}")
    order = sorted(range(len(images)), key=images.__getitem__)
    if not given:  # unlike datasets get unlike names, so that one does not replace the other
        photos_hash = sha256_json([columns, [in_memory[i].content_hash for i in images if i in in_memory]])
        name = f"own-{photos_hash[:8]}"
    table = FaceTable(
        name=name,
        table=face_table_columns(**{c: [values[k] for k in order] for c, values in columns.items()}),
        source=OwnSource(files, in_memory),
        evidence=evidence_of_files(files.values()),
        licence="your own photos: see RESPONSIBLE_USE.md",
    )
    register_table(table)
    return table


def register_table(table: FaceTable) -> str:
    """Register ``table`` for this process and return the name that loads it: ``own:`` and its name.

    Characters of its name that the grammar of names uses are written as in a URL. A later table of the same
    name replaces it.
    """
    _registered[table.name] = table
    return f"own:{escape(table.name)}"


def load(name: Name) -> FaceTable:
    """The table registered as ``own:NAME``; :class:`UnknownName` where this process registered none."""
    key = unescape(name.body)
    if key not in _registered:
        hint = "(register it in this process with faceprobe.load_dataset(source, name=...))"
        raise UnknownName("own dataset", key, _registered, hint)
    return _registered[key]


def photo_of(photo: Any, where: str) -> Photo:
    """A photo in memory: a PIL image, a uint8 array (H, W, 3) or (H, W), or a :class:`Photo`.

    Its content hash covers shape and pixels; its faces are not known. A PIL image is turned as its EXIF block
    says, transparent parts are laid over white. Raises :class:`BadInput` for anything else; ``where`` names
    the photo in the message.
    """
    from PIL import Image

    if isinstance(photo, Photo):
        return photo
    if isinstance(photo, Image.Image):
        try:
            pixels = image_pixels(photo)
        except UnknownRange as error:
            raise BadInput(f"{where}: {error}; convert the photo to 8-bit RGB") from error
    elif not isinstance(photo, np.ndarray):
        raise BadInput(f"{where}: a {type(photo).__name__} is no photo; {FORMS}")
    elif photo.dtype != np.uint8:
        raise BadInput(f"{where}: the array holds {photo.dtype}; convert it to uint8 with values 0 to 255")
    elif photo.size and (photo.ndim == 2 or (photo.ndim == 3 and photo.shape[2] == 3)):
        pixels = np.array(photo if photo.ndim == 3 else np.stack([photo] * 3, axis=2))
    else:
        raise BadInput(f"{where}: the array has the shape {photo.shape}; {FORMS}")
    shape = "x".join(map(str, pixels.shape)).encode()
    return Photo(pixels, sha256_bytes(shape + b":" + pixels.tobytes()))


@dataclass(frozen=True)
class OwnSource(PhotoSource):
    """Photos by the name in the table: ``files`` are read when they are asked for, ``photos`` in memory."""

    files: Mapping[str, Path]
    photos: Mapping[str, Photo] = field(repr=False)

    def read(self, image: str) -> Photo:
        if image in self.photos:
            return self.photos[image]
        data = read_photo_file(self.files[image], image)
        return Photo(decode_image(data, image), sha256_bytes(data))

    def digest(self, image: str) -> PhotoDigest:
        if image in self.photos:
            photo = self.photos[image]
            return PhotoDigest(photo.content_hash, digest_faces(photo.faces))
        return PhotoDigest(sha256_bytes(read_photo_file(self.files[image], image)))

    def check(self, image: str) -> None:
        if image not in self.photos:
            check_photo_file(self.files[image], image)


def _rows(source: Any, name: str) -> tuple[list[Any], list[Any], dict[str, list[Any]]]:
    """Photos, identities and the other known columns of a table or of pairs."""
    columns = _columns(source, name)
    if columns is None:
        photos, identities = _pairs(source, name)
        return photos, identities, {}
    photo_column = next((column for column in PHOTO_COLUMNS if column in columns), None)
    if photo_column is None or "identity" not in columns:
        lacking = "path" if photo_column is None else "identity"
        there = ", ".join(columns) or "none"
        raise BadInput(f"the dataset {name} has no column {lacking!r}; rename one of its columns: {there}")
    lengths = {column: len(values) for column, values in columns.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{column} {n}" for column, n in lengths.items())
        raise BadInput(f"the dataset {name} has columns of different lengths ({counts}); one value a row")
    known = [c for c in COLUMNS if c in columns and c not in ("image", "identity")]
    return columns[photo_column], columns["identity"], {c: columns[c] for c in known}


def _columns(source: Any, name: str) -> dict[str, list[Any]] | None:
    """The columns of a mapping, an Arrow table or a DataFrame by name; None for anything else."""
    if isinstance(source, Mapping):
        for key, values in source.items():
            if isinstance(values, str | bytes) or not isinstance(values, Iterable):
                raise BadInput(f"the dataset {name}: the column {key!r} is no list; give one value a row")
    return table_columns(source, {*PHOTO_COLUMNS, *COLUMNS}, f"the dataset {name}")


def _pairs(source: Any, name: str) -> tuple[list[Any], list[Any]]:
    if isinstance(source, str | bytes) or not isinstance(source, Iterable):
        raise BadInput(
            f"a {type(source).__name__} is no dataset; give a table with the columns path and identity, or"
            " pairs of (photo, identity)"
        )
    pairs = list(source)
    for row, pair in enumerate(pairs):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise BadInput(f"the dataset {name}: item {row} is no pair; give (photo, identity)")
    return [photo for photo, _ in pairs], [identity for _, identity in pairs]


def _named(
    photos: Sequence[Any], identities: Sequence[Any], name: str, base: Path
) -> tuple[dict[str, Path], dict[str, Photo], list[str]]:
    """The files and the photos in memory by the names that the table gives them, and these names by row.

    A file below ``base`` is named by its path from there, any other as it was given.
    """
    files: dict[str, Path] = {}
    in_memory: dict[str, Photo] = {}
    images = []
    for row, (photo, identity) in enumerate(zip(photos, identities, strict=True)):
        where = f"the dataset {name}: row {row}"
        if isinstance(photo, str | os.PathLike):
            if not label_text(os.fspath(photo)):
                raise BadInput(f"{where} has an empty path; {FORMS}")
            path = base / Path(photo).expanduser()
            image = (path.relative_to(base) if path.is_relative_to(base) else path).as_posix()
            files[utf8_name(image, where)] = path
        else:
            image = f"{identity or 'unknown'}/{row:06d}"
            in_memory[image] = photo_of(photo, where)
        images.append(image)
    return files, in_memory, images


DATASET = Dataset(
    card=DatasetCard(
        name="own",
        title="Photos given as an object in Python",
        use="own:NAME",
        status="your own",
        consent="yours to obtain: face embeddings can be biometric data",
        licence="your own",
        non_commercial=None,
        note="from faceprobe.load_dataset(source, name=...); known in that process only",
    ),
    load=load,
    listed=False,
)
