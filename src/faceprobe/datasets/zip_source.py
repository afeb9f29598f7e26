"""Photos in a zip archive, read into memory one at a time and never extracted to disk."""

from __future__ import annotations

import os
import stat
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from faceprobe.core.errors import BadInput, Refused
from faceprobe.data.left_out import LeftOut, printable
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.datasets.files import EncodedSource
from faceprobe.datasets.listing import Listing, file_kind, is_photo

MAX_PHOTO = 64 * 2**20
"""Bytes that one photo may unpack to."""

MAX_PHOTOS = 1_000_000
"""Photos that one archive may hold."""


@dataclass(frozen=True)
class ZipSource(EncodedSource):
    """The photos of one archive; ``image`` is a member's file name without its folders."""

    path: str

    def encoded(self, image: str) -> bytes:
        archive, members = _open(self.path)
        member = members.get(image)
        if member is None:
            raise UnreadablePhoto(image, "missing file")
        if member.file_size > MAX_PHOTO:
            raise UnreadablePhoto(image, f"larger than {MAX_PHOTO // 2**20} MiB")
        if member.flag_bits & 1:
            raise UnreadablePhoto(image, "encrypted")
        try:
            # zipfile unpacks no more bytes than the directory states, and checks the checksum.
            data = archive.read(member)
        except Exception as error:  # BadZipFile, zlib.error, LZMAError, ...: each compression has its own
            raise UnreadablePhoto(image, "damaged in the archive") from error
        if not data:
            raise UnreadablePhoto(image, "empty file")
        return data


def list_archive(path: Path) -> Listing:
    """The names of the archive's photos without folders, sorted, and its other members with their kinds.

    Raises :class:`BadInput` for a file that is no archive and for one with two photos of one name,
    :class:`Refused` for more than :data:`MAX_PHOTOS` photos.
    """
    archive, photos = _open(str(path.resolve()))
    left_out = []
    for member in archive.infolist():
        name = PurePosixPath(member.filename).name
        if not member.is_dir() and photos.get(name) is not member:
            link = stat.S_ISLNK(member.external_attr >> 16)
            kind = "hidden file" if "__MACOSX" in member.filename else file_kind(name)
            left_out.append(LeftOut(printable(member.filename), "link" if link else kind))
    return Listing([], sorted(photos), sorted(left_out))


def _open(path: str) -> tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]:
    try:
        state = os.stat(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    # The process is part of the key: a forked process would share the file position with its parent.
    return _open_once(path, state.st_mtime_ns, state.st_size, os.getpid())


@lru_cache(maxsize=2)
def _open_once(
    path: str, _changed: int, _size: int, _process: int
) -> tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise BadInput(f"{path} is not a readable zip archive: {error}") from error
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        place = PurePosixPath(member.filename)
        if member.is_dir() or not is_photo(place.name) or "__MACOSX" in place.parts:
            continue
        if stat.S_ISLNK(member.external_attr >> 16):  # holds a path, no photo
            continue
        if place.name in members:
            raise BadInput(f"{path} holds two photos called {place.name}; names must be unique")
        members[place.name] = member
        if len(members) > MAX_PHOTOS:
            raise Refused(f"{path} holds more than {MAX_PHOTOS:,} photos; unpack it and give the folder")
    return archive, members
