"""``faceprobe doctor --model ID --golden FOLDER``: right loads pass, wrong ones are named.

The golden folders are written by OpenCLIP itself with a small model of random weights; the formats are those
of ``clip_golden`` in the research files.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import faceprobe as fp
from faceprobe.api.golden_folder import read_golden
from faceprobe.cli.main import run
from faceprobe.core.errors import BadInput, FaceprobeError, Missing, WrongUsage

TEXTS = ["a diagram", "a dog", "a cat"]
CLIP = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}
HALF = {"mean": [0.5] * 3, "std": [0.5] * 3}
MODEL: dict[str, Any] = {
    "embed_dim": 24,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 48, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small photos of waves, larger than the model's input, one of them with transparency."""
    folder = tmp_path_factory.mktemp("photos")
    y, x = np.mgrid[0:70, 0:90]
    for k in range(6):
        waves = [np.sin(x / (3 + k + c) + c * k) * np.cos(y / (2 + c) + k) for c in range(3)]
        pixels = np.stack([127.5 + 127.5 * w for w in waves], axis=-1).astype(np.uint8)
        if k == 5:
            alpha = np.where((x // 9 + y // 9) % 2, 255, 60).astype(np.uint8)
            pixels = np.dstack([pixels, alpha])
        Image.fromarray(pixels).save(folder / f"{9 - k}.png")
    return folder


@pytest.fixture(scope="module")
def true_model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(folder, OpenCLIP's model, its transform): QuickGELU, CLIP's mean and std, layers far from linear."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("true") / "clip"
    write_config(folder, MODEL, CLIP)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False).eval()
    for name, parameter in model.named_parameters():
        if "mlp" in name and name.endswith("weight"):
            parameter.data *= 4
    save_file(
        {k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )
    return folder, model, open_clip.image_transform(32, is_train=False)


def write_config(folder: Path, model: dict[str, Any], preprocess: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": model, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(config))


@pytest.fixture
def wrong(true_model: Any, tmp_path: Path) -> Callable[..., str]:
    """The true weights, loaded as a changed configuration says."""

    def make(model: dict[str, Any] | None = None, preprocess: dict[str, Any] | None = None) -> str:
        write_config(tmp_path / "wrong", {**MODEL, **(model or {})}, preprocess or CLIP)
        target = tmp_path / "wrong" / "open_clip_model.safetensors"
        shutil.copy(true_model[0] / target.name, target)
        return f"local:{tmp_path / 'wrong'}"

    return make


def image_rows(true_model: Any, photos: Path, names: Sequence[str]) -> np.ndarray:
    import torch

    _, model, transform = true_model
    with torch.no_grad():
        batch = torch.stack([transform(Image.open(photos / name)) for name in names])
        return np.asarray(model.encode_image(batch).numpy())


@pytest.fixture(scope="module")
def golden(true_model: Any, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As clip-retrieval's: ``images/``, ``rows.json``, float16 vectors; and texts."""
    import open_clip
    import torch

    folder, names = tmp_path_factory.mktemp("golden"), ["7.png", "9.png", "8.png", "4.png", "6.png", "5.png"]
    shutil.copytree(photos, folder / "images")
    (folder / "rows.json").write_text(json.dumps(names))
    rows = image_rows(true_model, photos, names)
    np.save(
        folder / "vectors_tiny.npy", (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    )
    with torch.no_grad():
        tokens = open_clip.get_tokenizer(f"local-dir:{true_model[0]}")(TEXTS)
        np.save(folder / "text_features.npy", true_model[1].encode_text(tokens).numpy())
    return folder


def test_the_true_model_passes(true_model: Any, golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--model", f"local:{true_model[0]}", "--golden", str(golden)]) == 0
    shown = capsys.readouterr().out
    assert "  7.png" in shown and '  "a cat"' in shown and "likely cause" not in shown
    assert "6 photos: least 1.000000, mean 1.000000" in shown and "3 texts: least 1.000000" in shown
    assert "passed: every cosine must be at least 0.99" in shown and "no texts.json" in shown
    found = fp.check_model(f"local:{true_model[0]}", golden, device="cpu")
    assert (
        found.passed and found.limit <= 1e-3 and [name for name, _ in found.images][:2] == ["7.png", "9.png"]
    )
    assert [text for text, _ in found.texts] == TEXTS


def test_the_layout_of_a_single_photo_and_texts(
    true_model: Any, photos: Path, golden: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As numpyclip's: one photo with transparency next to the arrays, whose rows are not of length 1."""
    shutil.copy(photos / "4.png", tmp_path / "CLIP.png")
    shutil.copy(golden / "text_features.npy", tmp_path)
    np.save(tmp_path / "image_features.npy", image_rows(true_model, photos, ["4.png"]))
    found = fp.check_model(f"local:{true_model[0]}", tmp_path, device="cpu")
    assert found.passed and found.images[0][0] == "CLIP.png" and found.images[0][1] > 1 - 1e-6
    assert any("transparency" in note for note in found.notes)
    assert run(["doctor", "--model", f"local:{true_model[0]}", "--golden", str(tmp_path)]) == 0
    assert "1 photo: least 1.000000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model", "preprocess", "says"),
    [
        ({"quick_gelu": False}, None, ["the activation (the golden vectors fit QuickGELU, not GELU)"]),
        (None, HALF, ["mean and std (the golden vectors fit OpenAI CLIP's)"]),
        ({"quick_gelu": False}, HALF, ["QuickGELU, not GELU) and mean and std"]),
        (None, {**CLIP, "interpolation": "bilinear"}, ["the golden vectors fit bicubic, not bilinear"]),
        (None, {**CLIP, "resize_mode": "squash"}, ["the golden vectors fit shortest"]),
    ],
)
def test_a_wrong_load_is_named(
    model: dict[str, Any] | None,
    preprocess: dict[str, Any] | None,
    says: list[str],
    wrong: Callable[..., str],
    golden: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = wrong(model, preprocess)
    assert run(["doctor", "--model", text, "--golden", str(golden), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert not document["passed"] and all(part in document["cause"] for part in says), document["cause"]
    assert "smallest cosine is 1.000000" in document["cause"]
    assert run(["doctor", "--model", text, "--golden", str(golden)]) == 1
    assert "NOT passed" in capsys.readouterr().out


def test_reversed_colours_are_named(true_model: Any, photos: Path, golden: Path) -> None:
    """A model behind faceprobe's own front door, given photos as BGR."""
    import torch
    from open_clip import create_model

    model = create_model(f"local-dir:{true_model[0]}", load_weights=True)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), true_model[1].parameters(), strict=True))
    preprocess = {"size": (32, 32), **{k: tuple(v) for k, v in CLIP.items()}, "color": "bgr"}
    encoder = fp.encoder(model.visual, preprocess, id="reversed", device="cpu")
    found = fp.check_model(encoder, golden)
    assert "order of colours (the golden vectors fit RGB)" in found.cause
    assert any("no text tower" in note for note in found.notes) and not found.texts


def test_other_weights_another_order_and_another_text_tower(
    true_model: Any, golden: Path, wrong: Callable[..., str], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    text = wrong()
    file = Path(text.removeprefix("local:")) / "open_clip_model.safetensors"
    weights = load_file(file)
    save_file({**weights, "text_projection": weights["text_projection"] ** 3}, file)
    found = fp.check_model(text, golden, device="cpu")
    assert "the photos pass and the texts do not" in found.cause and not found.passed
    save_file({k: v * 0.5 if "mlp" in k else v for k, v in weights.items()}, file)
    assert "other weights" in fp.check_model(text, golden, device="cpu").cause
    shuffled = shutil.copytree(golden, tmp_path / "shuffled")
    (shuffled / "rows.json").write_text(json.dumps(["9.png", "7.png", "8.png", "4.png", "6.png", "5.png"]))
    found = fp.check_model(f"local:{true_model[0]}", shuffled, device="cpu")
    assert "in another order (9.png has row 1" in found.cause


def test_precomputed_vectors_pass_and_fail(
    golden: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = np.load(golden / "vectors_tiny.npy").astype(np.float32)
    names = json.loads((golden / "rows.json").read_text())
    for prefix in ("", "images/"):
        order = np.random.default_rng(0).permutation(len(names))
        np.save(tmp_path / "embeddings.npy", rows[order])
        lines = ["path,identity", *(f"{prefix}{names[k]},x" for k in order)]
        (tmp_path / "samples.csv").write_text("\n".join(lines))
        assert run(["doctor", "--model", f"vectors:{tmp_path}", "--golden", str(golden)]) == 0
        assert "texts are not compared" in capsys.readouterr().out
    np.save(tmp_path / "embeddings.npy", rows[order] + np.float32(0.05))
    assert run(["doctor", "--model", f"vectors:{tmp_path}", "--golden", str(golden)]) == 1
    np.save(tmp_path / "embeddings.npy", rows[order][:, :12])
    with pytest.raises(BadInput, match="gives 12 values, the golden vectors have 24"):
        fp.check_model(f"vectors:{tmp_path}", golden)


def test_folders_of_another_form_are_named(golden: Path, tmp_path: Path) -> None:
    def broken(change: Callable[[Path], object]) -> Path:
        copy = tmp_path / "broken"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(golden, copy)
        change(copy)
        return copy

    cases: list[tuple[Callable[[Path], object], type[FaceprobeError], str]] = [
        (lambda f: (f / "rows.json").write_text('["7.png"]'), BadInput, "6 vectors, rows.json has 1 photo;"),
        (lambda f: (f / "rows.json").write_text(json.dumps(["../7.png"] * 6)), BadInput, "must lie in"),
        (lambda f: (f / "rows.json").write_text('{"a": 1}'), BadInput, "no list of texts"),
        (lambda f: (f / "rows.json").write_text("["), BadInput, "not valid JSON"),
        (lambda f: (f / "images" / "7.png").unlink(), Missing, "no photo 7.png"),
        (lambda f: (f / "images" / "7.png").write_text("x"), BadInput, "cannot be read as a photo"),
        (lambda f: (f / "vectors_tiny.npy").write_text("x"), BadInput, "vectors_tiny.npy"),
        (lambda f: np.save(f / "b.npy", np.ones((6, 24))), BadInput, "several arrays"),
        (lambda f: np.save(f / "vectors_tiny.npy", np.full((6, 24), np.nan)), BadInput, "vectors_tiny.npy"),
        (lambda f: np.save(f / "text_features.npy", np.ones((2, 24))), Missing, "no texts.json"),
        (lambda f: (f / "texts.json").write_text('["a"]'), BadInput, "3 vectors, texts.json 1 text$"),
        (lambda f: [p.unlink() for p in f.glob("*.npy")], Missing, "holds no golden vectors"),
    ]
    for change, kind, says in cases:
        with pytest.raises(kind, match=says) as caught:
            read_golden(broken(change))
        assert "\n" not in str(caught.value)
    with pytest.raises(FaceprobeError, match="nowhere"):
        read_golden(tmp_path / "nowhere")
    with pytest.raises(WrongUsage, match="one of its parts"):
        fp.check_model("fusion:pixels:32+pixels:16", golden)


def test_model_and_golden_go_together(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--model", "pixels:32"]) == 2
    assert run(["doctor", "--golden", str(golden)]) == 2
    assert capsys.readouterr().err.count("go together") == 2


def test_the_golden_folders_of_real_clips_are_read(shared: Path) -> None:
    photos = read_golden(shared / "data" / "clip_golden" / "clip_retrieval")
    assert photos.image_vectors.shape == (7, 512) and photos.names[0] == "123_456.jpg" and not photos.texts
    one = read_golden(shared / "data" / "clip_golden" / "numpyclip")
    assert one.image_vectors.shape == (1, 512) and one.texts == tuple(TEXTS) and one.photos[0].shape[2] == 4
    cosines = one.image_vectors @ one.text_vectors.T * 100  # CLIP's scale; the figures of its README
    odds = np.exp(cosines - cosines.max())
    assert np.allclose(odds / odds.sum(), [[0.99279, 0.00421, 0.003]], atol=1e-4)
