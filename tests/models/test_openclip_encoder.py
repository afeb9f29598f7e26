"""What a small OpenCLIP model of our own does once loaded: features, pooling, gradients, hashes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.models import ImageEncoder, TextImageEncoder, load_model, model_card, model_hash
from faceprobe.models.hub import placed
from faceprobe.models.openclip.local import _guess
from faceprobe.models.torch_encoder import TextTorchEncoder, TorchEncoder, hash_tensors, pick_device

MakeFolder = Callable[..., Path]


def load(text: str) -> TextTorchEncoder:
    return cast(TextTorchEncoder, load_model(text, device="cpu"))


def unit(rows: Any) -> np.ndarray:
    rows = np.asarray(rows)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_features_are_open_clips_own(tiny_folder: Path, photos: np.ndarray) -> None:
    import open_clip

    encoder = load(f"local:{tiny_folder}")
    theirs = open_clip.create_model(f"local-dir:{tiny_folder}").eval()
    with torch.no_grad():
        images = theirs.encode_image(torch.from_numpy(photos), normalize=True).numpy()
        tokens = open_clip.get_tokenizer(f"local-dir:{tiny_folder}")(["a face", "a dog"])
        texts = theirs.encode_text(tokens, normalize=True).numpy()
    ours = encoder.encode_images(photos)
    assert ours.dtype == np.float32 and ours.shape == (5, 24)
    assert np.allclose(ours, images, atol=1e-6)
    assert np.allclose(encoder.encode_texts(["a face", "a dog"]), texts, atol=1e-6)
    assert np.abs(np.linalg.norm(ours, axis=1) - 1).max() < 1e-6


def test_contract(tiny_folder: Path, photos: np.ndarray) -> None:
    encoder = load(f"local:{tiny_folder}")
    assert isinstance(encoder, ImageEncoder) and isinstance(encoder, TextImageEncoder)
    assert encoder.differentiable and encoder.dim == 24 and encoder.preprocess.size == (32, 32)
    assert encoder.card == model_card(f"local:{tiny_folder}")
    assert encoder.n_params == encoder.card.n_params
    assert encoder.encode_images(photos[:0]).shape == (0, 24)
    assert encoder.encode_texts([]).shape == (0, 24)
    alone = np.concatenate([encoder.encode_images(p[None]) for p in photos])
    assert np.allclose(alone, encoder.encode_images(photos), atol=1e-6)


def test_pre_projection_comes_just_before_the_projection(tiny_folder: Path, photos: np.ndarray) -> None:
    inner = load_model(f"local:{tiny_folder}@pre-projection", device="cpu")
    assert isinstance(inner, TorchEncoder) and not isinstance(inner, TextTorchEncoder)
    assert inner.dim == 48 == inner.card.dim and inner.card.pooling == "pre-projection"
    assert inner.id == "local:clip-tiny@pre-projection"
    projection = load_file(tiny_folder / "open_clip_model.safetensors")["visual.proj"].numpy()
    projected = load(f"local:{tiny_folder}")
    assert inner.n_params == projected.n_params
    assert np.allclose(
        unit(inner.encode_images(photos) @ projection), projected.encode_images(photos), atol=1e-5
    )
    assert inner.weights_hash != projected.weights_hash


@pytest.mark.parametrize(
    ("vision", "width"),
    [
        ({"timm_model_name": "resnet10t", "timm_pool": "avg", "timm_proj": "linear", "image_size": 64}, 512),
        ({"timm_model_name": "resnet10t", "timm_pool": "avg", "timm_proj": "", "image_size": 64}, 512),
    ],
)
def test_pre_projection_of_timm_towers(
    make_folder: MakeFolder, vision: dict[str, Any], width: int, photos: np.ndarray
) -> None:
    folder = make_folder(vision)
    inner = load_model(f"local:{folder}@pre-projection", device="cpu")
    outer = load_model(f"local:{folder}", device="cpu")
    batch = np.random.default_rng(1).normal(size=(3, 3, 64, 64)).astype(np.float32)
    assert (inner.dim, outer.dim) == (width, 24)
    rows = inner.encode_images(batch)
    assert rows.shape == (3, width)
    weights = load_file(folder / "open_clip_model.safetensors")
    last = next(v for k, v in weights.items() if k.endswith(("head.proj.weight", "trunk.fc.weight")))
    bias = weights.get("visual.trunk.fc.bias", torch.zeros(24)).numpy()
    scale = np.linalg.norm(_features(inner, batch), axis=1, keepdims=True)
    assert np.allclose(unit(rows * scale @ last.numpy().T + bias), outer.encode_images(batch), atol=1e-5)


def _features(encoder: Any, batch: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(encoder.features(torch.from_numpy(batch)))


@pytest.mark.parametrize(
    "vision",
    [
        {"timm_model_name": "resnet10t", "timm_pool": "rot_attn", "timm_proj": "", "image_size": 64},
        {"timm_model_name": "vit_tiny_patch16_224", "timm_pool": "", "timm_proj": "none", "image_size": 224},
        {"layers": [1, 1, 1, 1], "width": 8, "head_width": 8, "image_size": 64},
        {"attentional_pool": True, "attn_pooler_heads": 4, "attn_pooler_queries": 4},
    ],
)
def test_pre_projection_is_refused_where_there_is_none(
    make_folder: MakeFolder, vision: dict[str, Any]
) -> None:
    folder = make_folder(vision, {"embed_dim": 192} if vision.get("timm_proj") == "none" else None)
    with pytest.raises(WrongUsage, match="no pre-projection"):
        load_model(f"local:{folder}@pre-projection", device="cpu")


def test_tensors_with_gradients_equal_the_measured_path(tiny_folder: Path) -> None:
    encoder = load(f"local:{tiny_folder}?flip=sum")
    pixels = np.random.default_rng(2).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div(255).requires_grad_(True)
    rows = encoder.embed_tensor(x)
    assert np.allclose(
        rows.detach().numpy(), encoder.encode_images(encoder.preprocess.normalise(pixels)), atol=1e-6
    )
    rows[0, 0].backward()
    assert x.grad is not None and x.grad[0].abs().max() > 0 and x.grad[1].abs().max() == 0
    assert all(p.grad is None for p in encoder.module.parameters())
    with pytest.raises(WrongUsage, match="32, 32"):
        encoder.embed_tensor(torch.zeros(1, 3, 30, 32))


def test_flip_adds_the_mirrored_photo(tiny_folder: Path, photos: np.ndarray) -> None:
    plain, flipped = load(f"local:{tiny_folder}"), load(f"local:{tiny_folder}?flip=sum")
    mirrored = np.ascontiguousarray(photos[..., ::-1])
    wanted = unit(_features(plain, photos) + _features(plain, mirrored))
    assert np.allclose(flipped.encode_images(photos), wanted, atol=1e-6)
    assert np.allclose(flipped.encode_images(mirrored), flipped.encode_images(photos), atol=1e-6)
    assert flipped.id == "local:clip-tiny?flip=sum"
    assert model_hash(flipped) != model_hash(plain)


def test_hash_covers_weights_and_architecture_not_the_file(
    tiny_folder: Path, make_folder: MakeFolder, tmp_path: Path
) -> None:
    base = load(f"local:{tiny_folder}").weights_hash
    pickled = tmp_path / "clip-tiny"
    shutil.copytree(tiny_folder, pickled)
    state = load_file(pickled / "open_clip_model.safetensors")
    (pickled / "open_clip_model.safetensors").unlink()
    torch.save(state, pickled / "open_clip_pytorch_model.bin")
    assert load(f"local:{pickled}").weights_hash == base

    torch.save({**state, "visual.proj": state["visual.proj"] + 1e-7}, pickled / "open_clip_pytorch_model.bin")
    assert load(f"local:{pickled}").weights_hash != base
    for changed in (
        make_folder(model={"quick_gelu": True}),
        make_folder({"head_width": 24}),
        make_folder({"pool_type": "avg"}),
    ):
        assert load(f"local:{changed}").weights_hash != base


def test_hash_tensors_sees_names_types_shapes_and_bytes() -> None:
    a = torch.arange(6.0)
    variants = [
        {"a": a},
        {"b": a},
        {"a": a.reshape(2, 3)},
        {"a": a.half()},
        {"a": a + 1},
        {"a": a, "b": a},
        {"a": a.bfloat16()},
    ]
    assert len({hash_tensors(v) for v in variants}) == len(variants)
    assert hash_tensors({"a": a, "b": a + 1}) == hash_tensors({"b": a + 1, "a": a})
    assert hash_tensors({"a": a.reshape(2, 3).T}) == hash_tensors({"a": a.reshape(2, 3).T.contiguous()})


def test_preprocessing_is_the_folders(make_folder: MakeFolder) -> None:
    folder = make_folder(
        preprocess={
            "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.25, 0.25],
            "interpolation": "bilinear",
            "resize_mode": "squash",
        }
    )
    p = load(f"local:{folder}").preprocess
    assert (p.mean, p.std) == ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    assert (p.mode, p.interpolation, p.size) == ("squash", "bilinear", (32, 32))


def test_what_a_folder_leaves_open_is_said_once_it_is_loaded(
    tiny_folder: Path, make_folder: MakeFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assumed = load(f"local:{tiny_folder}")
    said = capsys.readouterr()
    assert said.err.startswith("local:clip-tiny: ") and "mean and std" in said.err and said.out == ""
    assert assumed.card.assumed in said.err and said.err.count("\n") == 1
    stated = load(f"local:{tiny_folder}?mean=0.5,0.4,0.3&std=0.25")
    assert (stated.preprocess.mean, stated.preprocess.std) == ((0.5, 0.4, 0.3), (0.25, 0.25, 0.25))
    assert stated.preprocess.fingerprint() != assumed.preprocess.fingerprint()
    declared = load(f"local:{make_folder(preprocess={'mean': [0.5, 0.4, 0.3], 'std': [0.25] * 3})}")
    assert declared.preprocess == stated.preprocess
    assert not stated.card.assumed and not declared.card.assumed and capsys.readouterr().err == ""


def test_a_hub_repository_whose_files_were_placed_by_hand(tiny_folder: Path, photos: np.ndarray) -> None:
    text = "hf-hub:someone/clip-tiny"
    assert model_card(text).n_params is None
    for file in ("open_clip_config.json", "open_clip_model.safetensors"):
        target = placed("someone/clip-tiny", file)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_folder / file, target)
    encoder, local = load_model(text, device="cpu", offline=True), load(f"local:{tiny_folder}")
    assert encoder.id == text and encoder.card.real and not local.card.real
    assert np.array_equal(encoder.encode_images(photos), local.encode_images(photos))
    assert encoder.weights_hash == local.weights_hash
    assert model_card(text).n_params == encoder.n_params


def test_unfitting_folders_are_named(tiny_folder: Path, tmp_path: Path) -> None:
    def copy(name: str) -> Path:
        return Path(shutil.copytree(tiny_folder, tmp_path / name))

    larger = copy("larger")
    config = json.loads((larger / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"]["image_size"] = 64
    (larger / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match="positional embedding"):
        load(f"local:{larger}")

    lacking = copy("lacking")
    state = load_file(lacking / "open_clip_model.safetensors")
    del state["visual.ln_post.weight"]
    save_file(state, lacking / "open_clip_model.safetensors")
    with pytest.raises(BadInput, match=r"1 missing \(first: visual\.ln_post\.weight\)"):
        load(f"local:{lacking}")

    bare = copy("bare")
    (bare / "open_clip_model.safetensors").unlink()
    (bare / "._a.pt").write_bytes(b"")  # as macOS writes it
    with pytest.raises(Missing, match="no checkpoint"):
        load(f"local:{bare}")
    (bare / "a.pt").write_bytes(b"")
    (bare / "b.pt").write_bytes(b"")
    with pytest.raises(BadInput, match="several checkpoints"):
        load(f"local:{bare}")

    (bare / "open_clip_config.json").write_text("{}")
    with pytest.raises(BadInput, match="describes no model"):
        load(f"local:{bare}")
    (bare / "open_clip_config.json").unlink()
    with pytest.raises(Missing, match="open_clip_config"):
        load(f"local:{bare}")


def test_a_bare_file_needs_its_architecture(tiny_folder: Path) -> None:
    file = tiny_folder / "open_clip_model.safetensors"
    with pytest.raises(WrongUsage, match=r"\?arch=ARCH"):
        load(f"local:{file}")
    with pytest.raises(BadInput, match="ViT-S-32-alt"):
        load(f"local:{file}?arch=ViT-S-32-alt")
    shapes = {"visual.conv1.weight": (1024, 3, 14, 14), "visual.positional_embedding": (577, 1024)}
    assert "ViT-L-14-336" in _guess(shapes, "ViT-L-14")
    assert _guess(shapes, "ViT-L-14-336") == ""


def test_devices() -> None:
    assert pick_device("cpu").type == "cpu"
    assert pick_device("auto").type in ("cpu", "cuda", "mps")
    for text in ("gpu", "cuda:x", f"cuda:{torch.cuda.device_count()}"):
        with pytest.raises(WrongUsage, match="device"):
            pick_device(text)
