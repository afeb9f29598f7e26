"""Labels: who is in each row of a matrix of vectors, from files and from tables in memory."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Missing, Refused
from faceprobe.core.extras import require
from faceprobe.core.text_files import ENCODING, read_text
from faceprobe.data.embeddings import CLEAN, PATH_COLUMNS, Embeddings
from faceprobe.data.labels import label_texts, path_texts, refuse_pathless, refuse_repeated, values_of

OPTIONAL = ("event", "group", "sha256", "variant", "source_image")
"""Columns that are read where a table has them."""

PARQUET, JSONL, TSV = (".parquet", ".parq", ".pq"), (".jsonl", ".ndjson"), (".tsv", ".tab")
ARRAYS = (".npy", ".npz", ".safetensors")
LABEL_ENDINGS = (".csv", *TSV, *JSONL, *PARQUET)
"""Endings of tables of labels, in lower case."""

SEPARATORS = (",", ";", "\t")
"""What may separate the values of a CSV file; spreadsheets write semicolons where decimals have a comma."""

Columns = dict[str, list[Any]]


class Nested(list[Any]):
    """The place of a column of lists or structs, which was not read; ``kind`` is its type."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind


def read_labels(
    source: Any, *, path_column: str | None = None, identity_column: str | None = None
) -> dict[str, NDArray[np.str_]]:
    """The columns ``path``, ``identity`` ("" = unknown) and, where there are any, ``event``, ``group``,
    ``sha256`` (of the photo's bytes), ``variant`` ("" = clean) and ``source_image`` ("" = the photo itself),
    each (N,) str. What counts as missing is in :mod:`faceprobe.data.labels`.

    ``source`` is a CSV, TSV, parquet or JSONL file, a file of arrays (``.npy``: N identities; ``.npz``,
    ``.safetensors``: an array a column), a pandas DataFrame, an Arrow table, a mapping of columns, or N
    identities as a list or array. The path's column may have any name of :data:`PATH_COLUMNS`;
    ``path_column`` and ``identity_column`` name other ones. Where a table in memory or arrays have no paths,
    rows are named by their numbers. Raises :class:`Missing` and :class:`BadInput`, naming the columns that
    are there.
    """
    where = _name(source)
    in_file = isinstance(source, str | os.PathLike)
    known = {*PATH_COLUMNS, "identity", *OPTIONAL, path_column, identity_column}
    columns = read_columns(source, known) if in_file else _in_memory(source, identity_column, known)
    rows_have_numbers = not in_file or Path(source).suffix.lower() in ARRAYS
    for wanted, option in ((path_column, "--path-column"), (identity_column, "--identity-column")):
        if wanted is not None and wanted not in columns:
            raise BadInput(f"{where} has no column {wanted!r} ({option}); it has {_listed(columns)}")
    named = path_column or next((name for name in PATH_COLUMNS if name in columns), "path")
    if identity_column is not None:
        columns["identity"] = columns[identity_column]
    if named in columns:
        columns["path"] = columns[named]
    elif rows_have_numbers and "identity" in columns:
        columns["path"] = [f"{row:07d}" for row in range(len(columns["identity"]))]
    return _checked(columns, where)


def texts_of(columns: Columns, name: str, where: str) -> list[str]:
    """The column ``name`` as text, "" where missing (:mod:`faceprobe.data.labels`); no lists, as there."""
    values = columns[name]
    if isinstance(values, Nested):
        raise BadInput(f"{where}: the column {name} holds {values.kind}; a label is one text or number a row")
    texts = path_texts if name in (*PATH_COLUMNS, "source_image") else label_texts
    return texts(values, f"{where}, column {name}")


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


