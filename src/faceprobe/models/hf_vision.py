"""Vision encoders of Hugging Face: ``hf:OWNER/REPO`` or ``hf:FOLDER`` (DINOv2, SigLIP 2, CLIP, ViT, ...).

The embedding is what the model calls its image features where it also has a text tower, else its
pooled output, else its class token. Code from a repository is never run, pickles are never read.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, cast

from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.core.extras import require
from faceprobe.core.files import read_json
from faceprobe.core.names import Name
from faceprobe.models import hub
from faceprobe.models.base import (
    PRE_PROJECTION,
    ImageEncoder,
    ModelCard,
    ModelFamily,
    Role,
    flag,
    flip_of,
    model_id,
    pooling_of,
)
from faceprobe.models.preprocess import Preprocess
from faceprobe.models.quiet import quietly
from faceprobe.models.torch_encoder import TorchEncoder, count_params

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, PREPROCESSOR, WEIGHTS = "config.json", "preprocessor_config.json", "model.safetensors"
TEXT_PARTS = ("text_model", "text_projection", "logit_scale", "logit_bias")
INTERPOLATIONS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""Pillow's numbers, as the field ``resample`` of an image processor holds them."""


@dataclass(frozen=True)
class Published:
    """What its publishers state about a model, for a card before anything is fetched."""

    family: str
    patch: int
    image_size: int
    dim: int
    training_data: str


KNOWN = {
    "facebook/dinov2-small": Published("DINOv2 ViT", 14, 224, 384, "LVD-142M"),
    "facebook/dinov2-base": Published("DINOv2 ViT", 14, 224, 768, "LVD-142M"),
    "facebook/dinov2-large": Published("DINOv2 ViT", 14, 224, 1024, "LVD-142M"),
    "facebook/dinov2-giant": Published("DINOv2 ViT", 14, 224, 1536, "LVD-142M"),
    "google/siglip2-base-patch16-224": Published("SigLIP 2 ViT", 16, 224, 768, "WebLI (not public)"),
    "google/siglip2-large-patch16-256": Published("SigLIP 2 ViT", 16, 256, 1024, "WebLI (not public)"),
    "google/siglip2-so400m-patch14-384": Published("SigLIP 2 ViT", 14, 384, 1152, "WebLI (not public)"),
}


class HfVision(ModelFamily):
    """Options ``flip`` and, for a folder, ``real``."""

    usage = "hf:OWNER/REPO"
    about = "Hugging Face vision encoders (DINOv2, SigLIP 2, ...), also a folder of one"

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder:
        card = self.card(name)
        transformers = require("transformers", "encode", "a Hugging Face encoder")
        with _folder(name, offline) as folder:
            config, preprocessor = read_json(folder / CONFIG), read_json(folder / PREPROCESSOR)
            try:
                with quietly():
                    model, loading = transformers.AutoModel.from_pretrained(
                        folder,
                        local_files_only=True,
                        trust_remote_code=False,
                        use_safetensors=True,
                        dtype="float32",
                        output_loading_info=True,
                    )
            except (OSError, ValueError, RuntimeError, KeyError) as error:
                raise BadInput(f"{name} cannot be loaded as a vision encoder: {error}") from error
        dropped = _drop_untrained_poolers(model, sorted(loading["missing_keys"]), name)
        tower, features = _features(model, name)
        preprocess = preprocess_of(preprocessor, config, name)
        return TorchEncoder(
            tower,
            features,
            card=_card(name, config, preprocessor, preprocess, card),
            preprocess=preprocess,
            dim=_probe(features, preprocess, name),
            n_params=count_params(tower, without=TEXT_PARTS),
            options={
                "pooling": pooling_of(name),
                "dropped": dropped,
                "architecture": _identity(config),
            },
            device=device,
        )

    def card(self, name: Name) -> ModelCard:
        name.check_options({"flip", "real"})
        pooling_of(name), flip_of(name)
        local = Path(name.body).is_dir()
        if not local and name.body.count("/") != 1:
            raise WrongUsage(
                f"{name}: a repository on the hub is written hf:OWNER/REPO, and no folder is there"
            )
        real = bool(flag(name, "real", not local))
        body = Path(name.body).name if local else name.body
        known = KNOWN.get(name.body)
        card = ModelCard(id=model_id(replace(name, body=body)), family="Hugging Face", real=real)
        if known:
            card = replace(
                card,
                family=known.family,
                patch=known.patch,
                image_size=known.image_size,
                dim=known.dim,
                width=known.dim,
                training_data=known.training_data,
                licence="Apache-2.0",
                role=_role(known.family),
            )
        at = Path(name.body) / CONFIG if local else hub.find(name.body, CONFIG)
        prepared = Path(name.body) / PREPROCESSOR if local else hub.find(name.body, PREPROCESSOR)
        if at and at.is_file() and prepared and prepared.is_file():
            config, declared = read_json(at), read_json(prepared)
            return _card(name, config, declared, preprocess_of(declared, config, name), card)
        return replace(card, pooling=pooling_of(name))

    def known(self) -> list[str]:
        return [f"hf:{m}" for m in KNOWN]

    def files(self, name: Name) -> list[Path]:
        """A folder of that name goes before a repository on the hub."""
        return [Path(name.body)] if Path(name.body).is_dir() else []

    def cached(self, name: Name) -> bool | None:
        return Path(name.body).is_dir() or hub.find(name.body, WEIGHTS) is not None


