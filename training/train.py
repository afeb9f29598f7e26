"""Train the bundled models from nothing but the built-in world.

    python training/train.py                      # data, then every bundled model
    python training/train.py clip-m --seed 1      # one model, another seed (a seed spread, not shipped)

Each run checkpoints every ten minutes into ``training/scratch`` and goes on from there. With seed 0 the
result is written into ``src/faceprobe/models/bundled/data`` as float16 safetensors with a record of
how it was made. Threads: torch's default; ``--precision fp32`` for processors without bfloat16.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from data import CLIP_MEAN, CLIP_STD, SHRINK, SIDE
from data import main as make_data
from loop import Recipe, augment, batch_rows, normalised, rank1, train
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from faceprobe.core.files import atomic_path, read_json, write_json
from faceprobe.data.photo import Photo
from faceprobe.datasets.synthetic.world import SPLITS, WORLD_VERSION, World
from faceprobe.faces.crops import CropPolicy
from faceprobe.models.bundled import face_tower, tokenizer, towers
from faceprobe.models.cost import meta_cost

WORK = Path("training/scratch")
SHIPPED = Path("src/faceprobe/models/bundled/data")
RECIPES = {
    "clip-m": Recipe("clip-m"),
    "clip-s": Recipe("clip-s"),
    "clip-l": Recipe("clip-l"),
    "clip-vit": Recipe("clip-vit", samples=102_400, rate=1e-3, decay=0.1, warmup=100),
    "face": Recipe("face", decay=0.02),
}
CHECK_PEOPLE, CHECK_PHOTOS = 150, 8
MEAN, STD = torch.tensor(CLIP_MEAN), torch.tensor(CLIP_STD)


class FaceTrainer(nn.Module):
    """timm tower -> 128-d embedding -> CosFace (arXiv 1801.09414): s = 30, margin 0.25 grown from 0."""

    def __init__(self, config: dict[str, Any], people: int) -> None:
        super().__init__()
        self.tower = face_tower(config)
        self.centres = nn.Parameter(torch.randn(people, 128) * 0.05)

    def loss(self, images: Tensor, labels: Tensor, margin: float) -> Tensor:
        cosines = normalised(self.tower(images)) @ normalised(self.centres).T
        cosines = cosines - margin * nn.functional.one_hot(labels, cosines.shape[1])
        return nn.functional.cross_entropy(30.0 * cosines, labels)


def build(config: dict[str, Any]) -> nn.Module:
    return open_clip.CLIP(config["embed_dim"], config["vision_cfg"], config["text_cfg"])


def clip_run(recipe: Recipe, folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Contrastive training of a bundled CLIP on captioned photos."""
    config = read_json(SHIPPED / recipe.model / "open_clip_config.json")["model_cfg"]
    assert towers  # imported for the names that it registers
    torch.manual_seed(recipe.seed)
    model = build(config).to(memory_format=torch.channels_last)
    images = np.load(WORK / "data/clip_images.npy", mmap_mode="r")
    texts = read_json(WORK / "data/clip_captions.json")["texts"]
    tokens = tokenizer()(texts)

    def loss_at(step: int) -> Tensor:
        rows = batch_rows(recipe, step, len(images))
        x = augment(np.stack([images[r] for r in rows]), MEAN, STD, [recipe.seed, 19, step])
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bf16"):
            image, text, scale = model(x, tokens[rows])
        logits = scale.float().clamp(max=100) * image.float() @ text.float().T
        target = torch.arange(len(rows))
        cross = nn.functional.cross_entropy
        return (cross(logits, target) + cross(logits.T, target)) / 2

    pixels, people, events = _check_photos("as-is")

    def check() -> dict[str, float]:
        return {"rank1_cross_event": rank1(_features(model.encode_image, model, pixels), people, events)}

    return model, train(recipe, model, loss_at, folder, check)


