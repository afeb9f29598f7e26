"""``faceprobe eval``: one cell on the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceprobe.cli.main import run

SMALL = "synthetic?people=6&photos=3&size=48"


def photos(folder: Path, people: int = 3, each: int = 2) -> Path:
    rng = np.random.default_rng(0)
    for person in range(people):
        for photo in range(each):
            place = folder / f"person{person}" / f"{photo}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)).save(place)
    return folder


def measure(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert run(["eval", *arguments, "--json"]) == 0
    rows: list[dict[str, object]] = json.loads(capsys.readouterr().out)["rows"]
    return rows


def test_without_a_protocol_every_usual_one_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    rows = measure(capsys, "--model", "pixels:6", "--dataset", SMALL, "--replicates", "10")
    assert {(r["model"], r["dataset"], r["crop"]) for r in rows} == {("pixels:6", SMALL, "as-is")}
    assert len({r["protocol"] for r in rows}) == 5
    everything = measure(
        capsys, "--model", "pixels:6", "--dataset", SMALL, "--replicates", "10", "--protocol", "all"
    )
    assert everything == rows
    pairs = [r for r in rows if r["protocol"] == "verification/all-pairs" and r["weighting"] == "none"]
    counts = {r["metric"]: r["value"] for r in pairs}
    assert counts["n_mated"] == 6 * 3 and counts["n_nonmated"] == 18 * 17 / 2 - 18


def test_those_protocols_that_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    base = ("--model", "pixels:6", "--dataset", SMALL, "--replicates", "10")
    two = ("identification/enrol-1", "identification/leave-one-out")
    rows = measure(capsys, *base, "--protocol", two[0], "--protocol", two[1])
    assert {r["protocol"] for r in rows} == set(two)


def test_the_table_shows_values_and_their_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["eval", "--model", "pixels:6", "--dataset", SMALL, "--crop", "face-only"]
    assert run([*arguments, "--protocol", "identification/leave-one-out"]) == 0
    shown = capsys.readouterr()
    assert "rank1" in shown.out and "Evidence: synthetic." in shown.out and "face-only" in shown.out
    assert "embedding" in shown.err and "embedding" not in shown.out


def test_a_seed_moves_intervals_only(capsys: pytest.CaptureFixture[str]) -> None:
    base = ("--model", "pixels:6", "--dataset", SMALL, "--protocol", "identification/leave-one-out")
    one, same, other = (measure(capsys, *base, "--seed", seed) for seed in ("1", "1", "2"))
    assert one == same and one != other
    assert [r["value"] for r in one] == [r["value"] for r in other]


def test_photos_that_were_left_out_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = photos(tmp_path / "photos", people=6)
    (folder / "person0" / "1.png").write_text("not a photo")
    assert run(["eval", "--model", "pixels:4", "--dataset", f"folder:{folder}", "--json"]) == 0
    shown = capsys.readouterr()
    assert "left out: 1 photo, not an image" in shown.err
    rows = json.loads(shown.out)["rows"]
    assert {r["evidence"] for r in rows} == {"real-photos"}
    assert {r["dataset"] for r in rows} == {"folder:photos"} and str(tmp_path) not in shown.out


def test_out_writes_what_a_run_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = photos(tmp_path / "photos", people=6)
    lines = [f"{p.relative_to(tmp_path)};{p.parent.name}" for p in sorted(folder.rglob("*.png"))]
    lines[0] = lines[0].partition(";")[0] + ";"
    (tmp_path / "who.csv").write_text("\n".join(["image;name", *lines]) + "\n")
    dataset = f"table:{tmp_path / 'who.csv'}?identity=name"
    base = ("--model", "pixels:4", "--dataset", dataset, "--replicates", "10")

    def ordered(rows: list[dict[str, object]]) -> list[dict[str, object]]:
        return sorted(rows, key=lambda r: (r["protocol"], r["metric"], r["weighting"]))  # as a file has them

    expected = ordered(measure(capsys, *base))
    out = tmp_path / "made" / "run"
    assert run(["eval", *base, "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert f"report: {out / 'report.html'}" in shown.out and "rank1" in shown.out
    assert "left out: 1 photo, no identity" in shown.err
    assert ordered(json.loads((out / "results.json").read_text())["rows"]) == expected
    page = (out / "report.html").read_text()
    assert "1 photo without an identity left out" in page
    assert str(tmp_path) not in page + (out / "results.json").read_text()
    again = measure(capsys, *base, "--out", str(out))
    assert ordered(again) == expected, "the same again resumes"
    assert run(["eval", "--model", "pixels:6", *base[2:], "--out", str(out)]) != 0
    assert "give another --out, or --force" in capsys.readouterr().err
    forced = measure(capsys, "--model", "pixels:6", *base[2:], "--out", str(out), "--force")
    assert {row["model"] for row in forced} == {"pixels:6"}


def test_vectors_of_a_store_measure_as_the_model_that_made_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, store = f"folder:{photos(tmp_path / 'photos', people=6, each=3)}", str(tmp_path / "st")
    assert run(["embed", dataset, "--model", "pixels:8", "--out", store]) == 0
    capsys.readouterr()
    base = ("--dataset", dataset, "--protocol", "all", "--replicates", "10")
    looked_up = measure(capsys, "--model", f"vectors:{store}", *base)
    encoded = measure(capsys, "--model", "pixels:8", *base)
    assert {row["model"] for row in looked_up} == {"vectors:st"}
    of_the_model = ("model", "model_hash")
    assert [{k: v for k, v in row.items() if k not in of_the_model} for row in looked_up] == [
        {k: v for k, v in row.items() if k not in of_the_model} for row in encoded
    ]
    arguments = ["--model", f"vectors:{store}", "--dataset", SMALL, "--crop", "face-only"]
    assert run(["eval", *arguments]) == 2
    assert "crops were fixed when its vectors were made" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (["--model", "ViT-B-32/opena", "--dataset", SMALL], 2, ["ViT-B-32", "did you mean 'openai'"]),
        (["--model", "pixels:4", "--dataset", "sythetic"], 2, ["did you mean 'synthetic'"]),
        (["--model", "pixels:4", "--dataset", "megaface"], 2, ["megaface comes with a later step"]),
        (["--model", "pixels:4", "--dataset", "celeba"], 2, ["celeba:PATH"]),
        (["--model", "pixels:4", "--dataset", SMALL, "--crop", "fase"], 2, ["unknown crop 'fase'"]),
        (["--model", "pixels:4", "--dataset", SMALL, "--protocol", "lwf"], 2, ["unknown protocol 'lwf'"]),
        (["--model", "pixels:4", "--dataset", SMALL, "--protocol", "lfw/official"], 1, ["no list of pairs"]),
        (
            ["--model", "pixels:4", "--dataset", SMALL, "--protocol", "verification/all-pairs-z-norm"],
            1,
            ["no cohort"],
        ),
        (["--model", "onnx:nowhere.onnx", "--dataset", SMALL], 1, ["nowhere.onnx"]),
        (["--model", "pixels:4", "--dataset", "folder:nowhere"], 1, ["nowhere: no such folder"]),
        (["--model", "pixels:4", "--dataset", "lfw", "--offline"], 1, ["lfw", "lfw:PATH"]),
        (["--model", "pixels:4"], 2, ["--dataset"]),
    ],
)
def test_bad_input_is_one_clear_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    parts: list[str],
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run(["eval", *arguments]) == code
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1, shown.err
    assert all(part in shown.err for part in parts), shown.err


def test_folders_that_compare_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lonely = photos(tmp_path / "lonely", people=1)
    (tmp_path / "empty").mkdir()
    for folder, message in ((lonely, "one person only"), (tmp_path / "empty", "no photos")):
        assert run(["eval", "--model", "pixels:4", "--dataset", f"folder:{folder}"]) == 1
        assert message in capsys.readouterr().err
    bad = photos(tmp_path / "bad")
    for photo in bad.rglob("0.png"):
        photo.write_bytes(photo.read_bytes()[:80])
    assert run(["eval", "--model", "pixels:4", "--dataset", f"folder:{bad}"]) == 1
    assert "3 of 6 photos" in capsys.readouterr().err


@pytest.mark.slow
def test_a_face_recogniser_on_part_of_lfw(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = f"onnx:{shared}/weights/mobilefacenet_112.onnx?size=112&mean=127.5&scale=128&color=rgb&flip=sum"
    dataset = f"lfw:{shared}/data/lfw?min_photos=4&people=12&photos=4"
    detector = str(shared / "weights" / "yunet_n_dynamic.onnx")
    arguments = ("--model", model, "--dataset", dataset, "--crop", "aligned-112", "--detector", detector)
    rows = measure(capsys, *arguments, "--protocol", "identification/leave-one-out")
    rank1 = next(r for r in rows if r["metric"] == "rank1" and r["weighting"] == "identity")
    assert rank1["value"] > 0.95 and rank1["n"] == 48
    assert str(rank1["model"]).startswith("onnx:mobilefacenet_112.onnx") and rank1["evidence"] != "synthetic"


@pytest.fixture
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No detector may be asked for, no model loaded, no dataset fetched."""

    def asked(*_: object, **__: object) -> None:
        raise AssertionError("asked for more than local inputs")

    monkeypatch.setattr("faceprobe.embedding.embed_dataset.find_detector", asked)
    monkeypatch.setattr("faceprobe.models.bundled.FAMILY.load", asked)
    monkeypatch.setattr("faceprobe.datasets.lfw.fetch_lfw", asked)


