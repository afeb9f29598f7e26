"""Build OpenCLIP models through OpenCLIP's own code, fill them from a checkpoint, and wrap them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from faceprobe.core.errors import BadInput, Unreachable, WrongUsage
from faceprobe.core.extras import require
from faceprobe.core.files import read_json
from faceprobe.core.hub_access import endpoint
from faceprobe.core.names import Name
from faceprobe.models.base import PRE_PROJECTION, PROJECTED, ModelCard, flip_of, pooling_of
from faceprobe.models.cost import side
from faceprobe.models.hub import CONFIG
from faceprobe.models.openclip import stated
from faceprobe.models.openclip.checkpoint import Shapes, checkpoint_shapes, mismatch
from faceprobe.models.preprocess import Preprocess
from faceprobe.models.quiet import quietly
from faceprobe.models.torch_encoder import TextTorchEncoder, TorchEncoder, count_params

if TYPE_CHECKING:
    from torch import Tensor, nn


def build(source: str | Path, quick_gelu: bool | None = None, device: str = "cpu") -> nn.Module:
    """A model without its weights: ``source`` is an architecture's name, or a folder that holds an
    ``open_clip_config.json``. ``quick_gelu`` None takes the configuration's activation; True forces
    QuickGELU; False where the configuration demands it is a :class:`WrongUsage`.
    """
    config = config_of(source)
    open_clip = require("open_clip", "encode", "an OpenCLIP model")
    torch = require("torch", "encode", "an OpenCLIP model")
    if quick_gelu is False and config.get("quick_gelu", False):
        plain = str(source).removesuffix("-quickgelu")
        raise WrongUsage(f"{source} is built with QuickGELU; for weights trained without it write {plain!r}")
    try:
        with quietly(), torch.device(device):  # the argument alone would build it in memory first
            model: nn.Module = open_clip.create_model(
                _reference(source),
                load_weights=False,
                pretrained_text=False,  # else a Hugging Face text tower would fetch weights of its own
                force_quick_gelu=bool(quick_gelu),
                device=device,
            )
    except OSError as error:  # transformers, for the configuration of a text tower on the hub
        raise Unreachable(
            f"{source} has a text tower whose configuration is on {endpoint()} and cannot be fetched; run"
            " once with a network"
        ) from error
    except (RuntimeError, ValueError, TypeError, KeyError, AssertionError) as error:
        raise BadInput(f"open_clip cannot build {source}: {error}") from error
    return model


def fill(model: nn.Module, checkpoint: Path, what: str, *, resize: bool) -> None:
    """Load a checkpoint strictly. ``resize`` allows OpenCLIP to interpolate positional embeddings of
    another input size, which some of its tags rely on; without it that is a :class:`BadInput`.
    """
    from open_clip import load_checkpoint

    found = checkpoint_shapes(checkpoint)
    if not resize:
        _check_positions(found, model, checkpoint, what)
    try:
        with quietly():
            load_checkpoint(model, str(checkpoint), strict=True, weights_only=True)
    except (RuntimeError, KeyError, ValueError, AttributeError) as error:
        wanted = {k: tuple(v.shape) for k, v in model.state_dict().items()}
        reason = mismatch(found, wanted) or str(error)
        raise BadInput(f"{checkpoint} does not hold the weights of {what}: {reason}") from error


def load_folder(
    folder: Path,
    *,
    weights: Path,
    name: Name,
    card: ModelCard,
    device: str,
    tokenizer: Callable[[], Callable[[list[str]], Tensor]] | None = None,
) -> TorchEncoder:
    """The encoder of ``folder/open_clip_config.json``, filled from the checkpoint ``weights``."""
    config = config_of(folder)
    model = build(folder)
    fill(model, weights, str(folder / CONFIG), resize=False)
    return wrap(
        model,
        name=name,
        card=card,
        embed_dim=config["embed_dim"],
        preprocess=preprocess_of(
            model, stated.preprocessing(name, read_json(folder / CONFIG).get("preprocess_cfg")), name
        ),
        tokenizer=tokenizer or tokenizer_of(folder),
        device=device,
    )


def preprocess_of(model: Any, declared: Mapping[str, Any], name: Name) -> Preprocess:
    """OpenCLIP's defaults, then what a tag or a folder declares; the size is the model's own."""
    from open_clip.transform import PreprocessCfg, merge_preprocess_dict

    merged = merge_preprocess_dict(asdict(PreprocessCfg()), dict(declared))
    mean, std = merged["mean"], merged["std"]
    return Preprocess(
        size=side(model.visual.image_size),
        mean=tuple(mean) if isinstance(mean, list | tuple) else (mean,) * 3,
        std=tuple(std) if isinstance(std, list | tuple) else (std,) * 3,
        mode=cast(Literal["shortest", "squash", "longest"], merged["resize_mode"]),
        interpolation="bilinear" if merged["interpolation"] == "bilinear" else "bicubic",
        fill=merged["fill_color"],
        flip=cast(Literal["none", "sum"], flip_of(name)),
    )


def wrap(
    model: nn.Module,
    *,
    name: Name,
    card: ModelCard,
    embed_dim: int,
    preprocess: Preprocess,
    tokenizer: Callable[[], Callable[[list[str]], Tensor]],
    device: str,
) -> TorchEncoder:
    """The encoder of a filled model; one with a text tower unless the name asks for ``pre-projection``."""
    held = cast(Any, model)
    pooling = pooling_of(name)
    options = {"pooling": pooling, "architecture": describe(model)}
    common: dict[str, Any] = {"card": card, "preprocess": preprocess, "options": options, "device": device}
    common["n_params"] = count_params(held.visual)
    if pooling == PROJECTED:
        return TextTorchEncoder(
            model,
            lambda x: cast("Tensor", held.encode_image(x, normalize=False)),
            text_features=lambda t: cast("Tensor", held.encode_text(t, normalize=False)),
            tokenizer=tokenizer,
            dim=embed_dim,
            **common,
        )
    features, dim = pre_projection(held.visual, name)
    return TorchEncoder(model, features, dim=dim, **common)


def pre_projection(visual: Any, name: Name) -> tuple[Callable[[Tensor], Tensor], int]:
    """The pooled vector just before the image tower's last projection, and its width.

    For OpenCLIP's ViT that is the class token after the last norm (the mean of the patch tokens in
    the towers that pool so). A ModifiedResNet and attentional pooling have none: there the pooling is
    the projection.
    """
    kind = type(visual).__name__
    if kind == "VisionTransformer" and visual.attn_pool is None and visual.pool_type != "none":
        width = int(visual.proj.shape[0])
        visual.proj, visual.output_tokens = None, False  # its forward() then returns the pooled vector
        return visual, width
    if kind == "TimmModel":
        parts = [n for n, _ in visual.head.named_children()]
        if parts and "pool" not in parts:
            return visual.trunk, int(visual.trunk.num_features)
        trunk: Any = visual.trunk
        if not parts and trunk.num_classes:
            width = getattr(trunk, "head_hidden_size", None) or trunk.num_features
            return (lambda x: trunk.forward_head(trunk.forward_features(x), pre_logits=True)), int(width)
    raise WrongUsage(
        f"{name} has no {PRE_PROJECTION} embedding: its tower ({kind}) has no projection apart from its"
        f" pooling; leave @{PRE_PROJECTION} out"
    )


def describe(model: nn.Module) -> dict[str, Any]:
    """What decides a model's output besides its weights. It is read from the model, so that a built-in
    architecture and the same one written out in a folder's configuration are equal.
    """
    own: dict[str, Any] = {}
    for path, module in model.named_modules():
        kind = type(module).__name__
        facts: dict[str, Any] = {}
        for key in ("num_heads", "n_head", "pool_type", "text_pool_type", "final_ln_after_pool", "eps", "p"):
            value: Any = vars(module).get(key)
            if isinstance(value, bool | int | float | str):
                facts[key] = value
        if not any(True for _ in module.children()) or facts:
            own[path] = [kind, facts]
    return {"modules": own, "image_size": list(side(cast(Any, model).visual.image_size))}


def tokenizer_of(source: str | Path, **settings: Any) -> Callable[[], Callable[[list[str]], Tensor]]:
    """OpenCLIP's tokenizer for ``source``, made when first needed; some have to be fetched."""

    def make() -> Callable[[list[str]], Tensor]:
        import open_clip

        try:
            with quietly():
                made = open_clip.get_tokenizer(_reference(source), **settings)
                return cast("Callable[[list[str]], Tensor]", made)
        except OSError as error:
            raise Unreachable(
                f"the tokenizer of {source} is on {endpoint()} and cannot be fetched; run once with a network"
            ) from error

    return make


