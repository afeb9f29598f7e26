"""Shared by the classical descriptors (``hog``, ``lbp``): grey input, cards, names, mirrored photos."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import WrongUsage
from faceprobe.core.files import sha256_json
from faceprobe.core.names import Name
from faceprobe.models.base import ModelCard, flip_of, model_id, refuse_pooling
from faceprobe.models.preprocess import Preprocess

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""ITU-R BT.601, as Pillow's conversion to grey."""

CHUNK = 64
"""Photos described at a time, so that memory does not grow with the batch."""


class ClassicalEncoder:
    """A hand-made descriptor of the photo squashed to ``side`` x ``side`` and made grey (0 to 255).

    ``describe`` maps (B, S, S) float32 grey to (B, D) rows that need not be unit rows; ``options`` holds
    everything that decides its output. With ``flip=sum`` the mirrored photo's unit row is added before the
    last L2.
    """

    differentiable = False

    def __init__(
        self,
        card: ModelCard,
        name: Name,
        describe: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        options: dict[str, int],
    ) -> None:
        assert card.dim is not None and card.image_size is not None
        self.id, self.card, self.dim, self.n_params = card.id, card, card.dim, 0
        side = card.image_size
        self.preprocess = Preprocess(
            (side, side),
            (0.0, 0.0, 0.0),
            (1.0, 1.0, 1.0),
            mode="squash",
            interpolation="bilinear",
            flip="sum" if flip_of(name) == "sum" else "none",
        )
        self.describe = describe
        self.weights_hash = sha256_json({card.family: options})

    def encode_images(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, S, S) float32 in [0, 1] -> (B, D) float32 unit rows."""
        rows = np.empty((len(batch), self.dim), dtype=np.float32)
        for start in range(0, len(batch), CHUNK):
            part = batch[start : start + CHUNK].astype(np.float32)
            grey = np.einsum("bchw,c->bhw", part, LUMA) * np.float32(255)
            found = unit(self.describe(grey))
            if self.preprocess.flip == "sum":
                found = unit(found + unit(self.describe(np.ascontiguousarray(grey[..., ::-1]))))
            rows[start : start + CHUNK] = found
        return rows


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """(B, D) rows to unit rows; a row with nothing in it becomes the row of equal entries."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    empty = norms[:, 0] < 1e-6
    found = (rows / np.where(empty[:, None], np.float32(1), norms)).astype(np.float32)
    found[empty] = np.float32(rows.shape[1] ** -0.5)
    return found


def classical_card(name: Name, dim: int, side: int, notes: str) -> ModelCard:
    """The card of an untrained descriptor."""
    refuse_pooling(name, "a descriptor is not projected")
    flip_of(name)
    return ModelCard(
        id=model_id(name),
        family=name.kind,
        dim=dim,
        n_params=0,
        image_size=side,
        samples_seen=0.0,
        role="floor",
        notes=f"{notes}: a floor, not a trained model",
    )


def side_of(name: Name, step: int) -> int:
    """The side in ``name``: a multiple of ``step`` from two steps to 256 pixels."""
    if not name.body.isdecimal() or int(name.body) % step or not 2 * step <= int(name.body) <= 256:
        raise WrongUsage(
            f"{name}: write {name.kind}:SIDE with a side from {2 * step} to 256 that is a multiple of {step},"
            f" e.g. {name.kind}:112"
        )
    return int(name.body)