@pytest.mark.parametrize("command", ["eval", "embed", "run"])
def test_photos_are_looked_at_first(
    tmp_path: Path, nothing_else: None, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    for person in "ab":
        (tmp_path / "texts" / person).mkdir(parents=True)
        (tmp_path / "texts" / person / "1.jpg").write_text("no photo")
    data, out = f"folder:{tmp_path}/texts", str(tmp_path / "out")
    study = tmp_path / "mine.yaml"
    study.write_text(f"title: x\nmodels: [bundled:face]\ndatasets: [lfw, '{data}']\n")
    arguments = {
        "eval": ["eval", "--model", "bundled:face", "--dataset", data],
        "embed": ["embed", data, "-m", "bundled:face", "--crop", "aligned-112", "-o", out],
        "run": ["run", str(study), "--out", out],
    }
    assert run(arguments[command]) == 1
    said = capsys.readouterr().err
    assert "no photo of folder:texts can be used (2 not an image): a/1.jpg, b/1.jpg; check the path" in said


@pytest.mark.parametrize("command", ["eval", "embed"])
def test_the_files_of_a_model_are_looked_for_first(
    tmp_path: Path, nothing_else: None, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    more = (
        ["eval", "--dataset", "lfw"] if command == "eval" else ["embed", "lfw", "-o", str(tmp_path / "out")]
    )
    assert run([*more, "--model", f"onnx:{tmp_path}/gone.onnx"]) == 1
    assert "gone.onnx does not exist; check the path" in capsys.readouterr().err


def test_what_is_left_out_is_named_and_a_share_may_be_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photos(tmp_path / "mine")
    (folder / "person0" / "text.jpg").write_text("x")
    (folder / "person1" / "film.mov").write_text("x")
    base = ["eval", "--model", "pixels:6", "--dataset", f"folder:{folder}", "--replicates", "0"]
    assert run(base) == 1
    assert "more than the allowed share 0.1" in capsys.readouterr().err
    assert run([*base, "--max-excluded", "0.5"]) == 0
    said = capsys.readouterr().err
    assert "left out: 1 photo, not an image" in said and "left out: .mov file: person1/film.mov" in said
