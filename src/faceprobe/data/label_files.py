"""Labels: who is in each row of a matrix of vectors, from files and from tables in memory."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Missing
from faceprobe.data.embeddings import CLEAN, PATH_COLUMNS, Embeddings

OPTIONAL = ("event", "group", "sha256", "variant", "source_image")
"""Columns that are read where a table has them."""

PARQUET, JSONL, TSV = (".parquet", ".pq"), (".jsonl", ".ndjson"), (".tsv", ".tab")

Columns = dict[str, list[str]]


def read_labels(
    source: Any, *, path_column: str | None = None, identity_column: str | None = None
) -> dict[str, NDArray[np.str_]]:
    """The columns ``path``, ``identity`` and, where there are any, ``event``, ``group``, ``sha256`` (of the
    photo's bytes), ``variant`` ("" = clean) and ``source_image`` ("" = the photo itself), each (N,) str.

    ``source`` is a CSV, TSV, parquet or JSONL file, a pandas DataFrame, an Arrow table, a mapping of columns,
    or N identities as a list or array. The path's column may have any name of :data:`PATH_COLUMNS`;
    ``path_column`` and ``identity_column`` name other ones. Where a table in memory has no paths, rows are
    named by their numbers. Raises :class:`Missing` and :class:`BadInput`, naming the columns that are there.
    """
    where = _name(source)
    in_memory = not isinstance(source, str | os.PathLike)
    known = {*PATH_COLUMNS, "identity", *OPTIONAL, path_column, identity_column}
    columns = _in_memory(source, identity_column) if in_memory else read_columns(source, known)
    for wanted, option in ((path_column, "--path-column"), (identity_column, "--identity-column")):
        if wanted is not None and wanted not in columns:
            raise BadInput(f"{where} has no column {wanted!r} ({option}); it has {_listed(columns)}")
    named = path_column or next((name for name in PATH_COLUMNS if name in columns), "path")
    if identity_column is not None:
        columns["identity"] = columns[identity_column]
    if named in columns:
        columns["path"] = columns[named]
    elif in_memory and "identity" in columns:
        columns["path"] = [f"{row:07d}" for row in range(len(columns["identity"]))]
    _check(columns, where)
    kept = ["path", "identity", *(name for name in OPTIONAL if any(columns.get(name, ())))]
    read = {name: np.array(columns[name], dtype=np.str_) for name in kept}
    if "variant" in read:
        read["variant"] = np.where(read["variant"] == "", CLEAN, read["variant"])
    if "source_image" in read:
        read["source_image"] = np.where(read["source_image"] == "", read["path"], read["source_image"])
    return read


def with_labels(
    vectors: NDArray[np.float32],
    labels: Any,
    *,
    path_column: str | None = None,
    identity_column: str | None = None,
    where: str = "the matrix of vectors",
) -> Embeddings:
    """(N, D) unit rows with their N labels, read by :func:`read_labels`. :class:`BadInput`, which calls the
    vectors ``where``, for other numbers of rows.
    """
    columns = read_labels(labels, path_column=path_column, identity_column=identity_column)
    if len(vectors) != len(columns["path"]):
        raise BadInput(
            f"{where} has {len(vectors):,} rows but {_name(labels)} has {len(columns['path']):,}; row k of "
            "one belongs to row k of the other"
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
    )


def _name(source: Any) -> str:
    return str(source) if isinstance(source, str | os.PathLike) else "the list of labels"


def texts(values: Sequence[Any]) -> list[str]:
    """Values of a column as text, "" for null."""
    return ["" if value is None else str(value) for value in values]


def _check(columns: Columns, where: str) -> None:
    """Raise :class:`BadInput` for a column that is missing, or has rows without a value."""
    for name, option in (("path", "--path-column"), ("identity", "--identity-column")):
        if name not in columns:
            also = f" (or {', '.join(PATH_COLUMNS[1:])})" if name == "path" else ""
            raise BadInput(
                f"{where} has no column {name!r}{also}; it has {_listed(columns)}; {option} names another"
            )
        empty = [row for row, value in enumerate(columns[name]) if not value]
        if empty:
            raise BadInput(f"{where}: {len(empty)} rows have no {name} (first: row {empty[0]})")
    if not columns["path"]:
        raise BadInput(f"{where} holds no rows")


def _listed(columns: Columns) -> str:
    return "the columns " + ", ".join(columns) if columns else "no columns"


def _in_memory(source: Any, identity_column: str | None) -> Columns:
    """The columns of a table, or one column of identities."""
    if isinstance(source, Mapping):
        return {str(name): texts(list(values)) for name, values in source.items()}
    if hasattr(source, "column_names"):
        return {name: texts(source.column(name).to_pylist()) for name in source.column_names}
    if hasattr(source, "columns"):
        return {str(name): texts(source[name].tolist()) for name in source.columns}
    values = source.tolist() if hasattr(source, "tolist") else list(source)
    if any(isinstance(value, list | tuple) for value in values):
        raise BadInput("the labels are a nested list; give one identity a row, or a table with columns")
    return {identity_column or "identity": texts(values)}


def read_columns(path: str | os.PathLike[str], wanted: Collection[str | None]) -> Columns:
    """The columns of a file of labels as text, "" for null. The format follows the file's ending.

    Columns of a parquet file that are not in ``wanted`` are there by name, but not read: their lists are
    empty.
    """
    place = Path(path)
    if not place.exists():
        raise Missing(f"no file {path} (the labels)")
    if not place.is_file():
        raise BadInput(f"{path} is a folder; the labels must be one file")
    ending = place.suffix.lower()
    if ending in PARQUET:
        return _parquet(place, wanted)
    if ending in JSONL:
        return _jsonl(place)
    return _csv(place, "\t" if ending in TSV else ",")


def _csv(path: Path, separator: str) -> Columns:
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            lines = [line for line in csv.reader(handle, strict=True, delimiter=separator) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is not a CSV file in UTF-8: {error}") from error
    if not lines:
        raise BadInput(f"{path} is empty; it needs the columns path and identity")
    header = [name.strip() for name in lines[0]]
    for number, line in enumerate(lines[1:], start=1):
        if len(line) != len(header):
            raise BadInput(f"{path}, row {number}: {len(line)} values under {len(header)} columns")
    return {name: [line[k] for line in lines[1:]] for k, name in enumerate(header)}


def _jsonl(path: Path) -> Columns:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
    except (UnicodeDecodeError, ValueError) as error:
        raise BadInput(f"{path} is not JSONL, one JSON object a line in UTF-8: {error}") from error
    if not all(isinstance(row, dict) for row in rows):
        raise BadInput(f'{path} is not JSONL: each line must be a JSON object such as {{"path": ...}}')
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: texts([row.get(name) for row in rows]) for name in names}


def _parquet(path: Path, wanted: Collection[str | None]) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
        flat = [field.name for field in schema if not pa.types.is_nested(field.type)]
        table = pq.read_table(path, columns=[name for name in flat if name in wanted])
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path} is not a readable parquet file: {error}") from error
    read = set(table.column_names)
    return {name: texts(table.column(name).to_pylist()) if name in read else [] for name in flat}