def face_run(recipe: Recipe, folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Margin-softmax training of the specialist on aligned crops of its own people."""
    config = read_json(SHIPPED / recipe.model / "config.json")
    images = np.load(WORK / "data/face_images.npy", mmap_mode="r")
    labels = np.load(WORK / "data/face_labels.npy")
    torch.manual_seed(recipe.seed)
    trainer = FaceTrainer(config, int(labels.max()) + 1).to(memory_format=torch.channels_last)

    def loss_at(step: int) -> Tensor:
        rows = batch_rows(recipe, step, len(images))
        x = augment(np.stack([images[r] for r in rows]), MEAN, STD, [recipe.seed, 19, step])
        margin = 0.25 * min(1.0, step / (0.3 * recipe.steps))
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bf16"):
            return trainer.loss(x, torch.from_numpy(labels[rows]), margin)

    pixels, people, events = _check_photos("aligned-112")

    def check() -> dict[str, float]:
        return {"rank1_cross_event": rank1(_features(trainer.tower, trainer, pixels), people, events)}

    record = train(recipe, trainer, loss_at, folder, check)
    return trainer.tower, record


def _features(encode: nn.Module, module: nn.Module, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    module.eval()
    with torch.inference_mode():
        parts = [
            encode(torch.from_numpy(SHRINK.normalise(pixels[k : k + 128])))
            for k in range(0, len(pixels), 128)
        ]
    return normalised(torch.cat(parts)).numpy()


def _check_photos(crop: str) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Photos of people who are neither trained on nor tested: the split ``check``."""
    path = WORK / "data" / f"check_{crop}.npz"
    if not path.exists():
        world, policy, rows = World(0), CropPolicy.parse(crop), []
        for person in range(SPLITS["check"], SPLITS["check"] + CHECK_PEOPLE):
            for k in range(CHECK_PHOTOS):
                shot = world.photo(person, k)
                pixels = policy.apply(Photo(shot.pixels, "", shot.faces), (0, 0, 0))
                rows.append((SHRINK.prepare(pixels), person, world.shot(person, k).event_number))
        with atomic_path(path) as temporary, open(temporary, "wb") as handle:
            np.savez(
                handle,
                pixels=np.stack([r[0] for r in rows]),
                people=[r[1] for r in rows],
                events=[r[2] for r in rows],
            )
    with np.load(path) as saved:
        return saved["pixels"], saved["people"], saved["events"]


def ship(name: str, module: nn.Module, record: dict[str, Any]) -> None:
    """Write float16 weights and the record of their making where the package finds them."""
    folder = SHIPPED / name
    state = {k: v.half() if v.is_floating_point() else v for k, v in module.state_dict().items()}
    state = {k: v.contiguous(memory_format=torch.contiguous_format).clone() for k, v in state.items()}
    weights = folder / ("open_clip_model.safetensors" if name.startswith("clip") else "model.safetensors")
    with atomic_path(weights) as temporary:
        save_file(state, temporary)
    write_json(folder / "training.json", {"world_version": WORLD_VERSION, **record})
    write_json(folder / "card.json", card(name, record))


def card(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """What ``faceprobe models`` tells of a bundled model; counts come from its tower, built on no data."""
    with torch.device("meta"):
        if name == "face":
            config = read_json(SHIPPED / name / "config.json")
            tower, dim = face_tower(config), config["timm"]["num_classes"]
        else:
            config = read_json(SHIPPED / name / "open_clip_config.json")["model_cfg"]
            tower, dim = build(config).visual, config["embed_dim"]
    cost = meta_cost(tower.eval(), (SIDE, SIDE))
    return {
        "family": {"clip-vit": "bundled ViT", "face": "bundled face"}.get(name, "bundled CLIP"),
        "dim": dim,
        "n_params": cost.n_params,
        "gflops": cost.gflops,
        "patch": 8 if name == "clip-vit" else None,
        "image_size": SIDE,
        "width": {"clip-s": 256, "clip-m": 384, "clip-l": 512, "clip-vit": 128, "face": 512}[name],
        "training_data": "built-in world: "
        + ("aligned faces with identities" if name == "face" else "captioned photos"),
        "samples_seen": float(record["recipe"]["samples"]),
        "activation": "gelu" if name == "clip-vit" else "relu",
        "extra": {} if name == "face" else {"tower": "ViT" if name == "clip-vit" else "ResNet-10-T"},
        "default_crop": "aligned-112" if name == "face" else "as-is",
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", choices=[[], *RECIPES], default=[])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, help="photos seen (default: the recipe's)")
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--rate", type=float)
    parser.add_argument(
        "--tag", default="", help="a trial: kept in training/scratch under this name, never shipped"
    )
    a = parser.parse_args()
    for name in a.models or list(RECIPES):
        make_data(["--only", "face" if name == "face" else "clip"])
        recipe = replace(RECIPES[name], seed=a.seed, precision=a.precision)
        recipe = replace(recipe, samples=a.samples or recipe.samples, rate=a.rate or recipe.rate)
        folder = WORK / (f"{name}-seed{a.seed}" + (f"-{a.tag}" if a.tag else ""))
        module, record = (face_run if name == "face" else clip_run)(recipe, folder)
        write_json(folder / "record.json", record)
        if a.seed == 0 and not a.tag and not a.samples:
            ship(name, module, record)
        print(json.dumps(record["log"][-1]))


if __name__ == "__main__":
    main()
