"""``faceprobe doctor``: what is broken, what is only absent, and how to fix it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from faceprobe import __version__
from faceprobe.api import doctor
from faceprobe.api.doctor import Check, examine
from faceprobe.cli.main import run


def found(name: str, area: str = "") -> Check:
    return next(c for c in examine() if c.name == name and c.area.startswith(area))


def test_json_is_one_object_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["faceprobe"] == __version__ and document["broken"] == 0
    areas = [check["area"] for check in document["checks"]]
    assert list(dict.fromkeys(areas)) == [
        "system",
        "package",
        "extra encode",
        "device",
        "cache",
        "detector",
        "bundled models",
    ]
    assert all(check["fix"] for check in document["checks"] if check["status"] != "ok")


def test_the_table_names_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert all(check.name in shown for check in examine())


def test_an_absent_dependency_is_broken_and_an_absent_extra_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = doctor.installed_version
    monkeypatch.setattr(doctor, "installed_version", lambda n: "" if n in ("numpy", "timm") else installed(n))
    assert (found("numpy").status, found("numpy").fix) == ("broken", doctor.REINSTALL)
    assert (found("timm").status, found("timm").fix) == (
        "note",
        "in your clone of faceprobe: pip install '.[encode]'",
    )
    assert run(["doctor", "--json"]) == 1


def test_an_old_python_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
    assert found("python").status == "broken"


def test_the_cache_is_measured_and_must_be_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    (cache / "embeddings" / "a").mkdir(parents=True)
    (cache / "embeddings" / "a" / "shard.npz").write_bytes(bytes(2_500_000))
    monkeypatch.setenv("FACEPROBE_CACHE", str(cache))
    assert found("embeddings", "cache").detail == "2.5 MB in 1 file"
    assert found("place", "cache").detail == str(cache)
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("FACEPROBE_CACHE", str(file))
    assert found("place", "cache").status == "broken"
    assert "FACEPROBE_CACHE" in found("place", "cache").fix


def test_a_detector_that_is_no_detector_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEPROBE_DETECTOR", raising=False)
    assert found("weights", "detector").status == "note"
    monkeypatch.setenv("FACEPROBE_DETECTOR", str(tmp_path / "none.onnx"))
    assert found("weights", "detector").status == "broken"
    assert "no such file" in found("weights", "detector").detail


def test_a_real_detector_runs(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEPROBE_DETECTOR", str(shared / "weights" / "yunet_n_dynamic.onnx"))
    assert found("weights", "detector").status == "ok"


def test_bundled_models_that_differ_from_their_record_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    from faceprobe.models.bundled import golden

    monkeypatch.setattr(golden, "check", lambda: {"clip-s": "", "clip-m": "differs by 0.2"})
    checks = {c.name: c for c in doctor.check_bundled()}
    assert (checks["clip-m"].status, checks["clip-m"].detail) == ("broken", "differs by 0.2")
    assert (checks["clip-s"].status, checks["clip-s"].detail) == ("ok", "as recorded")
    assert checks["clip-m"].fix and not checks["clip-s"].fix


def test_a_check_that_fails_in_a_new_way_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise RuntimeError("surprise")

    monkeypatch.setattr(doctor, "check_devices", fail)
    assert found("check", "device").status == "broken"
    assert "RuntimeError: surprise" in found("check", "device").detail


def test_torch_that_does_not_load_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> Any:
        raise OSError("libcuda is of another kind")

    monkeypatch.setattr(doctor, "find_spec", lambda name: SimpleNamespace())
    monkeypatch.setattr(doctor, "importlib", SimpleNamespace(import_module=fail))
    assert [(c.status, c.name) for c in doctor.check_devices()] == [("broken", "torch")]
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    assert [(c.status, c.name) for c in doctor.check_devices()] == [("note", "torch")]
