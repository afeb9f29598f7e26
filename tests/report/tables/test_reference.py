"""The figures on real photos that reports of the built-in world carry with them."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from faceprobe.report.tables.reference import SHOWN, reference, verdict

DOCS = Path(__file__).parents[3] / "docs"


MODELS: dict[str, dict[str, Any]] = {
    "pixels:32": {"role": "floor", "synthetic": False},
    "hog:112": {"role": "floor", "synthetic": False},
    "bundled:clip-s": {"role": "clip", "synthetic": True},
    "bundled:clip-m": {"role": "clip", "synthetic": True},
}


def _row(model: str, value: float, crop: str = "as-is", half: float = 0.01) -> dict[str, Any]:
    protocol, metric, weighting = SHOWN[0]
    return {
        "model": model,
        "crop": crop,
        "protocol": protocol,
        "metric": metric,
        "weighting": weighting,
        "value": value,
        "ci_low": value - half,
        "ci_high": value + half,
    }


def test_a_model_below_the_floor_is_said_to_be_there() -> None:
    said = verdict([_row("pixels:32", 0.20), _row("hog:112", 0.31), _row("bundled:clip-s", 0.25)], MODELS)
    assert said is not None
    assert said.evidence == "real-photos"
    assert said.text.startswith("On real photos, grey LFW")
    assert "bundled:clip-s on as-is" in said.text
    assert "hog:112 in 31" in said.text
    assert "no better than an untrained baseline" in said.text


def test_a_model_clearly_above_the_floor_is_not() -> None:
    said = verdict([_row("pixels:32", 0.20), _row("bundled:clip-m", 0.25)], MODELS)
    assert said is not None
    assert "no better" not in said.text
    within = verdict([_row("pixels:32", 0.20), _row("bundled:clip-m", 0.21)], MODELS)
    assert within is not None and "no better" in within.text


def test_the_floor_of_another_crop_does_not_count() -> None:
    rows = [_row("pixels:32", 0.9, crop="as-is"), _row("bundled:clip-m", 0.25, crop="face-only")]
    assert verdict(rows, MODELS) is None
    assert verdict([_row("bundled:clip-m", 0.25)], MODELS) is None


def test_the_packaged_figures_are_those_of_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS))
    import reference_lfw

    document = json.loads((DOCS / "reference" / "lfw.json").read_text(encoding="utf-8"))
    stored = files("faceprobe.report").joinpath("data/reference_lfw.json").read_text(encoding="utf-8")
    assert json.loads(stored) == reference_lfw.packaged(document)
    evidence = {row["model"]: row["evidence"] for row in document["rows"]}
    published = ("EdgeFace-XS", "EfficientNet-Lite0 (ImageNet)")
    assert {model for model, kind in evidence.items() if kind == "real-model"} == set(published)
    assert set(evidence.values()) == {"real-photos", "real-model"}
    assert not {"images", "identities", "failures"} & set(document)
    assert len(json.dumps(document)) < 4_000_000
    for histogram in document["histograms"].values():
        assert len(histogram["edges"]) == len(histogram["mated"]) + 1 == len(histogram["nonmated"]) + 1


def test_the_tables_hold_every_figure_once() -> None:
    found = reference()
    assert found is not None and found.verdict is not None
    assert [t.title.split(",")[0] for t in found.tables] == [
        "Rank-1",
        "TMR at FMR 1e-3",
        "View 2 accuracy",
    ]
    for table in found.tables:
        assert len({model for model, _, _ in table.rows}) == len(table.rows)
        assert all(len(cells) == len(table.columns) for _, _, cells in table.rows)
        for k in range(len(table.columns)):
            assert sum(cells[k] is not None and cells[k].best for _, _, cells in table.rows) >= 1
