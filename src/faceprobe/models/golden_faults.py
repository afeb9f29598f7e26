"""Faults in loading a model, tried one by one: which of them brings it nearest to golden vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from faceprobe.models.base import ImageEncoder, TextImageEncoder
from faceprobe.models.preprocess import RESAMPLING, Preprocess
from faceprobe.models.torch_encoder import TorchEncoder
from faceprobe.models.vectors import VectorLookup

TRIED_PHOTOS = 8
"""Photos that are encoded again for each fault that is tried."""

NORMALISATIONS = {
    "OpenAI CLIP's": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "ImageNet's": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "0.5 and 0.5": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "0 and 1 (none)": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
QUICK, PLAIN = ("QuickGELU", "QuickGELUActivation"), ("GELU", "GELUActivation")


@dataclass(frozen=True)
class GoldenSet:
    """Photos and texts with the vectors that the true model gives.

    ``photos`` are (H, W, 3) uint8 RGB, or (H, W, 4) where a photo has transparency. ``image_vectors`` (N, D)
    and ``text_vectors`` (T, D) are unit rows in the order of ``names`` and ``texts``.
    """

    names: tuple[str, ...]
    photos: tuple[NDArray[np.uint8], ...]
    image_vectors: NDArray[np.float32]
    texts: tuple[str, ...]
    text_vectors: NDArray[np.float32]
    notes: tuple[str, ...] = ()


def golden_images(encoder: ImageEncoder, golden: GoldenSet, rows: Sequence[int]) -> NDArray[np.float32]:
    """The encoder's (R, D) unit rows of the golden photos ``rows``.

    Photos are prepared as OpenCLIP's own transform does it: EXIF rotation is ignored, and transparency
    dropped after resizing.
    """
    if isinstance(encoder, VectorLookup):
        known = [
            name if name in encoder.rows else f"images/{name}" for name in (golden.names[k] for k in rows)
        ]
        return encoder.lookup(known)
    found = [encoder.encode_images(_prepared(encoder.preprocess, golden.photos[k])) for k in rows]
    return np.concatenate(found) if found else np.zeros((0, encoder.dim), dtype=np.float32)


def _prepared(preprocess: Any, photo: NDArray[np.uint8]) -> NDArray[np.float32]:
    """One photo as a batch (1, 3, H, W), transparency dropped after resizing."""
    if not isinstance(preprocess, Preprocess):
        return cast("NDArray[np.float32]", preprocess(photo[..., :3]))[None]
    return preprocess.normalise(preprocess.prepare(photo)[None, ..., :3])


def distances(ours: NDArray[np.float32], golden: NDArray[np.float32]) -> NDArray[np.float64]:
    """1 - cosine of each pair of unit rows: (N, D) and (N, D) -> (N,)."""
    if not len(ours):
        return np.zeros(0)
    cosines: NDArray[np.float64] = np.einsum("nd,nd->n", ours.astype(np.float64), golden.astype(np.float64))
    return 1 - cosines


def nearest_fault(encoder: ImageEncoder, golden: GoldenSet) -> tuple[float, str]:
    """The largest 1 - cosine of photos after the change that brings them nearest, and the change; (inf, "")
    where nothing can be changed.
    """
    rows = range(min(len(golden.names), TRIED_PHOTOS))
    found = [(np.inf, "")]
    for activation, exchanged in _activations(encoder):
        with exchanged:
            for text, preprocess in _preprocessings(encoder):
                if activation or text:
                    with _replaced(encoder, preprocess):
                        off = distances(
                            golden_images(encoder, golden, rows), golden.image_vectors[: len(rows)]
                        )
                    found.append((float(off.max()), " and ".join(t for t in (activation, text) if t)))
    return min(found, key=lambda one: one[0])


def nearest_text_fault(encoder: TextImageEncoder, golden: GoldenSet) -> tuple[float, str]:
    """The same for the texts, where only the activation can be changed."""
    found = [(np.inf, "")]
    for activation, exchanged in _activations(encoder):
        if activation:
            with exchanged:
                off = distances(encoder.encode_texts(list(golden.texts)), golden.text_vectors)
            found.append((float(off.max()), f"{activation}, in the text tower"))
    return min(found, key=lambda one: one[0])


def _preprocessings(encoder: ImageEncoder) -> Iterator[tuple[str, Preprocess | None]]:
    """The encoder's own preprocessing, "", and those that differ in one thing, with that thing."""
    own = encoder.preprocess
    yield "", None
    if not isinstance(own, Preprocess) or isinstance(encoder, VectorLookup):
        return
    for text, (mean, std) in NORMALISATIONS.items():
        if not np.allclose((mean, std), (own.mean, own.std), atol=1e-4):
            yield f"mean and std (the golden vectors fit {text})", replace(own, mean=mean, std=std)
    for how in RESAMPLING:
        if how != own.interpolation:
            yield (
                f"the resizing (the golden vectors fit {how}, not {own.interpolation})",
                replace(own, interpolation=how),
            )
    modes = {
        "shortest": "the shorter side scaled, the centre cropped",
        "squash": "both sides scaled, the shape not kept",
        "longest": "the longer side scaled, the rest padded",
    }
    for mode, text in modes.items():
        if mode != own.mode:
            yield f"the resizing (the golden vectors fit {mode}: {text})", replace(own, mode=cast(Any, mode))
    other = "rgb" if own.color == "bgr" else "bgr"
    yield (
        f"the order of colours (the golden vectors fit {other.upper()})",
        replace(own, color=cast(Any, other)),
    )


def _activations(encoder: ImageEncoder) -> Iterator[tuple[str, AbstractContextManager[None]]]:
    """The encoder as it is, "", and with QuickGELU and GELU exchanged, where it has one of them."""
    yield "", nullcontext()
    if isinstance(encoder, TorchEncoder):
        kinds = {type(m).__name__ for m in encoder.module.modules()}
        if kinds & {*QUICK, *PLAIN}:
            quick = bool(kinds & set(QUICK))
            names = ("GELU", "QuickGELU") if quick else ("QuickGELU", "GELU")
            yield f"the activation (the golden vectors fit {names[0]}, not {names[1]})", _exchanged(encoder)


@contextmanager
def _exchanged(encoder: TorchEncoder) -> Iterator[None]:
    """QuickGELU in place of GELU and the other way round, for the time of a ``with``."""
    from open_clip.transformer import QuickGELU
    from torch import nn

    changed: list[tuple[Any, str, nn.Module]] = []
    for owner in encoder.module.modules():
        for name, child in list(owner.named_children()):
            kind = type(child).__name__
            if kind in QUICK or kind in PLAIN:
                changed.append((owner, name, child))
                setattr(owner, name, nn.GELU() if kind in QUICK else QuickGELU())
    try:
        yield
    finally:
        for owner, name, child in changed:
            setattr(owner, name, child)


@contextmanager
def _replaced(encoder: Any, preprocess: Preprocess | None) -> Iterator[None]:
    """Another preprocessing, for the time of a ``with``."""
    own = encoder.preprocess
    if preprocess is not None:
        encoder.preprocess = preprocess
    try:
        yield
    finally:
        if preprocess is not None:
            encoder.preprocess = own
