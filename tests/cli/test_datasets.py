"""``faceprobe datasets``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from faceprobe.cli.main import run
from faceprobe.datasets import DATASETS


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["datasets"]) == 0
    shown = capsys.readouterr().out
    for part in ("synthetic", "lfw", "withdrawn", "non-commercial", "RESPONSIBLE_USE.md"):
        assert part in shown


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["datasets", "--json"]) == 0
    captured = capsys.readouterr()
    rows = {row["name"]: row for row in json.loads(captured.out)["datasets"]}
    assert captured.err == ""
    assert rows["lfw"]["photos"] == 13_233 and rows["lfw"]["readable"] and rows["lfw"]["download_mb"] > 100
    assert rows["megaface"]["status"] == "withdrawn" and not rows["megaface"]["readable"]
    assert rows["celeba"]["non_commercial"] is True


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["datasets", "--help"]) == 0
    assert "Example:" in capsys.readouterr().out


def test_the_built_in_world_is_exported(tmp_path: Path) -> None:
    out = tmp_path / "world"
    assert run(["datasets", "synthetic?people=2&photos=2", "--export", str(out), "--json"]) == 0
    assert len(list(out.glob("photos/p*/*.png"))) == 4 and (out / "truth.parquet").exists()
    assert run(["datasets", "lfw", "--export", str(out)]) == 2


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["datasets", "lfw"], ["Labeled Faces in the Wild", "13,233", "lfw[:PATH][?pairs=FILE]"]),
        (["datasets", "celeba:some/path?split=test"], ["non commercial", "yes"]),
        (["protocols", "lfw/official"], ["needs", "pairs", "conventions: threshold", "G. B. Huang"]),
    ],
)
def test_a_name_shows_one_card(
    arguments: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 0
    shown = capsys.readouterr().out
    assert all(part in shown for part in parts), shown
    assert run([*arguments, "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["name"] == arguments[1].partition(":")[0] and card["title"]


def unopened(kind: str) -> str:
    """A dataset that is only read from a path, without one."""
    return f"{kind}?of=synthetic" if kind == "distractors" else kind


PATHLESS = ("synthetic", "lfw", "own", "megaface", "ms-celeb")
"""These have no path to forget: drawn, downloaded, registered in the process, or not read at all."""


@pytest.mark.parametrize("kind", sorted(set(DATASETS) - set(PATHLESS)))
def test_a_forgotten_path_is_wrong_usage(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["eval", "--model", "pixels:4", "--dataset", unopened(kind)]) == 2
    assert f"{kind}:" in capsys.readouterr().err
    packed = str(tmp_path / "a.bin")
    exported = ["datasets", unopened(kind), "--export", packed, "--format", "insightface-bin"]
    assert run(exported) == 2
    gone = unopened(kind).replace(kind, f"{kind}:{tmp_path / 'gone'}", 1)
    assert run(["eval", "--model", "pixels:4", "--dataset", gone]) == 1, "a path that is not there failed"
