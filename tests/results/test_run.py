"""A run on disk: its manifest and cells are read back as they were written; wrong files are named."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.files import read_json, write_json
from faceprobe.results import files
from faceprobe.results.cells import Cell, CloakRecord
from faceprobe.results.files import write_cell, write_cloak, write_manifest, write_results
from faceprobe.results.manifest import SCHEMA, DatasetFacts, Hashes, Manifest, Seeds
from faceprobe.results.result import Metric, Result, attach
from faceprobe.results.run import read_run

CELL = Cell(
    key="a-1",
    signature="one",
    model="a",
    dataset="d",
    protocols=("p",),
    n_photos=5,
    n_identities=2,
    excluded={"no face found": 1},
    pairs_lost=1,
    encoded=4,
    reused=1,
    seconds=0.5,
)
RECORD = CloakRecord(
    key="cloak-1",
    signature="two",
    id="blur-1",
    dataset="d",
    card={"control": True},
    n_photos=2,
    n_faces=2,
    unchanged={"nothing changed": 1},
    seconds_a_photo=0.25,
)


def rows(model: str = "a", value: float = 0.5) -> list[Result]:
    metrics = [Metric("p", "m", "pair", value), Metric("p", "k", "none", 1.0)]
    return attach(metrics, model=model, dataset="d", crop="as-is", evidence="synthetic")


def stored(folder: Path, cell: Cell = CELL, value: float = 0.5) -> Cell:
    arrays = {
        "p//curve": np.arange(3),
        "replicates//p//m//pair": np.ones(4),
        "identities": np.array(["x", "y"]),
    }
    return write_cell(
        folder / "cells", cell, rows(value=value), {"id": "a"}, [("1.png", "no face found")], arrays
    )


def write_run(folder: Path) -> Manifest:
    cell = stored(folder)
    record = write_cloak(folder / "cells", RECORD, rows("none"), ("1.png", "x/1.png"))
    write_results(folder, [*cell.rows, *record.rows])
    manifest = Manifest(
        study={"name": "mine", "title": "t"},
        versions={"numpy": "2"},
        machine={"cores": 2},
        finished="2026-01-01T00:00:00+00:00",
        seconds=1.5,
        seeds=Seeds(3, 5),
        hashes=Hashes({"a": "h"}, {"d": {"as-is": "g"}}),
        models={"a": cell.card | {"family": "f"}},
        datasets={"d": DatasetFacts(5, "CC0", ("a note",), "synthetic", "verification/all-pairs")},
        cells=(cell,),
        cloaks=(record,),
        missing=("a model",),
    )
    write_manifest(folder, manifest)
    return manifest


def test_a_run_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = write_run(tmp_path)
    run = read_run(tmp_path)
    assert run.manifest == written
    assert (run.name, run.seed, run.cells) == ("mine", 3, written.cells)
    assert run.card("a") == {"id": "a", "family": "f"} and run.card("other") == {}
    (cell,), (record,) = run.manifest.cells, run.manifest.cloaks
    assert cell.folder == tmp_path / "cells" / "a-1" and cell.rows == rows() and cell.card == {"id": "a"}
    assert record.rows == rows("none") and record.sample == ("1.png", "x/1.png")
    assert cell.curve("p", "curve") is not None and cell.curve("p", "other") is None
    draws = cell.replicates("p", "m", "pair")
    assert draws is not None and draws.tolist() == [1.0] * 4
    assert read_json(cell.folder / "excluded.json") == [["1.png", "no face found"]]
    assert run.cell("a", ("d", "none", "as-is")) is cell


def test_the_manifest_is_plain_json_without_paths_and_samples(tmp_path: Path) -> None:
    write_run(tmp_path)
    text = (tmp_path / "manifest.json").read_text(encoding="utf-8")
    document = json.loads(text)
    assert document["schema"] == SCHEMA and str(tmp_path) not in text
    assert document["cells"][0]["excluded"] == {"no face found": 1}
    assert not {"folder", "sample", "rows"} & {*document["cells"][0], *document["cloaks"][0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cells": [{"key": "a"}]}, r"manifest\.json: cells\.0\.model: "),
        ({"cells": {}}, r"manifest\.json: cells: "),
        (
            {"cells": [{"key": "a", "model": "m", "dataset": "d", "n_photos": "many"}]},
            r"cells\.0\.n_photos: ",
        ),
        ({"cells": [{"key": "../a", "model": "m", "dataset": "d"}]}, "is not a plain folder name"),
        ({"cloaks": [{"key": "", "id": "x"}]}, "is not a plain folder name"),
        ({"seeds": 3}, r"manifest\.json: seeds: "),
        ({"models": []}, r"manifest\.json: models: "),
        ({"datasets": {"d": {"notes": "one"}}}, r"manifest\.json: datasets\.d\.notes: "),
        ({"schema": "faceprobe.manifest/0"}, "is not a manifest of schema"),
    ],
)
def test_a_wrong_manifest_is_one_line_that_names_the_place(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    write_run(tmp_path)
    write_json(tmp_path / "manifest.json", read_json(tmp_path / "manifest.json") | change)
    with pytest.raises(BadInput, match=message) as error:
        read_run(tmp_path)
    assert "\n" not in str(error.value)


def test_a_manifest_without_parts_is_empty(tmp_path: Path) -> None:
    assert Manifest.from_dict({"schema": SCHEMA}, tmp_path) == Manifest()


def test_a_results_file_is_a_run_without_a_manifest(tmp_path: Path) -> None:
    write_results(tmp_path, rows())
    run = read_run(tmp_path / "results.json")
    assert sorted(r.metric for r in run.rows) == ["k", "m"] and run.manifest == Manifest() and not run.cells
    assert run.models == ("a",) and run.scenes == (("d", "none", "as-is"),)
    with pytest.raises(Missing, match=r"manifest\.json is absent"):
        read_run(tmp_path)
    with pytest.raises(Missing, match=r"results\.json is absent"):
        read_run(tmp_path / "nothing")


def test_a_cell_is_found_again_only_with_its_signature(tmp_path: Path) -> None:
    cell, cells = stored(tmp_path), tmp_path / "cells"
    assert Cell.read(cells, "a-1", "one") == cell
    assert Cell.read(cells, "a-1", "other") is None and Cell.read(cells, "a-2", "one") is None
    entry = read_json(cell.folder / "cell.json")
    write_json(cell.folder / "cell.json", entry | {"schema": "faceprobe.results/1"})
    assert Cell.read(cells, "a-1", "one") is None, "rows of an older version are measured again"
    write_json(cell.folder / "cell.json", {"schema": entry["schema"], "entry": {"key": "a-1"}})
    with pytest.raises(BadInput, match=r"cell\.json is not a stored cell"):
        Cell.read(cells, "a-1", "one")


def test_a_cell_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(tmp_path)
    again = stored(tmp_path, replace(CELL, signature="new"), value=0.75)
    assert [r.value for r in again.rows] == [0.75, 1.0] and not (again.folder / "other").exists()

    def fail(*arguments: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(files, "write_bytes", fail)
    with pytest.raises(OSError, match="no space left"):
        stored(tmp_path, replace(CELL, signature="newest"))
    assert Cell.read(tmp_path / "cells", "a-1", "new") == again
    hidden = [p.name for p in (tmp_path / "cells").iterdir() if p.name.startswith(".")]
    assert hidden == [f".a-1.{os.getpid()}.tmp"], "open_run removes it"


def test_curves_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    cell = stored(tmp_path)
    (cell.folder / "curves.npz").write_bytes(b"PK no zip")
    with pytest.raises(BadInput, match=r"curves\.npz is not a readable \.npz file"):
        _ = read_cell_arrays(cell)
    (cell.folder / "curves.npz").unlink()
    assert read_cell_arrays(cell) == {}


def read_cell_arrays(cell: Cell) -> dict[str, Any]:
    return replace(cell).arrays  # a copy has read nothing yet
