"""timm towers and Hugging Face encoders from files that are here: tiny, with random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from faceprobe.core.errors import BadInput, Missing, Refused, Unreachable, WrongUsage
from faceprobe.core.files import cache_dir
from faceprobe.models import load_model, model_card, parse_model
from faceprobe.models.hf_vision import preprocess_of
from faceprobe.models.hub import placed

TIMM = "resnet10t.c3_in1k"
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 28,
    "patch_size": 14,
}
TEXT = {k: v for k, v in SMALL.items() if k not in ("image_size", "patch_size")}
PROCESSOR = {
    "do_resize": True,
    "size": {"height": 28, "width": 28},
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
}


@pytest.fixture
def batch() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 3, 28, 28)).astype(np.float32)


def unit(rows: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(rows, dim=-1).detach().numpy()


def test_timm_tower_from_a_placed_file() -> None:
    import timm
    from safetensors.torch import save_file

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = timm.create_model(TIMM, pretrained=False).eval()
    target = placed(f"timm/{TIMM}", "model.safetensors")
    target.parent.mkdir(parents=True)
    save_file(theirs.state_dict(), target)
    encoder = load_model(f"timm:{TIMM}", device="cpu", offline=True)
    config = timm.data.resolve_data_config(pretrained_cfg=theirs.pretrained_cfg)
    p = encoder.preprocess
    assert p.size == config["input_size"][1:] == (176, 176)
    assert (p.mean, p.std) == (config["mean"], config["std"])
    assert p.resize == int(176 / config["crop_pct"]) and p.mode == "shortest"
    x = np.random.default_rng(0).normal(size=(2, 3, 176, 176)).astype(np.float32)
    with torch.no_grad():
        wanted = unit(theirs.forward_head(theirs.forward_features(torch.from_numpy(x)), pre_logits=True))
    assert np.allclose(encoder.encode_images(x), wanted, atol=1e-6)
    card = model_card(f"timm:{TIMM}")
    assert (card.dim, card.n_params) == (encoder.dim, encoder.n_params) == (512, encoder.card.n_params)
    assert card.real and card.gflops and card.gflops > 0.5


def test_a_tower_whose_patches_have_one_number_has_a_card() -> None:
    card = model_card("timm:xcit_nano_12_p8_224.fb_in1k")  # (8, 8) elsewhere in timm, 8 here
    assert card.patch == 8 and card.n_params and card.dim == 128


def test_timm_names_and_absent_weights() -> None:
    with pytest.raises(Unreachable, match="timm/resnet10t"):
        load_model(f"timm:{TIMM}", offline=True)
    with pytest.raises(WrongUsage, match="resnet10t"):
        load_model("timm:resnet10.c3_in1k", offline=True)
    with pytest.raises(WrongUsage, match="no pre-projection"):
        model_card(f"timm:{TIMM}@pre-projection")
    target = placed(f"timm/{TIMM}", "pytorch_model.bin")
    target.parent.mkdir(parents=True)
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(target))
    with pytest.raises(Refused, match="TorchScript"):
        load_model(f"timm:{TIMM}", offline=True)


def save(folder: Path, model: Any, processor: dict[str, Any] | None = None) -> Path:
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(processor or PROCESSOR))
    return folder


def seeded(make: Callable[[], Any]) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make().eval()


def test_dinov2_gives_its_normed_class_token(tmp_path: Path, batch: np.ndarray) -> None:
    import transformers

    small = {k: v for k, v in SMALL.items() if k != "intermediate_size"}
    theirs = seeded(lambda: transformers.Dinov2Model(transformers.Dinov2Config(**small)))
    processor = {**PROCESSOR, "size": {"shortest_edge": 32}, "do_center_crop": True, "resample": 3}
    folder = save(tmp_path / "dinov2", theirs, {**processor, "crop_size": {"height": 28, "width": 28}})
    encoder = load_model(f"hf:{folder}", device="cpu")
    with torch.no_grad():
        hidden = theirs(pixel_values=torch.from_numpy(batch)).last_hidden_state[:, 0]
    assert np.allclose(encoder.encode_images(batch), unit(hidden), atol=1e-6)
    assert encoder.id == "hf:dinov2" and encoder.dim == 16 and not encoder.card.real
    assert encoder.n_params == sum(p.numel() for p in theirs.parameters())
    p = encoder.preprocess
    assert (p.size, p.resize, p.mode, p.interpolation) == ((28, 28), 32, "shortest", "bicubic")
    card = model_card(f"hf:{folder}")
    assert (card.patch, card.image_size, card.width, card.activation) == (14, 28, 16, "gelu")


def test_siglip_and_clip_give_their_image_features(tmp_path: Path, batch: np.ndarray) -> None:
    import transformers

    siglip = seeded(
        lambda: transformers.SiglipModel(
            transformers.SiglipConfig(vision_config=SMALL, text_config={**TEXT, "vocab_size": 20})
        )
    )
    clip = seeded(
        lambda: transformers.CLIPModel(
            transformers.CLIPConfig(
                vision_config=SMALL, text_config={**TEXT, "vocab_size": 20}, projection_dim=12
            )
        )
    )
    x = torch.from_numpy(batch)
    with torch.no_grad():
        pooled_siglip = siglip.vision_model(pixel_values=x).pooler_output
        pooled_clip = clip.vision_model(pixel_values=x).pooler_output
        projected = clip.visual_projection(pooled_clip)
    at_siglip, at_clip = save(tmp_path / "siglip", siglip), save(tmp_path / "clip", clip)
    for text, wanted in (
        (f"hf:{at_siglip}", pooled_siglip),
        (f"hf:{at_clip}", projected),
        (f"hf:{at_clip}@pre-projection", pooled_clip),
    ):
        encoder = load_model(text, device="cpu")
        assert np.allclose(encoder.encode_images(batch), unit(wanted), atol=1e-6)
        assert encoder.dim == wanted.shape[1]
    assert encoder.preprocess.mode == "squash" and encoder.preprocess.interpolation == "bilinear"
    tower = sum(p.numel() for p in clip.vision_model.parameters())
    whole = load_model(f"hf:{at_clip}", device="cpu")
    assert whole.n_params == tower + clip.visual_projection.weight.numel()
    with pytest.raises(WrongUsage, match="no pre-projection"):
        load_model(f"hf:{at_siglip}@pre-projection", device="cpu")


def test_a_pooler_that_was_never_trained_is_not_used(tmp_path: Path, batch: np.ndarray) -> None:
    import transformers

    config = transformers.ViTConfig(**SMALL)
    theirs = seeded(lambda: transformers.ViTModel(config, add_pooling_layer=False))
    encoder = load_model(f"hf:{save(tmp_path / 'vit', theirs)}", device="cpu")
    with torch.no_grad():
        token = theirs(pixel_values=torch.from_numpy(batch)).last_hidden_state[:, 0]
    assert np.allclose(encoder.encode_images(batch), unit(token), atol=1e-6)


def test_a_pooler_that_was_never_trained_is_not_hashed(tmp_path: Path) -> None:
    import transformers

    config = transformers.ViTConfig(**SMALL)
    classifier = seeded(lambda: transformers.ViTForImageClassification(config))
    folder = save(tmp_path / "classifier", classifier)
    one, other = (load_model(f"hf:{folder}", device="cpu") for _ in range(2))
    assert one.weights_hash == other.weights_hash
    assert one.n_params == sum(p.numel() for p in classifier.vit.parameters())
    trained = save(tmp_path / "trained", seeded(lambda: transformers.ViTModel(config)))
    assert load_model(f"hf:{trained}", device="cpu").weights_hash != one.weights_hash


@pytest.mark.parametrize("by_hand", [{0, 1}, {1, 2}, {0}, {0, 1, 2}])
def test_files_of_a_repository_may_lie_apart(tmp_path: Path, batch: np.ndarray, by_hand: set[int]) -> None:
    """What an offline load asks for is fetched to where it says, beside whatever the hub's cache has."""
    import transformers

    files = ("config.json", "preprocessor_config.json", "model.safetensors")
    theirs = seeded(lambda: transformers.ViTModel(transformers.ViTConfig(**SMALL)))
    folder = save(tmp_path / "vit", theirs)
    cached = cache_dir("hub", "models--someone--vit")
    (cached / "snapshots" / "abc").mkdir(parents=True)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc")
    for k, file in enumerate(files):
        target = placed("someone/vit", file) if k in by_hand else cached / "snapshots" / "abc" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((folder / file).read_bytes())
    encoder = load_model("hf:someone/vit", device="cpu", offline=True)
    direct = load_model(f"hf:{folder}", device="cpu")
    assert encoder.weights_hash == direct.weights_hash
    assert np.array_equal(encoder.encode_images(batch), direct.encode_images(batch))


