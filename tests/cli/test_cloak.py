"""``faceprobe cloak`` and ``faceprobe cloaks``, end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceprobe.cli.main import run
from faceprobe.cloaks.base import LIMITS
from faceprobe.report.cloaks.sheet import MOST, order_of


def save(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = np.add.outer(np.arange(40), np.arange(30)) * 3
    Image.fromarray(np.stack([grid + seed, grid, grid - seed], axis=-1).clip(0, 255).astype(np.uint8)).save(
        path
    )
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for k in range(3):
        save(tmp_path / "photos" / f"{k}.png", k)
    return tmp_path / "photos"


def cloak(source: Path, out: Path, name: str, *more: str) -> int:
    return run(["cloak", str(source), "--out", str(out), "--cloak", name, *more])


def test_says_what_it_does_before_and_after(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cloak(photos, tmp_path / "out", "jpeg-75") == 0
    captured = capsys.readouterr()
    said = captured.err
    assert said.index("jpeg-75: control") < said.index(LIMITS) < said.index("cloaking, jpeg-75: 3/3")
    assert "surrogate: none" in said
    for part in ("PSNR, whole photo", "SSIM, whole photo", "DSSIM, whole photo", "seconds a photo"):
        assert part in captured.out
    assert "3 photos; 3 changed" in captured.out
    assert "protect" not in (captured.out + captured.err).lower()
    assert cloak(photos, tmp_path / "out", "jpeg-75") == 0
    assert "3 were done before" in capsys.readouterr().out


def test_json_is_all_that_goes_to_standard_output(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cloak(photos, tmp_path / "out", "noise-30", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == json.loads((tmp_path / "out" / "cloak.json").read_text())


def test_a_single_photo(photos: Path, tmp_path: Path) -> None:
    assert cloak(photos / "1.png", tmp_path / "out", "blur-1") == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["1.png", "cloak.json", "manifest.json"]


def test_what_a_cloak_looks_through_is_said_aloud(
    photos: Path, tmp_path: Path, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = str(shared / "weights" / "yunet_n_dynamic.onnx")
    assert cloak(photos, tmp_path / "out", "fawkes-1.0.2-low[bundled:face]", "--detector", weights) == 0
    captured = capsys.readouterr()
    assert "surrogate: bundled:face" in captured.err and "synthetic people" in captured.err
    assert "perceptual term: dssim" in captured.err
    assert "0 changed" in captured.out
    assert "not cloaked, or hardly: 3 of 3 photos\n  0.png, 1.png, 2.png: no face found\n" in captured.out


def test_cloaking_a_cloaked_photo_is_warned_of(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cloak(photos, tmp_path / "once", "jpeg-75") == 0
    save(tmp_path / "once" / "x_attacked.png", 1)
    assert "warning" not in capsys.readouterr().err
    assert cloak(tmp_path / "once", tmp_path / "twice", "blur-1") == 0
    said = capsys.readouterr().err
    assert "warning: 4 photos cloaked again that bore a cloak already, as 0.png (jpeg-75)" in said
    document = json.loads((tmp_path / "twice" / "cloak.json").read_text())
    assert document["summary"]["already_cloaked"] == 4 and document["summary"]["changed"] == 4
    assert document["photos"][3]["mark"] == "a name that ends in _attacked.png"


def test_colour_on_black_and_white_photos_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "grey").mkdir()
    Image.fromarray(np.full((20, 20), 90, np.uint8)).save(tmp_path / "grey" / "a.png")
    assert cloak(tmp_path / "grey", tmp_path / "out", "noise-30") == 0
    assert "colour on 1 black-and-white photo, at most" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("fawks-1.0.2-mid", 2, "did you mean"),
        ("jpeg-900", 2, "from 1 to 100"),
        ("noise", 2, "needs the cloak"),
        ("fawkes-1.0.2-mid[onnx:absent.onnx?size=112]", 1, "absent.onnx"),
    ],
)
def test_wrong_names(
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    code: int,
    said: str,
    shared: Path,
) -> None:
    assert cloak(photos, tmp_path / "out", name) == code
    captured = capsys.readouterr()
    assert said in captured.err and "Traceback" not in captured.err and not captured.out


def test_an_original_is_never_in_the_way(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p.name: p.read_bytes() for p in photos.iterdir()}
    for out in (photos, photos / "cloaked", photos.parent):
        assert cloak(photos, out, "jpeg-75", "--force") == 2
        assert "--out" in capsys.readouterr().err
    assert {p.name: p.read_bytes() for p in photos.iterdir()} == before


def test_cloaks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cloaks"]) == 0
    shown = capsys.readouterr().out
    for name in ("fawkes-1.0.2-mid", "lowkey", "pgd", "noise-30", "jpeg-75", "tv-0.1", "bilateral"):
        assert name in shown
    assert "promises nothing" in shown
    assert run(["cloaks", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    by = {c["name"]: c for c in listed["cloaks"]}
    assert by["fawkes-1.0.2-mid"]["constants"]["steps"] == 75
    assert by["fawkes-1.0.2-mid"]["surrogates"] == ["bundled:face"]
    assert by["noise"]["control"] and not by["noise"]["surrogates"]
    assert listed["purifiers"][0]["name"] == "none"


def test_one_cloak_or_purifier(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cloaks", "lowkey[bundled:clip-m;dssim]"]) == 0
    shown = capsys.readouterr().out
    assert "lowkey[bundled:clip-m;dssim]" in shown and "ICLR 2021" in shown
    assert run(["cloaks", "tv-0.2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "tv-0.2"
    assert run(["cloaks", "lowky"]) == 2
    assert "did you mean 'lowkey'" in capsys.readouterr().err


def test_listing_imports_no_torch() -> None:
    script = (
        "import sys; from faceprobe.cli.main import run; code = run(['cloaks', '--json']);"
        "sys.exit(code or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


def test_a_sheet_shows_photos_before_and_after(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(photos / "<b>.png", 9)
    assert cloak(photos, tmp_path / "out", "jpeg-75", "--sheet") == 0
    assert "4 photos before and after" in capsys.readouterr().err
    page = (tmp_path / "out" / "sheet.html").read_text(encoding="utf-8")
    assert page.count("<section>") == 4 and page.count("data:image/png;base64,") == 12
    assert "&lt;b&gt;.png" in page and "<b>" not in page and "http" not in page
    assert cloak(photos, tmp_path / "out", "jpeg-75") == 0  # the sheet does not stop a run that goes on
    assert "4 were done before" in capsys.readouterr().out


def test_a_sheet_holds_the_most_tinted_photos_and_those_barely_changed() -> None:
    records = [{"source": f"{k}", "changed": k > 0, "delta_e": k / 10, "barely": ""} for k in range(100)]
    records += [{"source": "w", "changed": True, "delta_e": 0.1, "barely": "cosine"}]
    shown = [record["source"] for record in order_of(records)]
    assert len(shown) == MOST and shown[:2] == ["99", "98"] and shown[-1] == "w" and "0" not in shown


def test_the_example_names_the_surrogate(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cloak", "--help"]) == 0
    assert "'fawkes-1.0.2-low[bundled:face]'" in capsys.readouterr().out
