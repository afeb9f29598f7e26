"""Every kind of model that the hub has, fetched end to end from a hub on 127.0.0.1 by the real download code.

The models are small, with random weights; names, files, downloads, loading and messages are those of real
use.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from faceprobe.cli.main import run
from faceprobe.core.errors import BadInput, Missing, Unreachable
from faceprobe.core.files import sha256_file
from faceprobe.faces import weights as detector_weights
from faceprobe.faces.weights import find_detector
from faceprobe.models import hub as model_hub
from faceprobe.models import load_model, model_card
from faceprobe.models.openclip.cards import catalogue
from tests.helpers.hub import LoopbackHub, loopback_hub

ARCH = "ViT-tiny-8"
CONFIG: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 48, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A hub without a repository, as ``HF_ENDPOINT``."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    (tmp_path / "hub").mkdir()
    with loopback_hub(tmp_path / "hub") as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        yield served


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of the small CLIP, as safetensors; with the ending .pt, the same as a checkpoint."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG, "preprocess_cfg": {}}))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    save_file(state, folder / "weights.safetensors")
    torch.save({"state_dict": state}, folder / "weights.pt")
    return folder / "weights.safetensors"


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small architecture among OpenCLIP's own, with a tag trained with QuickGELU and one without."""
    tower = dict(catalogue()["towers"]["ViT-B-32"], dim=24, width=48, patch=8, image_size=32)
    monkeypatch.setitem(catalogue()["towers"], ARCH, tower)
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, ARCH, CONFIG)
    tags = {}
    for tag, like in (("openai", "ViT-B-32/openai"), ("laion2b_e16", "ViT-B-32/laion2b_e16")):
        model = dict(catalogue()["models"][like], repo=f"someone/tiny-{tag}")
        monkeypatch.setitem(catalogue()["models"], f"{ARCH}/{tag}", model)
        tags[tag] = open_clip.pretrained.get_pretrained_cfg(*like.split("/"))
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, ARCH, tags)


@pytest.fixture
def photos() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(2, 3, 32, 32)).astype(np.float32)


def open_clips_own(weights: Path, photos: np.ndarray, quick: bool) -> np.ndarray:
    """What OpenCLIP makes of the weights itself."""
    from open_clip import load_checkpoint

    model = open_clip.create_model(f"local-dir:{weights.parent}", load_weights=False, force_quick_gelu=quick)
    load_checkpoint(model, str(weights))
    with torch.no_grad():
        return np.asarray(model.eval().encode_image(torch.from_numpy(photos), normalize=True))


@pytest.mark.parametrize(("tag", "quick"), [("openai", True), ("laion2b_e16", False)])
def test_a_published_openclip_model_with_the_activation_of_its_tag(
    tag: str, quick: bool, hub: LoopbackHub, weights: Path, published: None, photos: np.ndarray
) -> None:
    hub.put(f"someone/tiny-{tag}", "open_clip_model.safetensors", weights)
    encoder = load_model(f"{ARCH}/{tag}", device="cpu")
    ours = encoder.encode_images(photos)
    assert np.allclose(ours, open_clips_own(weights, photos, quick), atol=1e-6)
    assert np.abs(ours - open_clips_own(weights, photos, not quick)).max() > 1e-4
    assert encoder.card.activation == ("quickgelu" if quick else "gelu") and encoder.card.real
    assert not encoder.card.assumed
    assert hub.fetched() == [f"someone/tiny-{tag}/open_clip_model.safetensors"]
    again = load_model(f"{ARCH}/{tag}", device="cpu", offline=True)  # from the cache
    assert again.weights_hash == encoder.weights_hash and len(hub.fetched()) == 1


def test_pickled_weights_where_there_are_no_others(hub: LoopbackHub, weights: Path, published: None) -> None:
    hub.put("someone/tiny-openai", "open_clip_pytorch_model.bin", weights.with_suffix(".pt"))
    encoder = load_model(f"{ARCH}/openai", device="cpu")
    assert hub.fetched() == ["someone/tiny-openai/open_clip_pytorch_model.bin"]
    hub.put("someone/tiny", "open_clip_model.safetensors", weights)
    hub.put("someone/tiny", "open_clip_config.json", config(quick_gelu=True))
    assert load_model("hf-hub:someone/tiny", device="cpu").weights_hash == encoder.weights_hash


