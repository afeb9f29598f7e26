"""``faceprobe models``: the table, one card, JSON that is nothing but JSON, and exit codes."""

from __future__ import annotations

import json

import pytest

from faceprobe.cli.main import run
from faceprobe.models import MODEL_KINDS, model_card
from faceprobe.models.hub import placed


def test_table_of_a_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--kind", "pixels"]) == 0
    shown = capsys.readouterr().out
    assert "pixels:32" in shown and "1,024" in shown
    assert "openai" not in shown


def test_all_models_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--json"]) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert printed.err == ""
    by_id = {m["id"]: m for m in document["models"]}
    assert set(MODEL_KINDS.get("openclip").known()) <= set(by_id)
    assert {k["kind"] for k in document["kinds"]} == set(MODEL_KINDS)
    listed = by_id["ViT-L-14/openai"]
    assert listed["n_params"] == 303966208 and listed["activation"] == "quickgelu"
    assert listed["cached"] is False and listed["kind"] == "openclip"


def test_one_card(capsys: pytest.CaptureFixture[str]) -> None:
    text = "ViT-g-14/laion2b_s12b_b42k"
    assert run(["models", text]) == 0
    shown = capsys.readouterr().out
    for part in (text, "1,012,645,632", "LAION-2B-en", "12 B", "MIT", "data 2B, samples 13B"):
        assert part in shown
    assert run(["models", text, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed.pop("kind") == "openclip" and printed.pop("cached") is False
    assert printed == model_card(text).to_dict()


def test_weights_that_are_here_are_marked(capsys: pytest.CaptureFixture[str]) -> None:
    target = placed("timm/resnet50_clip.openai", "open_clip_model.safetensors")
    target.parent.mkdir(parents=True)
    target.write_bytes(b"x")
    assert run(["models", "RN50/openai", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cached"] is True


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["models", "ViT-B-32/opnai"], "'openai'"),
        (["models", "--kind", "opneclip"], "'openclip'"),
        (["models", "onx:face.onnx"], "'onnx'"),
    ],
)
def test_unknown_names_exit_with_2(
    arguments: list[str], near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and near in printed.err
    assert printed.err.count("\n") == 1


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--help"]) == 0
    assert "Example: faceprobe models" in capsys.readouterr().out
