"""How a name that faceprobe does not know was probably meant: paths, other tools' and OpenAI's spellings."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from faceprobe.core.names import Name
from faceprobe.models.openclip.cards import architectures, catalogue
from faceprobe.models.openclip.checkpoint import SUFFIXES

OPEN_CLIP = ("open_clip", "open-clip", "openai", "clip", "laion")
"""Kinds that people write before OpenCLIP's ARCH/TAG."""


def path_hint(body: str) -> str:
    """Where ``body`` is the path of a file or a folder: how a model is named by it, as a whole message."""
    path = Path(body).expanduser()
    if path.suffix == ".onnx":
        write = f"onnx:{body}?size=112&mean=127.5&scale=128&color=rgb, with the file's own preprocessing"
    elif path.suffix in SUFFIXES:
        arch = next((part for part in path.parts if part in catalogue()["towers"]), "ARCH")
        write = f"local:{body}?arch={arch}"
    elif path.is_dir():
        write = (
            f"local:{body} where it holds open_clip_config.json, hf:{body} with config.json, vectors:{body}"
            " with embeddings.npy"
        )
    else:
        return ""
    return f"{body!r} is a path, not a model's name; write {write}"


def spelling_hint(name: Name) -> str:
    """OpenCLIP's name for other tools' ``open_clip:ARCH/TAG`` and ``ARCH:TAG`` and for OpenAI's ``ViT-B/32``;
    in parentheses, "" where nothing is near.
    """
    known = catalogue()["models"]
    body = name.body.replace(":", "/")
    texts = [body, f"{body}/openai", f"{name.kind}/{body}", f"{body.replace('/', '-')}/openai"]
    if name.pooling.endswith("px"):  # OpenAI's ViT-L/14@336px
        texts.insert(0, f"{body.replace('/', '-')}-{name.pooling.removesuffix('px')}/openai")
    found = next((text for text in texts if text in known), "")
    if not found and (name.kind in OPEN_CLIP or name.kind in architectures()):
        wanted = f"{name.kind}/{body}" if name.kind in architectures() else body
        found = next(iter(get_close_matches(wanted, known, n=1, cutoff=0.6)), "ViT-B-32/openai")
    return f"(OpenCLIP's models are written ARCH/TAG, e.g. {found!r})" if found else ""
