"""CLIP_benchmark's layout: written from a run, read back, and read as others write it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from faceprobe.core.errors import BadInput
from faceprobe.report.clip_benchmark import export_run, read_rows
from faceprobe.report.comparison.runs import compare_runs, open_run
from faceprobe.results.result import Metric, attach
from faceprobe.results.run import Run, read_run, row_key
from tests.helpers.run_writer import Writer


def test_a_run_survives_the_round_trip(writer: Callable[..., Writer], tmp_path: Path) -> None:
    folder = writer().write()
    run = read_run(folder)
    files = export_run(run, tmp_path / "out")
    assert len(files) == len(run.cells)
    document = json.loads(files[0].read_text())
    assert list(document)[:6] == ["dataset", "model", "pretrained", "task", "metrics", "language"]
    back = open_run(tmp_path / "out")
    wanted = {row_key(r): (r.value, r.evidence) for r in run.rows if r.value is not None}
    assert {row_key(r): (r.value, r.evidence) for r in back.rows} == wanted
    lines = compare_runs([folder, tmp_path / "out"]).lines
    assert all(d.difference == 0 for x in lines if x.shared for d in x.differences[1:] if d)


def test_an_openclip_name_is_taken_apart_and_joined(tmp_path: Path) -> None:
    metrics = [Metric("lfw/official", "accuracy", "pair", 0.9, protocol_version=2)]
    rows = attach(metrics, model="ViT-B-32/openai", dataset="lfw", crop="as-is", evidence="real-model")
    (path,) = export_run(Run(tmp_path, tuple(rows)), tmp_path)
    document = json.loads(path.read_text())
    assert (document["model"], document["pretrained"]) == ("ViT-B-32", "openai")
    (row,) = read_rows(document, "x")
    assert row.model == "ViT-B-32/openai" and row.protocol_version == 2
    with pytest.raises(BadInput, match="protocol_versions must name an integer"):
        read_rows({**document, "protocol_versions": {"lfw/official": "2"}}, "x")


FOREIGN = {
    "dataset": "wds/imagenet1k",
    "model": "ViT-B-32",
    "pretrained": "openai",
    "task": "zeroshot_classification",
    "metrics": {"acc1": 0.633, "acc5": 0.888},
    "language": "en",
}


def test_a_foreign_file_is_published_evidence(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({**FOREIGN, "evidence": "real-model"}))
    rows = open_run(path).rows
    assert {r.evidence for r in rows} == {"published"} and rows[0].model == "ViT-B-32/openai"
    assert [(r.protocol, r.metric, r.value) for r in rows] == [
        ("clip-benchmark/zeroshot_classification", "acc1", 0.633),
        ("clip-benchmark/zeroshot_classification", "acc5", 0.888),
    ]


def test_hidden_files_of_a_folder_are_no_results(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps(FOREIGN))
    (tmp_path / "._x.json").write_bytes(b"\x00\x05\x16\x07")  # as macOS writes it
    assert len(open_run(tmp_path).rows) == 2


@pytest.mark.parametrize(
    "change", [{"metrics": {"acc1": "high"}}, {"metrics": [1]}, {"model": 3}, {"metrics": {"acc1": True}}]
)
def test_a_broken_file_is_one_clear_line(change: dict[str, object]) -> None:
    with pytest.raises(BadInput, match=r"^x\.json: "):
        read_rows({**FOREIGN, **change}, "x.json")