def _checked(columns: Columns, where: str) -> dict[str, NDArray[np.str_]]:
    """The known columns as text. Raises :class:`BadInput` for one that is missing or has another length, for
    a row without a path, and where no row has an identity.
    """
    for name, option in (("path", "--path-column"), ("identity", "--identity-column")):
        if name not in columns:
            also = f" (or {', '.join(PATH_COLUMNS[1:])})" if name == "path" else ""
            raise BadInput(
                f"{where} has no column {name!r}{also}; it has {_listed(columns)}; {option} names another"
            )
    texts = {
        name: texts_of(columns, name, where) for name in ("path", "identity", *OPTIONAL) if name in columns
    }
    lengths = {name: len(column) for name, column in texts.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise BadInput(f"{where} has columns of different lengths ({counts}); one value a row is needed")
    if not texts["path"]:
        raise BadInput(f"{where} holds no rows")
    refuse_pathless(texts["path"], where)
    if not any(texts["identity"]):
        raise BadInput(f"{where}: no row has an identity, so nobody is known")
    kept = ["path", "identity", *(name for name in OPTIONAL if any(texts.get(name, ())))]
    read = {name: np.array(texts[name], dtype=np.str_) for name in kept}
    if "variant" in read:
        read["variant"] = np.where(read["variant"] == "", CLEAN, read["variant"])
    if "source_image" in read:
        read["source_image"] = np.where(read["source_image"] == "", read["path"], read["source_image"])
    return read


def _listed(columns: Columns) -> str:
    return "the columns " + ", ".join(columns) if columns else "no columns"


def _in_memory(source: Any, identity_column: str | None, known: Collection[str | None]) -> Columns:
    """The columns of a table, or one column of identities."""
    found = table_columns(source, known, "the list of labels")
    if found is not None:
        return found
    values = values_of(source)
    if any(isinstance(value, list | tuple) for value in values):
        raise BadInput("the labels are a nested list; give one identity a row, or a table with columns")
    return {identity_column or "identity": values}


def table_columns(source: Any, known: Collection[str | None], where: str) -> Columns | None:
    """The columns of a mapping, an Arrow table or a DataFrame by name; None for anything else.

    :class:`BadInput` where one of the ``known`` columns is there twice.
    """
    if isinstance(source, Mapping):
        return {str(name): values_of(values) for name, values in source.items()}
    if hasattr(source, "column_names"):
        refuse_repeated(source.column_names, known, where)
        return {name: values_of(source.column(k)) for k, name in enumerate(source.column_names)}
    if hasattr(source, "columns"):
        names = [str(name) for name in source.columns]
        refuse_repeated(names, known, where)
        return {str(name): values_of(source[name]) for name in dict.fromkeys(source.columns)}
    return None


def read_columns(path: str | os.PathLike[str], wanted: Collection[str | None]) -> Columns:
    """The columns of a file of labels, as stored. The format follows the content (parquet) and the ending.

    Columns of a parquet file that are not in ``wanted`` are there by name, but not read: their lists are
    empty, as are those of a :class:`Nested` column. Raises :class:`Missing`, and :class:`BadInput` also where
    a column of ``wanted`` is there twice.
    """
    place = Path(path)
    if not place.exists():
        raise Missing(f"no file {path} (the labels)")
    if not place.is_file():
        kind = "a folder" if place.is_dir() else "no regular file"
        raise BadInput(f"{path} is {kind}; the labels must be one file")
    ending = place.suffix.lower()
    if ending in PARQUET or _is_parquet(place):
        return _parquet(place, wanted)
    if ending in ARRAYS:
        return _arrays(place)
    if ending in JSONL:
        return _jsonl(place, wanted)
    return _csv(place, wanted, "\t" if ending in TSV else "")


def _is_parquet(path: Path) -> bool:
    """Whether a file of any name is parquet, by the four bytes that it begins with."""
    try:
        with open(path, "rb") as handle:
            return handle.read(4) == b"PAR1"
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error


def _csv(path: Path, wanted: Collection[str | None], separator: str) -> Columns:
    try:
        with open(path, encoding=ENCODING, newline="") as handle:
            start = handle.readline()
            if start.lower().startswith("sep=") and len(start.strip()) == 5:  # Excel's own line
                separator, start = start[4], handle.readline()
            chosen = separator or max(SEPARATORS, key=start.count)  # the first of them where none is there
            lines = [line for line in csv.reader(_with(start, handle), strict=True, delimiter=chosen) if line]
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not a CSV file in UTF-8: {error}; save it as UTF-8") from error
    except csv.Error as error:
        raise BadInput(f"{path} is not a CSV file: {error}") from error
    if not lines:
        raise BadInput(f"{path} is empty; it needs the columns path and identity")
    header = [name.strip() for name in lines[0]]
    refuse_repeated(header, wanted, str(path))
    for number, line in enumerate(lines[1:], start=1):
        if len(line) != len(header):
            raise BadInput(f"{path}, row {number}: {len(line)} values under {len(header)} columns")
    return {name: [line[k] for line in lines[1:]] for k, name in enumerate(header)}


def _with(start: str, rest: Iterator[str]) -> Iterator[str]:
    yield start
    yield from rest


def _jsonl(path: Path, wanted: Collection[str | None]) -> Columns:
    def row(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        refuse_repeated([name for name, _ in pairs], wanted, f"a line of {path}")
        return dict(pairs)

    try:
        lines = read_text(path).split("\n")
        rows = [json.loads(line, object_pairs_hook=row) for line in lines if line.strip()]
    except (UnicodeDecodeError, ValueError) as error:
        raise BadInput(f"{path} is not JSONL, one JSON object a line in UTF-8: {error}") from error
    if not all(isinstance(row, dict) for row in rows):
        raise BadInput(f'{path} is not JSONL: each line must be a JSON object such as {{"path": ...}}')
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _parquet(path: Path, wanted: Collection[str | None]) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
        refuse_repeated(schema.names, wanted, str(path))
        nested = {
            f.name: Nested(f"{f.type}") for f in schema if pa.types.is_nested(f.type) and f.name in wanted
        }
        flat = [f.name for f in schema if not pa.types.is_nested(f.type)]
        table = pq.ParquetFile(path).read(columns=[name for name in flat if name in wanted])
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path} is not a readable parquet file: {error}") from error
    read = set(table.column_names)
    return {name: table.column(name).to_pylist() if name in read else [] for name in flat} | nested


def _arrays(path: Path) -> Columns:
    """The identities of a ``.npy`` file, or the arrays of an ``.npz`` or ``.safetensors`` file by name."""
    try:
        if path.suffix.lower() == ".safetensors":
            load: Any = require("safetensors.numpy", "encode", "reading .safetensors").load_file
            found = load(path)
        else:
            stored = np.load(path, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                found = {"identity": stored}
            else:
                with stored:
                    found = dict(stored)
    except Missing:
        raise
    except Exception as error:  # SafetensorError is no subclass of the others
        if "allow_pickle" in str(error) or "Object arrays" in str(error):
            raise Refused(
                f"{path} holds pickled objects, which may run code; save the labels as text or numbers"
            ) from error
        raise BadInput(f"{path} is damaged, or no file of arrays: {' '.join(str(error).split())}") from error
    return {name: values_of(array) for name, array in found.items()}
