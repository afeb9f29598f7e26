"""``faceprobe embed``, end to end with the model ``pixels:8``."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceprobe.cli.main import run
from faceprobe.embedding import EmbeddingStore


def save(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for k in range(12):
        save(tmp_path / "photos" / f"person{k // 3}" / f"{k}.png", k)
    return tmp_path / "photos"


def embed(source: object, out: Path, *more: str, model: str = "pixels:8") -> int:
    return run(["embed", str(source), "--model", model, "--out", str(out), "--workers", "0", *more])


def test_a_folder_of_people(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert embed(f"folder:{photos}", out) == 0
    captured = capsys.readouterr()
    assert "12 of 12 photos; 12 encoded" in captured.out and "0 reused" in captured.out
    data = EmbeddingStore.open(out).to_embeddings()
    assert data.identities.tolist() == [f"person{k}" for k in range(4) for _ in range(3)]
    assert embed(f"folder:{photos}", out) == 0
    assert "0 encoded" in capsys.readouterr().out


def test_json_is_all_that_goes_to_standard_output(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "person0" / "text.jpg").write_text("x")
    assert embed(photos, tmp_path / "out", "--json") == 0
    captured = capsys.readouterr()
    summary = json.loads(captured.out)
    assert summary["photos"] == 13 and summary["kept"] == summary["encoded"] == 12
    assert summary["excluded"] == {"not an image": 1}
    assert "embedding" in captured.err
    listed = json.loads((tmp_path / "out" / "excluded.json").read_text())
    assert listed == [{"image": "person0/text.jpg", "reason": "not an image"}]


def test_loose_photos_need_no_identities(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for k in range(3):
        save(tmp_path / "loose" / f"{k}.png", k)
    assert embed(tmp_path / "loose", tmp_path / "out", "--dtype", "float16") == 0
    data = EmbeddingStore.open(tmp_path / "out").to_embeddings()
    assert data.identities.tolist() == [""] * 3 and data.paths.tolist() == ["0.png", "1.png", "2.png"]
    capsys.readouterr()


def failed(capsys: pytest.CaptureFixture[str], *parts: str) -> None:
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert captured.out == "" and len(lines) == 1 and "Traceback" not in captured.err
    for part in parts:
        assert part in lines[0], lines[0]


@pytest.mark.parametrize(
    ("source", "code", "part"),
    [
        ("./nowhere", 1, "no such folder"),
        ("folder:nowhere", 1, "no such folder"),
        ("lwf:somewhere", 2, "did you mean 'lfw'"),
        ("nowhere", 2, "unknown dataset"),
        ("folder", 2, "folder:PATH"),
    ],
)
def test_a_wrong_source(
    source: str, code: int, part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert embed(source, tmp_path / "out") == code
    failed(capsys, part)


def test_bad_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert embed(tmp_path / "empty", tmp_path / "out") == 1
    failed(capsys, "no photos")
    save(tmp_path / "one" / "ann" / "1.png", 1)
    assert embed(f"folder:{tmp_path / 'one'}", tmp_path / "out") == 1
    failed(capsys, "one person only ('ann')")


def test_a_malicious_bin_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Payload:
        def __reduce__(self) -> object:
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / "bad.bin").write_bytes(pickle.dumps(([Payload()], [True])))
    assert embed(f"insightface-bin:{tmp_path / 'bad.bin'}", tmp_path / "out") == 1
    failed(capsys, "refused")
    assert not (tmp_path / "ran").exists()


def test_local_inputs_are_checked_before_the_model(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import faceprobe.models

    def loaded(*_: object, **__: object) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(faceprobe.models, "load_model", loaded)
    assert embed(photos, tmp_path / "out", "--crop", "aligned-12") == 2
    failed(capsys, "did you mean 'aligned-112'")
    assert embed(photos, tmp_path / "out", "--crop", "margin-0.1", "--detector", "nowhere.onnx") == 1
    failed(capsys, "nowhere.onnx", "no such file")
    assert embed(photos, photos) == 1
    failed(capsys, "not an embedding store")
    assert embed(tmp_path / "nowhere", tmp_path / "out") == 1
    failed(capsys, "no such folder")


def test_too_many_unreadable_photos(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for k in range(3):
        (photos / "person0" / f"text{k}.jpg").write_text("x")
    assert embed(photos, tmp_path / "out") == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "3 of 15 photos" in error and "3 not an image" in error and "person0/text0.jpg" in error
    assert embed(photos, tmp_path / "out", "--max-excluded", "0.2") == 0


def test_another_model_needs_force(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert embed(photos, out) == 0
    capsys.readouterr()
    assert embed(photos, out, model="pixels:4") == 1
    assert "--force" in capsys.readouterr().err
    assert embed(photos, out, "--force", model="pixels:4") == 0
    EmbeddingStore.open(out).verify()


def test_an_unknown_model(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert embed(photos, tmp_path / "out", model="pixel:8") == 2
    failed(capsys, "pixels")


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["embed", "--help"]) == 0
    assert "Example:" in capsys.readouterr().out
