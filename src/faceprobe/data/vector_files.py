"""Vectors and labels from files: ``.npy`` beside a CSV or parquet table, an embedding store's too."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Missing, Refused
from faceprobe.data.embeddings import CLEAN, PATH_COLUMNS, Cohort, Embeddings, unit_rows
from faceprobe.data.pairs import read_lfw_pairs, resolve_pairs

_OPTIONAL = ("event", "group", "sha256", "variant", "source_image")


def read_labelled(
    embeddings: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    pairs: str | os.PathLike[str] | None = None,
) -> Embeddings:
    """Read an (N, D) float16/32/64 ``.npy`` file and N labelled rows; scale the vectors to length 1.

    ``pairs`` is an LFW View 2 pair file whose photos are found among the paths. Raises
    :class:`Missing`, :class:`BadInput` or :class:`Refused` (a pickled array), naming the file.
    """
    columns = read_labels(labels)
    vectors = read_vectors(embeddings)
    if len(vectors) != len(columns["path"]):
        raise BadInput(
            f"{embeddings} has {len(vectors):,} rows but {labels} has {len(columns['path']):,}; "
            "row k of one belongs to row k of the other"
        )
    return Embeddings(
        vectors=vectors,
        identities=columns["identity"],
        paths=columns["path"],
        events=columns.get("event"),
        groups=columns.get("group"),
        content=columns.get("sha256"),
        variants=columns.get("variant"),
        sources=columns.get("source_image"),
        pairs=resolve_pairs(read_lfw_pairs(pairs), columns["path"]) if pairs is not None else None,
    )


def read_cohort(embeddings: str | os.PathLike[str], labels: str | os.PathLike[str] | None = None) -> Cohort:
    """The (C, D) ``.npy`` file of a cohort and, where there are any, its C labelled rows; errors as of
    :func:`read_labelled`.
    """
    vectors = read_vectors(embeddings)
    if labels is None:
        return Cohort(vectors)
    identities = read_labels(labels)["identity"]
    if len(identities) != len(vectors):
        raise BadInput(f"{embeddings} has {len(vectors):,} rows but {labels} has {len(identities):,}")
    return Cohort(vectors, identities)


def read_vectors(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """(N, D) float32 unit rows of a ``.npy`` file, which is mapped, not read whole."""
    _check_file(path, "embeddings")
    with open(path, "rb") as handle:
        start = handle.read(6)
    if start != b"\x93NUMPY":
        raise BadInput(f"{path} is not a .npy file; save the matrix with numpy.save")
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        if "allow_pickle" in str(error) or "Python object" in str(error):
            raise Refused(
                f"{path} holds pickled objects, which may run code; save a plain float array"
            ) from error
        raise BadInput(f"{path} is a damaged .npy file: {error}") from error
    return unit_rows(loaded, str(path))


def read_labels(path: str | os.PathLike[str]) -> dict[str, NDArray[np.str_]]:
    """The columns ``path``, ``identity`` and, where there are any, ``event``, ``group``, ``sha256``
    (of the photo's bytes), ``variant`` ("" = clean) and ``source_image`` ("" = the photo itself) of a CSV or
    parquet file. The path's column may have any name of :data:`PATH_COLUMNS`.
    """
    _check_file(path, "labels")
    columns = _parquet(path) if Path(path).suffix in (".parquet", ".pq") else _csv(path)
    named = next((name for name in PATH_COLUMNS if name in columns), "path")
    if named in columns:
        columns["path"] = columns[named]
    for name in ("path", "identity"):
        if name not in columns:
            found = ", ".join(columns) or "none"
            also = f" (or {', '.join(PATH_COLUMNS[1:])})"
            raise BadInput(
                f"{path} has no column {name!r}; it needs path{also} and identity (found: {found})"
            )
        empty = [row for row, value in enumerate(columns[name]) if not value]
        if empty:
            raise BadInput(f"{path}: {len(empty)} rows have no {name} (first: row {empty[0]})")
    if not columns["path"]:
        raise BadInput(f"{path} holds no rows")
    kept = ["path", "identity", *(name for name in _OPTIONAL if any(columns.get(name, ())))]
    read = {name: np.array(columns[name], dtype=np.str_) for name in kept}
    if "variant" in read:
        read["variant"] = np.where(read["variant"] == "", CLEAN, read["variant"])
    if "source_image" in read:
        read["source_image"] = np.where(read["source_image"] == "", read["path"], read["source_image"])
    return read


def _check_file(path: str | os.PathLike[str], what: str) -> None:
    if not Path(path).exists():
        raise Missing(f"no file {path} (the {what})")
    if not Path(path).is_file():
        raise BadInput(f"{path} is a folder; the {what} must be one file")


def _csv(path: str | os.PathLike[str]) -> dict[str, list[str]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            lines = [line for line in csv.reader(handle, strict=True) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is not a CSV file in UTF-8: {error}") from error
    if not lines:
        raise BadInput(f"{path} is empty; it needs the columns path and identity")
    header = [name.strip() for name in lines[0]]
    for number, line in enumerate(lines[1:], start=1):
        if len(line) != len(header):
            raise BadInput(f"{path}, row {number}: {len(line)} values under {len(header)} columns")
    return {name: [line[k] for line in lines[1:]] for k, name in enumerate(header)}


def _parquet(path: str | os.PathLike[str]) -> dict[str, list[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path} is not a readable parquet file: {error}") from error
    names = [name for name in (*PATH_COLUMNS, "identity", *_OPTIONAL) if name in table.column_names]
    columns = {name: table.column(name).to_pylist() for name in names}
    return {name: ["" if v is None else str(v) for v in values] for name, values in columns.items()}
