"""A whole run: files, resuming, force, what is missing, memory."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from faceprobe import report
from faceprobe.core.errors import BadInput, Missing, Unreachable
from faceprobe.core.files import cache_dir
from faceprobe.data.face_table import PhotoSource
from faceprobe.data.photo import PhotoDigest
from faceprobe.datasets.files import FileSource
from faceprobe.results.result import SCHEMA
from faceprobe.results.run import read_results
from faceprobe.study import evaluate as cell_work
from faceprobe.study.checkpoint import cell_signature, photos_hash
from faceprobe.study.plan import plan_study
from faceprobe.study.run import run_study
from faceprobe.study.schema import Study, parse_study
from tests.study.conftest import recorded

KEPT = ("results.json", "results.parquet")


def study(**changes: Any) -> Study:
    base: dict[str, Any] = {"title": "t", "models": ["fake:a", "fake:b"], "datasets": ["drawn", "real"]}
    return parse_study({**base, "replicates": 5, "floors": [], **changes}, "x")


def run(bench: Any, out: Path, asked: Study | None = None, **options: Any) -> Any:
    return run_study(asked or study(), out, **{"quiet": True, **options})


def kept(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in KEPT}


def test_a_run_leaves_results_manifest_curves_and_report(bench: Any, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = run(bench, out)
    document = json.loads((out / "results.json").read_text())
    assert document["schema"] == SCHEMA
    assert len(document["rows"]) == len(result.rows)
    cells_of_rows = {(r.model, r.dataset) for r in result.rows}
    assert len(cells_of_rows) == 4 and {r.protocol for r in result.rows} >= {"verification/all-pairs"}
    assert [r.to_dict() for r in result.rows] == document["rows"] == pq.read_table(out / KEPT[1]).to_pylist()
    assert read_results(out) == result.rows
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["study"]["name"] == "t" and manifest["study"]["seed"] == 0
    assert list(manifest["models"]) == ["fake:a", "fake:b"]
    assert manifest["models"]["fake:a"]["family"] == "fakes"
    assert [(c["model"], c["dataset"]) for c in manifest["cells"]] == [
        ("fake:a", "drawn"),
        ("fake:a", "real"),
        ("fake:b", "drawn"),
        ("fake:b", "real"),
    ]
    first = manifest["cells"][0]
    assert (first["n_photos"], first["n_identities"], first["excluded"]) == (6, 3, {})
    assert "verification/all-pairs" in first["protocols"]
    assert manifest["machine"]["cores"] >= 1 and "numpy" in manifest["versions"]
    assert manifest["hashes"]["models"]["fake:a"] == result.rows[0].model_hash
    with np.load(out / "cells" / first["key"] / "curves.npz", allow_pickle=False) as arrays:
        draws = "replicates//verification/all-pairs//auc//identity"
        assert {draws, "identities", "images"} <= set(arrays.files)
        assert arrays["images"].tolist() == [f"p{p}/{k}.png" for p in range(3) for k in range(2)]
        assert arrays[draws].shape == (5,)
    page = result.report.read_text(encoding="utf-8")
    assert "fake:a" in page and "fake:b" in page and page.rstrip().endswith("</html>")
    assert (result.measured, result.resumed, result.missing) == (4, 0, [])
    text = (out / "results.json").read_text()
    assert str(tmp_path) not in text and os.uname().nodename not in text


def test_rows_carry_the_evidence_behind_them(bench: Any, tmp_path: Path) -> None:
    result = run(bench, tmp_path / "run", study(models=["fake:a", "published:b"]))
    found = {(r.model, r.dataset): r.evidence for r in result.rows}
    assert found == {
        ("fake:a", "drawn"): "synthetic",
        ("published:b", "drawn"): "synthetic",
        ("fake:a", "real"): "real-photos",
        ("published:b", "real"): "real-model",
    }


def test_each_model_is_loaded_once_and_only_for_cells_that_are_not_finished(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded: list[dict[str, Any]] = []
    monkeypatch.setattr(cell_work, "embed", recorded(cell_work.embed, embedded))
    run(bench, tmp_path / "run", device="cpu", offline=True)
    assert bench.loaded == [("fake:a", "cpu", True), ("fake:b", "cpu", True)]
    assert [options["offline"] for options in embedded] == [True] * 4
    before = kept(tmp_path / "run")
    bench.loaded.clear()
    embedded.clear()
    again = run(bench, tmp_path / "run")
    assert bench.loaded == embedded == []
    assert (again.measured, again.resumed) == (0, 4)
    assert kept(tmp_path / "run") == before


def test_a_model_is_dropped_before_the_next_is_loaded(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import weakref

    alive: list[Any] = []
    load = bench.load

    def counted(name: Any, **options: Any) -> Any:
        assert all(reference() is None for reference in alive)
        encoder = load(name, **options)
        alive.append(weakref.ref(encoder))
        return encoder

    monkeypatch.setattr(bench, "load", counted)
    run(bench, tmp_path / "run")
    assert len(alive) == 2


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(bench: Any, tmp_path: Path) -> None:
    asked = study(datasets=["drawn", "paired"])
    run(bench, tmp_path / "whole", asked)
    shutil.rmtree(cache_dir())

    def stop(model: str) -> None:
        if model == "fake:b":
            raise RuntimeError("the disk is full")

    bench.before_encode = stop
    with pytest.raises(RuntimeError, match="the disk is full"):
        run(bench, tmp_path / "broken", asked)
    assert not (tmp_path / "broken" / "results.json").exists()
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "broken" / "cells").rglob("*.*")}
    assert len({p.parent for p in stamps}) == 2
    bench.before_encode = lambda model: None
    bench.loaded.clear()
    again = run(bench, tmp_path / "broken", asked)
    assert (again.measured, again.resumed) == (2, 2)
    assert bench.loaded == [("fake:b", "auto", False)]
    assert {p: p.stat().st_mtime_ns for p in stamps} == stamps
    assert kept(tmp_path / "broken") == kept(tmp_path / "whole")


@pytest.mark.parametrize("moment", ["writing a cell", "renaming a cell", "writing results"])
def test_a_run_killed_at_any_instant_goes_on(bench: Any, tmp_path: Path, moment: str) -> None:
    run(bench, tmp_path / "whole")
    out = tmp_path / "killed"
    child = multiprocessing.get_context("fork").Process(target=_run_and_die, args=(bench, out, moment))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    finished = [p.name for p in (out / "cells").iterdir() if not p.name.startswith(".")]
    result = run(bench, out)
    assert result.resumed == len(finished) and result.resumed + result.measured == 4
    assert kept(out) == kept(tmp_path / "whole")
    assert [p.name for p in (out / "cells").iterdir() if p.name.startswith(".")] == []


def _run_and_die(bench: Any, out: Path, moment: str) -> None:
    from faceprobe.results import files
    from faceprobe.study import run

    def die(*args: Any, **kwargs: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if moment == "writing results":
        run.write_results = die
    if moment == "renaming a cell":
        files.os = SimpleNamespace(getpid=os.getpid, replace=die)
    if moment == "writing a cell":
        whole = files.write_bytes
        files.write_bytes = lambda path, data: die() if "fake-b" in str(path) else whole(path, data)
    run_study(study(), out, quiet=True)


@pytest.mark.parametrize("change", [{"seed": 3}, {"models": ["fake:a"]}, {"crops": ["face-only"]}])
def test_another_study_in_the_folder_is_refused_without_force(
    bench: Any, tmp_path: Path, change: dict[str, Any]
) -> None:
    out = tmp_path / "run"
    run(bench, out)
    before = kept(out)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match=r"holds a run of .* --force"):
        run(bench, out, study(**change))
    assert kept(out) == before
    result = run(bench, out, study(**change), force=True)
    assert result.resumed == 0
    assert kept(out) != before
    assert (out / "notes.txt").read_text() == "mine"
    assert len(list((out / "cells").iterdir())) == result.measured


def test_force_starts_the_same_study_afresh(bench: Any, tmp_path: Path) -> None:
    run(bench, tmp_path / "run")
    before = kept(tmp_path / "run")
    assert run(bench, tmp_path / "run", force=True).measured == 4
    assert kept(tmp_path / "run") == before


def test_a_folder_that_is_no_run_is_refused_and_never_emptied(bench: Any, tmp_path: Path) -> None:
    mine = [tmp_path / "figures" / "plot.svg", tmp_path / "cells" / ".draft.tmp", tmp_path / "results.json"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("years of work")
    for force in (False, True):
        with pytest.raises(BadInput, match=r"holds 'cells', but no faceprobe run; give another --out$"):
            run(bench, tmp_path, force=force)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(BadInput, match=r"cannot use .*file as a run directory"):
        run(bench, file)
    (tmp_path / "study.json").write_text("[]")
    for force in (False, True):
        with pytest.raises(BadInput, match=r"study.json is not a run's; give another --out$"):
            run(bench, tmp_path, force=force)
    assert [path.read_text() for path in mine] == ["years of work"] * 3


def test_force_in_an_empty_folder_is_a_run_like_any_other(bench: Any, tmp_path: Path) -> None:
    assert run(bench, tmp_path / "new", force=True).measured == 4


def test_a_run_by_another_version_is_refused(bench: Any, tmp_path: Path, monkeypatch: Any) -> None:
    run(bench, tmp_path / "run")
    monkeypatch.setattr("faceprobe.__version__", "99.0")
    with pytest.raises(BadInput, match=r"a run by faceprobe 0\..* --force"):
        run(bench, tmp_path / "run")


def test_two_runs_cannot_share_a_folder(bench: Any, tmp_path: Path) -> None:
    out = tmp_path / "run"

    refused = []

    def second(model: str) -> None:
        bench.before_encode = lambda model: None
        with pytest.raises(BadInput, match="another run is writing to"):
            run(bench, out)
        refused.append(model)

    bench.before_encode = second
    assert run(bench, out).measured == 4 and refused


def test_changed_photos_and_changed_weights_are_measured_again(bench: Any, tmp_path: Path) -> None:
    weights = tmp_path / "face.onnx"
    weights.write_bytes(b"one")
    asked = study(models=["fake:a", f"onnx:{weights}"])
    run(bench, tmp_path / "run", asked)
    weights.write_bytes(b"two")
    again = run(bench, tmp_path / "run", asked)
    assert (again.measured, again.resumed) == (2, 2)
    assert {r.model for r in again.rows} == {"fake:a", "onnx:face.onnx"}
    bench.tables["drawn"] = bench.drawn("drawn", people=4)
    again = run(bench, tmp_path / "run", asked)
    assert (again.measured, again.resumed) == (2, 2)
    assert {
        r.n
        for r in again.rows
        if r.dataset == "drawn" and r.metric == "rank1" and r.protocol.endswith("leave-one-out")
    } == {8}


def test_a_changed_folder_of_an_hf_model_is_measured_again(bench: Any, tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "sub" / "model.safetensors").write_bytes(b"one")
    asked = study(models=["fake:a", f"hf:{folder}", "hf:owner/repository"], datasets=["drawn"])
    assert run(bench, tmp_path / "run", asked).measured == 3
    assert run(bench, tmp_path / "run", asked).measured == 0
    (folder / "sub" / "model.safetensors").write_bytes(b"two")
    again = run(bench, tmp_path / "run", asked)
    assert (again.measured, again.resumed) == (1, 2)


def test_any_replaced_photo_of_a_file_dataset_is_measured_again(bench: Any, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    table = bench.drawn("real")
    for row, image in enumerate(table.images.tolist()):
        path = photos / image
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(table.photo(row).pixels).save(path)
    bench.tables["real"] = replace(table, source=FileSource(str(photos)))
    run(bench, tmp_path / "run")
    before = kept(tmp_path / "run")
    assert run(bench, tmp_path / "run").measured == 0
    last = photos / str(table.images[-1])
    stamp = last.stat().st_mtime_ns + 10**9
    os.utime(last, ns=(stamp, stamp))
    again = run(bench, tmp_path / "run")
    assert (again.measured, again.resumed) == (2, 2)
    assert kept(tmp_path / "run") == before, "when a file was written is no part of the results"
    Image.fromarray(255 - table.photo(0).pixels).save(last)
    assert run(bench, tmp_path / "run").measured == 2
    assert kept(tmp_path / "run") != before


def test_any_replaced_photo_of_a_pack_and_a_changed_pair_list_are_noticed(bench: Any) -> None:
    table = bench.drawn("paired", paired=True)
    first = photos_hash(replace(table, source=Pack({})))
    assert first == photos_hash(replace(table, source=Pack({})))
    assert first != photos_hash(replace(table, source=Pack({str(table.images[-1]): "other"})))
    asked = study(datasets=["paired"])
    cell = plan_study(asked).cells[0]
    assert table.pairs is not None
    turned = replace(table, pairs=replace(table.pairs, same=~table.pairs.same))
    signatures = {cell_signature(cell, t, asked, "", first) for t in (table, turned)}
    assert len(signatures) == 2


def test_changed_templates_and_known_faces_are_noticed(bench: Any) -> None:
    from tests.helpers.templates_oracle import template_world

    @dataclass(frozen=True)
    class Faced(Pack):
        known: str = ""

        @property
        def faces_hash(self) -> str:
            return self.known

    table = bench.drawn("drawn")
    asked = study(datasets=["drawn"])
    cell = plan_study(asked).cells[0]
    templates = template_world(0).templates
    assert templates is not None
    tables = [
        table,
        replace(table, templates=templates),
        replace(table, templates=replace(templates, media=templates.media + 1)),
        replace(table, source=Faced({}, "one")),
        replace(table, source=Faced({}, "two")),
    ]
    assert len({cell_signature(cell, t, asked, "", "same photos") for t in tables}) == len(tables)
    assert cell_signature(cell, tables[1], asked, "", "same photos") == cell_signature(
        cell, replace(table, templates=template_world(0).templates), asked, "", "same photos"
    )


@dataclass(frozen=True)
class Pack(PhotoSource):
    """A source that knows each photo's digest without reading it."""

    changed: dict[str, str]

    def digest(self, image: str) -> PhotoDigest:
        return PhotoDigest(self.changed.get(image, image))

    def read(self, image: str) -> Any:
        raise AssertionError("not read")


