"""Facts about OpenCLIP's models, from ``data/openclip.json``: OpenCLIP itself is not imported."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.core.files import read_json
from faceprobe.core.names import Name
from faceprobe.models.base import PRE_PROJECTION, ModelCard, Role, model_id, pooling_of, refuse_pooling
from faceprobe.models.cost import side, tower_cost

FOLDER = Path(__file__).parent / "data"


@cache
def catalogue() -> dict[str, Any]:
    """``towers`` by architecture, ``models`` by ``ARCH/TAG``; ``training/openclip_cards.py`` writes it."""
    found: dict[str, Any] = read_json(FOLDER / "openclip.json")
    return found


@cache
def scaling_study() -> dict[str, dict[str, Any]]:
    """The 29 models of arXiv 2212.07143 by their faceprobe name: ``arch``, ``data``, ``samples`` (the
    study's label) and ``samples_seen`` (epochs x samples an epoch, from its ``trained_models_info.csv``).
    """
    found: dict[str, dict[str, Any]] = read_json(FOLDER / "scaling_study.json")["models"]
    return found


def architectures() -> list[str]:
    return sorted(catalogue()["towers"])


def known() -> list[str]:
    """Every ``ARCH/TAG``."""
    return sorted(catalogue()["models"])


def arch_and_tag(name: Name) -> tuple[str, str]:
    """Split a name of the kind ``openclip``; :class:`UnknownName` with the nearest names."""
    models = catalogue()["models"]
    if name.body in models:
        arch, _, tag = name.body.partition("/")
        return arch, tag
    from faceprobe.models.hints import path_hint, spelling_hint

    if path := path_hint(name.body):
        raise WrongUsage(path)
    arch, slash, tag = name.body.partition("/")
    of_arch = [m for m in models if m.startswith(f"{arch}/")]
    if of_arch and slash:
        raise UnknownName(f"tag of {arch}", tag, [m.partition("/")[2] for m in of_arch])
    if of_arch:
        tags = sorted((m.partition("/")[2] for m in of_arch), key=lambda t: (t.startswith("commonpool"), t))
        some = ", ".join(tags[:8]) + (", ..." if len(tags) > 8 else "")
        raise WrongUsage(f"{arch!r} names an architecture; write {arch}/TAG with one of its tags: {some}")
    search = "(faceprobe models --search WORD finds them)"
    raise UnknownName("model", name.body, models, hint=spelling_hint(name) or search)


def check_arch(arch: str) -> str:
    """``arch`` if OpenCLIP has it; :class:`UnknownName` otherwise."""
    if arch not in catalogue()["towers"]:
        raise UnknownName("architecture", arch, architectures())
    return arch


def card_of_tag(name: Name) -> ModelCard:
    """The card of ``ARCH/TAG``."""
    arch, tag = arch_and_tag(name)
    model, tower = catalogue()["models"][f"{arch}/{tag}"], catalogue()["towers"][arch]
    quick, contradiction = tower["quick_gelu"] or model["quick_gelu"], contradicts(arch, tag)
    extra: dict[str, Any] = {"quick_gelu": quick, "repo": model["repo"], "tower": tower["kind"]}
    if "scaling_study" in model:
        extra["scaling_study"] = model["scaling_study"]
    return tower_card(
        name,
        arch,
        family=f"{model['family']} {tower_word(arch)}".strip(),
        quick_gelu=quick,
        training_data=model["training_data"],
        samples_seen=model["samples_seen"],
        licence=model["licence"],
        real=True,
        notes="open_clip's configuration and tag disagree on QuickGELU" if contradiction else "",
        extra=extra,
    )


def tower_card(
    name: Name, arch: str, *, quick_gelu: bool | None = None, role: Role = "clip", **rest: Any
) -> ModelCard:
    """A card for ``name`` with what the architecture fixes; ``rest`` fills the other fields."""
    tower = catalogue()["towers"][check_arch(arch)]
    pooling = pooling_of(name)
    if tower["pre_projection"] is None:
        refuse_pooling(name, f"{arch} has no projection apart from its pooling")
    quick = tower["quick_gelu"] if quick_gelu is None else quick_gelu
    total = tower["total_params"]
    return ModelCard(
        id=model_id(name),
        pooling=pooling,
        dim=tower["pre_projection"] if pooling == PRE_PROJECTION else tower["dim"],
        n_params=tower["n_params"],
        gflops=tower["gflops"],
        patch=tower["patch"],
        image_size=tower["image_size"],
        width=tower["width"],
        activation=_activation(tower["kind"], quick),
        download_mb=round(4 * total / 1e6) if total else None,
        role=role,
        **rest,
    )


def config_card(name: Name, config: Mapping[str, Any], **rest: Any) -> ModelCard:
    """The card of a configuration that is not one of OpenCLIP's own (``open_clip_config.json``)."""
    model = config.get("model_cfg", config)
    vision, dim = model["vision_cfg"], model["embed_dim"]
    cost = tower_cost(vision, dim)
    kind = "resnet" if isinstance(vision.get("layers"), list | tuple) else "vit"
    if vision.get("timm_model_name"):
        kind = "timm"
    pooling = pooling_of(name)
    if kind == "resnet" or vision.get("attentional_pool"):
        refuse_pooling(name, "its tower has no projection apart from its pooling")
    width = None if kind == "timm" else vision.get("width", 768)
    return ModelCard(
        id=model_id(name),
        pooling=pooling,
        dim=width if pooling == PRE_PROJECTION else dim,
        n_params=cost.n_params if cost else None,
        gflops=cost.gflops if cost else None,
        patch=side(vision.get("patch_size", 16))[0] if kind == "vit" else None,
        image_size=side(vision.get("image_size", 224))[0],
        width=width,
        activation=_activation(kind, bool(model.get("quick_gelu", False))),
        **{"role": "clip", **rest},
    )


def contradicts(arch: str, tag: str) -> bool:
    """Whether the architecture's configuration demands QuickGELU of a tag trained without it."""
    towers, models = catalogue()["towers"], catalogue()["models"]
    return bool(towers[arch]["quick_gelu"] and not models[f"{arch}/{tag}"]["quick_gelu"])


def tower_word(arch: str) -> str:
    """The kind of image tower as a word of the family's name; "" for the many kinds of timm."""
    tower = catalogue()["towers"][arch]
    if tower["kind"] == "timm":
        return "ConvNeXt" if arch.startswith("convnext") else ""
    return "ResNet" if tower["kind"] == "resnet" else "ViT"


def _activation(kind: str, quick: bool) -> str:
    if kind == "resnet":
        return "relu"  # the tag's activation is that of the text tower only
    if kind == "timm":
        return "the tower's own"
    return "quickgelu" if quick else "gelu"
