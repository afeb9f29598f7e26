"""One rule of exit codes: 2 where the command itself is wrong, 1 where files or data do not allow it.

A refused command prints one line on standard error, nothing on standard output, and changes no file.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceprobe.cli.main import COMMANDS, run
from faceprobe.results.result import Metric, attach, to_document

STUDY = "title: t\nmodels: ['pixels:4']\ndatasets: ['folder:photos']\nreplicates: 0\n"

WRONG = {  # the command line or the study is wrong, whatever the files hold
    "run": [
        ["malformed.yaml"],
        ["nested.yaml"],
        ["unknown-key.yaml"],
        ["unknown-protocol.yaml", "--out", "new"],
        ["no-such-study"],
        ["absent.yaml"],
    ],
    "eval": [
        ["--model", "pixels:4", "--dataset", "folder:photos", "--protocol", "no-such"],
        ["--model", "pixels:4", "--dataset", "no-such"],
        ["--model", "no-such:4", "--dataset", "folder:photos"],
        ["--model", "pixels:4", "--dataset", "folder:photos", "--crop", "no-such"],
        ["--model", "pixels:4", "--dataset", "folder:photos", "--protocol", "cloak/poisoning"],
    ],
    "score": [
        ["e.npy", "s.csv", "--protocol", "no-such"],
        ["e.npy"],
        ["e.npy", "s.csv", "--normalise", "z"],
        ["e.npy", "s.csv", "--cohort-labels", "s.csv"],
        ["e.npy", "s.csv", "--max-memory", "lots"],
    ],
    "embed": [
        ["folder:photos", "--model", "no-such:4", "--out", "new"],
        ["folder:photos", "--model", "pixels:4"],
        ["folder:photos", "--model", "pixels:4", "--out", "new", "--dtype", "int3"],
    ],
    "cloak": [["photos", "--cloak", "no-such", "--out", "new"], ["photos", "--cloak", "jpeg-75"]],
    "compare": [["scored.json"], ["scored.json", "scored.json", "--metric", "no-such"]],
    "models": [["no-such:4"], ["--kind", "no-such"]],
    "datasets": [
        ["no-such"],
        ["lfw:x", "--export", "new"],
        ["lfw:x", "--export", "new.bin", "--format", "no-such"],
    ],
    "cloaks": [["no-such"]],
    "protocols": [["no-such"]],
    "doctor": [["--no-such"]],
    "plan": [["--fmr", "2"], ["--fmr", "1e-4", "--half-width", "0"]],
}

FAILED = {  # the command is right, and what lies on the disk does not allow it
    "run": [
        ["no-pairs.yaml", "--out", "new"],
        ["good.yaml", "--out", "in-use"],
        ["good.yaml", "--out", "a-file"],
    ],
    "eval": [
        ["--model", "pixels:4", "--dataset", "folder:photos", "--protocol", "lfw/official"],
        ["--model", "pixels:4", "--dataset", "folder:absent"],
        ["--model", "pixels:4", "--dataset", "folder:" + 300 * "x"],
    ],
    "score": [
        ["absent.npz"],
        ["absent.npz", "s.csv"],
        ["e.npy", "absent.csv"],
        ["e.npy", "s.csv", "--pairs", "absent.txt"],
        ["e.npy", "s.csv", "--protocol", "lfw/official"],
        ["e.npy", "s.csv", "--protocol", "cloak/poisoning"],
        ["e.npy", "s.csv", "--out", "absent/results.json"],
        ["e.npy", "s.csv", "--out", "in-use"],
        ["e.npy", "s.csv", "--out", "a-file/results.json"],
    ],
    "embed": [
        ["folder:absent", "--model", "pixels:4", "--out", "new"],
        ["folder:photos", "--model", "pixels:4", "--out", "in-use"],
        ["folder:photos", "--model", "pixels:4", "--out", "a-file"],
    ],
    "cloak": [
        ["absent", "--cloak", "jpeg-75", "--out", "new"],
        ["photos", "--cloak", "jpeg-75", "--out", "in-use"],
        ["photos", "--cloak", "jpeg-75", "--out", "a-file"],
    ],
    "compare": [["absent", "in-use"], ["in-use", "in-use"], ["a-file", "a-file"]],
    "datasets": [
        ["synthetic?people=2&photos=1", "--export", "in-use"],
        ["synthetic?people=2&photos=1", "--export", "a-file"],
        ["folder:photos", "--export", "new.bin", "--format", "insightface-bin"],
        ["folder:photos", "--export", "a-file.bin", "--format", "insightface-bin"],
    ],
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with photos, vectors, studies, and places for --out that are in use."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    np.save("e.npy", draw.normal(size=(12, 8)).astype(np.float32))
    lines = [f"{k}.jpg,person {k % 4}" for k in range(12)]
    Path("s.csv").write_text("\n".join(["path,identity", *lines]))
    for person in "ab":
        (tmp_path / "photos" / person).mkdir(parents=True)
        for k in range(2):
            pixels = draw.integers(0, 255, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(f"photos/{person}/{k}.png")
    for name, text in {
        "good": STUDY,
        "malformed": "title: [",
        "nested": STUDY.replace("['pixels:4']", "[['pixels:4']]"),
        "unknown-key": f"{STUDY}modles: [a]\n",
        "unknown-protocol": f"{STUDY}protocols: [no-such]\n",
        "no-pairs": f"{STUDY}protocols: [lfw/official]\n",
    }.items():
        Path(f"{name}.yaml").write_text(text)
    Path("in-use").mkdir()
    for name in ("in-use/mine.txt", "a-file", "a-file.bin"):
        Path(name).write_text("mine")
    metric = Metric("verification/all-pairs", "auc", "pair", 0.5)
    rows = attach([metric], model="m", dataset="d", crop="as-is", evidence="synthetic")
    Path("scored.json").write_text(json.dumps(to_document(rows)))
    return tmp_path


CASES = [(2, [name, *rest]) for name, every in WRONG.items() for rest in every] + [
    (1, [name, *rest]) for name, every in FAILED.items() for rest in every
]


def test_every_command_is_tried() -> None:
    assert set(WRONG) == set(COMMANDS)


@pytest.mark.parametrize(
    ("code", "arguments"), CASES, ids=lambda value: value if isinstance(value, int) else " ".join(value)
)
def test_a_refused_command_exits_by_the_rule_and_changes_nothing(
    place: Path, code: int, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert run(arguments) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    last = shown.err.strip().splitlines()[-1]
    assert last.startswith("faceprobe: ") and "unexpected" not in last
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