def test_what_cannot_be_reached_is_an_error_or_is_said(bench: Any, tmp_path: Path, capsys: Any) -> None:
    bench.unreachable = {"fake:b"}
    with pytest.raises(Unreachable, match="fake:b cannot be fetched"):
        run(bench, tmp_path / "strict")
    asked = study(models={"fake:a": None, "fake:b": {"optional": True, "fetch": "see here"}})
    result = run(bench, tmp_path / "run", asked, quiet=False)
    assert {r.model for r in result.rows} == {"fake:a"}
    assert result.missing == ["fake:b cannot be fetched; put it there (see here)"]
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["missing"] == result.missing and list(manifest["models"]) == ["fake:a"]
    shown = capsys.readouterr()
    assert shown.out == "" and "missing: fake:b cannot be fetched" in shown.err
    bench.unreachable = set()
    later = run(bench, tmp_path / "run", asked)
    assert (later.measured, later.resumed, later.missing) == (2, 2, [])


def test_nothing_to_run_is_one_line_that_says_what_to_fetch(bench: Any, tmp_path: Path) -> None:
    bench.unreachable = {"fake:a", "fake:b"}
    with pytest.raises(Missing, match=r"nothing of the study t can be run here: fake:a cannot be fetched"):
        run(bench, tmp_path / "run", study(allow_missing=True))
    assert not (tmp_path / "run" / "results.json").exists()
    bench.absent = {"drawn", "real"}
    with pytest.raises(Missing, match=r"nothing of the study t .* dataset drawn is absent; fetch it"):
        run(bench, tmp_path / "other", study(allow_missing=True))
    assert not (tmp_path / "other").exists()


