"""Objects with mteb's image interface, wrapped: the real interface on a small object of our own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

import faceprobe
from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.datasets import load_dataset
from faceprobe.embedding import embed
from faceprobe.models import ImageEncoder, TextImageEncoder, model_hash


class Colours:
    """Mean colour and spread: 6 numbers a photo, not unit rows, answered as a torch tensor."""

    def get_image_embeddings(self, images: list[Image.Image], *, batch_size: int, **_: Any) -> Any:
        import torch

        found = [np.asarray(image, dtype=np.float32).reshape(-1, 3) for image in images]
        return torch.tensor(np.stack([np.concatenate([f.mean(0), f.std(0)]) for f in found]))


class WithText(Colours):
    def get_text_embeddings(self, texts: list[str], *, batch_size: int, **_: Any) -> Any:
        return np.array([[len(t), 1, 1, 1, 1, 1] for t in texts], dtype=np.float32)


class Batched:
    """The same in the interface of mteb 2: a DataLoader of batches, keyed by what is in them."""

    def get_image_embeddings(self, images: Any, show_progress_bar: bool = True, **_: Any) -> Any:
        import torch

        found = [Colours().get_image_embeddings(b["image"], batch_size=1) for b in images]
        assert isinstance(images, torch.utils.data.DataLoader)
        return torch.cat(found)

    def get_text_embeddings(self, texts: Any, show_progress_bar: bool = True, **_: Any) -> Any:
        return np.array([[len(t), 1, 1, 1, 1, 1] for b in texts for t in b["text"]], dtype=np.float32)


@pytest.mark.parametrize("kind", [Colours, Batched])
def test_it_embeds_like_any_encoder(kind: type) -> None:
    encoder = faceprobe.from_mteb(kind(), id="mteb:colours", weights="v1", size=32)
    assert isinstance(encoder, ImageEncoder)
    assert isinstance(encoder, TextImageEncoder) == (kind is Batched)
    assert encoder.dim == encoder.card.dim == 6 and not encoder.card.real
    data = load_dataset("synthetic?people=3&photos=2&size=64")
    vectors = embed(data, encoder, workers=0, quiet=True).data.vectors
    pixels = encoder.preprocess.prepare(data.photo(1).pixels).reshape(-1, 3).astype(np.float64)
    wanted = np.concatenate([pixels.mean(0), pixels.std(0)])
    np.testing.assert_allclose(vectors[1], wanted / np.linalg.norm(wanted), atol=1e-5)


@pytest.mark.parametrize("kind", [WithText, Batched])
def test_texts_come_with_it(kind: type) -> None:
    encoder = faceprobe.from_mteb(kind(), id="mteb:words", weights="v1")
    assert isinstance(encoder, TextImageEncoder)
    assert np.linalg.norm(encoder.encode_texts(["a", "bcd"]), axis=1) == pytest.approx(1)
    assert encoder.encode_texts([]).shape == (0, 6)


def test_the_name_of_the_weights_is_in_the_hash() -> None:
    one, two = (faceprobe.from_mteb(Colours(), id="x", weights=w, size=8) for w in ("v1", "v2"))
    assert model_hash(one) != model_hash(two)


def test_what_cannot_be_wrapped() -> None:
    with pytest.raises(WrongUsage, match="get_image_embeddings"):
        faceprobe.from_mteb(object(), id="x", weights="v1")

    class Flat(Colours):
        def get_image_embeddings(self, images: list[Image.Image], *, batch_size: int, **_: Any) -> Any:
            return np.ones(3, dtype=np.float32)

    with pytest.raises(BadInput, match="one row each"):
        faceprobe.from_mteb(Flat(), id="x", weights="v1")
