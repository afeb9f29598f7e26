"""Matrices of vectors from every kind of file; what is wrong with a file is one line that names it."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceprobe.core.errors import BadInput, FaceprobeError, Missing, Refused
from faceprobe.data.vector_files import read_embeddings, read_matrix, read_vectors

ROWS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
Write = Callable[[Path, np.ndarray], None]


def _npz(path: Path, rows: np.ndarray) -> None:
    np.savez(path, features=rows)


def _safetensors(path: Path, rows: np.ndarray) -> None:
    from safetensors.numpy import save_file

    save_file({"features": rows}, path)


def _pt(path: Path, rows: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"features": torch.from_numpy(rows), "epoch": 3}, path)


def _lists(path: Path, rows: np.ndarray) -> None:
    pq.write_table(
        pa.table({"features": pa.array(rows.tolist(), pa.list_(pa.float32())), "id": [*"abcdef"]}), path
    )


def _fixed_lists(path: Path, rows: np.ndarray) -> None:
    values = pa.array(rows.reshape(-1), pa.float32())
    pq.write_table(pa.table({"features": pa.FixedSizeListArray.from_arrays(values, rows.shape[1])}), path)


@pytest.mark.parametrize("key", [None, "features"])
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("v.npz", _npz),
        ("v.safetensors", _safetensors),
        ("v.PT", _pt),
        ("v.parquet", _lists),
        ("v.pq", _fixed_lists),
    ],
)
def test_values_are_those_that_were_written(tmp_path: Path, name: str, write: Write, key: str | None) -> None:
    write(tmp_path / name, ROWS)
    np.testing.assert_array_equal(read_matrix(tmp_path / name, key), ROWS)
    unit = ROWS / np.linalg.norm(ROWS.astype(np.float64), axis=1, keepdims=True)
    np.testing.assert_allclose(read_vectors(tmp_path / name, key), unit, atol=1e-7)
    with pytest.raises(BadInput, match=r"'other'; it has features"):
        read_matrix(tmp_path / name, "other")


def test_of_several_arrays_one_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", first=ROWS, second=ROWS[:, ::-1])
    with pytest.raises(BadInput, match=r"one array, or name it with --key; it has first, second"):
        read_vectors(tmp_path / "v.npz")
    np.testing.assert_array_equal(read_matrix(tmp_path / "v.npz", "second"), ROWS[:, ::-1])
    pq.write_table(pa.table({"id": [*"abcdef"]}), tmp_path / "v.parquet")
    with pytest.raises(BadInput, match="one column of vectors, or name it with --key; it has none"):
        read_vectors(tmp_path / "v.parquet")


def test_a_bfloat16_tensor_is_widened(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save(torch.from_numpy(ROWS).bfloat16(), tmp_path / "v.pt")
    np.testing.assert_allclose(read_matrix(tmp_path / "v.pt"), ROWS, rtol=1 / 128)


class Touch:
    """Unpickled, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["v.npy", "v.npz", "v.pt"])
def test_no_pickle_is_loaded(tmp_path: Path, name: str) -> None:
    objects = np.array([Touch(tmp_path / "touched")], dtype=object)
    if name == "v.npy":
        np.save(tmp_path / name, objects, allow_pickle=True)
    elif name == "v.npz":
        np.savez(tmp_path / name, features=objects)
    else:
        pytest.importorskip("torch").save({"features": objects[0]}, tmp_path / name)
    with pytest.raises(Refused, match=rf"{name} holds pickled objects, which may run code"):
        read_vectors(tmp_path / name)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("name", ["v.npy", "v.npz", "v.safetensors", "v.pt", "v.parquet"])
@pytest.mark.parametrize(
    "content", [b"", b"no vectors", pickle.dumps([1]), b"\x93NUMPY\x01\x00", b"PK\x03\x04"]
)
def test_damaged_files_are_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FaceprobeError, match=rf"{name} ") as error:
        read_vectors(tmp_path / name)
    assert "\n" not in str(error.value) and isinstance(error.value, BadInput | Refused)


def test_cut_files_are_one_line(tmp_path: Path) -> None:
    for name, write in (("v.npz", _npz), ("v.safetensors", _safetensors), ("v.parquet", _lists)):
        write(tmp_path / name, ROWS)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(BadInput, match=name):
            read_vectors(tmp_path / name)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([[1.0, 2.0], [3.0]], "have different lengths"),
        ([[1.0, 2.0], None], "1 rows of features are empty"),
        ([], "have different lengths|matrix"),
        ([[1.0, None], [2.0, 3.0]], "1 of 2 rows hold NaN"),
    ],
)
def test_columns_of_vectors_that_are_no_matrix(tmp_path: Path, rows: list[Any], says: str) -> None:
    pq.write_table(pa.table({"features": pa.array(rows, pa.list_(pa.float64()))}), tmp_path / "v.parquet")
    with pytest.raises(BadInput, match=says):
        read_vectors(tmp_path / "v.parquet")


@pytest.mark.parametrize("rows", [np.ones(3), np.ones((2, 3, 4)), np.ones(())])
def test_other_shapes_are_named(tmp_path: Path, rows: np.ndarray) -> None:
    np.save(tmp_path / "v.npy", rows)
    with pytest.raises(BadInput, match=r"must be a matrix of rows x dimensions; its shape is \("):
        read_matrix(tmp_path / "v.npy")


def test_a_missing_library_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in (("v.pt", "torch"), ("v.safetensors", "safetensors")):
        (tmp_path / name).write_bytes(b"x")
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(Missing, match=r"pip install '\.\[encode\]'"):
            read_vectors(tmp_path / name)


def test_absent_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"no file .*v\.npz"):
        read_vectors(tmp_path / "v.npz")
    with pytest.raises(BadInput, match="is a folder"):
        read_vectors(tmp_path)


def test_a_matrix_with_labels_and_pairs(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", ROWS)
    names = [f"{who}/{who}_{k:04d}.jpg" for who in ("Ada", "Bob", "Cy") for k in (1, 2)]
    lines = [f"{name},{name.split('/')[0]}" for name in names]
    (tmp_path / "l.csv").write_text("path,identity\n" + "\n".join(lines) + "\n")
    (tmp_path / "pairs.txt").write_text("2\t1\nAda\t1\t2\nAda\t1\tBob\t1\nCy\t1\t2\nCy\t2\tBob\t2\n")
    data = read_embeddings(tmp_path / "v.npy", tmp_path / "l.csv", tmp_path / "pairs.txt")
    assert data.pairs is not None and data.identities.tolist() == ["Ada", "Ada", "Bob", "Bob", "Cy", "Cy"]
    assert (data.pairs.left.tolist(), data.pairs.right.tolist()) == ([0, 0, 4, 5], [1, 2, 5, 3])
    assert (data.pairs.same.tolist(), data.pairs.fold.tolist()) == ([True, False] * 2, [0, 0, 1, 1])
