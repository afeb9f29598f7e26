"""Vision towers of timm with their pretrained tag, e.g. ``timm:vit_base_patch14_dinov2.lvd142m``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import floor
from typing import TYPE_CHECKING, Any, Literal, cast

from faceprobe.core.errors import BadInput, Missing, UnknownName, WrongUsage
from faceprobe.core.extras import require
from faceprobe.core.names import Name
from faceprobe.models import hub
from faceprobe.models.base import ImageEncoder, ModelCard, ModelFamily, flip_of, model_id, refuse_pooling
from faceprobe.models.cost import meta_cost
from faceprobe.models.openclip.checkpoint import checkpoint_shapes
from faceprobe.models.preprocess import Preprocess
from faceprobe.models.quiet import quietly
from faceprobe.models.torch_encoder import TorchEncoder, count_params

if TYPE_CHECKING:
    from torch import nn

WEIGHTS = ("model.safetensors", "pytorch_model.bin")


class Timm(ModelFamily):
    """A pretrained tower without its classifier: the pooled features before it are the embedding."""

    usage = "timm:NAME.TAG"
    about = "vision towers of timm (features before the classifier)"

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder:
        card, config = self.card(name), _config(name)
        repo, files = _source(config)
        if not repo:
            raise Missing(f"{model_id(name)} is not on the hub; choose another tag of it (timm:NAME.TAG)")
        weights = hub.fetch(repo, files, offline=offline, what=model_id(name))
        checkpoint_shapes(weights)  # refuses what holds more than tensors
        try:
            with quietly():
                tower = _create(name, pretrained=True, pretrained_cfg_overlay={"file": str(weights)})
        except (RuntimeError, KeyError, ValueError) as error:
            raise BadInput(f"{weights} does not hold the weights of {model_id(name)}: {error}") from error
        return TorchEncoder(
            tower,
            tower,
            card=card,
            preprocess=preprocess_of(config, name),
            dim=_width(tower),
            n_params=count_params(tower),
            options={"pooling": "projected", "architecture": name.body},
            device=device,
        )

    def card(self, name: Name) -> ModelCard:
        name.check_options({"flip"})
        refuse_pooling(name, "its classifier is not a projection, and is left out")
        config = _config(name)
        preprocess = preprocess_of(config, name)
        torch = require("torch", "encode", "a timm model")
        with torch.device("meta"), quietly():
            tower = _create(name, pretrained=False).eval()
        try:
            gflops: float | None = meta_cost(tower, preprocess.size).gflops
        except (RuntimeError, NotImplementedError):  # some towers do what the meta device cannot
            gflops = None
        return replace(
            self.listed(name),
            dim=_width(tower),
            n_params=count_params(tower),
            gflops=gflops,
            patch=_patch(tower),
            image_size=preprocess.size[0],
            width=_width(tower),
            download_mb=round(4 * count_params(tower) / 1e6),
        )

    def listed(self, name: Name) -> ModelCard:
        """What timm's record of the model says: no tower is built, which takes a second each."""
        config = _config(name)
        return ModelCard(
            id=model_id(name),
            family=f"timm {config.get('architecture', name.body).split('_')[0]}",
            image_size=int(config["input_size"][1]),
            training_data=str(config.get("tag") or ""),
            activation="the tower's own",
            licence=str(config.get("license") or ""),
            real=True,
            role="clip" if "clip" in name.body else "encoder",
            notes="training data given as timm's tag",
        )

    def known(self) -> list[str]:
        timm = require("timm", "encode", "the list of timm's models")
        return [f"timm:{m}" for m in timm.list_pretrained()]

    def cached(self, name: Name) -> bool | None:
        repo, files = _source(_config(name))
        return any(hub.find(repo, f) for f in files) if repo else False


def preprocess_of(config: Mapping[str, Any], name: Name) -> Preprocess:
    """timm's evaluation transform as data: the photo is scaled to ``size / crop_pct`` and cropped."""
    from timm.data import resolve_data_config

    data = resolve_data_config(pretrained_cfg=dict(config))
    height, width = data["input_size"][1:]
    mode = {"center": "shortest", "squash": "squash", "border": "longest"}[data.get("crop_mode") or "center"]
    resize = None if data["crop_pct"] == 1.0 else floor(min(height, width) / data["crop_pct"])
    if data["input_size"][0] != 3 or (resize and (mode == "longest" or height != width)):
        raise WrongUsage(f"{name}: its evaluation transform ({data}) is not supported")
    means = data["mean"]
    return Preprocess(
        size=(height, width),
        mean=tuple(means),
        std=tuple(data["std"]),
        mode=cast("Literal['shortest', 'squash', 'longest']", mode),
        interpolation="bilinear" if data["interpolation"] == "random" else data["interpolation"],
        resize=resize,
        fill=round(255 * sum(means) / 3) if mode == "longest" else 0,
        flip=cast("Literal['none', 'sum']", flip_of(name)),
    )


def _config(name: Name) -> dict[str, Any]:
    """timm's record of a pretrained model; :class:`UnknownName` with the nearest names."""
    timm = require("timm", "encode", "a timm model")
    found = timm.models.get_pretrained_cfg(name.body) if timm.is_model(name.body) else None
    if found is None:
        raise UnknownName("timm model", name.body, timm.list_pretrained())
    return cast("dict[str, Any]", found.to_dict())


def _source(config: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The hub repository of a model, "" where it has none, and the files that may hold its weights."""
    repo, file = str(config.get("hf_hub_id") or "").removesuffix("/"), config.get("hf_hub_filename")
    return repo, (str(file),) if file else WEIGHTS


def _patch(tower: Any) -> int | None:
    """The side of a tower's patches where it has patches of at least 8 pixels; timm gives one side or two."""
    found = getattr(getattr(tower, "patch_embed", None), "patch_size", None)
    first = found[0] if isinstance(found, list | tuple) and found else found
    return int(first) if isinstance(first, int) and first >= 8 else None


def _create(name: Name, **settings: Any) -> nn.Module:
    import timm

    return cast("nn.Module", timm.create_model(name.body, num_classes=0, **settings))


def _width(tower: Any) -> int:
    return int(getattr(tower, "head_hidden_size", None) or tower.num_features)


FAMILY = Timm()
