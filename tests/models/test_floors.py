"""Floors and lookups: random weights, grey pixels, precomputed vectors."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from faceprobe.core.errors import BadInput, Missing, Refused, WrongUsage
from faceprobe.models import ImageEncoder, load_model, model_card
from faceprobe.models.vectors import VectorLookup

ARCH = "ViT-S-32-alt"


def test_random_weights_follow_their_seed() -> None:
    import torch

    before = torch.random.get_rng_state()
    first = load_model(f"random:{ARCH}", device="cpu")
    assert torch.equal(torch.random.get_rng_state(), before)
    again, other = (load_model(f"random:{ARCH}?seed={s}", device="cpu") for s in (0, 1))
    assert first.weights_hash == again.weights_hash != other.weights_hash
    assert first.id == f"random:{ARCH}" and not first.card.real and first.card.samples_seen == 0
    assert first.n_params == model_card(f"random:{ARCH}").n_params
    x = np.random.default_rng(0).normal(size=(2, 3, 224, 224)).astype(np.float32)
    assert np.array_equal(first.encode_images(x), again.encode_images(x))
    assert first.encode_images(x).shape == (2, 256)


def test_pixels_are_mean_free_unit_rows() -> None:
    encoder = load_model("pixels:8")
    draw = np.random.default_rng(0)
    batch = draw.random((6, 3, 8, 8)).astype(np.float32)
    batch[4] = 0.25
    rows = encoder.encode_images(batch)
    assert isinstance(encoder, ImageEncoder) and encoder.dim == 64 and encoder.n_params == 0
    assert rows.dtype == np.float32 and np.abs(np.linalg.norm(rows, axis=1) - 1).max() < 1e-6
    assert np.abs(rows[[0, 1, 2, 3, 5]].mean(axis=1)).max() < 1e-7
    assert np.abs(np.delete(rows, 4, axis=0) @ rows[4]).max() < 1e-6
    grey = np.tensordot(batch, [0.299, 0.587, 0.114], axes=(1, 0)).reshape(6, 64)
    wanted = np.corrcoef(np.delete(grey, 4, axis=0))
    kept = np.delete(rows, 4, axis=0)
    assert np.allclose(kept @ kept.T, wanted, atol=1e-5)
    assert encoder.encode_images(batch[:0]).shape == (0, 64)
    brighter = encoder.encode_images(batch * np.float32(0.5) + np.float32(0.1))
    assert np.allclose(brighter[0], rows[0], atol=1e-5)


def lookup(folder: Path) -> VectorLookup:
    return cast(VectorLookup, load_model(f"vectors:{folder}"))


def write(folder: Path, rows: np.ndarray, table: str, file: str = "samples.csv") -> Path:
    folder.mkdir(exist_ok=True)
    np.save(folder / "embeddings.npy", rows)
    (folder / file).write_text(table)
    return folder


def test_vectors_are_found_by_path(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    folder = write(tmp_path / "v", rows, "path,identity\na/1.jpg,a\nb/1.jpg,b\nc/1.jpg,c\n")
    model = lookup(folder)
    assert model.dim == 5 and model.id == "vectors:v"
    found = model.lookup(["c/1.jpg", "a/1.jpg", "c/1.jpg"])
    wanted = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.allclose(found, wanted[[2, 0, 2]], atol=1e-6)
    with pytest.raises(Missing, match=r"1 of 2 photos .*'d/1\.jpg'"):
        model.lookup(["a/1.jpg", "d/1.jpg"])
    with pytest.raises(WrongUsage, match="cannot encode photos"):
        model.encode_images(np.zeros((1, 3, 1, 1), dtype=np.float32))
    before = model.weights_hash
    write(folder, rows + 1, "path,identity\na/1.jpg,a\nb/1.jpg,b\nc/1.jpg,c\n")
    assert lookup(folder).weights_hash != before


def test_vectors_of_a_store_in_several_parts(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float16)
    (tmp_path / "img_emb").mkdir()
    (tmp_path / "metadata").mkdir()
    for k in range(12):  # numbered so that the order of names is not the order of parts
        np.save(tmp_path / "img_emb" / f"img_emb_{k}.npy", rows[k : k + 1])
        table = pa.table({"image_path": [f"p{k}"]})
        pq.write_table(table, tmp_path / "metadata" / f"metadata_{k}.parquet")
    found = lookup(tmp_path).lookup([f"p{k}" for k in range(12)])
    wide = rows.astype(np.float64)
    assert np.allclose(found, wide / np.linalg.norm(wide, axis=1, keepdims=True), atol=1e-6)


def test_real_vectors(shared: Path) -> None:
    model = lookup(shared / "data" / "lfw_vectors")
    assert model.dim == 128 and len(model.rows) == 13233
    assert model.lookup(["AJ_Cook/AJ_Cook_0001.jpg"]).shape == (1, 128)


@pytest.mark.parametrize(
    ("rows", "table", "kind", "says"),
    [
        (np.ones((2, 3)), "path\na\n", BadInput, "2 vectors but 1 paths"),
        (np.ones((2, 3)), "path\na\na\n", BadInput, "twice"),
        (np.ones((2, 3)), "name\na\nb\n", BadInput, "no column path"),
        (np.full((2, 3), np.nan), "path\na\nb\n", BadInput, "NaN"),
        (np.ones(4), "path\na\n", BadInput, "matrix"),
        (np.array([{}, {}], dtype=object), "path\na\nb\n", Refused, "pickled objects"),
    ],
)
def test_bad_folders_of_vectors(
    tmp_path: Path, rows: np.ndarray, table: str, kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says):
        lookup(write(tmp_path / "v", rows, table)).lookup(["a"])


def test_an_empty_folder_of_vectors(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"embeddings\.npy"):
        lookup(tmp_path)
    (tmp_path / "img_emb").mkdir()
    with pytest.raises(Missing, match="no vectors"):
        lookup(tmp_path)