def test_a_whole_folder_is_preferred_to_parts(tmp_path: Path) -> None:
    import transformers

    theirs = seeded(lambda: transformers.ViTModel(transformers.ViTConfig(**SMALL)))
    cached = cache_dir("hub", "models--someone--vit")
    save(cached / "snapshots" / "abc", theirs)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc")
    stray = placed("someone/vit", "preprocessor_config.json")
    stray.parent.mkdir(parents=True)
    stray.write_text(json.dumps({**PROCESSOR, "image_mean": [0.1, 0.2, 0.3]}))
    encoder = load_model("hf:someone/vit", device="cpu", offline=True)
    assert encoder.preprocess.mean == tuple(PROCESSOR["image_mean"])


@pytest.mark.parametrize(
    ("left_out", "says"),
    [
        ((), ""),
        (("image_mean",), "mean 0;"),
        (("image_mean", "image_std", "resample"), "mean 0, std 1, bilinear resizing;"),
    ],
)
def test_what_a_processor_leaves_out_is_on_the_card(
    left_out: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit", "image_size": 28}))
    stated = {"resample": 3, **PROCESSOR}
    processor = {key: value for key, value in stated.items() if key not in left_out}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    assumed = model_card(f"hf:{tmp_path}").assumed
    assert says in assumed and bool(assumed) == bool(left_out)


def test_folders_that_lack_something(tmp_path: Path) -> None:
    import transformers
    from safetensors.torch import load_file, save_file

    folder = save(tmp_path / "vit", seeded(lambda: transformers.ViTModel(transformers.ViTConfig(**SMALL))))
    weights = load_file(folder / "model.safetensors")
    weights.pop(next(k for k in weights if "layernorm" in k and "layer.0" not in k))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadInput, match="lack 1 tensors"):
        load_model(f"hf:{folder}", device="cpu")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(BadInput, match="cannot be loaded"):
        load_model(f"hf:{folder}", device="cpu")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(Missing, match="preprocessor_config"):
        load_model(f"hf:{folder}", device="cpu")
    with pytest.raises(Unreachable, match=r"config\.json and preprocessor_config\.json and model"):
        load_model("hf:facebook/dinov2-base", offline=True)


@pytest.mark.parametrize(
    ("declared", "size", "mode", "resize"),
    [
        ({"size": {"height": 28, "width": 28}}, (28, 28), "squash", None),
        ({"size": {"shortest_edge": 32}, "do_center_crop": True, "crop_size": 28}, (28, 28), "shortest", 32),
        (
            {"size": 32, "do_center_crop": True, "crop_size": {"height": 28, "width": 28}},
            (28, 28),
            "shortest",
            32,
        ),
        ({"size": 28}, (28, 28), "squash", None),
        ({"do_resize": False}, (30, 30), "shortest", 30),
    ],
)
def test_processors_as_preprocessing(
    declared: dict[str, Any], size: tuple[int, int], mode: str, resize: int | None
) -> None:
    p = preprocess_of(declared, {"image_size": 30}, parse_model("hf:a/b"))
    assert (p.size, p.mode, p.resize) == (size, mode, resize)
    assert (p.mean, p.std) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_processors_without_a_size_are_refused() -> None:
    with pytest.raises(BadInput, match="does not fix the size"):
        preprocess_of({"size": {"shortest_edge": 224}}, {}, parse_model("hf:a/b"))
