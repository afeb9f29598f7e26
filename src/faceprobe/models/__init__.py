"""Models: each kind is one file. Names are ``ARCH/TAG`` for OpenCLIP, else ``kind:name@pooling?options``."""

from __future__ import annotations

from pathlib import Path

from faceprobe.core.errors import Missing, UnknownName, WrongUsage
from faceprobe.core.names import Name, parse_name
from faceprobe.core.progress import say
from faceprobe.core.registry import Registry
from faceprobe.models.base import ImageEncoder, ModelCard, ModelFamily, TextImageEncoder, model_hash, model_id
from faceprobe.models.preprocess import Preprocess

__all__ = [
    "MODEL_KINDS",
    "ImageEncoder",
    "ModelCard",
    "ModelFamily",
    "Preprocess",
    "TextImageEncoder",
    "load_model",
    "local_hash",
    "model_card",
    "model_files",
    "model_hash",
    "model_id",
    "parse_model",
]

MODEL_KINDS: Registry[ModelFamily] = Registry(
    "model kind",
    "models",
    {
        "bundled": "faceprobe.models.bundled:FAMILY",
        "openclip": "faceprobe.models.openclip.published:FAMILY",
        "hf-hub": "faceprobe.models.openclip.hf_hub:FAMILY",
        "timm": "faceprobe.models.timm_towers:FAMILY",
        "hf": "faceprobe.models.hf_vision:FAMILY",
        "onnx": "faceprobe.models.onnx.family:FAMILY",
        "local": "faceprobe.models.openclip.local:FAMILY",
        "random": "faceprobe.models.floors.random_weights:FAMILY",
        "pixels": "faceprobe.models.floors.pixels:FAMILY",
        "hog": "faceprobe.models.floors.hog:FAMILY",
        "lbp": "faceprobe.models.floors.lbp:FAMILY",
        "vectors": "faceprobe.models.vectors:FAMILY",
        "own": "faceprobe.models.own:FAMILY",
        "fusion": "faceprobe.models.fusion:FAMILY",
    },
)


def load_model(text: str, *, device: str = "auto", offline: bool = False) -> ImageEncoder:
    """Load the encoder that ``text`` names, e.g. ``"ViT-B-32/openai"`` or ``"onnx:face.onnx?size=112"``.

    Raises :class:`UnknownName` with the nearest names, :class:`Unreachable` where weights would have to
    be fetched and cannot be (or ``offline`` forbids it), :class:`Refused` for files that hold code.
    What had to be assumed of a model (``card.assumed``) is said on standard error.
    """
    name = parse_model(text)
    encoder = MODEL_KINDS.get(name.kind).load(name, device=device, offline=offline)
    if encoder.card.assumed and name.kind != "fusion":  # whose parts say it themselves
        say(f"{encoder.id}: {encoder.card.assumed}")
    return encoder


def model_card(text: str) -> ModelCard:
    """What is known of a model without loading its weights; its ``id`` is the encoder's."""
    name = parse_model(text)
    return MODEL_KINDS.get(name.kind).card(name)


def model_files(text: str) -> list[Path]:
    """Files and folders of this machine that decide the model ``text``; a path may not exist."""
    name = parse_model(text)
    return MODEL_KINDS.get(name.kind).files(name)


def check_model_files(text: str) -> None:
    """Raise :class:`Missing` where a file or folder of this machine that the model needs does not exist."""
    for path in model_files(text):
        if not path.exists():
            raise Missing(f"model {text}: {path} does not exist; check the path")


def local_hash(text: str) -> str:
    """Hash of the files, or of the object, that decide the model ``text`` here; "" for published weights."""
    name = parse_model(text)
    return MODEL_KINDS.get(name.kind).local_hash(name)


def parse_model(text: str) -> Name:
    """Parse a model's name; :class:`UnknownName` for a kind that does not exist."""
    name = parse_name(text, bare_kind="openclip")
    if not name.body:
        raise WrongUsage(f"{text!r} names no model; write {_usage(name.kind)}")
    if name.kind in MODEL_KINDS:
        if name.kind == "openclip" and name.body in MODEL_KINDS:
            raise WrongUsage(f"{text!r} is a kind of model; write {_usage(name.body)}")
        return name
    from faceprobe.models.hints import path_hint, spelling_hint

    if len(name.kind) == 1 and (path := path_hint(f"{name.kind}:{name.body}")):  # a drive of Windows
        raise WrongUsage(path)
    raise UnknownName("model kind", name.kind, MODEL_KINDS.names(), spelling_hint(name))


def _usage(kind: str) -> str:
    return MODEL_KINDS.get(kind).usage if kind in MODEL_KINDS else "kind:name"
