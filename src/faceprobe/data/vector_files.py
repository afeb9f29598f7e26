"""Vectors from files: ``.npy``, ``.npz``, ``.safetensors``, ``.pt`` and parquet. No pickle is ever loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Missing, Refused
from faceprobe.core.extras import require
from faceprobe.data.embeddings import Embeddings, unit_rows
from faceprobe.data.label_files import PARQUET, with_labels
from faceprobe.data.pairs import read_lfw_pairs, resolve_pairs

TORCH = (".pt", ".pth")


def read_vectors(path: str | os.PathLike[str], key: str | None = None) -> NDArray[np.float32]:
    """The (N, D) matrix of a file, its rows scaled to length 1. See :func:`read_matrix` and
    :func:`faceprobe.data.embeddings.unit_rows` for files, ``key`` and errors.
    """
    return unit_rows(read_matrix(path, key), str(path))


def read_matrix(path: str | os.PathLike[str], key: str | None = None) -> NDArray[Any]:
    """The (N, D) matrix of a ``.npy``, ``.npz``, ``.safetensors``, ``.pt`` or parquet file, as stored.

    A ``.npy`` file is mapped, not read whole. ``key`` names the array of an ``.npz``, ``.safetensors`` or
    ``.pt`` file, or the column of a parquet file, where it holds several. Raises :class:`Missing` (also where
    an extra is not installed), :class:`BadInput`, or :class:`Refused` for a file that holds pickled objects,
    naming the file.
    """
    place = Path(path)
    if not place.exists():
        raise Missing(f"no file {path} (the embeddings)")
    if not place.is_file():
        kind = "a folder" if place.is_dir() else "no regular file"
        raise BadInput(f"{path} is {kind}; the embeddings must be one file, or the folder of a store")
    ending = place.suffix.lower()
    if ending == ".npz":
        matrix = _npz(place, key)
    elif ending == ".safetensors":
        matrix = _safetensors(place, key)
    elif ending in TORCH:
        matrix = _torch(place, key)
    elif ending in PARQUET:
        matrix = _parquet(place, key)
    else:
        matrix = _npy(place)
    if matrix.ndim != 2:
        raise BadInput(f"{path} must be a matrix of rows x dimensions; its shape is {matrix.shape}")
    return matrix


def read_embeddings(
    vectors: str | os.PathLike[str], labels: Any, pairs: str | os.PathLike[str] | None = None
) -> Embeddings:
    """A file of vectors with its labels and, where given, an LFW View 2 pair file over their paths.

    Errors as of :func:`read_vectors`, ``read_labels`` and ``read_lfw_pairs``.
    """
    data = with_labels(read_vectors(vectors), labels, where=str(vectors))
    if pairs is None:
        return data
    return replace(data, pairs=resolve_pairs(read_lfw_pairs(pairs), data.paths))


def _npy(path: Path) -> NDArray[Any]:
    with open(path, "rb") as handle:
        start = handle.read(6)
    if start != b"\x93NUMPY":
        raise BadInput(
            f"{path} is not a .npy file; save the matrix with numpy.save, or give it the ending .npz,"
            " .safetensors, .pt or .parquet that it has"
        )
    try:
        loaded: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise _damaged(path, "a .npy file", error) from error
    return loaded


def _npz(path: Path, key: str | None) -> NDArray[Any]:
    import zipfile

    try:
        with np.load(path, allow_pickle=False) as stored:
            name = _chosen(path, stored.files, key)
            found: NDArray[Any] = stored[name]
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise _damaged(path, "an .npz file", error) from error
    return found


def _safetensors(path: Path, key: str | None) -> NDArray[Any]:
    safetensors: Any = require("safetensors", "encode", "reading .safetensors")
    try:
        with safetensors.safe_open(path, framework="numpy") as stored:
            found: NDArray[Any] = stored.get_tensor(_chosen(path, list(stored.keys()), key))
    except (BadInput, Refused):
        raise
    except Exception as error:  # SafetensorError, and TypeError for types that numpy lacks (bfloat16)
        raise _damaged(path, "a .safetensors file of float16, float32 or float64", error) from error
    return found


def _torch(path: Path, key: str | None) -> NDArray[Any]:
    """A tensor, or one of a mapping of tensors, read with torch's restricted unpickler."""
    import pickle
    import warnings

    torch: Any = require("torch", "encode", "reading .pt")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch asks to report files that are no tensors
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise Refused(f"{path} holds pickled objects, which may run code; save a plain tensor") from error
    except Exception as error:  # damaged files raise nearly anything
        raise _damaged(path, "a .pt file", error) from error
    if isinstance(loaded, Mapping):
        tensors = {str(name): value for name, value in loaded.items() if torch.is_tensor(value)}
        loaded = tensors[_chosen(path, list(tensors), key)]
    if not torch.is_tensor(loaded):
        raise BadInput(f"{path} holds a {type(loaded).__name__}; save one tensor of rows x dimensions")
    floating = loaded.float() if loaded.dtype == torch.bfloat16 else loaded
    found: NDArray[Any] = floating.detach().numpy()
    return found


def _parquet(path: Path, key: str | None) -> NDArray[Any]:
    """The column whose values are lists of numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
        kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        lists = [f.name for f in schema if any(is_kind(f.type) for is_kind in kinds)]
        name = _chosen(path, lists, key, "column of vectors")
        rows = pq.read_table(path, columns=[name]).column(name).combine_chunks()
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path} is not a readable parquet file: {error}") from error
    if rows.null_count:
        raise BadInput(f"{path}: {rows.null_count} rows of {name} are empty; each needs a vector")
    values = np.asarray(rows.flatten())
    if len(rows) == 0 or len(values) % len(rows) or len(set(rows.value_lengths().to_pylist())) > 1:
        raise BadInput(f"{path}: the vectors of {name} have different lengths")
    return values.reshape(len(rows), -1)


def _chosen(path: Path, names: list[str], key: str | None, what: str = "array") -> str:
    """``key``, or the only name there is."""
    listed = ", ".join(names) or "none"
    if key is not None:
        if key not in names:
            raise BadInput(f"{path} has no {what} {key!r}; it has {listed}")
        return key
    if len(names) != 1:
        raise BadInput(f"{path} must hold one {what}, or name it with --key; it has {listed}")
    return names[0]


def _damaged(path: Path, what: str, error: Exception) -> BadInput | Refused:
    if "allow_pickle" in str(error) or "Python object" in str(error) or "Object arrays" in str(error):
        return Refused(f"{path} holds pickled objects, which may run code; save a plain float array")
    return BadInput(f"{path} is damaged, or not {what}: {' '.join(str(error).split())}")
