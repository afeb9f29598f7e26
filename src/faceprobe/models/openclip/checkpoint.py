"""Checkpoint files: which may be loaded, and the shapes of their tensors, before any model is built."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

from faceprobe.core.errors import BadInput, Missing, Refused
from faceprobe.core.extras import require

PICKLED = (".pt", ".pth", ".bin", ".ckpt")
SUFFIXES = (".safetensors", *PICKLED)

Shapes = dict[str, tuple[int, ...]]


def checkpoint_shapes(path: Path) -> Shapes:
    """Names and shapes of the tensors in a checkpoint, without reading them into memory.

    Raises :class:`Missing` for no file, :class:`Refused` for a TorchScript archive (it holds code)
    or a pickle that asks for more than tensors, :class:`BadInput` for a file that is neither.
    """
    if not path.is_file():
        raise Missing(f"no checkpoint at {path}; give a file ending in {', '.join(SUFFIXES)}")
    if path.suffix not in SUFFIXES:
        raise BadInput(f"{path} is not a checkpoint; it must end in {', '.join(SUFFIXES)}")
    tensors = _safetensors_shapes(path) if path.suffix == ".safetensors" else _pickled_shapes(path)
    if not tensors:
        raise BadInput(f"{path} holds no tensors; it must be a state dict, or hold one as 'state_dict'")
    prefix = "module." if all(k.startswith("module.") for k in tensors) else ""
    return {k.removeprefix(prefix): v for k, v in tensors.items()}


def mismatch(found: Shapes, wanted: Shapes) -> str:
    """How ``found`` differs from ``wanted``, in a few words; "" where it does not."""
    missing = sorted(wanted.keys() - found.keys())
    unexpected = sorted(found.keys() - wanted.keys())
    other = sorted(k for k in found.keys() & wanted.keys() if found[k] != wanted[k])
    parts = []
    if other:
        k = other[0]
        parts.append(f"{len(other)} tensors of another shape (first: {k} is {found[k]}, not {wanted[k]})")
    if missing:
        parts.append(f"{len(missing)} missing (first: {missing[0]})")
    if unexpected:
        parts.append(f"{len(unexpected)} unexpected (first: {unexpected[0]})")
    return ", ".join(parts)


def _safetensors_shapes(path: Path) -> Shapes:
    safetensors = require("safetensors", "encode", "reading a checkpoint")
    try:
        with safetensors.safe_open(path, framework="numpy") as handle:
            return {k: tuple(handle.get_slice(k).get_shape()) for k in handle.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise BadInput(f"{path} is not a whole safetensors file ({error}); fetch it again") from error


def _pickled_shapes(path: Path) -> Shapes:
    torch = require("torch", "encode", "reading a checkpoint")
    zipped = zipfile.is_zipfile(path)
    if zipped and _is_torchscript(path):
        raise Refused(
            f"{path} is a TorchScript archive, which holds code, and is not loaded;"
            " use the same weights as .safetensors (OpenAI's are on the hub as timm/*.openai)"
        )
    try:
        held: Any = torch.load(path, map_location="meta", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError as error:
        with open(path, "rb") as handle:
            is_pickle = zipped or handle.read(1) == b"\x80"  # whole or cut short
        if is_pickle:
            raise Refused(
                f"{path} is a pickle that runs other code than tensors need, and is not loaded;"
                " save its state dict as .safetensors where you trust it"
            ) from error
        raise BadInput(f"{path} is not a torch checkpoint; fetch it again") from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError, AttributeError, TypeError) as error:
        raise BadInput(f"{path} is not a whole torch checkpoint; fetch it again") from error
    if isinstance(held, dict) and isinstance(held.get("state_dict"), dict):
        held = held["state_dict"]
    if not isinstance(held, dict):
        return {}
    return {k: tuple(v.shape) for k, v in held.items() if isinstance(v, torch.Tensor)}


def _is_torchscript(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return any(n.endswith("constants.pkl") or "/code/" in n for n in names)
