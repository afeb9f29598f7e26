"""``own:NAME``: a dataset that a caller handed in as an object, registered for this process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, UnknownName
from faceprobe.core.files import sha256_bytes
from faceprobe.core.names import Name
from faceprobe.data.face_table import COLUMNS, FaceTable, PhotoSource, face_table_columns
from faceprobe.data.photo import Photo, PhotoDigest, UnreadablePhoto, decode_image, digest_faces

KIND = "own"
PATH_COLUMNS = ("path", "image", "image_path")
"""Names of the column of photos in a table, the preferred one first."""

_TABLES: dict[str, FaceTable] = {}


def own_dataset(source: Any, *, name: str = "own", root: str | os.PathLike[str] | None = None) -> FaceTable:
    """A dataset from a table of paths, or from photos in memory.

    ``source`` is a pandas DataFrame, an Arrow table or a mapping of columns, with ``path`` and ``identity``
    (and ``event``, ``group``, ... where known), or an iterable of (photo, identity): a photo is a path, a PIL
    image, an (H, W, 3) or (H, W) uint8 array, or a :class:`Photo`. Paths are relative to ``root`` (default:
    the working folder). ``name`` is what results call the dataset. A file that cannot be read is left out
    with its reason when the photos are read. Raises :class:`BadInput` for columns that are missing, rows
    without identity, and photos of another form.
    """
    columns = _columns_of(source)
    if columns is not None:
        return _of_table(columns, name, root)
    return _of_pairs(source, name, root)


def register_table(table: FaceTable) -> str:
    """Register ``table`` for this process and return the name that loads it; the same name again replaces."""
    known = next((key for key, value in _TABLES.items() if value is table), None)
    key = known or table.name
    _TABLES[key] = table
    return f"{KIND}:{key}"


def load(name: Name) -> FaceTable:
    """The table registered as ``own:NAME``; :class:`UnknownName` where there is none in this process."""
    key = str(name).removeprefix(f"{KIND}:")
    if key not in _TABLES:
        raise UnknownName("own dataset", key, _TABLES, hint="(objects are known in their own process only)")
    return _TABLES[key]


@dataclass(frozen=True)
class OwnSource(PhotoSource):
    """Photos by name: files, read when they are asked for, and photos in memory."""

    files: Mapping[str, Path]
    photos: Mapping[str, Photo] = field(repr=False)

    def read(self, image: str) -> Photo:
        if image in self.photos:
            return self.photos[image]
        data = self._bytes(image)
        return Photo(decode_image(data, image), sha256_bytes(data))

    def digest(self, image: str) -> PhotoDigest:
        if image in self.photos:
            photo = self.photos[image]
            return PhotoDigest(photo.content_hash, digest_faces(photo.faces))
        return PhotoDigest(sha256_bytes(self._bytes(image)))

    def _bytes(self, image: str) -> bytes:
        try:
            data = self.files[image].read_bytes()
        except FileNotFoundError as error:
            raise UnreadablePhoto(image, "missing file") from error
        except OSError as error:
            raise UnreadablePhoto(image, (error.strerror or "cannot be read").lower()) from error
        if not data:
            raise UnreadablePhoto(image, "empty file")
        return data


def _columns_of(source: Any) -> dict[str, list[Any]] | None:
    """The columns of a table by name; None for what is no table."""
    if isinstance(source, Mapping):
        return {str(key): list(values) for key, values in source.items()}
    if hasattr(source, "column_names"):
        return {name: source.column(name).to_pylist() for name in source.column_names}
    if hasattr(source, "columns"):
        return {str(name): source[name].tolist() for name in source.columns}
    return None


def _of_table(columns: dict[str, list[Any]], name: str, root: str | os.PathLike[str] | None) -> FaceTable:
    path_column = next((column for column in PATH_COLUMNS if column in columns), None)
    there = ", ".join(columns) or "none"
    if path_column is None or "identity" not in columns:
        missing = "path" if path_column is None else "identity"
        raise BadInput(f"the dataset {name} has no column {missing!r}; it has {there}; rename a column")
    known = [c for c in COLUMNS if c in columns and c not in ("image", "identity")]
    rows = list(zip(*(columns[c] for c in (path_column, "identity", *known)), strict=True))
    kept = {c: [row[k + 2] for row in rows] for k, c in enumerate(known)}
    return _build([(row[0], row[1]) for row in rows], name, root, kept)


def _of_pairs(source: Any, name: str, root: str | os.PathLike[str] | None) -> FaceTable:
    if isinstance(source, str | bytes) or not isinstance(source, Iterable):
        raise BadInput(
            f"a {type(source).__name__} is no dataset; give a table, or pairs of (photo, identity)"
        )
    pairs = []
    for row, item in enumerate(source):
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise BadInput(f"the dataset {name}: item {row} is no pair of (photo, identity)")
        pairs.append((item[0], item[1]))
    return _build(pairs, name, root, {})


def _build(
    pairs: list[tuple[Any, Any]], name: str, root: str | os.PathLike[str] | None, more: dict[str, list[Any]]
) -> FaceTable:
    if not pairs:
        raise BadInput(f"the dataset {name} has no photos")
    base = Path.cwd() if root is None else Path(root).expanduser()
    files: dict[str, Path] = {}
    photos: dict[str, Photo] = {}
    images: list[str] = []
    for row, (photo, identity) in enumerate(pairs):
        if identity is None or identity != identity or not str(identity).strip():
            raise BadInput(f"the dataset {name}: row {row} has no identity")
        if isinstance(photo, str | os.PathLike):
            image = str(photo)
            files[image] = base / image
        else:
            image = f"{identity}/{row:06d}"
            photos[image] = photo_of(photo, f"the dataset {name}: row {row}")
        images.append(image)
    twice = len(images) - len(set(images))
    if twice:
        raise BadInput(f"the dataset {name} names {twice} photos more than once; a photo stands in one row")
    order = sorted(range(len(images)), key=images.__getitem__)
    columns = {"image": images, "identity": [str(identity) for _, identity in pairs]}
    columns |= {c: ["" if v is None or v != v else str(v) for v in values] for c, values in more.items()}
    table = face_table_columns(**{c: [values[k] for k in order] for c, values in columns.items()})
    return FaceTable(name=name, table=table, source=OwnSource(files, photos))


def photo_of(photo: Any, where: str) -> Photo:
    """A photo in memory: a PIL image, an (H, W, 3) or (H, W) uint8 array, or a :class:`Photo`.

    Raises :class:`BadInput` for anything else; ``where`` names it in the message.
    """
    from PIL import Image

    if isinstance(photo, Photo):
        return photo
    if isinstance(photo, Image.Image):
        return _in_memory(np.asarray(photo.convert("RGB"), dtype=np.uint8))
    if not isinstance(photo, np.ndarray):
        raise BadInput(
            f"{where}: a {type(photo).__name__} is no photo; give a path, a PIL image or an array (H, W, 3)"
        )
    if photo.dtype != np.uint8:
        raise BadInput(f"{where}: a photo is an array of uint8 values 0 to 255, not of {photo.dtype}")
    if photo.ndim == 2:
        photo = np.repeat(photo[:, :, None], 3, axis=2)
    if photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
        raise BadInput(f"{where}: a photo is an array (H, W, 3) in RGB, not {photo.shape}")
    return _in_memory(np.ascontiguousarray(photo))


def _in_memory(pixels: NDArray[np.uint8]) -> Photo:
    """A photo without a file: its content hash covers shape and pixels; its faces are not known."""
    shape = "x".join(map(str, pixels.shape)).encode()
    return Photo(pixels, sha256_bytes(shape + b":" + pixels.tobytes()))
