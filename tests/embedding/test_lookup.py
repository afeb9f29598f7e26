"""Embeddings that are looked up by path: no photo is decoded, and what has no vector is left out."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.core.files import cache_dir
from faceprobe.data.face_table import FaceTable, PhotoSource, face_table_columns
from faceprobe.data.photo import Photo
from faceprobe.datasets import load_dataset
from faceprobe.embedding import embed
from faceprobe.models import load_model
from faceprobe.models.base import ImageEncoder
from tests.helpers.fake_encoder import FakeEncoder, save_photo

Make = Callable[..., Path]


class Undecodable(PhotoSource):
    """A source whose photos must not be read."""

    drawn = True

    def read(self, image: str) -> Photo:
        pytest.fail(f"{image} was read")


def table(images: Sequence[str]) -> FaceTable:
    columns = face_table_columns(image=list(images), identity=[f"p{k // 2}" for k in range(len(images))])
    return FaceTable("listed", columns, Undecodable())


def lookup(folder: Path, paths: Sequence[str]) -> tuple[ImageEncoder, np.ndarray]:
    """``vectors:FOLDER`` with a random row a path, and those rows."""
    folder.mkdir()
    rows = np.random.default_rng(0).normal(size=(len(paths), 5)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    np.save(folder / "embeddings.npy", rows)
    with (folder / "samples.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path"], *([p] for p in paths)])
    return load_model(f"vectors:{folder}"), rows


@pytest.mark.parametrize("name", ["labels.parq", "metadata.PARQUET", "samples.tsv", "samples.jsonl"])
def test_the_table_may_be_of_every_form(name: str, tmp_path: Path) -> None:
    _, rows = lookup(tmp_path / "v", ["a", "b"])
    (tmp_path / "v" / "samples.csv").unlink()
    (tmp_path / "v" / "._samples.csv").write_bytes(b"\0")
    place = tmp_path / "v" / name
    if name.lower().endswith(("parq", "parquet")):
        pq.write_table(pa.table({"image": ["b", "a"]}), place)
    else:
        place.write_text('{"image": "b"}\n{"image": "a"}\n' if name.endswith("jsonl") else "image\nb\na\n")
    encoder = load_model(f"vectors:{tmp_path / 'v'}")
    np.testing.assert_array_equal(embed(table(["a", "b"]), encoder, quiet=True).data.vectors, rows[[1, 0]])


def test_a_row_without_a_path_is_refused(tmp_path: Path) -> None:
    lookup(tmp_path / "v", ["a", "b"])
    (tmp_path / "v" / "samples.csv").write_text("path,n\na,1\nnan,2\n")
    with pytest.raises(BadInput, match=r"samples\.csv: 1 row without a path \(first: row 1\)"):
        embed(table(["a", "b"]), load_model(f"vectors:{tmp_path / 'v'}"), quiet=True)


def test_rows_come_by_path_and_no_photo_is_read(tmp_path: Path) -> None:
    images = ["a", "b", "c", "d"]
    encoder, rows = lookup(tmp_path / "v", ["d", "unused", "b", "a", "c"])
    embedded = embed(table(images), encoder, quiet=True, out=tmp_path / "store")
    np.testing.assert_array_equal(embedded.data.vectors, rows[[3, 2, 4, 0]])
    assert embedded.data.paths.tolist() == images
    assert embedded.data.content is None  # its photos' bytes are unknown: bit-equal rows are duplicates
    assert (embedded.encoded, embedded.reused, embedded.excluded) == (0, 4, [])
    assert embedded.store is not None and "sha256" not in embedded.store.metadata().column_names
    assert not cache_dir("embeddings").exists()


def test_a_path_without_a_vector_is_excluded(tmp_path: Path) -> None:
    images = ["a", "b", "c", "d"]
    encoder, rows = lookup(tmp_path / "v", ["a", "b", "d"])
    embedded = embed(table(images), encoder, quiet=True, max_excluded=0.25)
    assert [(e.image, e.reason) for e in embedded.excluded] == [("c", "no vector for this path")]
    np.testing.assert_array_equal(embedded.data.vectors, rows)
    whole, _ = lookup(tmp_path / "w", images)
    assert embed(table(images), whole, quiet=True).dataset_hash != embedded.dataset_hash
    with pytest.raises(BadInput, match=r"1 of 4 photos of listed cannot be used \(1 no vector for this path"):
        embed(table(images), encoder, quiet=True, max_excluded=0.2)


def test_a_folder_of_other_photos_says_what_it_knows(tmp_path: Path) -> None:
    encoder, _ = lookup(tmp_path / "v", ["elsewhere/a.png"])
    with pytest.raises(Missing, match=r"knows paths such as 'elsewhere/a\.png'"):
        embed(table(["a", "b"]), encoder, quiet=True, max_excluded=1)


def test_crops_were_fixed_before(tmp_path: Path) -> None:
    encoder, _ = lookup(tmp_path / "v", ["a", "b"])
    with pytest.raises(WrongUsage, match="crops were fixed when its vectors were made"):
        embed(table(["a", "b"]), encoder, "aligned-112", quiet=True)


def test_files_keep_their_content_hashes(make_people: Make, tmp_path: Path, encoder: FakeEncoder) -> None:
    root = make_people(3, 2)
    save_photo(root / "person01" / "twin.png", 0)  # the bytes of person00/0.png
    dataset = load_dataset(f"folder:{root}")
    encoded = embed(dataset, encoder, out=tmp_path / "store", workers=0, quiet=True)
    found = embed(dataset, load_model(f"vectors:{tmp_path / 'store'}"), quiet=True)
    np.testing.assert_array_equal(found.data.vectors, encoded.data.vectors)
    assert found.data.content is not None and encoded.data.content is not None
    assert found.data.content.tolist() == encoded.data.content.tolist()
    assert len(set(found.data.content)) == 6
    assert found.dataset_hash == encoded.dataset_hash
    (root / "person02" / "1.png").unlink()
    gone = embed(dataset, load_model(f"vectors:{tmp_path / 'store'}"), quiet=True, max_excluded=0.2)
    assert [e.image for e in gone.excluded] == ["person02/1.png"]
