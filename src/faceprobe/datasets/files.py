"""Photos that are files in a folder: how they are listed, read and named."""

from __future__ import annotations

import os
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path

from faceprobe.core.errors import BadInput, Missing, NoPath
from faceprobe.core.files import sha256_bytes
from faceprobe.core.names import Name
from faceprobe.data.face_table import PhotoSource
from faceprobe.data.photo import Photo, PhotoDigest, UnreadablePhoto, decode_image

_SUFFIXES = "jpg jpeg jpe jfif png webp bmp tif tiff gif avif ppm pgm"
SYNTHETIC_MARK = ".faceprobe-synthetic.json"
"""The file that marks a folder of photos drawn by faceprobe: figures on them are synthetic evidence."""

SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIXES.split(" "))
"""Endings of photos' names, in lower case (upper case counts too). Reading a file shows whether it is one."""


class EncodedSource(PhotoSource):
    """Photos that come as encoded bytes (JPEG, PNG, ...); a subclass says where from."""

    @abstractmethod
    def encoded(self, image: str) -> bytes:
        """The bytes of one photo; :class:`UnreadablePhoto` with a short reason where there are none."""

    def read(self, image: str) -> Photo:
        data = self.encoded(image)
        return Photo(decode_image(data, image), sha256_bytes(data))

    def digest(self, image: str) -> PhotoDigest:
        """The content hash of the bytes, without decoding them; the faces are not known."""
        return PhotoDigest(sha256_bytes(self.encoded(image)))


@dataclass(frozen=True)
class FileSource(EncodedSource):
    """Photos under the folder ``root``; ``image`` is a path relative to it, with ``/``."""

    root: str

    def encoded(self, image: str) -> bytes:
        return read_photo_file(Path(self.root) / image, image)


def read_photo_file(path: Path, image: str) -> bytes:
    """The bytes of the photo's file; :class:`UnreadablePhoto` of ``image`` where there are none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UnreadablePhoto(image, "missing file") from error
    except OSError as error:
        raise UnreadablePhoto(image, (error.strerror or "cannot be read").lower()) from error
    if not data:
        raise UnreadablePhoto(image, "empty file")
    return data


def path_of(name: Name, example: str) -> Path:
    """The path in a dataset's name, in which ``@`` has no meaning; :class:`NoPath` where there is none."""
    text = name.body + (f"@{name.pooling}" if name.pooling else "")
    if not text:
        raise NoPath(f"{name.kind} needs a path: {example}")
    return Path(text).expanduser()


def local_folder(name: Name) -> Path:
    """The folder in the name of a set that faceprobe does not download.

    Raises :class:`NoPath` for a name without a path, :class:`Missing` and :class:`BadInput` as
    :func:`existing_folder`.
    """
    if not name.body:
        raise NoPath(
            f"{name.kind} is not downloaded by faceprobe; give the folder that holds it: {name.kind}:PATH"
        )
    return existing_folder(path_of(name, f"{name.kind}:PATH"), name.kind)


def existing_folder(path: Path, what: str) -> Path:
    """``path``, if it is a folder; :class:`Missing` or :class:`BadInput`, naming ``what``, otherwise."""
    if not path.exists():
        raise Missing(f"{what} {path}: no such folder; check the path")
    if not path.is_dir():
        raise BadInput(f"{what} {path} is a file; give the folder that holds the photos")
    return path


@dataclass(frozen=True)
class Listing:
    """A folder's subfolders and photos, sorted, and the number of its other files, hidden ones included."""

    folders: list[str]
    photos: list[str]
    others: int


def list_folder(path: Path) -> Listing:
    """List ``path`` one level deep, without hidden folders.

    A broken link with a photo's name is listed as a photo, so that the photo is reported when it is read.
    """
    folders, photos, others = [], [], 0
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir():
                    if not entry.name.startswith("."):
                        folders.append(utf8_name(entry.name, path))
                elif is_photo(entry.name):
                    photos.append(utf8_name(entry.name, path))
                else:
                    others += 1
    except OSError as error:
        raise BadInput(f"the folder {path} cannot be listed: {error.strerror}") from error
    return Listing(sorted(folders), sorted(photos), others)


def is_photo(name: str) -> bool:
    """Whether a file has a photo's ending (:data:`SUFFIXES`); hidden files (``._a.jpg``) do not count."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def utf8_name(name: str, folder: str | Path) -> str:
    """``name``, if it is valid UTF-8 and fits into a table; :class:`BadInput` otherwise."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"{folder} holds a name that is not UTF-8: {name!r}; rename it") from error
    return name
