"""Files written whole or not at all, hashes, and where caches lie."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.text_files import read_text

LONG_NAME = 200
"""Bytes from which on the temporary file of a name has a shorter one."""


def cache_dir(*parts: str) -> Path:
    """The cache folder (``FACEPROBE_CACHE``, else ``$XDG_CACHE_HOME/faceprobe``), with ``parts``."""
    root = os.environ.get("FACEPROBE_CACHE")
    if not root:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        root = str(Path(base) / "faceprobe")
    return Path(root).expanduser().joinpath(*parts)


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``target``; on success it is synced and renamed onto it.

    A reader never sees half a file: a kill at any instant leaves the old file or the new one.
    """
    target = Path(target)
    if target.is_dir():
        raise BadInput(f"cannot write {target}: it is a folder; give the name of a file")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot create the folder {target.parent}: {error.strerror}") from error
    temporary = target.with_name(_temporary_name(target))
    try:
        yield temporary
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, target)
    except PermissionError as error:
        raise BadInput(f"cannot write {target}: {error.strerror}; choose another folder") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_new_file(target: str | os.PathLike[str], option: str = "--out") -> None:
    """Refuse, before the work, the file of ``option`` that could not be written after it.

    Raises :class:`BadInput` where ``target`` is a folder, or its folder is absent or cannot be written.
    Nothing is created.
    """
    target = Path(target)
    if target.is_dir():
        raise BadInput(f"cannot write {target}: it is a folder; give the name of a file to {option}")
    if not target.parent.is_dir():
        raise BadInput(
            f"cannot write {target}: there is no folder {target.parent}; create it, or give another {option}"
        )
    if not os.access(target.parent, os.W_OK):
        raise BadInput(f"cannot write {target}: {target.parent} is read-only; give another {option}")


def _temporary_name(target: Path) -> str:
    """``.a.png.123.tmp``; a long name is cut, since file systems take 255 bytes at most."""
    name = target.name
    if len(os.fsencode(name)) > LONG_NAME:
        name = f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}{target.suffix[:16]}"
    return f".{name}.{os.getpid()}.tmp"


def write_bytes(target: str | os.PathLike[str], data: bytes) -> None:
    """Write ``data`` to ``target`` atomically."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(data)


def write_json(target: str | os.PathLike[str], value: Any) -> None:
    """Write ``value`` as stable JSON (UTF-8, one-space indent, keys in given order, no NaN)."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(target, (text + "\n").encode())


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file; :class:`BadInput` names the file where it is not JSON."""
    try:
        return json.loads(read_text(path))
    except (ValueError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not valid JSON: {error}") from error


def sha256_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Hex SHA-256 of a file's bytes, read in blocks."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_tree(path: Path) -> str:
    """Hash of a file, or of every file below a folder with its relative path; compiled Python is left out."""
    if path.is_file():
        return sha256_file(path)
    files = (p for p in sorted(path.rglob("*")) if p.is_file() and p.suffix != ".pyc")
    return sha256_json([[p.relative_to(path).as_posix(), sha256_file(p)] for p in files])


def sha256_json(value: Any) -> str:
    """Hex SHA-256 of a JSON-able value, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256_bytes(text.encode())


def parse_bytes(text: str) -> int:
    """A number of bytes written as ``800MB``, ``1.5 GB`` or ``4GiB``; :class:`WrongUsage` for other texts."""
    units = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", text.strip())
    if found is None or found[2].upper() not in units or (not found[2] and float(found[1]) < 10**6):
        raise WrongUsage(f"{text!r} is no amount of memory; write it as 800MB or 2GB")
    return int(float(found[1]) * units[found[2].upper()])
