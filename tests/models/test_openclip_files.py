"""The true architectures through every supported file form, and the QuickGELU trap.

Random weights stand in for OpenAI's, which are not in reach; the smallest of each family is built
whole, the large ones are compared by shape in ``test_cards.py``.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceprobe.core.errors import BadInput, Unreachable, WrongUsage
from faceprobe.models import load_model, model_card
from faceprobe.models.hub import placed
from faceprobe.models.openclip import published as openclip
from faceprobe.models.openclip.build import build
from faceprobe.models.openclip.cards import scaling_study
from faceprobe.models.quiet import quietly


@pytest.fixture(scope="module", params=["ViT-B-32", "RN50"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(architecture, folder): one set of weights, rounded to float16, in three forms."""
    import json

    import open_clip
    import torch
    from safetensors.torch import save_file

    arch, folder = request.param, tmp_path_factory.mktemp("true")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = build(arch)
        if arch == "RN50":  # its residual branches start at zero, which would hide their weights
            for name, parameter in model.visual.named_parameters():
                if name.endswith("bn3.weight"):
                    torch.nn.init.ones_(parameter)
    state = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    del model
    save_file(state, folder / "weights.safetensors")
    torch.save({"epoch": 1, "state_dict": {f"module.{k}": v for k, v in state.items()}}, folder / "run.pt")
    (folder / "whole").mkdir()
    config = {"model_cfg": {**open_clip.get_model_config(arch), "quick_gelu": True}, "preprocess_cfg": {}}
    (folder / "whole" / "open_clip_config.json").write_text(json.dumps(config))
    (folder / "whole" / "open_clip_model.safetensors").hardlink_to(folder / "weights.safetensors")
    yield arch, folder
    shutil.rmtree(folder)


def photos(size: int) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(1, 3, size, size)).astype(np.float32)


def test_every_form_gives_the_same_model(saved: tuple[str, Path]) -> None:
    arch, folder = saved
    texts = [
        f"local:{folder / 'weights.safetensors'}?arch={arch}&tag=openai",
        f"local:{folder / 'run.pt'}?arch={arch}&quickgelu=1",
        f"local:{folder / 'whole'}",
    ]
    rows, hashes = [], []
    for text in texts:
        encoder = load_model(text, device="cpu")
        rows.append(encoder.encode_images(photos(224)))
        hashes.append((encoder.weights_hash, encoder.preprocess.fingerprint()))
        tag = model_card(f"{arch}/openai")
        assert (encoder.dim, encoder.n_params) == (tag.dim, tag.n_params)
        assert encoder.card.activation == tag.activation
    assert len(set(hashes)) == 1
    assert np.abs(np.linalg.norm(rows[0], axis=1) - 1).max() < 1e-6
    assert all(np.array_equal(rows[0], r) for r in rows[1:])
    if arch == "ViT-B-32":
        _the_tag_decides_the_activation(folder, rows[0], hashes[0][0])


