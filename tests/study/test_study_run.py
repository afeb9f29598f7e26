"""A whole run: files, resuming, force, what is missing, memory."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from faceprobe.core.errors import BadInput, Missing, Unreachable
from faceprobe.data.face_table import PhotoSource
from faceprobe.data.photo import PhotoDigest
from faceprobe.datasets.files import FileSource
from faceprobe.results.files import read_results
from faceprobe.results.result import SCHEMA
from faceprobe.study.checkpoint import cell_signature, photos_hash
from faceprobe.study.plan import plan_study
from faceprobe.study.run import run_study
from faceprobe.study.schema import Study, parse_study

KEPT = ("results.json", "results.parquet")


def study(**changes: Any) -> Study:
    base = {"title": "t", "models": ["fake:a", "fake:b"], "datasets": ["drawn", "real"], "replicates": 5}
    return parse_study({**base, **changes}, "x")


def run(bench: Any, out: Path, asked: Study | None = None, **options: Any) -> Any:
    return run_study(asked or study(), out, **{"quiet": True, **options})


def kept(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in KEPT}


def test_a_run_leaves_results_manifest_curves_and_report(bench: Any, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = run(bench, out)
    document = json.loads((out / "results.json").read_text())
    assert document["schema"] == SCHEMA
    assert len(document["rows"]) == 2 * 2 * 2 == len(result.rows)
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
    assert first["protocols"] == ["verification/all-pairs"]
    assert manifest["machine"]["cores"] >= 1 and "numpy" in manifest["versions"]
    assert manifest["hashes"]["models"]["fake:a"] == result.rows[0].model_hash
    with np.load(out / "cells" / first["key"] / "curves.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == {
            "verification/all-pairs//scores",
            "replicates//verification/all-pairs//mean//pair",
            "identities",
            "images",
        }
        assert arrays["images"].tolist() == [f"p{p}/{k}.png" for p in range(3) for k in range(2)]
        assert arrays["replicates//verification/all-pairs//mean//pair"].shape == (5,)
    assert result.report.read_text() == "4 cells"
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
    bench: Any, tmp_path: Path
) -> None:
    run(bench, tmp_path / "run", device="cpu", offline=True)
    assert bench.named("load_model") == [("fake:a", "cpu", True), ("fake:b", "cpu", True)]
    assert [call[-1]["offline"] for call in bench.named("embed")] == [True] * 4
    before = kept(tmp_path / "run")
    bench.calls.clear()
    again = run(bench, tmp_path / "run")
    assert bench.named("load_model") == bench.named("embed") == []
    assert (again.measured, again.resumed) == (0, 4)
    assert kept(tmp_path / "run") == before


def test_a_model_is_dropped_before_the_next_is_loaded(bench: Any, tmp_path: Path) -> None:
    import weakref

    alive: list[Any] = []
    load = bench.load_model

    def counted(text: str, **options: Any) -> Any:
        assert all(reference() is None for reference in alive)
        encoder = load(text, **options)
        alive.append(weakref.ref(encoder))
        return encoder

    bench.load_model = counted
    run(bench, tmp_path / "run")
    assert len(alive) == 2


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(bench: Any, tmp_path: Path) -> None:
    run(bench, tmp_path / "whole")

    def stop(cell: str) -> None:
        if cell == "fake:b drawn as-is":
            raise RuntimeError("the disk is full")

    bench.before_embed = stop
    with pytest.raises(RuntimeError, match="the disk is full"):
        run(bench, tmp_path / "broken")
    assert not (tmp_path / "broken" / "results.json").exists()
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "broken" / "cells").rglob("*.*")}
    assert len({p.parent for p in stamps}) == 2
    bench.before_embed = lambda cell: None
    bench.calls.clear()
    again = run(bench, tmp_path / "broken")
    assert (again.measured, again.resumed) == (2, 2)
    assert bench.named("load_model") == [("fake:b", "auto", False)]
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
    from faceprobe.study import evaluate as cell
    from faceprobe.study import run

    def die(*args: Any, **kwargs: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if moment == "writing results":
        run.write_results = die
    if moment == "renaming a cell":
        cell.os = SimpleNamespace(getpid=os.getpid, replace=die)
    if moment == "writing a cell":
        whole = cell.write_bytes
        cell.write_bytes = lambda path, data: die() if "fake-b" in str(path) else whole(path, data)
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

    def second(cell: str) -> None:
        bench.before_embed = lambda cell: None
        with pytest.raises(BadInput, match="another run is writing to"):
            run(bench, out)

    bench.before_embed = second
    assert run(bench, out).measured == 4


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
    assert {r.n for r in again.rows if r.dataset == "drawn"} == {8}


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
    for image in table.images.tolist():
        path = photos / image
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(table.photo(0).pixels).save(path)
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


def test_given_options_replace_the_studys_own(bench: Any, tmp_path: Path) -> None:
    detector = tmp_path / "yunet.onnx"
    detector.write_bytes(b"weights")
    asked = study(options={"batch_size": 7, "max_excluded": 0.25, "device": "meta"})
    result = run(
        bench, tmp_path / "run", asked, seed=2, detector=str(detector), models=["fake:c"], datasets=["drawn"]
    )
    assert {(r.model, r.dataset) for r in result.rows} == {("fake:c", "drawn")}
    assert bench.named("load_model") == [("fake:c", "meta", False)]
    assert bench.named("evaluate") == [(None, 2, 5)]
    options = bench.named("embed")[0][-1]
    assert options == {
        "detector": str(detector),
        "batch_size": 7,
        "max_excluded": 0.25,
        "workers": None,
        "quiet": True,
        "offline": False,
    }
    with pytest.raises(BadInput, match="the same study with other settings"):
        run(bench, tmp_path / "run", asked)


def test_photos_that_were_left_out_are_counted_and_noted(bench: Any, tmp_path: Path) -> None:
    bench.excluded = [SimpleNamespace(image="p0/0.png", reason="no face found")]
    asked = study(
        models=["fake:a"], datasets=["paired"], protocols=["lfw/official", "verification/all-pairs"]
    )
    result = run(bench, tmp_path / "run", asked)
    cell = json.loads((tmp_path / "run" / "manifest.json").read_text())["cells"][0]
    assert cell["excluded"] == {"no face found": 1} and cell["n_photos"] == 5
    listed = json.loads((tmp_path / "run" / "cells" / cell["key"] / "excluded.json").read_text())
    assert listed == [["p0/0.png", "no face found"]]
    notes = {r.protocol: r.note for r in result.rows}
    assert "1 of the official pairs are left out" in notes["lfw/official"]
    assert notes["verification/all-pairs"] == ""


def test_photos_are_handed_to_the_report_only_when_asked_for(bench: Any, tmp_path: Path) -> None:
    run(bench, tmp_path / "run")
    run(bench, tmp_path / "run", show_photos=True)
    (_, without), (_, photos) = bench.named("write_report")
    assert without is None
    expected = bench.dataset("drawn").photo(3).pixels
    assert np.array_equal(photos("drawn", "p1/1.png"), expected)


def test_one_progress_display_counts_every_photo_once(bench: Any, tmp_path: Path, capsys: Any) -> None:
    run(bench, tmp_path / "run", quiet=False)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("faceprobe run t:")]
    assert lines and lines[-1].startswith("faceprobe run t: 24/24")
    run(bench, tmp_path / "run", quiet=False)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("faceprobe run t:")]
    assert lines and lines[-1].startswith("faceprobe run t: 24/24")
