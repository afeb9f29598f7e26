"""OpenCLIP checkpoints on disk: ``local:FILE?arch=ARCH`` or ``local:FOLDER`` with ``open_clip_config.json``.

A bare file does not say which activation and preprocessing it needs; ``stated.py`` has the options that do.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.core.files import read_json
from faceprobe.core.names import Name
from faceprobe.models import hub
from faceprobe.models.base import ImageEncoder, ModelCard, ModelFamily, flag, flip_of, pooling_of
from faceprobe.models.openclip import build as openclip_build
from faceprobe.models.openclip import cards as openclip_cards
from faceprobe.models.openclip import stated
from faceprobe.models.openclip.checkpoint import SUFFIXES, Shapes, checkpoint_shapes

NOTE = "a local file: what it was trained on is not known to faceprobe (state ?real=1 for real photos)"


class Local(ModelFamily):
    """A checkpoint file or folder; options ``arch``, ``flip``, ``real`` and those of ``stated.py``."""

    usage = "local:PATH?arch=ARCH"
    about = "an OpenCLIP checkpoint (.safetensors, .pt) or a folder with open_clip_config.json"

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder:
        card, path = self.card(name), Path(name.body)
        if path.is_dir():
            return openclip_build.load_folder(
                path, weights=weights_in(path), name=name, card=card, device=device
            )
        shapes = checkpoint_shapes(path)
        arch = name.options.get("arch", "")
        if not arch:
            raise WrongUsage(f"{name}: name the architecture with ?arch=ARCH{_guess(shapes)}")
        model = openclip_build.build(arch, stated.quick_gelu(name))
        openclip_build.fill(model, path, f"{arch}{_guess(shapes, arch)}", resize=False)
        return openclip_build.wrap(
            model,
            name=name,
            card=card,
            embed_dim=openclip_cards.catalogue()["towers"][arch]["dim"],
            preprocess=openclip_build.preprocess_of(model, stated.preprocessing(name), name),
            tokenizer=openclip_build.tokenizer_of(arch),
            device=device,
        )

    def card(self, name: Name) -> ModelCard:
        name.check_options({"arch", "flip", "real", *stated.OPTIONS})
        pooling_of(name), flip_of(name)
        path = Path(name.body)
        real = bool(flag(name, "real", False))
        known: dict[str, Any] = {"family": "local checkpoint", "role": "clip", "real": real, "own": True}
        known["notes"] = "" if real else NOTE
        if path.is_dir():
            for option in ("arch", "tag", "quickgelu"):
                if option in name.options:
                    raise WrongUsage(f"{name}: {option} is for a file; a folder has it in {hub.CONFIG}")
            config = _read_config(path)
            known["assumed"] = stated.assumed(name, declared=config.get("preprocess_cfg") or {})
            return openclip_cards.config_card(name, config, **known)
        if not path.is_file():
            raise Missing(f"no checkpoint at {path}; give a file ({', '.join(SUFFIXES)}) or a folder")
        if "arch" not in name.options:
            return ModelCard(id=str(Name("local", path.name, name.pooling, name.options)), **known)
        arch, quick = name.options["arch"], stated.quick_gelu(name)
        stated.preprocessing(name)
        card = openclip_cards.tower_card(name, arch, quick_gelu=quick, **known)
        return replace(card, assumed=stated.assumed(name, arch), download_mb=path.stat().st_size / 1e6)

    def files(self, name: Name) -> list[Path]:
        return [Path(name.body).expanduser()]

    def cached(self, name: Name) -> bool | None:
        return Path(name.body).exists()


def weights_in(folder: Path) -> Path:
    """The checkpoint of a model folder: OpenCLIP's usual names first, safetensors before pickles."""
    usual = (
        hub.SAFE_WEIGHTS,
        "open_clip_pytorch_model.safetensors",
        hub.PICKLED_WEIGHTS,
        "model.safetensors",
    )
    for file in usual:
        if (folder / file).is_file():
            return folder / file
    visible = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    found = [path for suffix in SUFFIXES for path in visible if path.suffix == suffix]
    if len(found) == 1:
        return found[0]
    if not found:
        raise Missing(f"{folder} holds no checkpoint; it needs {hub.SAFE_WEIGHTS} and {hub.CONFIG}")
    names = ", ".join(p.name for p in found[:4])
    raise BadInput(f"{folder} holds several checkpoints ({names}); name the one to use {hub.SAFE_WEIGHTS}")


def _read_config(folder: Path) -> Any:
    if not (folder / hub.CONFIG).is_file():
        raise Missing(f"{folder} has no {hub.CONFIG}; give a checkpoint file and ?arch=ARCH instead")
    config = read_json(folder / hub.CONFIG)
    model = config.get("model_cfg") if isinstance(config, dict) else None
    if not isinstance(model, dict) or not {"embed_dim", "vision_cfg", "text_cfg"} <= model.keys():
        raise BadInput(
            f"{folder / hub.CONFIG} describes no model (model_cfg: embed_dim, vision_cfg, text_cfg)"
        )
    return config


def _guess(shapes: Shapes, wrong: str = "") -> str:
    """The architectures that a ViT checkpoint's first tensors fit, as the end of a sentence."""
    conv, at = shapes.get("visual.conv1.weight", ()), shapes.get("visual.positional_embedding", ())
    if len(conv) != 4 or len(at) != 2:
        return ""
    width, patch, cells = conv[0], conv[2], at[0] - 1
    fits = [
        arch
        for arch, t in openclip_cards.catalogue()["towers"].items()
        if t["kind"] == "vit" and t["width"] == width and t["patch"] == patch
        if (t["image_size"] // patch) ** 2 == cells
    ]
    if wrong in fits or not fits:
        return ""
    return f" (its image tower fits {', '.join(sorted(fits, key=len)[:4])})"


FAMILY = Local()
