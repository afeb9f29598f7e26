"""Photos that a program draws: drawn once in a run and kept in a temporary file.

A study measures the same photos once for every model and crop. Reading a file again costs little, but
drawing a photo again costs more than encoding it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from faceprobe.data.face_table import FaceTable, PhotoSource
from faceprobe.data.photo import Face, Photo, PhotoDigest, UnreadablePhoto, digest_faces
from faceprobe.embedding.worker_pool import WorkerPool, default_workers

MOST_BYTES = 4 * 2**30
"""Larger sets of photos than this are drawn again each time rather than kept on disk."""


def keep_drawn(table: FaceTable, folder: Path) -> FaceTable:
    """``table`` with its photos drawn into ``folder``.

    ``table`` itself where photos are files, differ in size, cannot all be read, or would fill more than
    :data:`MOST_BYTES`.
    """
    if not table.source.drawn or not len(table):
        return table
    try:
        return _keep(table, folder)
    except UnreadablePhoto:  # embedding will list the photo and the reason
        return table


def _keep(table: FaceTable, folder: Path) -> FaceTable:
    first = table.photo(0).pixels
    if first.nbytes * len(table) > MOST_BYTES:
        return table
    images = table.images.tolist()
    folder.mkdir(parents=True)
    photos = np.lib.format.open_memmap(
        folder / "pixels.npy", "w+", dtype=np.uint8, shape=(len(images), *first.shape)
    )
    content, faces = [], []
    with WorkerPool(table.source.read, default_workers(len(images))) as pool:
        for row, photo in enumerate(pool.map(images)):
            if photo.pixels.shape != first.shape:
                return table
            photos[row] = photo.pixels
            content.append(photo.content_hash)
            faces.append(photo.faces)
    photos.flush()
    kept = KeptPhotos(str(folder), tuple(images), tuple(content), _packed(faces))
    return replace(table, source=kept)


@dataclass(frozen=True)
class KeptPhotos(PhotoSource):
    """A photo source over ``pixels.npy`` in ``folder``. ``faces`` holds, for each photo, None or its
    faces with packed masks. Picklable: each process maps the file itself.
    """

    folder: str
    images: tuple[str, ...]
    content: tuple[str, ...]
    faces: tuple[tuple[_PackedFace, ...] | None, ...] = field(repr=False)

    def read(self, image: str) -> Photo:
        row = self._rows[image]
        pixels = np.array(self._pixels[row])
        return Photo(pixels, self.content[row], self._faces(row))

    def digest(self, image: str) -> PhotoDigest:
        """Content hash and hash of the faces, without touching the pixels."""
        row = self._rows[image]
        return PhotoDigest(self.content[row], digest_faces(self._faces(row)))

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("folder", "images", "content", "faces")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {image: row for row, image in enumerate(self.images)}

    @cached_property
    def _pixels(self) -> NDArray[np.uint8]:
        return cast("NDArray[np.uint8]", np.load(Path(self.folder) / "pixels.npy", mmap_mode="r"))

    def _faces(self, row: int) -> tuple[Face, ...] | None:
        faces = self.faces[row]
        return None if faces is None else tuple(packed.face() for packed in faces)


@dataclass(frozen=True)
class _PackedFace:
    """A face whose mask takes one bit a pixel."""

    bare: Face
    shape: tuple[int, int] | None
    bits: NDArray[np.uint8] | None

    def face(self) -> Face:
        if self.shape is None or self.bits is None:
            return self.bare
        height, width = self.shape
        mask = np.unpackbits(self.bits, count=height * width).astype(bool).reshape(height, width)
        return replace(self.bare, mask=mask)


def _packed(faces: Sequence[tuple[Face, ...] | None]) -> tuple[tuple[_PackedFace, ...] | None, ...]:
    def pack(face: Face) -> _PackedFace:
        if face.mask is None:
            return _PackedFace(face, None, None)
        height, width = face.mask.shape
        return _PackedFace(replace(face, mask=None), (height, width), np.packbits(face.mask))

    return tuple(None if known is None else tuple(pack(face) for face in known) for known in faces)
