"""Who may write to a run directory, and what is removed from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from faceprobe.core.errors import BadInput
from faceprobe.core.files import read_json
from faceprobe.results.run_folder import OURS, open_run

HOLD = """
import sys
from pathlib import Path
from faceprobe.results.run_folder import open_run
with open_run(Path(sys.argv[1]), "s", "f", {}):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_holds_the_folder_until_it_ends(tmp_path: Path) -> None:
    out = tmp_path / "run"
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == "held\n"
        with pytest.raises(BadInput, match="another run is writing to"), open_run(out, "s", "f", {}):
            pass
    finally:
        child.kill()
        child.communicate()
    with open_run(out, "s", "f", {}) as folder:
        assert folder == out


def test_the_folder_is_free_after_an_error_and_shows_only_the_mark(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyError), open_run(tmp_path / "run", "s", "f", {"title": "t"}):
            raise KeyError("work")
    assert [p.name for p in (tmp_path / "run").iterdir() if not p.name.startswith(".")] == ["study.json"]
    mark = read_json(tmp_path / "run" / "study.json")
    assert (mark["name"], mark["fingerprint"], mark["study"]) == ("s", "f", {"title": "t"})


def test_leftovers_go_and_files_of_the_user_stay(tmp_path: Path) -> None:
    with open_run(tmp_path, "s", "f", {}):
        pass
    for path in ("cells/.a.1.tmp/rows.json", "cells/a/rows.json", "figures/.b.1.tmp", "notes.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    with open_run(tmp_path, "s", "f", {}):
        pass
    assert [p.name for p in (tmp_path / "cells").iterdir()] == ["a"]
    assert not list((tmp_path / "figures").iterdir())
    with open_run(tmp_path, "other", "g", {}, force=True):
        left = {p.name for p in tmp_path.iterdir() if not p.name.startswith(".")}
    assert left == {"notes.txt", "study.json"} and "notes.txt" not in OURS


def test_another_study_is_refused_with_its_name(tmp_path: Path) -> None:
    with open_run(tmp_path, "s", "f", {}):
        pass
    for name, message in (("s", "the same study with other settings"), ("t", "a run of the study s")):
        with pytest.raises(BadInput, match=message), open_run(tmp_path, name, "g", {}):
            pass


def test_a_file_system_without_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def acquire(lock: FileLock) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(FileLock, "acquire", acquire)
    with (
        pytest.raises(BadInput, match="without file locks; give an --out"),
        open_run(tmp_path / "run", "s", "f", {}),
    ):
        pass
