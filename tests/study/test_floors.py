"""Which untrained baselines run along with a study, on which crops, and that they stop nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceprobe.models import model_card
from faceprobe.study.floors import with_floors
from faceprobe.study.run import run_study
from faceprobe.study.schema import ModelEntry, Study, parse_study


def study(**changes: Any) -> Study:
    return parse_study({"title": "t", "models": ["fake:a"], "datasets": ["drawn"], **changes}, "x")


def floors(asked: Study) -> dict[str, list[str] | None]:
    found, _ = with_floors(asked)
    return {text: entry.crops for text, entry in found.models.items() if text not in asked.models}


@pytest.mark.parametrize(
    ("changes", "added"),
    [
        ({}, {"pixels:32": ["as-is"]}),
        ({"floors": []}, {}),
        ({"floors": ["hog:64"]}, {"hog:64": ["as-is"]}),
        ({"models": ["fake:a", "lbp:56"]}, {}),
        ({"models": {"fake:a": {"role": "floor"}}}, {}),
        ({"models": {"lbp:56": {"role": "encoder"}}}, {"pixels:32": ["as-is"]}),
        (
            {
                "crops": ["face-only", "as-is"],
                "models": {"fake:a": None, "fake:b": {"crops": ["aligned-112"]}},
            },
            {"pixels:32": ["face-only", "aligned-112"]},
        ),
        (
            {"models": ["fake:a", "ViT-L-14/openai", "ViT-B-32-quickgelu/openai"]},
            {"pixels:32": ["as-is"], "random:ViT-B-32": ["as-is"]},
        ),
        ({"models": ["ViT-bigG-14/laion2b_s39b_b160k"]}, {"pixels:32": ["as-is"]}),
        ({"cloaks": ["jpeg-75"]}, {}),
    ],
)
def test_a_study_without_a_floor_gets_some(
    bench: Any, changes: dict[str, Any], added: dict[str, Any]
) -> None:
    assert floors(study(**changes)) == added


def test_a_local_checkpoint_is_compared_with_random_weights_of_its_architecture(tmp_path: Path) -> None:
    (tmp_path / "mine.pt").touch()
    text = f"local:{tmp_path}/mine.pt?arch=ViT-B-16"
    assert floors(study(models=[text])) == {"pixels:32": ["as-is"], "random:ViT-B-16": ["as-is"]}
    assert model_card(text).own and not model_card("pixels:32").own
    said = with_floors(study(models=[text]))[1]
    assert f"random:ViT-B-16 on as-is (the latter takes as long as {text} on one crop)" in said
    assert "'floors: []' in a study file" in said


def test_floors_are_measured_last_and_never_under_a_cloak(bench: Any, tmp_path: Path) -> None:
    asked = study(
        cloaks=["none", "jpeg-75"], cloak_people=2, replicates=2, protocols=["identification/leave-one-out"]
    )
    found, _ = with_floors(asked)
    assert list(found.models) == ["fake:a", "pixels:32"] and found.cloak_models == ["fake:a"]
    done = run_study(study(replicates=2), tmp_path / "run", quiet=True)
    assert done.rows[0].model == "fake:a" and done.rows[-1].model == "pixels:32"
    cards = json.loads((tmp_path / "run" / "manifest.json").read_text())["models"]
    assert cards["pixels:32"]["role"] == "floor" and cards["fake:a"]["role"] == "encoder"


def test_a_role_that_the_study_states_is_the_models(bench: Any, tmp_path: Path) -> None:
    asked = study(models={"fake:a": ModelEntry(role="specialist").model_dump()}, floors=[], replicates=2)
    run_study(asked, tmp_path / "run", quiet=True)
    cards = json.loads((tmp_path / "run" / "manifest.json").read_text())["models"]
    assert cards["fake:a"]["role"] == "specialist"


def test_a_floor_that_cannot_read_the_photos_stops_nothing(tmp_path: Path) -> None:
    """As with precomputed vectors whose photos are damaged."""
    images = [f"p{k // 2}/{k}.png" for k in range(6)]
    for image in images:
        (tmp_path / "photos" / image).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / image).write_text(f"no image: {image}")
    vectors = tmp_path / "vectors"
    vectors.mkdir()
    np.save(vectors / "embeddings.npy", np.random.default_rng(0).normal(size=(len(images), 4)))
    (vectors / "samples.csv").write_text("path,identity\n" + "".join(f"{image},x\n" for image in images))
    asked = study(models=[f"vectors:{vectors}"], datasets=[f"folder:{tmp_path}/photos"], replicates=2)
    done = run_study(asked, tmp_path / "run", quiet=True)
    assert {r.model for r in done.rows} == {"vectors:vectors"}
    assert len(done.missing) == 1 and done.missing[0].startswith("floor pixels:32 on folder:photos")
