"""A dataset with clean and cloaked photos among its rows; cloaked ones are read from the cache."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.base import CloakCard, Cloaked
from faceprobe.core.errors import BadInput
from faceprobe.core.files import sha256_bytes
from faceprobe.data.embeddings import CLEAN
from faceprobe.data.face_table import COLUMNS, FaceTable, PhotoSource, face_table_columns
from faceprobe.data.photo import Face, Photo, PhotoDigest, UnreadablePhoto, decode_image, digest_faces

NO_PIXELS: NDArray[np.uint8] = np.zeros((0, 0, 3), dtype=np.uint8)
"""The pixels of a :class:`Cloaked` that lie in a file."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._+=,;@-]")


@dataclass(frozen=True)
class CloakedPhotos:
    """Cloaked photos of a dataset, one entry for each photo.

    ``rows`` are its clean rows, ``images`` its names in :func:`with_cloaked`, ``paths`` its PNGs in the
    cache, ``records`` what was done (:class:`Cloaked` without pixels), ``keys`` its names in the cache,
    ``faces`` what a detector found in the clean photo (None where the dataset knows the faces).
    ``unreadable`` lists (row, reason) of photos left out.
    """

    cloak: CloakCard
    rows: list[int]
    images: list[str]
    paths: list[Path]
    records: list[Cloaked]
    keys: list[str]
    faces: list[tuple[Face, ...] | None]
    unreadable: list[tuple[int, str]]

    def __len__(self) -> int:
        return len(self.rows)

    def pixels(self, k: int) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB of cloaked photo ``k``."""
        return decode_image(self.paths[k].read_bytes(), self.paths[k].name)


def with_cloaked(table: FaceTable, photos: CloakedPhotos) -> FaceTable:
    """The clean rows of ``table`` and the cloaked ``photos``, sorted by name.

    ``variant`` is "clean" or the cloak's id, ``source_image`` the name of the clean photo. Identity, event,
    group, split and faces are those of the clean photo. Rows of other variants are left out, and so are the
    dataset's own pairs and templates, which name rows by number. Raises :class:`BadInput` where two photos
    would have one name.
    """
    variants = table.variants
    clean = [row for row in range(len(table)) if variants is None or variants[row] == CLEAN]
    order = clean + photos.rows
    columns = {c: table.table.column(c).to_pylist() for c in COLUMNS if c in table.table.column_names}
    taken = {c: [values[row] for row in order] for c, values in columns.items()}
    names = [str(table.images[row]) for row in clean] + photos.images
    if len(set(names)) < len(names):
        raise BadInput(f"{table.name} already holds photos named {photos.images[0]!r}; rename that folder")
    taken["image"] = names
    taken["variant"] = [CLEAN] * len(clean) + [photos.cloak.id] * len(photos)
    taken["source_image"] = [str(table.images[row]) for row in order]
    by_name = sorted(range(len(order)), key=names.__getitem__)
    rows = face_table_columns(**{c: [values[k] for k in by_name] for c, values in taken.items()})
    kept = zip(photos.images, photos.rows, photos.paths, photos.faces, strict=True)
    files = {name: CloakedFile(path, str(table.images[row]), faces) for name, row, path, faces in kept}
    source = CloakedSource(table.source, files)
    return replace(table, table=rows, source=source, pairs=None, templates=None)


def safe_name(cloak_id: str) -> str:
    """``cloak_id`` as part of a file name: ``fawkes-1.0.2-mid_bundled_face_``."""
    return _UNSAFE.sub("_", cloak_id)


@dataclass(frozen=True)
class CloakedFile:
    """The PNG of a cloaked photo, the name of its clean photo and the faces that a detector found in it, None
    where the dataset knows them.
    """

    path: Path
    clean: str
    faces: tuple[Face, ...] | None = None


@dataclass(frozen=True)
class CloakedSource(PhotoSource):
    """Reads cloaked photos from the cache and all others from ``inner``. Picklable if ``inner`` is."""

    inner: PhotoSource
    files: dict[str, CloakedFile]

    def read(self, image: str) -> Photo:
        file = self.files.get(image)
        if file is None:
            return self.inner.read(image)
        data = _bytes_of(file, image)
        faces = self.inner.read(file.clean).faces if file.faces is None else file.faces
        return Photo(decode_image(data, image), sha256_bytes(data), faces)

    def digest(self, image: str) -> PhotoDigest:
        file = self.files.get(image)
        if file is None:
            return self.inner.digest(image)
        known = self.inner.digest(file.clean).faces if file.faces is None else digest_faces(file.faces)
        return PhotoDigest(sha256_bytes(_bytes_of(file, image)), known)

    @property
    def drawn(self) -> bool:
        return self.inner.drawn


def _bytes_of(file: CloakedFile, image: str) -> bytes:
    try:
        return file.path.read_bytes()
    except OSError as error:
        raise UnreadablePhoto(image, "cloaked photo gone from the cache") from error
