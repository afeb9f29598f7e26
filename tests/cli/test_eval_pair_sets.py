"""``faceprobe eval`` on the published pair sets: their own protocol, and what a packed copy gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from faceprobe.cli.main import run
from faceprobe.datasets import load_dataset
from faceprobe.datasets.insightface_bin import read_bin
from tests.helpers.pair_layouts import write_agedb, write_calfw, write_cfp, write_rfw

WRITERS = {"cfp-fp": write_cfp, "agedb-30": write_agedb, "calfw": write_calfw, "rfw": write_rfw}


def rows(capsys: pytest.CaptureFixture[str], dataset: str, *protocols: str) -> list[dict[str, Any]]:
    chosen = [word for protocol in protocols for word in ("--protocol", protocol)]
    capsys.readouterr()
    assert run(["eval", "--model", "pixels:4", "--dataset", dataset, "--json", *chosen]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["rows"]
    return found


@pytest.mark.parametrize("kind", WRITERS)
def test_the_default_protocol_and_a_packed_copy(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The copy holds the same pairs and photos, so all its figures are equal, only people are unknown."""
    folder, packed = f"{kind}:{WRITERS[kind](tmp_path / 'set')}", tmp_path / "packed.bin"
    everything = rows(capsys, folder)
    plain = [row for row in everything if row["protocol"] == "lfw/insightface"]
    assert [row["metric"] for row in plain] == ["accuracy", "accuracy_sd"]
    assert {"lfw/official", "verification/all-pairs"} <= {row["protocol"] for row in everything}
    assert plain[0]["dataset"] == kind and 0 < plain[0]["value"] < 1 and plain[0]["n_identities"] > 2
    assert run(["datasets", folder, "--export", str(packed), "--format", "insightface-bin"]) == 0
    copied = rows(capsys, f"{kind}:{packed}", "lfw/insightface")
    assert copied[0]["dataset"] == f"{kind}:packed.bin" and copied[0]["n_identities"] == 0
    for name in ("lfw/insightface", "lfw/facexzoo", "lfw/official"):
        pairs = zip(rows(capsys, folder, name), rows(capsys, f"{kind}:{packed}", name), strict=True)
        for one, other in pairs:
            assert (one["metric"], one["value"], one["ci_low"]) == (
                other["metric"],
                other["value"],
                other["ci_low"],
            )


@pytest.mark.slow
def test_all_of_lfw_packed(shared: Path, tmp_path: Path) -> None:
    """All 6,000 pairs, byte for byte, in the official folds; each of the 7,701 photos in them once."""
    lfw = f"lfw:{shared / 'data' / 'lfw'}?pairs={shared / 'data' / 'lfw_meta' / 'pairs.txt'}"
    out = tmp_path / "lfw.bin"
    assert run(["datasets", lfw, "--export", str(out), "--format", "insightface-bin"]) == 0
    table, (photos, same) = load_dataset(lfw), read_bin(str(out))
    pairs = table.pairs
    assert pairs is not None and len(photos) == 12_000 and len({id(p) for p in photos}) == 7_701
    assert same == pairs.same.tolist()
    assert load_dataset(f"insightface-bin:{out}").pairs.fold.tolist() == pairs.fold.tolist()
    for k in range(0, 6000, 37):
        for row, photo in ((pairs.left[k], photos[2 * k]), (pairs.right[k], photos[2 * k + 1])):
            assert (shared / "data" / "lfw" / str(table.images[row])).read_bytes() == photo