STATED = "quickgelu=1&mean=0.48145466,0.4578275,0.40821073&std=0.26862954,0.26130258,0.27577711"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("", ("GELU", "mean and std", "tag=TAG", "quickgelu=0 or 1")),
        ("&quickgelu=0", ("mean and std",)),
        ("&mean=0.5&std=0.5", ("GELU", "quickgelu=0 or 1")),
        ("&mean=0.5&quickgelu=0", ("mean and std",)),
        ("&tag=openai", ()),
        (f"&{STATED}", ()),
    ],
)
def test_what_a_bare_file_leaves_open_is_on_its_card(
    options: str, says: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "own.safetensors"
    file.write_bytes(b"")
    assumed = model_card(f"local:{file}?arch=ViT-B-32{options}").assumed
    assert all(text in assumed for text in says) and bool(assumed) == bool(says)
    on_hub = model_card(f"hf-hub:someone/own?arch=ViT-B-32&file=own.pt{options}")
    assert on_hub.assumed == assumed  # a bare file on the hub says as little
    assert on_hub.activation == ("quickgelu" if "tag" in options or "quickgelu=1" in options else "gelu")
    if "GELU" not in says:
        assert "GELU" not in assumed
    if "mean and std" not in says:
        assert "mean" not in assumed


def test_a_study_on_the_hub_is_known_and_an_architecture_states_its_activation(tmp_path: Path) -> None:
    known = next(model for model in scaling_study() if model.startswith("hf-hub:"))
    assert not model_card(known).assumed
    file = tmp_path / "own.safetensors"
    file.write_bytes(b"")
    assert "GELU" not in model_card(f"local:{file}?arch=ViT-B-32-quickgelu").assumed


def _the_tag_decides_the_activation(folder: Path, quick: np.ndarray, hash_: str) -> None:
    """The same file as the weights of two tags: OpenAI's is built with QuickGELU, LAION-2B's without."""
    for tag in ("openai", "laion2b_s34b_b79k"):
        repo, files = openclip.source(openclip_name(f"ViT-B-32/{tag}"))
        target = placed(repo, files[0])
        target.parent.mkdir(parents=True)
        target.hardlink_to(folder / "weights.safetensors")
    openai = load_model("ViT-B-32/openai", device="cpu", offline=True)
    laion = load_model("ViT-B-32/laion2b_s34b_b79k", device="cpu", offline=True)
    assert openai.card == model_card("ViT-B-32/openai")
    assert np.array_equal(openai.encode_images(photos(224)), quick)
    assert np.abs(laion.encode_images(photos(224)) - quick).max() > 1e-4
    assert openai.weights_hash == hash_ != laion.weights_hash


def openclip_name(text: str) -> Any:
    from faceprobe.models import parse_model

    return parse_model(text)


def activations(model: Any) -> set[str]:
    found = {type(m).__name__ for m in model.modules()}
    return found & {"GELU", "QuickGELU"}


@pytest.mark.parametrize(
    ("arch", "quick", "built"),
    [
        ("ViT-B-32", None, "GELU"),
        ("ViT-B-32", False, "GELU"),
        ("ViT-B-32", True, "QuickGELU"),
        ("ViT-B-32-quickgelu", None, "QuickGELU"),
        ("ViT-B-32-quickgelu", True, "QuickGELU"),
    ],
)
def test_activation_is_what_is_asked_for(arch: str, quick: bool | None, built: str) -> None:
    assert activations(build(arch, quick, device="meta")) == {built}


def test_a_contradicting_activation_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="write 'ViT-B-32'"):
        build("ViT-B-32-quickgelu", False, device="meta")
    file = tmp_path / "a.safetensors"
    file.write_bytes(b"")
    for text, says in {
        f"local:{file}?arch=ViT-B-32&tag=openai&quickgelu=0": "with QuickGELU",
        f"local:{file}?arch=ViT-B-32&tag=laion2b_s34b_b79k&quickgelu=1": "without QuickGELU",
        f"local:{file}?arch=ViT-B-32&quickgelu=yes": "0 or 1",
    }.items():
        with pytest.raises(WrongUsage, match=says):
            load_model(text)
    with pytest.raises(WrongUsage, match="QuickGELU"):
        load_model("roberta-ViT-B-32/laion2b_s12b_b32k", offline=True)


def test_the_librarys_warning_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip

    monkeypatch.setattr("open_clip.factory.download_pretrained", lambda *a, **k: "unused")
    with pytest.raises(WrongUsage, match="QuickGELU mismatch"), quietly():
        open_clip.create_model("ViT-B-32", device="meta", pretrained="openai", load_weights=False)


def test_openai_tags_are_quick_in_both_spellings() -> None:
    for arch in ("ViT-B-32", "ViT-B-32-quickgelu", "ViT-L-14", "ViT-L-14-quickgelu"):
        assert openclip.activation(arch, "openai") is True
    assert openclip.activation("ViT-g-14", "laion2b_s12b_b42k") is False
    assert openclip.activation("ViT-B-32", "laion400m_e32") is True
    assert openclip.activation("ViT-L-14", "laion400m_e32") is False


def test_offline_says_what_to_fetch_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unreachable) as caught:
        load_model("ViT-H-14/laion2b_s32b_b79k", offline=True)
    text = str(caught.value)
    assert "laion/CLIP-ViT-H-14-laion2B-s32B-b79K" in text and "open_clip_model.safetensors" in text
    assert str(placed("laion/CLIP-ViT-H-14-laion2B-s32B-b79K", "open_clip_model.safetensors")) in text
    assert "local:FILE?arch=ViT-H-14&tag=laion2b_s32b_b79k" in text
    assert "\n" not in text
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Unreachable, match="HF_HUB_OFFLINE"):
        load_model("ViT-H-14/laion2b_s32b_b79k")


def test_a_placed_file_that_is_not_the_model_is_named() -> None:
    repo, files = openclip.source(openclip_name("RN50/cc12m"))
    target = placed(repo, files[0])
    target.parent.mkdir(parents=True)
    target.write_text("not weights")
    with pytest.raises(BadInput, match=r"open_clip_model\.safetensors"):
        load_model("RN50/cc12m", offline=True)
