"""What a folder holds: photos, subfolders, and every other entry with its kind."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faceprobe.core.errors import BadInput
from faceprobe.data.left_out import LeftOut, printable
from faceprobe.datasets.files import special_kind

_SUFFIXES = "jpg jpeg jpe jfif png webp bmp tif tiff gif avif heic heif hif ppm pgm"

SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIXES.split(" "))
"""Endings of photos' names, in lower case (upper case counts too). Reading a file shows whether it is one."""

LINK_BACK = "link to a folder that holds it"
NOT_UTF8 = "name outside UTF-8"

_FOLDER, _FILE, _BROKEN, _LOOP = "folder", "file", "broken link", "link loop"


@dataclass(frozen=True)
class Listing:
    """A folder's subfolders and photos, sorted, and its other entries, hidden ones included."""

    folders: list[str]
    photos: list[str]
    left_out: list[LeftOut]


def list_folder(path: Path, inside: str = "") -> Listing:
    """List ``path`` one level deep; paths of what is left out begin with ``inside``.

    Links are followed, except one to a folder that holds the link. A broken link, or a loop of links, with a
    photo's name is listed as a photo, so that the photo is reported when it is read. Raises
    :class:`BadInput` where the folder cannot be listed.
    """
    folders, photos, left_out = [], [], []
    try:
        here = os.path.realpath(path)
        with os.scandir(path) as entries:
            for entry in entries:
                kind = _kind(entry, here)
                if kind == _FOLDER:
                    folders.append(entry.name)
                elif kind in (_FILE, _BROKEN, _LOOP) and is_photo(entry.name) and is_utf8(entry.name):
                    photos.append(entry.name)
                else:
                    shown = file_kind(entry.name) if kind == _FILE else kind
                    left_out.append(LeftOut(_join(inside, printable(entry.name)), shown))
    except OSError as error:
        raise BadInput(f"the folder {printable(str(path))} cannot be listed: {error.strerror}") from error
    return Listing(sorted(folders), sorted(photos), sorted(left_out))


def list_subfolder(root: Path, inside: str) -> Listing:
    """:func:`list_folder` of ``root/inside``; a folder that cannot be listed is itself what is left out."""
    try:
        return list_folder(root / inside, inside)
    except BadInput:
        return Listing([], [], [LeftOut(inside, "folder that cannot be listed")])


def walk_folder(root: Path) -> Iterator[tuple[str, Listing]]:
    """(path below ``root``, listing) of ``root``, "" first, and of every folder below it.

    Links to folders are followed, but never into a folder whose listing is under way. Raises
    :class:`BadInput` where ``root`` itself cannot be listed.
    """
    pending: list[tuple[str, frozenset[str]]] = [("", frozenset())]
    while pending:
        inside, around = pending.pop()
        listing = list_subfolder(root, inside) if inside else list_folder(root)
        around |= {os.path.realpath(root / inside)}
        again = {f for f in listing.folders if os.path.realpath(root / inside / f) in around}
        left_out = [LeftOut(_join(inside, f), LINK_BACK) for f in sorted(again)]
        folders = [f for f in listing.folders if f not in again]
        yield inside, Listing(folders, listing.photos, sorted(listing.left_out + left_out))
        pending += [(_join(inside, folder), around) for folder in reversed(folders)]


def is_photo(name: str) -> bool:
    """Whether a file has a photo's ending (:data:`SUFFIXES`); hidden files (``._a.jpg``) do not count."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def file_kind(name: str) -> str:
    """The kind of a regular file that is no photo, by its name: "hidden file", ".txt file", ..."""
    if not is_utf8(name):
        return NOT_UTF8
    if name.startswith("."):
        return "hidden file"
    ending = os.path.splitext(name)[1].lower()
    return f"{ending} file" if ending else "file without ending"


def is_utf8(name: str) -> bool:
    """Whether a name that the system gave is valid UTF-8, as tables of names need it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def utf8_name(name: str, folder: str | Path) -> str:
    """``name``, if it is valid UTF-8 and fits into a table; :class:`BadInput` otherwise."""
    if not is_utf8(name):
        raise BadInput(f"{folder} holds a name that is not UTF-8: {printable(name)}; rename it")
    return name


def _kind(entry: os.DirEntry[str], here: str) -> str:
    """What an entry of the folder ``here`` (its real path) is: a folder, a file, or a kind to leave out."""
    try:
        if entry.is_dir():
            if entry.name.startswith("."):
                return "hidden folder"
            if not is_utf8(entry.name):
                return NOT_UTF8
            if entry.is_symlink():
                target = os.path.realpath(entry.path)
                if os.path.commonpath([target, here]) == target:
                    return LINK_BACK
            return _FOLDER
        if entry.is_file():
            return _FILE
        return special_kind(entry.stat().st_mode)
    except FileNotFoundError:
        return _BROKEN
    except OSError as error:
        return _LOOP if error.errno == errno.ELOOP else "unreadable entry"


def _join(inside: str, name: str) -> str:
    return f"{inside}/{name}" if inside else name
