"""``fp.evaluate``: objects and names alike, equal to the command line, one clear error for bad input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import faceprobe as fp
from faceprobe.api.comparison import cell_key
from faceprobe.cli.main import run
from faceprobe.core.errors import BadInput, FaceprobeError, UnknownName, WrongUsage
from faceprobe.results.result import to_document

PEOPLE = "synthetic?people=6&photos=3"
RANK = "identification/leave-one-out"


class Squares(torch.nn.Module):
    """The mean colour of 16 squares."""

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(photos, 4).flatten(1)


class Shaped(torch.nn.Module):
    """Gives (B, D, 1), as a forgotten flatten does."""

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        return photos.mean(dim=(2, 3))[:, :, None]


PREPROCESS = fp.Preprocess(size=(32, 32), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Three people, three noisy photos of each, around a pattern of their own."""
    generator = np.random.default_rng(0)
    for person in ("ann", "bob", "cleo"):
        (tmp_path / "album" / person).mkdir(parents=True)
        pattern = np.kron(generator.uniform(0, 255, size=(4, 4, 3)), np.ones((10, 10, 1)))
        for k in range(3):
            pixels = np.clip(pattern + generator.normal(0, 40, size=(40, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "album" / person / f"{k}.png")
    return tmp_path / "album"


def pairs_of(album: Path, how: str) -> Iterator[tuple[Any, str]]:
    for path in sorted(album.rglob("*.png")):
        photo: Any = {"path": path, "image": Image.open(path), "array": np.asarray(Image.open(path))}[how]
        yield photo, path.parent.name


def figures(results: fp.Results) -> list[tuple[Any, ...]]:
    return [(r.protocol, r.metric, r.weighting, r.value, r.ci_low, r.ci_high, r.n) for r in results]


def test_the_command_line_goes_through_the_same_call(capsys: pytest.CaptureFixture[str]) -> None:
    results = fp.evaluate("pixels:8", PEOPLE, replicates=50)
    arguments = ["eval", "--model", "pixels:8", "--dataset", PEOPLE, "--replicates", "50", "--json"]
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out) == to_document(results)


def test_protocols_left_out_are_the_usual_ones_in_every_call() -> None:
    everything = fp.evaluate("pixels:8", PEOPLE, replicates=0)
    assert figures(everything) == figures(fp.evaluate("pixels:8", PEOPLE, "all", replicates=0))
    embedded = fp.embed(PEOPLE, "pixels:8")
    assert figures(fp.score(embedded, replicates=0)) == figures(everything)
    assert len(everything.protocols) > 2


def test_an_own_module_is_measured_by_itself_in_a_study_and_as_a_surrogate(tmp_path: Path) -> None:
    mine = fp.encoder(Squares(), PREPROCESS, id="squares")
    alone = fp.evaluate(mine, PEOPLE, RANK, replicates=20)
    assert {row.model for row in alone} == {"squares"}
    study = {
        "title": "own",
        "models": ["own:squares", "pixels:8"],
        "datasets": [PEOPLE],
        "protocols": [RANK],
        "replicates": 20,
    }
    done = fp.run_study(study, tmp_path / "run", quiet=True)
    own = [row for row in done if row.model == "squares"]
    assert figures(fp.Results(sorted(own, key=str))) == figures(fp.Results(sorted(alone, key=str)))
    into = fp.evaluate(mine, PEOPLE, RANK, replicates=20, out=tmp_path / "out")
    assert figures(fp.Results(sorted(into, key=str))) == figures(fp.Results(sorted(alone, key=str)))
    assert into.report is not None and "pixels:32" in into.report.read_text(encoding="utf-8")
    kept, direct = done.replicates(cell_key(alone[0])), alone.replicates(cell_key(alone[0]))
    assert kept is not None and direct is not None and direct.influences
    assert kept.influences.keys() == direct.influences.keys(), "a comparison with a stored run needs them"
    assert done.report is not None and "squares" in done.report.read_text(encoding="utf-8")
    photo = fp.load_dataset(PEOPLE).photo(0)
    cloaked = fp.cloak(photo, "pgd", surrogate=mine)
    assert cloaked[0].changed and cloaked[0].cosine is not None and cloaked[0].cosine < 1


def test_a_module_that_changes_is_measured_again() -> None:
    module = torch.nn.Sequential(Squares(), torch.nn.Linear(48, 8))
    first = fp.evaluate(fp.encoder(module, PREPROCESS, id="trained"), PEOPLE, RANK, replicates=0)
    with torch.no_grad():
        module[1].weight[:4] = 0
        module[1].bias[:4] = 0
    second = fp.evaluate(fp.encoder(module, PREPROCESS, id="trained"), PEOPLE, RANK, replicates=0)
    assert first[0].model_hash != second[0].model_hash


@pytest.mark.parametrize("how", ["path", "image", "array"])
def test_own_photos_in_every_form_give_the_folder_s_figures(album: Path, how: str) -> None:
    expected = fp.evaluate("pixels:8", album, RANK, replicates=10)
    assert expected.value("rank1") > 0.5
    assert figures(fp.evaluate("pixels:8", list(pairs_of(album, how)), RANK, replicates=10)) == figures(
        expected
    )


def test_a_data_frame_of_paths(album: Path) -> None:
    paths = sorted(album.rglob("*.png"))
    frame = pd.DataFrame({"path": paths, "identity": [p.parent.name for p in paths]})
    expected = fp.evaluate("pixels:8", str(album), RANK, replicates=10)
    assert figures(fp.evaluate("pixels:8", frame, RANK, replicates=10)) == figures(expected)


def wrong_size(image: Image.Image) -> torch.Tensor:
    return torch.zeros(3, image.height // 2 + 1, 7)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: fp.evaluate("bundled:clipp-s", PEOPLE), UnknownName, "bundled:clip-s|clip-s"),
        (lambda: fp.evaluate("pixels:8", "synthetik"), UnknownName, "synthetic"),
        (lambda: fp.evaluate("pixels:8", PEOPLE, "verification/all-pair"), UnknownName, "all-pairs"),
        (lambda: fp.evaluate("pixels:8", PEOPLE, RANK, cloak="jpeg-75"), WrongUsage, RANK),
        (lambda: fp.evaluate("pixels:8", PEOPLE, crop="margin-x"), FaceprobeError, "margin"),
        (lambda: fp.evaluate(7, PEOPLE), WrongUsage, "int is no encoder"),
        (lambda: fp.evaluate("pixels:8", 7), BadInput, "int is no dataset"),
        (lambda: fp.evaluate("pixels:8", pd.DataFrame({"file": ["a"], "who": ["b"]})), BadInput, "file, who"),
        (lambda: fp.evaluate("pixels:8", []), BadInput, "no "),
        (lambda: fp.evaluate("pixels:8", [(np.zeros((4, 4, 7), np.uint8), "a")]), BadInput, r"\(4, 4, 7\)"),
        (lambda: fp.evaluate("pixels:8", [(np.zeros((4, 4, 3), float), "a")]), BadInput, "float64"),
        (lambda: fp.encoder(Shaped(), PREPROCESS, id="shaped"), BadInput, r"3, 1\)"),
        (lambda: fp.encoder(Squares(), wrong_size, id="sized"), BadInput, "preprocess"),
        (lambda: fp.encoder(Squares(), PREPROCESS, id="a:b"), FaceprobeError, "a:b"),
        (lambda: fp.encoder(3, PREPROCESS, id="three"), FaceprobeError, "three"),
    ],
)
def test_bad_input_is_one_clear_line(call: Any, kind: type[FaceprobeError], text: str) -> None:
    with pytest.raises(kind, match=text) as error:
        call()
    assert "\n" not in str(error.value)