def test_given_options_replace_the_studys_own(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded: list[dict[str, Any]] = []
    measured: list[dict[str, Any]] = []
    monkeypatch.setattr(cell_work, "embed", recorded(cell_work.embed, embedded))
    monkeypatch.setattr(cell_work, "evaluate", recorded(cell_work.evaluate, measured))
    asked = study(options={"batch_size": 7, "max_excluded": 0.25, "device": "meta"})
    result = run(bench, tmp_path / "run", asked, seed=2, models=["fake:c"], datasets=["drawn"])
    assert {(r.model, r.dataset) for r in result.rows} == {("fake:c", "drawn")}
    assert bench.loaded == [("fake:c", "meta", False)]
    assert [(options["seed"], options["replicates"]) for options in measured] == [(2, 5)]
    options = embedded[0]
    assert (options["batch_size"], options["max_excluded"], options["offline"]) == (7, 0.25, False)
    with pytest.raises(BadInput, match="the same study with other settings"):
        run(bench, tmp_path / "run", asked)


def test_a_detector_that_is_not_there_is_found_out_first(bench: Any, tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"none\.onnx"):
        run(bench, tmp_path / "run", study(crops=["face-only"]), detector=str(tmp_path / "none.onnx"))
    assert bench.loaded == []


def test_photos_that_were_left_out_are_counted_and_noted(bench: Any, tmp_path: Path) -> None:
    table = bench.drawn("paired", paired=True)
    lost = replace(table.source, lost=frozenset({"p0/0.png"}))
    bench.tables["paired"] = replace(table, source=lost)
    asked = study(
        models=["fake:a"],
        datasets=["paired"],
        protocols=["lfw/official", "verification/all-pairs"],
        options={"max_excluded": 0.5},
    )
    result = run(bench, tmp_path / "run", asked)
    cell = json.loads((tmp_path / "run" / "manifest.json").read_text())["cells"][0]
    assert cell["excluded"] == {"not an image": 1} and cell["n_photos"] == 5
    listed = json.loads((tmp_path / "run" / "cells" / cell["key"] / "excluded.json").read_text())
    assert listed == [["p0/0.png", "not an image"]]
    told = {"lfw/official": set(), "verification/all-pairs": set()}
    for row in result.rows:
        told[row.protocol].add("2 of the official pairs are left out" in row.text)
    assert told == {"lfw/official": {True}, "verification/all-pairs": {False}}


def test_photos_are_handed_to_the_report_only_when_asked_for(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(report, "write_report", recorded(report.write_report, written))
    run(bench, tmp_path / "run")
    run(bench, tmp_path / "run", show_photos=True)
    assert written[0]["photos"] is None
    expected = bench.drawn("drawn").photo(3).pixels
    assert np.array_equal(written[1]["photos"]("drawn", "p1/1.png"), expected)


def test_one_progress_display_counts_every_photo_once(bench: Any, tmp_path: Path, capsys: Any) -> None:
    run(bench, tmp_path / "run", quiet=False)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("faceprobe run t:")]
    assert lines and lines[-1].startswith("faceprobe run t: 24/24")
    run(bench, tmp_path / "run", quiet=False)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("faceprobe run t:")]
    assert lines and lines[-1].startswith("faceprobe run t: 24/24")
