"""Grey pixels as an embedding, ``pixels:32``: the simplest baseline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import WrongUsage
from faceprobe.core.files import sha256_json
from faceprobe.core.names import Name
from faceprobe.models.base import ImageEncoder, ModelCard, ModelFamily, model_id, refuse_pooling
from faceprobe.models.preprocess import Preprocess

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""ITU-R BT.601, as Pillow's conversion to grey."""


class PixelEncoder:
    """The photo squashed to ``side`` x ``side``, grey, its mean removed, as a unit vector.

    A photo of one even colour has nothing left; it becomes the vector of equal entries, which is
    orthogonal to every other photo's.
    """

    differentiable = False

    def __init__(self, card: ModelCard, side: int) -> None:
        self.id, self.card = card.id, card
        self.dim, self.n_params = side * side, 0
        self.preprocess = Preprocess(
            (side, side), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), mode="squash", interpolation="bilinear"
        )
        self.weights_hash = sha256_json({"pixels": side})

    def encode_images(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, S, S) float32 in [0, 1] -> (B, S * S) float32 unit rows."""
        grey = np.einsum("bchw,c->bhw", batch.astype(np.float32), LUMA).reshape(len(batch), self.dim)
        rest = grey - grey.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(rest, axis=1, keepdims=True)
        even = norms[:, 0] < 1e-4
        unit = rest / np.where(even[:, None], np.float32(1), norms)
        unit[even] = np.float32(self.dim**-0.5)
        return np.ascontiguousarray(unit, dtype=np.float32)


class Pixels(ModelFamily):
    usage = "pixels:32"
    about = "grey pixels at that side, as a floor"

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder:
        return PixelEncoder(self.card(name), _side(name))

    def card(self, name: Name) -> ModelCard:
        name.check_options(set())
        side = _side(name)
        refuse_pooling(name, "pixels are not projected")
        return ModelCard(
            id=model_id(name),
            family="pixels",
            dim=side * side,
            n_params=0,
            gflops=0.0,
            image_size=side,
            samples_seen=0.0,
            role="floor",
            notes="grey pixels: a floor, not a trained model",
        )

    def known(self) -> list[str]:
        return ["pixels:16", "pixels:32"]


def _side(name: Name) -> int:
    if not name.body.isdecimal() or not 2 <= int(name.body) <= 256:
        raise WrongUsage(f"{name}: write pixels:SIDE with a side from 2 to 256, e.g. pixels:32")
    return int(name.body)


FAMILY = Pixels()
