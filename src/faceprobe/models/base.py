"""The interfaces of encoders and of model families, and the card of a model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import WrongUsage
from faceprobe.core.files import sha256_json, sha256_tree
from faceprobe.core.names import Name, unescape
from faceprobe.models.preprocess import PhotoPreprocess

UNKNOWN = None

PROJECTED, PRE_PROJECTION = "projected", "pre-projection"
POOLINGS = (PROJECTED, PRE_PROJECTION)


Role = Literal["clip", "encoder", "specialist", "fusion", "floor"]
"""Trained on images and texts together, another image encoder, made for faces, several encoders as one, or an
untrained baseline.
"""


@dataclass(frozen=True)
class ModelCard:
    """Facts about a model that are known without loading its weights.

    ``n_params`` counts the image tower, ``gflops`` its multiply-adds x 2 for one photo in units of
    1e9, ``samples_seen`` the training samples (image-text pairs, epochs included). ``activation``
    is "gelu", "quickgelu" or the tower's own; ``width`` is the tower's inner width. None and ""
    stand for "not known". ``download_mb`` is the size of the weights in units of 1e6 bytes,
    estimated where they are not here; 0 where there are none. ``real`` says whether these are published
    weights trained on real photos (evidence ``real-model``); random weights and the bundled models are not,
    and of a local file only its owner knows (``?real=1``). ``assumed`` says which part of activation and
    preprocessing neither the name nor the files state, and what was taken instead; "" where all is stated.
    ``synthetic`` says that all of its training data are synthetic people, and ``own`` that the user
    brought the model: a file, an object, or vectors.
    """

    id: str
    family: str
    pooling: str = "projected"
    dim: int | None = UNKNOWN
    n_params: int | None = UNKNOWN
    gflops: float | None = UNKNOWN
    patch: int | None = UNKNOWN
    image_size: int | None = UNKNOWN
    width: int | None = UNKNOWN
    training_data: str = ""
    samples_seen: float | None = UNKNOWN
    activation: str = ""
    licence: str = ""
    download_mb: float | None = UNKNOWN
    real: bool = False
    role: Role = "encoder"
    synthetic: bool = False
    own: bool = False
    default_crop: str = "as-is"
    notes: str = ""
    assumed: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@runtime_checkable
class ImageEncoder(Protocol):
    """Photos in, unit vectors out.

    ``encode_images`` takes (B, 3, H, W) float32, already preprocessed, and returns (B, D) float32
    unit rows. ``weights_hash`` is the hex SHA-256 of the weights and of everything else that
    changes the output (pooling, options). ``differentiable`` says whether a cloak may use the
    model as a surrogate.
    """

    id: str
    dim: int
    n_params: int
    differentiable: bool
    card: ModelCard

    @property
    def preprocess(self) -> PhotoPreprocess: ...

    @property
    def weights_hash(self) -> str: ...

    def encode_images(self, batch: NDArray[np.float32]) -> NDArray[np.float32]: ...


@runtime_checkable
class TextImageEncoder(ImageEncoder, Protocol):
    """An encoder with a text tower in the same space: (T, D) float32 unit rows."""

    def encode_texts(self, texts: list[str]) -> NDArray[np.float32]: ...


def model_hash(encoder: ImageEncoder) -> str:
    """Hash of weights and preprocessing together: the model's share of a cache key."""
    return sha256_json({"weights": encoder.weights_hash, "preprocess": encoder.preprocess.fingerprint()})


class ModelFamily(Protocol):
    """One kind of model, in one file: how its names are loaded, described and listed. Families inherit it.

    ``usage`` shows how a name of the kind is written and ``about`` says in a few words what it is.
    ``card`` loads no weights.
    """

    usage: str
    about: str

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder: ...

    def card(self, name: Name) -> ModelCard: ...

    def listed(self, name: Name) -> ModelCard:
        """The card for a long list: :meth:`card`, or what of it is quickly known."""
        return self.card(name)

    def known(self) -> list[str]:
        """Names that exist, for tables and suggestions; [] where any path or repository may be given."""
        return []

    def cached(self, name: Name) -> bool | None:
        """Whether a load would need no network; None where there is nothing to fetch."""
        return None

    def files(self, name: Name) -> list[Path]:
        """Files and folders of this machine that decide the model; [] where the name identifies it."""
        return []

    def local_hash(self, name: Name) -> str:
        """Hash of what decides the model on this machine, its :meth:`files`; "" where there are none."""
        files = self.files(name)
        return sha256_json([sha256_tree(path) for path in files]) if files else ""


def pooling_of(name: Name) -> str:
    """The pooling that ``name`` asks for; :class:`WrongUsage` where there is no such pooling."""
    pooling = name.pooling or PROJECTED
    if pooling not in POOLINGS:
        from faceprobe.models.hints import spelling_hint

        other = f" {spelling_hint(name)}" if name.kind == "openclip" and pooling.endswith("px") else ""
        raise WrongUsage(
            f"{model_id(name)}: unknown pooling {pooling!r}; write @{PRE_PROJECTION}, or nothing{other}"
        )
    return pooling


def refuse_pooling(name: Name, why: str) -> None:
    """Raise :class:`WrongUsage` where ``name`` asks for another pooling than the default one."""
    if pooling_of(name) != PROJECTED:
        raise WrongUsage(
            f"{model_id(name)} has no {PRE_PROJECTION} embedding: {why}; leave @{PRE_PROJECTION} out"
        )


def flag(name: Name, key: str, default: bool | None = None) -> bool | None:
    """An option that is 0 or 1; ``default`` where it is not given."""
    text = name.options.get(key)
    if text is None:
        return default
    if text not in ("0", "1"):
        raise WrongUsage(f"{name}: {key} is 0 or 1, not {text!r}")
    return text == "1"


def numbers(name: Name, key: str, default: str, scale: str = "0..1") -> list[float]:
    """An option of one number or three with commas, as three numbers; ``scale`` names their range."""
    parts = name.option(key, default).split(",")
    try:
        values = [float(p) for p in parts]
    except ValueError:
        values = []
    if len(values) not in (1, 3) or not np.all(np.isfinite(values)):
        raise WrongUsage(f"{name}: {key} is one number or three with commas, on {scale}")
    return values * 3 if len(values) == 1 else values


def flip_of(name: Name) -> str:
    """The option ``flip``: "none" or "sum" (feature plus the mirrored photo's feature, then L2)."""
    flip = name.option("flip", "none")
    if flip not in ("none", "sum"):
        raise WrongUsage(f"{name}: flip is none or sum, not {flip!r}")
    return flip


def model_id(name: Name) -> str:
    """The model's name in results: without folders of this machine, the default pooling, and the
    kind of an OpenCLIP ``ARCH/TAG`` or the id of an own encoder.
    """
    if name.kind == "own":
        return unescape(name.body)
    body = PurePath(name.body).name if name.kind in ("onnx", "local", "vectors") else name.body
    pooling = "" if name.pooling == PROJECTED else name.pooling
    return str(replace(name, kind="" if name.kind == "openclip" else name.kind, body=body, pooling=pooling))