def config(**model: Any) -> str:
    preprocess = {"mean": [0.5, 0.4, 0.3], "std": [0.3, 0.3, 0.3]}
    return json.dumps({"model_cfg": {**CONFIG, **model}, "preprocess_cfg": preprocess})


def test_an_hf_hub_repository_and_one_checkpoint_of_several(
    hub: LoopbackHub, weights: Path, published: None, photos: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.put("someone/tiny", "open_clip_config.json", config())
    hub.put("someone/tiny", "open_clip_model.safetensors", weights)
    encoder = load_model("hf-hub:someone/tiny", device="cpu")
    assert np.allclose(encoder.encode_images(photos), open_clips_own(weights, photos, False), atol=1e-6)
    assert encoder.preprocess.mean == (0.5, 0.4, 0.3)  # type: ignore[attr-defined]
    assert hub.fetched() == [
        f"someone/tiny/{file}" for file in ("open_clip_config.json", "open_clip_model.safetensors")
    ]
    assert model_card("hf-hub:someone/tiny").n_params == encoder.n_params
    hub.put("someone/many", "runs/a.pt", weights.with_suffix(".pt"))
    assert capsys.readouterr().err == ""
    text = f"hf-hub:someone/many?arch={ARCH}&file=runs/a.pt"
    quick = load_model(f"{text}&quickgelu=1", device="cpu").encode_images(photos)
    assert np.allclose(quick, open_clips_own(weights, photos, True), atol=1e-6)
    assert "assumed: OpenAI CLIP's mean and std" in capsys.readouterr().err


def test_a_timm_tower(hub: LoopbackHub, tmp_path: Path) -> None:
    import timm

    name = "test_resnet.r160_in1k"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tower = timm.create_model(name, pretrained=False).eval()
    save_file(tower.state_dict(), tmp_path / "model.safetensors")
    hub.put(f"timm/{name}", "model.safetensors", tmp_path / "model.safetensors")
    encoder = load_model(f"timm:{name}", device="cpu")
    batch = np.random.default_rng(0).normal(size=(2, 3, *encoder.preprocess.size)).astype(np.float32)
    with torch.no_grad():
        theirs = tower.forward_head(tower.forward_features(torch.from_numpy(batch)), pre_logits=True).numpy()
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    assert np.allclose(encoder.encode_images(batch), theirs, atol=1e-6)
    assert hub.fetched() == [f"timm/{name}/model.safetensors"]


def test_a_transformers_tower(hub: LoopbackHub, tmp_path: Path) -> None:
    import transformers

    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    settings = transformers.Dinov2Config(**small, image_size=28, patch_size=14)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tower = transformers.Dinov2Model(settings).eval()
    tower.save_pretrained(tmp_path / "tower")
    processor = {
        "size": {"height": 28, "width": 28},
        "resample": 3,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (tmp_path / "tower" / "preprocessor_config.json").write_text(json.dumps(processor))
    for file in ("config.json", "preprocessor_config.json", "model.safetensors"):
        hub.put("someone/dino", file, tmp_path / "tower" / file)
    encoder = load_model("hf:someone/dino", device="cpu")
    batch = np.random.default_rng(0).normal(size=(2, 3, 28, 28)).astype(np.float32)
    with torch.no_grad():
        theirs = tower(torch.from_numpy(batch)).pooler_output.numpy()
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    assert np.allclose(encoder.encode_images(batch), theirs, atol=1e-6)
    assert sorted(hub.fetched()) == sorted(
        f"someone/dino/{file}" for file in ("config.json", "preprocessor_config.json", "model.safetensors")
    )


def test_the_detectors_weights(hub: LoopbackHub, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEPROBE_DETECTOR", raising=False)
    file = shared / "weights" / "yunet_n_dynamic.onnx"
    hub.put(detector_weights.REPOSITORY, detector_weights.FILE, file)
    with pytest.raises(BadInput, match="another SHA-256") as refused:  # not the file that is pinned
        find_detector()
    assert hub.address in str(refused.value) and "huggingface.co" not in str(refused.value)
    monkeypatch.setattr(detector_weights, "SHA256", sha256_file(file))
    assert find_detector().path.read_bytes() == file.read_bytes()
    assert f"/resolve/{detector_weights.REVISION}/" in hub.asked[-1][1]


def test_the_detector_of_an_empty_hub(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEPROBE_DETECTOR", raising=False)
    with pytest.raises(Unreachable, match=f"from {hub.address} .RepositoryNotFoundError") as caught:
        find_detector()
    assert f"fetch {hub.address}/{detector_weights.REPOSITORY}/resolve" in str(caught.value)


def test_what_is_not_there_is_said_with_the_address_that_was_asked(
    hub: LoopbackHub, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.put("someone/empty", "readme.md", "nothing")
    hub.put("someone/terms", "open_clip_config.json", "{}")
    hub.gated.add("someone/terms")
    cases = {
        "hf-hub:someone/absent": (Missing, f"{hub.address} has no repository 'someone/absent'"),
        "hf-hub:someone/empty": (Missing, f"{hub.address}/someone/empty has no file open_clip_config.json"),
        "hf-hub:someone/terms": (Unreachable, f"{hub.address}/someone/terms wants its terms accepted"),
        "hf:someone/absent": (Missing, f"{hub.address} has no repository"),
        "timm:test_resnet.r160_in1k": (
            Missing,
            f"{hub.address} has no repository 'timm/test_resnet.r160_in1k'",
        ),
        "RN50/cc12m": (Missing, f"{hub.address} has no repository"),
    }
    for text, (kind, says) in cases.items():
        with pytest.raises(kind) as caught:
            load_model(text, device="cpu")
        message = str(caught.value)
        assert says in message and "huggingface.co" not in message and "\n" not in message, message
    assert run(["eval", "--model", "hf-hub:someone/absent", "--dataset", "synthetic?people=2&photos=2"]) == 1
    assert f"{hub.address} has no repository" in capsys.readouterr().err
    with pytest.raises(Unreachable, match=f"of {hub.address}/someone/absent elsewhere"):
        load_model("hf-hub:someone/absent", offline=True)


def test_a_hub_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv("HF_ENDPOINT", f"{address}/")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(Unreachable, match=f"{address} does not answer.*of {address}/someone/x elsewhere"):
        load_model("hf-hub:someone/x")
    monkeypatch.delenv("FACEPROBE_DETECTOR", raising=False)
    with pytest.raises(Unreachable, match=f"from {address} "):
        find_detector()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 1,000 bytes in place of 10 MB, and no waiting between tries."""
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)


def fetch(repo: str) -> Path:
    return model_hub.fetch(repo, ["open_clip_model.safetensors"], offline=False, what=f"hf-hub:{repo}")


def test_a_broken_transfer_goes_on_where_it_broke(
    hub: LoopbackHub, weights: Path, small_chunks: None
) -> None:
    hub.put("someone/tiny", "open_clip_model.safetensors", weights)
    hub.breaks = [50_000, 50_000]
    assert fetch("someone/tiny").read_bytes() == weights.read_bytes()
    ranges = [range_ for method, _, range_ in hub.asked if method == "GET"]
    assert ranges == ["", "bytes=50000-", "bytes=100000-"]


def test_a_transfer_that_keeps_breaking_leaves_no_half_file(
    hub: LoopbackHub, weights: Path, small_chunks: None
) -> None:
    hub.put("someone/tiny", "open_clip_model.safetensors", weights)
    hub.breaks = [50_000, *[0] * 10]
    with pytest.raises(Unreachable) as caught:
        fetch("someone/tiny")
    message = str(caught.value)
    assert f"{hub.address} did not send the whole of open_clip_model.safetensors" in message
    assert "try again" in message and "\n" not in message
    assert (
        model_hub.find("someone/tiny", "open_clip_model.safetensors") is None
    )  # no half file is taken for whole
    hub.breaks = []
    assert fetch("someone/tiny").read_bytes() == weights.read_bytes()
