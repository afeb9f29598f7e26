"""The run directory: which study it belongs to, who may write to it, and leftovers of an interrupted run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from faceprobe.core.errors import BadInput
from faceprobe.core.files import read_json, write_json

OURS = ("cells", "figures", "results.json", "results.parquet", "manifest.json", "report.html", "study.json")
"""Files and folders of a run, the only ones that ``force`` removes; the file that marks a run comes last."""

MARK = "study.json"


@contextmanager
def open_run(
    out: Path, name: str, fingerprint: str, study: Mapping[str, Any], force: bool = False
) -> Iterator[Path]:
    """Hold the run directory ``out`` for a study while the block runs; create it, or continue the run in it.

    ``fingerprint`` identifies the study; ``name`` and ``study`` are stored with it. No other process can
    hold ``out`` at the same time. Raises :class:`BadInput` where ``out`` is a file, is in use, cannot be
    locked or holds files of no run; without ``force`` also where it holds another study, or this study by
    another version.
    """
    from faceprobe import __version__

    if out.is_dir():
        _read_mark(out)  # a folder of other files is refused before a lock is left in it
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / ".lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        raise BadInput(f"another run is writing to {out}; wait for it or give another --out") from error
    except OSError as error:
        raise BadInput(f"cannot use {out} as a run directory: {error.strerror}") from error
    except NotImplementedError as error:  # filelock's answer where the file system has no locks
        raise BadInput(f"{out} is on a file system without file locks; give an --out on another") from error
    try:
        mark = {"name": name, "fingerprint": fingerprint, "faceprobe": __version__}
        found = _read_mark(out)
        if found is not None:
            if force:
                _remove(out, OURS)
            else:
                _check_mark(out, found, mark)
            for place in (out, out / "cells", out / "figures"):
                _remove(place, [p.name for p in place.glob(".*.tmp")])
        write_json(out / MARK, {**mark, "study": study})
        yield out
    finally:
        lock.release()


def _read_mark(out: Path) -> dict[str, Any] | None:
    """The mark of the run in ``out``; None where ``out`` is empty. Other files are never treated as a run."""
    fix = "give another --out"
    if not (out / MARK).is_file():
        others = sorted(p.name for p in out.iterdir() if not p.name.startswith("."))
        if others:
            raise BadInput(f"{out} holds {others[0]!r}, but no faceprobe run; {fix}")
        return None
    found = read_json(out / MARK)
    if not isinstance(found, dict) or not {"fingerprint", "faceprobe"} <= set(found):
        raise BadInput(f"{out / MARK} is not a run's; {fix}")
    return found


def _check_mark(out: Path, found: dict[str, Any], mark: dict[str, Any]) -> None:
    fix = "give another --out, or --force to start again in it"
    if found["fingerprint"] != mark["fingerprint"]:
        other = found.get("name")
        what = "the same study with other settings" if other == mark["name"] else f"the study {other}"
        raise BadInput(f"{out} holds a run of {what}; {fix}")
    if found.get("faceprobe") != mark["faceprobe"]:
        raise BadInput(f"{out} holds a run by faceprobe {found.get('faceprobe')}; {fix}")


def _remove(out: Path, names: Sequence[str]) -> None:
    for name in names:
        path = out / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
