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


@pytest.mark.parametrize("width", [80, 120, 200])
def test_one_line_a_model_at_every_width(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert run(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    head = next(line for line in lines if line.startswith("model "))
    for word in ("params M", "here", *(("training data",) if width >= 120 else ())):
        assert word in head, word
    names = [*MODEL_KINDS.get("openclip").known(), *MODEL_KINDS.get("hf").known()]
    assert all(sum(line.split()[:1] == [name] for line in lines) == 1 for name in names)
    assert len(lines) < len(names) + 50


def test_a_name_wider_than_the_terminal_is_not_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["models", "--kind", "hf-hub"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown.splitlines() for name in MODEL_KINDS.get("hf-hub").known())
    figures = [line.split() for line in shown.splitlines() if line.startswith(" ")]  # lines of their own
    assert figures.count(["87.8", "224", "no", "512"]) >= 8


def test_search_and_here(capsys: pytest.CaptureFixture[str]) -> None:
    def found(*arguments: str) -> list[str]:
        assert run(["models", *arguments, "--json"]) == 0
        return [m["id"] for m in json.loads(capsys.readouterr().out)["models"]]

    assert found("--search", "LAION h-14") == [m for m in found("--search", "h-14") if "laion" in m]
    assert "ViT-H-14/laion2b_s32b_b79k" in found("--search", "LAION h-14")
    assert found("--search", "dinov2 base") == ["hf:facebook/dinov2-base"]
    assert found("--search", "synthetic", "--kind", "bundled") == MODEL_KINDS.get("bundled").known()
    target = placed("timm/resnet50_clip.openai", "open_clip_model.safetensors")
    target.parent.mkdir(parents=True)
    target.write_bytes(b"x")
    both = ["RN50-quickgelu/openai", "RN50/openai"]  # the same weights
    assert found("--here") == [*MODEL_KINDS.get("bundled").known(), *both]
    assert found("--search", "no-such-model") == []
    assert run(["models", "--search", "no-such-model"]) == 0
    assert "no such model" in capsys.readouterr().out
    assert run(["models", "RN50/openai", "--here"]) == 2


def test_every_model_of_timm_is_listed_without_being_built(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import timm

    monkeypatch.setattr(timm, "create_model", lambda *a, **k: pytest.fail("a tower was built for a list"))
    assert run(["models", "--kind", "timm", "--search", "dinov2"]) == 0
    shown = capsys.readouterr().out
    assert "timm:vit_base_patch14_dinov2.lvd142m" in shown and "518" in shown


def test_the_size_of_weights_is_that_of_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    from faceprobe.models.bundled import NAMES, weights_of

    assert run(["models", "--kind", "bundled", "--json"]) == 0
    sizes = [m["download_mb"] for m in json.loads(capsys.readouterr().out)["models"]]
    assert sizes == [round(weights_of(name).stat().st_size / 1e6, 1) for name in NAMES]
    assert model_card("random:ViT-B-32").download_mb == 0  # drawn here, not fetched


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--help"]) == 0
    assert "Example: faceprobe models" in capsys.readouterr().out
