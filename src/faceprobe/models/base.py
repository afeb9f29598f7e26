"""What an image encoder is to the rest of the package."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.files import sha256_json
from faceprobe.models.preprocess import Preprocess

UNKNOWN = None


@dataclass(frozen=True)
class ModelCard:
    """What is known of a model without loading its weights, so that size is compared like with like.

    ``n_params`` counts the image tower, ``gflops`` its multiply-adds x 2 for one photo in units of
    1e9, ``samples_seen`` the training samples (image-text pairs, epochs included). ``activation``
    is "gelu", "quickgelu" or the tower's own. None stands for "not known". ``real`` says whether
    these are published weights trained on real photos (evidence ``real-model``); random weights and
    the bundled models are not.
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
    default_crop: str = "as-is"
    notes: str = ""
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
    preprocess: Preprocess
    weights_hash: str
    differentiable: bool
    card: ModelCard

    def encode_images(self, batch: NDArray[np.float32]) -> NDArray[np.float32]: ...


@runtime_checkable
class TextImageEncoder(ImageEncoder, Protocol):
    """An encoder with a text tower in the same space: (T, D) float32 unit rows."""

    def encode_texts(self, texts: list[str]) -> NDArray[np.float32]: ...


def model_hash(encoder: ImageEncoder) -> str:
    """Hash of weights and preprocessing together: the model's share of a cache key."""
    return sha256_json({"weights": encoder.weights_hash, "preprocess": encoder.preprocess.fingerprint()})
