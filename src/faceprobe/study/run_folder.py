"""The run directory: whose it is, who may write to it, and what an interrupted run left behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from faceprobe.core.errors import BadInput
from faceprobe.core.files import read_json, write_json
from faceprobe.study.schema import Study

OURS = ("cells", "figures", "results.json", "results.parquet", "manifest.json", "report.html", "study.json")
"""What a run writes: all that ``force`` ever removes, the mark of a run last."""


@contextmanager
def open_run(out: Path, name: str, study: Study, force: bool = False) -> Iterator[Path]:
    """Hold the run directory ``out`` for ``study``, creating it or going on with what is there.

    Raises :class:`BadInput` where ``out`` is a file, is in use or holds something that is no run, and
    but for ``force`` where it holds another study, or the same one by another version of faceprobe.
    """
    from faceprobe import __version__

    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = open(out / ".lock", "a")  # noqa: SIM115 - closed below
    except OSError as error:
        raise BadInput(f"cannot use {out} as a run directory: {error.strerror}") from error
    with lock:
        _take(lock, out)
        mark = {"name": name, "fingerprint": study.fingerprint(), "faceprobe": __version__}
        found = _read_mark(out)
        if found is not None:
            if force:
                _remove(out, OURS)
            else:
                _check_mark(out, found, mark)
            for place in (out, out / "cells", out / "figures"):
                _remove(place, [p.name for p in place.glob(".*.tmp")])
        write_json(out / "study.json", {**mark, "study": study.model_dump()})
        yield out


def _take(lock: IO[str], out: Path) -> None:
    """Lock ``out`` until the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows: two runs at once are the user's to avoid
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise BadInput(f"another run is writing to {out}; wait for it or give another --out") from error


def _read_mark(out: Path) -> dict[str, Any] | None:
    """The mark of the run in ``out``, None where it is empty; never is what others put there ours."""
    mend = "give another --out"
    if not (out / "study.json").is_file():
        others = sorted(p.name for p in out.iterdir() if not p.name.startswith("."))
        if others:
            raise BadInput(f"{out} holds {others[0]!r}, but no faceprobe run; {mend}")
        return None
    found = read_json(out / "study.json")
    if not isinstance(found, dict) or not {"fingerprint", "faceprobe"} <= set(found):
        raise BadInput(f"{out / 'study.json'} is not a run's; {mend}")
    return found


def _check_mark(out: Path, found: dict[str, Any], mark: dict[str, Any]) -> None:
    mend = "give another --out, or --force to start afresh in it"
    if found["fingerprint"] != mark["fingerprint"]:
        other = found.get("name")
        what = "the same study with other settings" if other == mark["name"] else f"the study {other}"
        raise BadInput(f"{out} holds a run of {what}; {mend}")
    if found.get("faceprobe") != mark["faceprobe"]:
        raise BadInput(f"{out} holds a run by faceprobe {found.get('faceprobe')}; {mend}")


def _remove(out: Path, names: list[str] | tuple[str, ...]) -> None:
    for name in names:
        path = out / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