def _check_positions(found: Shapes, model: nn.Module, checkpoint: Path, what: str) -> None:
    key = "visual.positional_embedding"
    wanted = model.state_dict().get(key)
    if key in found and wanted is not None and found[key] != tuple(wanted.shape):
        raise BadInput(
            f"{checkpoint} does not hold the weights of {what}: its positional embedding is {found[key]}, not"
            f" {tuple(wanted.shape)} (another patch, width or input size, e.g. 336); name the right arch"
        )


def config_of(source: str | Path) -> Mapping[str, Any]:
    """The model configuration of an architecture or of a folder: ``embed_dim``, ``vision_cfg``, ..."""
    open_clip = require("open_clip", "encode", "an OpenCLIP model")
    try:
        found = open_clip.get_model_config(_reference(source))
    except (OSError, ValueError) as error:
        raise BadInput(f"{source} has no readable {CONFIG}: {error}") from error
    if not isinstance(found, Mapping) or not {"embed_dim", "vision_cfg", "text_cfg"} <= found.keys():
        raise BadInput(f"{source}: its {CONFIG} describes no model (embed_dim, vision_cfg, text_cfg)")
    return found


def _reference(source: str | Path) -> str:
    """``source`` as OpenCLIP's functions take it: an architecture or ``local-dir:FOLDER``."""
    return f"local-dir:{source}" if isinstance(source, Path) else source