def preprocess_of(declared: Mapping[str, Any], config: Mapping[str, Any], name: Name) -> Preprocess:
    """An image processor's configuration as :class:`Preprocess`, in the arithmetic of Pillow."""
    size, crop = declared.get("size"), declared.get("crop_size")
    short = size.get("shortest_edge") if isinstance(size, dict) else size
    cropped = _sides(crop) if declared.get("do_center_crop") and crop else None
    resize: int | None = None
    if not declared.get("do_resize", True):
        target = cropped or _sides(_vision(config).get("image_size", 224))
        mode, resize = "shortest", min(target)
    elif short and (cropped or not isinstance(size, dict)):
        target = cropped or (int(short), int(short))
        mode, resize = ("shortest", int(short)) if cropped else ("squash", None)
    elif isinstance(size, dict) and "height" in size:
        target = cropped or _sides(size)
        mode, resize = "squash", (int(size["height"]) if cropped else None)
    else:
        raise BadInput(f"{name}: its {PREPROCESSOR} ({size}) does not fix the size of a photo")
    one = (1.0, 1.0, 1.0)
    normalised = declared.get("do_normalize", True)
    return Preprocess(
        size=target,
        mean=tuple(declared["image_mean"]) if normalised and "image_mean" in declared else (0.0, 0.0, 0.0),
        std=tuple(declared["image_std"]) if normalised and "image_std" in declared else one,
        mode=cast("Literal['shortest', 'squash', 'longest']", mode),
        interpolation=INTERPOLATIONS.get(declared.get("resample", 2), "bilinear"),
        resize=resize,
        flip=cast("Literal['none', 'sum']", flip_of(name)),
    )


def _drop_untrained_poolers(model: Any, missing: list[str], name: Name) -> list[str]:
    """Take out of ``model`` the poolers whose weights are ``missing``, and name them.

    Loading fills them with random numbers, which must reach neither the embedding (the class token takes
    their place) nor the hash of the weights. Raises :class:`BadInput` where anything else is missing.
    """
    others = [key for key in missing if "pooler" not in key.split(".")]
    if others:
        raise BadInput(f"{name}: its weights lack {len(others)} tensors (first: {others[0]})")
    owners = sorted({".".join(key.split(".")[: key.split(".").index("pooler")]) for key in missing})
    for owner in owners:
        model.get_submodule(owner).pooler = None
    return [f"{owner}.pooler".lstrip(".") for owner in owners]


def _features(model: Any, name: Name) -> tuple[Any, Callable[[Tensor], Tensor]]:
    """The image tower of ``model`` and the function from photos to features."""
    wants_inner = pooling_of(name) == PRE_PROJECTION
    projection = getattr(model, "visual_projection", None)
    if wants_inner and projection is None:
        raise WrongUsage(f"{name} has no {PRE_PROJECTION} embedding: no projection follows its pooling")
    tower = getattr(model, "vision_model", model)
    if hasattr(model, "get_image_features") and not wants_inner:
        return model, lambda x: _vector(model.get_image_features(pixel_values=x))
    return tower, lambda x: _vector(tower(pixel_values=x))


