"""A dataset with cloaked photos among its rows: clean ones read as before, cloaked ones from their files."""

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
"""Of a :class:`Cloaked` whose pixels lie in a file."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._+=,;@-]")


@dataclass(frozen=True)
class CloakedPhotos:
    """What :func:`faceprobe.cloaks.photos.dataset_cache.cloak_table` made, a photo an entry: ``rows`` its clean row,
    ``images`` its name in :func:`with_cloaked`, ``paths`` its PNG in the cache, ``records`` what was done
    (:class:`Cloaked` without pixels), ``keys`` its name in the cache, ``faces`` what a detector found in
    the clean photo (None where the dataset itself knows). ``unreadable`` are (row, reason) left out.
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
    """The clean rows of ``table`` and behind their names the cloaked ``photos``, sorted by name.

    ``variant`` is "clean" or the cloak's id, ``source_image`` names the clean photo; identity, event, group
    and split are the clean photo's, and so are the faces. Rows of other variants, and the dataset's own pairs
    and templates, which name rows by number, are left out.
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
    """``cloak_id`` as part of a file's name: ``fawkes-1.0.2-mid_bundled_face_``."""
    return _UNSAFE.sub("_", cloak_id)


@dataclass(frozen=True)
class CloakedFile:
    """A cloaked photo's PNG, the clean photo that it was made from and, where a detector found them, the
    clean photo's faces.
    """

    path: Path
    clean: str
    faces: tuple[Face, ...] | None = None


@dataclass(frozen=True)
class CloakedSource(PhotoSource):
    """Reads cloaked photos from the cache and every other one from ``inner``. Picklable, if ``inner`` is."""

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
