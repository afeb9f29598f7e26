"""``faceprobe run`` from the command line to the files, with the real parts on a small built-in world."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from faceprobe.cli.main import run
from faceprobe.core.files import read_json
from faceprobe.report.opening import real_clip

STUDY = """\
title: A very small study
models: ["pixels:6", "pixels:8"]
datasets: ["synthetic?people=6&photos=3&size=48"]
crops: [as-is, face-only]
replicates: 20
"""

KEPT = ("results.json", "results.parquet")


@pytest.fixture
def study(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return str(path)


def kept(out: Path) -> list[bytes]:
    return [(out / name).read_bytes() for name in KEPT]


def test_a_run_ends_with_a_summary_and_the_place_of_the_report(
    study: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert run(["run", study, "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert "pixels:6" in shown.out and "face-only" in shown.out
    assert shown.out.rstrip().splitlines()[-1] == f"report: {out / 'report.html'}"
    assert "72/72" in shown.err
    assert (out / "report.html").read_text().startswith("<!")
    rows = read_json(out / "results.json")["rows"]
    assert pq.read_table(out / "results.parquet").to_pylist() == rows
    assert {(r["model"], r["crop"]) for r in rows} == {
        (m, c) for m in ("pixels:6", "pixels:8") for c in ("as-is", "face-only")
    }
    assert {r["protocol"] for r in rows} == {
        "identification/enrol-1",
        "identification/leave-one-out",
        "identification/leave-one-out-cross-event",
        "verification/all-pairs",
        "verification/all-pairs-cross-event",
    }
    assert {r["evidence"] for r in rows} == {"synthetic"}
    rank = next(r for r in rows if r["metric"] == "rank1")
    assert 0 <= rank["ci_low"] <= rank["value"] <= rank["ci_high"] <= 1
    assert not list(out.glob(".photos*"))


def test_json_is_the_results_object_and_nothing_else(
    study: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert run(["run", study, "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == read_json(out / "results.json")


def test_equal_runs_are_byte_equal_and_another_seed_is_refused_or_forced(
    study: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert run(["run", study, "--out", str(one)]) == run(["run", study, "--out", str(two)]) == 0
    assert kept(one) == kept(two)
    capsys.readouterr()
    assert run(["run", study, "--out", str(two), "--seed", "5"]) == 1
    message = capsys.readouterr().err
    assert (
        message.count("\n") == 1 and "the same study with other settings" in message and "--force" in message
    )
    assert run(["run", study, "--out", str(two), "--seed", "5", "--force"]) == 0
    assert kept(one) != kept(two)


def test_a_run_killed_while_it_embeds_goes_on_to_the_same_bytes(
    study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(["run", study, "--out", str(whole)]) == 0
    monkeypatch.setenv("FACEPROBE_CACHE", str(tmp_path / "another cache"))
    arguments = ["run", study, "--out", str(broken)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    finished = {p: p.stat().st_mtime_ns for p in (broken / "cells").glob("*/curves.npz")}
    assert 1 <= len(finished) <= 2 and not (broken / "results.json").exists()
    assert run(arguments) == 0
    assert {p: p.stat().st_mtime_ns for p in finished} == finished
    assert kept(whole) == kept(broken)
    assert not list(broken.glob(".photos*"))


KILLED = """
import os, signal, sys
from faceprobe.embedding.cache import VectorCache
add, calls = VectorCache.add, []
def third_time_dies(self, *arguments):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    add(self, *arguments)
VectorCache.add = third_time_dies
from faceprobe.cli.main import main
main(sys.argv[1:])
"""


def test_show_photos_puts_photos_into_the_report_and_nothing_else_does(study: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert run(["run", study, "--out", str(out)]) == 0
    without = (out / "report.html").read_text()
    before = kept(out)
    assert run(["run", study, "--out", str(out), "--show-photos"]) == 0
    assert "data:image/jpeg" in (out / "report.html").read_text() and "data:image/jpeg" not in without
    assert kept(out) == before


@pytest.mark.parametrize(
    ("change", "code", "parts"),
    [
        (("pixels:8", "pixles:8"), 2, ["pixles"]),
        (("synthetic?", "sinthetic?"), 2, ["unknown dataset 'sinthetic'", "did you mean 'synthetic'"]),
        (("people=6", "poeple=6"), 2, ["poeple", "people"]),
        (("face-only", "face-olny"), 2, ["unknown crop 'face-olny'", "'face-only'"]),
        (("replicates", "replicas"), 2, ["small.yaml: unknown key 'replicas'", "did you mean 'replicates'"]),
        (("pixels:8", "onnx:none.onnx"), 1, ["none.onnx"]),
        (('"synthetic?people=6&photos=3&size=48"', "folder:nowhere"), 1, ["nowhere: no such folder"]),
    ],
)
def test_bad_input_is_one_clear_line(
    study: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str],
    code: int,
    parts: list[str],
) -> None:
    Path(study).write_text(STUDY.replace(*change), encoding="utf-8")
    assert run(["run", study, "--out", str(tmp_path / "run")]) == code
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    assert all(part in shown.err for part in parts), shown.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("asks", [True, False])
def test_the_summary_of_the_quickstart_begins_with_the_real_clip(
    asks: bool, study: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if asks:
        Path(study).write_text(STUDY + "opening: real-clip\n", encoding="utf-8")
    assert run(["run", study, "--out", str(tmp_path / "run")]) == 0
    shown = " ".join(capsys.readouterr().out.split())  # lines are wrapped
    said = str(real_clip().sentences[0]).replace("\u00a0", " ")
    assert (said in shown) is asks and ("can be rerun on any machine" in shown) is asks
    if asks:
        assert shown.startswith(f"{real_clip().label}. {said} ")
        assert shown.index("The laboratory: a world of drawn people") < shown.index("Weighted by people")
        assert run(["run", study, "--out", str(tmp_path / "run"), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["rows"]


def test_an_unknown_study_offers_the_packaged_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "quikstart"]) == 2
    assert "did you mean 'quickstart'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["paper", "scaling"])
def test_a_study_of_which_nothing_is_here_says_what_to_fetch(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    arguments = ["run", name, "--out", str(tmp_path / "run"), "--offline"]
    assert run(arguments) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and f"nothing of the study {name} can be run here: dataset lfw" in message
    assert "lfw is not on this machine" in message and "lfw:PATH" in message


def test_paper_says_what_is_missing_and_goes_on_with_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out = tmp_path / "run"
    arguments = ["run", "paper", "--out", str(out), "--offline"]
    arguments += ["--dataset", "synthetic?people=4&photos=2&size=32", "--dataset", "celeba"]
    arguments += ["--model", "pixels:4", "--model", "ViT-B-32/openai"]
    assert run(arguments) == 0
    missing = read_json(out / "manifest.json")["missing"]
    assert "celeba:PATH" in missing[0]
    assert [m.split(":")[0] for m in missing[1:4]] == ["cloak fawkes", "cloak lowkey", "cloak clean-png"]
    assert len(missing) == 5 and "ViT-B-32" in missing[4]
    shown = capsys.readouterr().err
    assert all(f"missing: {text}" in shown for text in missing)
    assert {r["model"] for r in read_json(out / "results.json")["rows"]} == {"pixels:4"}


def test_list_names_the_packaged_studies(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "--list"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("cloaks", "lfw", "paper", "quickstart", "scaling"))
    assert run(["run", "--list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["quickstart"]["replicates"] == 1000


def test_the_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "--help"]) == 0
    assert "faceprobe run quickstart --out runs/quickstart" in capsys.readouterr().out
