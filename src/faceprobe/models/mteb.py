"""Encoders with mteb's image interface, ``get_image_embeddings``, wrapped.

Up to mteb 1 its argument is a list of images, in mteb 2 a torch ``DataLoader`` of batches such as
``{"image": [...]}``; that of ``get_text_embeddings`` likewise. Which of the two an object takes is found out
by one call when it is wrapped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.files import sha256_json
from faceprobe.data.embeddings import unit_rows
from faceprobe.models.base import ImageEncoder, ModelCard
from faceprobe.models.preprocess import Preprocess


class MtebEncoder:
    """Hands RGB photos of ``size`` x ``size`` (shorter side scaled, centre cut) to the wrapped object, which
    does its own resizing and normalisation after that.
    """

    differentiable = False
    n_params = 0

    def __init__(self, wrapped: Any, card: ModelCard, weights: str, size: int) -> None:
        self.wrapped, self.id = wrapped, card.id
        self.preprocess = Preprocess((size, size), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        self.weights_hash = sha256_json({"mteb": card.id, "weights": weights, "size": size})
        self._in_batches = False
        photo = Image.new("RGB", (size, size), (128, 96, 64))
        try:
            probe = self._embed([photo])
        except TypeError:  # the argument is a DataLoader, as in mteb 2
            self._in_batches = True
            probe = self._embed([photo])
        self.dim = int(probe.shape[1])
        self.card = ModelCard(**{**card.to_dict(), "dim": self.dim, "image_size": size})

    def encode_images(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, S, S) float32 in [0, 1] -> (B, D) float32 unit rows."""
        if not len(batch):
            return np.zeros((0, self.dim), dtype=np.float32)
        whole = np.rint(np.clip(batch, 0, 1) * 255).astype(np.uint8).transpose(0, 2, 3, 1)
        return self._embed([Image.fromarray(np.ascontiguousarray(photo)) for photo in whole])

    def _embed(self, images: list[Image.Image]) -> NDArray[np.float32]:
        return self._ask(self.wrapped.get_image_embeddings, "image", images)

    def _ask(self, method: Any, kind: str, items: list[Any]) -> NDArray[np.float32]:
        """One unit row for each of ``items``, which are photos or texts."""
        if self._in_batches:
            answer = method(_batches(kind, items), show_progress_bar=False)
        else:
            answer = method(items, batch_size=len(items))
        return _rows(answer, len(items), self.id)


class MtebTextEncoder(MtebEncoder):
    """An :class:`MtebEncoder` that also embeds texts in the same space."""

    def encode_texts(self, texts: list[str]) -> NDArray[np.float32]:
        """T strings -> (T, D) float32 unit rows."""
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        return self._ask(self.wrapped.get_text_embeddings, "text", texts)


def from_mteb(encoder: Any, *, id: str, weights: str, size: int = 224, real: bool = False) -> ImageEncoder:
    """Wrap ``encoder`` as an :class:`ImageEncoder`; with ``get_text_embeddings`` also a TextImageEncoder.

    ``id`` is its name in results. ``weights`` names the weights and their revision. It stands for them
    in the cache key, since weights inside the object cannot be hashed: change it whenever they change.
    ``real`` says that they are published weights trained on real photos.

    Raises :class:`WrongUsage` for an object without ``get_image_embeddings``, :class:`BadInput` where it does
    not return one row a photo.
    """
    if not callable(getattr(encoder, "get_image_embeddings", None)):
        raise WrongUsage(f"{id}: a {type(encoder).__name__} has no method get_image_embeddings(images, ...)")
    if not id.strip() or not weights.strip() or size < 1:
        raise WrongUsage("from_mteb needs an id, a name for the weights, and a size of at least 1")
    card = ModelCard(id=id, family="mteb", real=real, notes=f"weights named by the user: {weights}")
    kind = MtebTextEncoder if callable(getattr(encoder, "get_text_embeddings", None)) else MtebEncoder
    return kind(encoder, card, weights, size)


def _batches(kind: str, items: list[Any]) -> Any:
    """What mteb 2 hands to an encoder: all of ``items`` as one batch of a torch ``DataLoader``."""
    from torch.utils.data import DataLoader

    def together(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
        return {kind: [row[kind] for row in rows]}

    rows: Any = [{kind: item} for item in items]  # a list is a valid dataset for a DataLoader
    return DataLoader(rows, batch_size=len(items), collate_fn=together)


def _rows(answer: Any, count: int, name: str) -> NDArray[np.float32]:
    """Unit rows of an array or a torch tensor, on whatever device it lies."""
    for step in ("detach", "cpu", "float"):
        answer = getattr(answer, step)() if hasattr(answer, step) else answer
    rows = np.asarray(answer)
    if rows.ndim != 2 or len(rows) != count:
        raise BadInput(f"{name} gave {rows.shape} for {count} inputs; one row each was expected")
    return unit_rows(rows, f"{name}'s output")
