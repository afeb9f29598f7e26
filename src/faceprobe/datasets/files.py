"""Photos that are files in a folder: how they are read and named."""

from __future__ import annotations

import errno
import io
import os
import stat
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from faceprobe.core.errors import BadInput, Missing, NoPath
from faceprobe.core.files import sha256_bytes
from faceprobe.core.names import Name
from faceprobe.data.face_table import PhotoSource
from faceprobe.data.photo import Photo, PhotoDigest, UnreadablePhoto, check_header, decode_image

SYNTHETIC_MARK = ".faceprobe-synthetic.json"
"""The file that marks a folder of photos drawn by faceprobe: figures on them are synthetic evidence."""

MAX_FILE = 2**30
"""Bytes of the largest file that is read as a photo."""

_KINDS = {
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


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

    def check(self, image: str) -> None:
        check_header(io.BytesIO(self.encoded(image)), image)


@dataclass(frozen=True)
class FileSource(EncodedSource):
    """Photos under the folder ``root``; ``image`` is a path relative to it, with ``/``."""

    root: str

    def encoded(self, image: str) -> bytes:
        return read_photo_file(Path(self.root) / image, image)

    def check(self, image: str) -> None:
        check_photo_file(Path(self.root) / image, image)


def read_photo_file(path: Path, image: str) -> bytes:
    """The bytes of the photo's file; :class:`UnreadablePhoto` of ``image`` where there are none."""
    with open_photo_file(path, image) as handle:
        try:
            data = handle.read()
        except OSError as error:
            raise UnreadablePhoto(image, (error.strerror or "cannot be read").lower()) from error
    if not data:
        raise UnreadablePhoto(image, "empty file")
    return data


def check_photo_file(path: Path, image: str) -> None:
    """Raise :class:`UnreadablePhoto` of ``image`` where the file is no regular file or begins as no image."""
    with open_photo_file(path, image) as handle:
        try:
            check_header(handle, image)
        except OSError as error:
            raise UnreadablePhoto(image, (error.strerror or "cannot be read").lower()) from error


def open_photo_file(path: Path, image: str) -> BinaryIO:
    """Open the regular file at ``path`` for reading.

    Raises :class:`UnreadablePhoto` of ``image`` with a short reason for anything else, such as a named pipe,
    which would wait for a writer, and for a file of more than :data:`MAX_FILE` bytes.
    """
    try:
        kind = special_kind(os.stat(path).st_mode)
        if kind:
            raise UnreadablePhoto(image, kind)
        # O_NONBLOCK: should a pipe have taken the file's place, this returns at once.
        opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise UnreadablePhoto(image, "missing file") from error
    except OSError as error:
        loop = error.errno == errno.ELOOP
        raise UnreadablePhoto(
            image, "link loop" if loop else (error.strerror or "cannot be read").lower()
        ) from error
    except ValueError as error:  # a name with a zero byte
        raise UnreadablePhoto(image, "missing file") from error
    state = os.fstat(opened)
    kind = special_kind(state.st_mode)
    if kind or state.st_size > MAX_FILE:
        os.close(opened)
        raise UnreadablePhoto(image, kind or f"larger than {MAX_FILE // 2**20:,} MiB")
    return open(opened, "rb")


def special_kind(mode: int) -> str:
    """What an ``st_mode`` says of an entry that is no regular file: "named pipe", "device", "folder"; "" for
    a regular file.
    """
    return "" if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "special file")


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
