"""A study of an encoder and photos that were given as objects, and of a mapping in place of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from faceprobe.datasets.own import own_dataset
from faceprobe.models.own import encoder
from faceprobe.study.run import RunResult, run_study


def photos(shade: int = 0) -> list[tuple[np.ndarray, str]]:
    """Three people with two photos each; ``shade`` changes the last photo."""
    rng = np.random.default_rng(0)
    found = [(rng.integers(0, 200, (6, 5, 3), dtype=np.uint8), f"p{k // 2}") for k in range(6)]
    found[-1][0][:] += np.uint8(shade)
    return found


def register(scale: float = 1.0, shade: int = 0) -> None:
    weights = np.random.default_rng(1).standard_normal((48, 7)).astype(np.float32)
    weights[0] *= scale
    encoder(
        lambda batch: np.asarray(batch).reshape(len(batch), -1) @ weights,
        {"size": (4, 4), "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
        id="mine",
    )
    own_dataset(photos(shade), name="faces")


def run(out: Path, **changes: Any) -> RunResult:
    asked = {"title": "t", "models": ["own:mine"], "datasets": ["own:faces"], "replicates": 5}
    return run_study({**asked, "floors": [], **changes}, out, quiet=True)


def test_own_objects_are_measured_under_their_names_and_kept(tmp_path: Path) -> None:
    register()
    first = run(tmp_path)
    assert {(r.model, r.dataset, r.evidence) for r in first.rows} == {("mine", "faces", "real-photos")}
    again = run(tmp_path)
    assert (again.measured, again.resumed) == (0, 1) and again.rows == first.rows


def test_a_changed_encoder_is_measured_again(tmp_path: Path) -> None:
    register()
    first = run(tmp_path)
    register(scale=2.0)
    again = run(tmp_path)
    assert (again.measured, again.resumed) == (1, 0)
    assert {r.model_hash for r in again.rows}.isdisjoint(r.model_hash for r in first.rows)


def test_a_changed_photo_in_memory_is_measured_again(tmp_path: Path) -> None:
    register()
    first = run(tmp_path)
    register(shade=9)
    again = run(tmp_path)
    assert (again.measured, again.resumed) == (1, 0)
    assert {r.dataset_hash for r in again.rows}.isdisjoint(r.dataset_hash for r in first.rows)


def test_an_own_encoder_takes_part_in_a_fusion(tmp_path: Path) -> None:
    register()
    fused = "fusion:own:mine+pixels:4"
    first = run(tmp_path, models=[fused])
    assert {r.model for r in first.rows} == {"fusion:mine+pixels:4"}
    register(scale=2.0)
    assert run(tmp_path, models=[fused]).measured == 1