def _vector(output: Any) -> Tensor:
    pooled = output if not hasattr(output, "keys") else output.get("pooler_output")
    if pooled is None:
        pooled = output.last_hidden_state[:, 0]
    return cast("Tensor", pooled).flatten(1)


def _probe(features: Callable[[Tensor], Tensor], preprocess: Preprocess, name: Name) -> int:
    """The width of the embedding, by one empty photo."""
    import torch

    try:
        with torch.inference_mode():
            return int(features(torch.zeros(1, 3, *preprocess.size)).shape[1])
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{name} does not take a photo of {preprocess.size}: {error}") from error


def _card(
    name: Name,
    config: Mapping[str, Any],
    declared: Mapping[str, Any],
    preprocess: Preprocess,
    card: ModelCard,
) -> ModelCard:
    vision = _vision(config)
    return replace(
        card,
        pooling=pooling_of(name),
        family=card.family
        if card.family != "Hugging Face"
        else f"Hugging Face {config.get('model_type', '')}",
        patch=vision.get("patch_size") if isinstance(vision.get("patch_size"), int) else None,
        image_size=preprocess.size[0],
        width=vision.get("hidden_size"),
        assumed=_assumed(declared),
        activation=str(vision.get("hidden_act", "")),
        role=_role(str(config.get("model_type", ""))),
    )


def _assumed(declared: Mapping[str, Any]) -> str:
    """Which part of the preprocessing an image processor's configuration leaves out, and what is taken."""
    parts = []
    if declared.get("do_normalize", True):
        defaults = {"image_mean": "mean 0", "image_std": "std 1"}
        parts += [value for key, value in defaults.items() if key not in declared]
    if declared.get("do_resize", True) and "resample" not in declared:
        parts.append("bilinear resizing")
    if not parts:
        return ""
    return (
        f"its {PREPROCESSOR} does not say it, so assumed: {', '.join(parts)}; write image_mean, image_std and"
        " resample into that file"
    )


def _role(kind: str) -> Role:
    """By the model's type or family: CLIP and SigLIP models are trained on images and texts together."""
    return "clip" if any(word in kind.lower() for word in ("clip", "siglip")) else "encoder"


def _vision(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", config.get("vision_config") or config)


def _identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without what does not change the output."""
    idle = ("_name_or_path", "transformers_version", "torch_dtype", "dtype", "architectures")
    return {k: v for k, v in config.items() if k not in idle}


def _sides(size: Any) -> tuple[int, int]:
    if isinstance(size, dict):
        return int(size["height"]), int(size["width"])
    return (int(size[0]), int(size[1])) if isinstance(size, list | tuple) else (int(size), int(size))


@contextmanager
def _folder(name: Name, offline: bool) -> Iterator[Path]:
    """A folder with all of the model's files, fetched where it is a repository.

    Files of a repository may lie apart, some in the hub's cache and some placed by hand; then the folder
    is a temporary one with links to them.
    """
    local = Path(name.body)
    if local.is_dir():
        for file in (CONFIG, PREPROCESSOR):
            if not (local / file).is_file():
                raise Missing(f"{local} has no {file}; give a folder written by save_pretrained")
        yield local
        return
    what, instead = model_id(name), "hf:FOLDER"
    files = (CONFIG, PREPROCESSOR, WEIGHTS)
    found = [
        hub.fetch(name.body, [f], offline=offline, what=what, instead=instead, also=files[k + 1 :])
        for k, f in enumerate(files)
    ]
    for folder in dict.fromkeys(path.parent for path in found):
        if all((folder / f).is_file() for f in files):
            yield folder
            return
    with TemporaryDirectory(prefix="faceprobe-", ignore_cleanup_errors=True) as temporary:
        for path, file in zip(found, files, strict=True):
            _link(path.resolve(), Path(temporary) / file)
        yield Path(temporary)


def _link(path: Path, target: Path) -> None:
    try:
        target.symlink_to(path)
    except OSError:  # on Windows few users may make links
        shutil.copyfile(path, target)


FAMILY = HfVision()
