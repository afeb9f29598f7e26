"""Pair lists written as insightface's ``.bin`` and read back, also as insightface reads them."""

from __future__ import annotations

import io
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceprobe.cli.main import run
from faceprobe.core.errors import BadInput
from faceprobe.data.face_table import FaceTable
from faceprobe.data.pairs import PairList
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.datasets import load_dataset
from faceprobe.datasets.insightface_export import export_bin
from tests.helpers.pair_layouts import write_agedb, write_calfw, write_cfp, write_rfw

SETS = {"cfp-fp": write_cfp, "agedb-30": write_agedb, "calfw": write_calfw, "rfw": write_rfw}


def contents(table: FaceTable) -> list[tuple[str, str, bool, int]]:
    """The pairs by what the photos hold, so that names do not matter."""
    pairs = table.pairs
    assert pairs is not None
    hashes = [table.photo(row).content_hash for row in range(len(table))]
    rows = zip(pairs.left, pairs.right, pairs.same.tolist(), pairs.fold.tolist(), strict=True)
    return [(hashes[a], hashes[b], same, fold) for a, b, same, fold in rows]


@pytest.mark.parametrize("kind", SETS)
def test_there_and_back(kind: str, tmp_path: Path) -> None:
    """Same photos byte for byte, same labels, same folds, same order; and once more from the .bin itself."""
    table = load_dataset(f"{kind}:{SETS[kind](tmp_path / 'set')}")
    out = tmp_path / "a.bin"
    written = export_bin(table, out, quiet=True)
    assert written.pairs == len(table.pairs or ()) and written.folds_kept
    back = load_dataset(f"{kind}:{out}")
    assert contents(back) == contents(table)
    again = tmp_path / "b.bin"
    export_bin(back, again, quiet=True)
    assert contents(load_dataset(f"insightface-bin:{again}")) == contents(table)


def test_as_insightface_reads_it(tmp_path: Path) -> None:
    """``bins, same = pickle.load(f, encoding="bytes")``; a photo in many pairs is stored once."""
    table = load_dataset(f"calfw:{write_calfw(tmp_path / 'set', each=3)}")
    out = tmp_path / "calfw.bin"
    assert export_bin(table, out, quiet=True).photos == 8
    with open(out, "rb") as handle:
        bins, same = pickle.load(handle, encoding="bytes")  # noqa: S301 (written above)
    assert type(bins) is list and len(bins) == 120 and len({id(b) for b in bins}) == 8
    assert all(type(s) is bool for s in same) and same[:7] == [True] * 3 + [False] * 3 + [True]
    assert all(Image.open(io.BytesIO(b)).format == "JPEG" for b in bins)
    assert out.stat().st_size < 2 * sum(len(b) for b in {id(b): b for b in bins}.values())


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    table = load_dataset(f"cfp-fp:{write_cfp(tmp_path / 'set')}")
    for name in ("a.bin", "b.bin"):
        export_bin(table, tmp_path / name, quiet=True)
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()


def test_drawn_photos_become_png(tmp_path: Path) -> None:
    drawn = load_dataset("synthetic?people=4&photos=5&size=32")
    left = np.arange(0, 20, 2)
    listed = PairList(left, left + 1, drawn.identities[left] == drawn.identities[left + 1], left * 0)
    written = export_bin(replace(drawn, pairs=listed), tmp_path / "drawn.bin", quiet=True)
    assert not written.folds_kept  # one fold in the list, ten in every reader
    back = load_dataset(f"insightface-bin:{tmp_path / 'drawn.bin'}")
    for row in range(20):
        np.testing.assert_array_equal(back.photo(row).pixels, drawn.photo(row).pixels)
    assert back.pairs is not None and back.pairs.same.tolist() == listed.same.tolist()


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"synthetic.* has no list of pairs"):
        export_bin(load_dataset("synthetic?people=2&photos=2"), tmp_path / "x.bin")
    root = write_calfw(tmp_path / "set")
    table = load_dataset(f"calfw:{root}")
    (tmp_path / "old.bin").write_bytes(b"mine")
    with pytest.raises(BadInput, match="exists already"):
        export_bin(table, tmp_path / "old.bin")
    (root / "aligned images" / "Dee_0001.jpg").write_bytes(b"")
    with pytest.raises(UnreadablePhoto, match=r"Dee_0001\.jpg: empty file"):
        export_bin(table, tmp_path / "x.bin", quiet=True)
    assert (tmp_path / "old.bin").read_bytes() == b"mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["old.bin", "set"], "no half-written file is left"


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, out = f"calfw:{write_calfw(tmp_path / 'set')}", tmp_path / "calfw.bin"
    assert run(["datasets", name, "--export", str(out), "--format", "insightface-bin", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"pairs": 20, "photos": 8, "folds_kept": True}
    assert len(load_dataset(f"calfw:{out}")) == 40
    for arguments, code, message in (
        ([name, "--export", str(out), "--format", "insightface-bin"], 1, "exists already"),
        ([name, "--export", str(tmp_path / "dir"), "--format", "insightface-bin"], 2, "ending .bin"),
        ([name, "--format", "insightface-bin"], 2, "--export FILE.bin"),
        (["--format", "insightface-bin", "--export", str(out)], 2, "which dataset's pairs"),
        ([name, "--export", str(out), "--format", "zip"], 2, "folder or insightface-bin"),
        ([name, "--export", str(tmp_path / "dir")], 2, "--format insightface-bin"),
        (
            ["synthetic", "--export", str(tmp_path / "s.bin"), "--format", "insightface-bin"],
            1,
            "no list of pairs",
        ),
    ):
        assert run(["datasets", *arguments]) == code
        assert message in capsys.readouterr().err.replace("\n", " ")
