"""The files of a folder of vectors in LAION's layout: which belong together, and their metadata as labels.

``img_emb/img_emb_<number>.npy`` and ``metadata/metadata_<number>.parquet`` of one number are a shard. Hidden
files (macOS writes ``._metadata_0.parquet`` onto drives of other systems) are not shards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.data.label_files import PARQUET, Nested, texts_of


@dataclass(frozen=True)
class Shard:
    """One pair of files with the same number."""

    vectors: Path
    metadata: Path


def shard_files(folder: Path) -> list[Shard]:
    """The shards below ``folder``, sorted by name. Raises :class:`BadInput` where a file has no partner."""
    vectors = {p.stem.removeprefix("img_emb_"): p for p in visible_files(folder / "img_emb", (".npy",))}
    metadata = {p.stem.removeprefix("metadata_"): p for p in visible_files(folder / "metadata", PARQUET)}
    vectors = {number: path for number, path in vectors.items() if path.stem.startswith("img_emb_")}
    for number, path in vectors.items():
        if number not in metadata:
            raise BadInput(f"{path} has no partner metadata/metadata_{number}.parquet")
    unpaired = sorted(path for number, path in metadata.items() if number not in vectors)
    if unpaired:
        raise BadInput(f"{unpaired[0]} has no partner in img_emb/")
    return [
        Shard(path, metadata[number]) for number, path in sorted(vectors.items(), key=lambda v: v[1].name)
    ]


def visible_files(folder: Path, endings: Sequence[str]) -> list[Path]:
    """The files of ``folder`` with one of ``endings`` (in lower case; upper case counts too) that are not
    hidden, sorted; none where there is no such folder.
    """
    if not folder.is_dir():
        return []
    found = (p for p in folder.iterdir() if not p.name.startswith(".") and p.suffix.lower() in endings)
    return sorted(path for path in found if path.is_file())


def read_metadata(path: Path) -> pa.Table:
    """The table of one parquet file; :class:`BadInput` where it cannot be read."""
    try:
        return pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path} is not a readable parquet file: {error}") from error


def joined_metadata(tables: Sequence[pa.Table], folder: Path) -> pa.Table:
    """All rows of a store's metadata. Columns that differ in width or in encoding (``string`` here,
    ``large_string`` or a dictionary there) are widened. :class:`BadInput` names the first column whose types
    have nothing in common.
    """
    plain = [_without_dictionaries(table) for table in tables]
    try:
        return pa.concat_tables(plain, promote_options="permissive")
    except pa.ArrowException as error:
        for name in dict.fromkeys(name for table in plain for name in table.column_names):
            kinds = dict.fromkeys(str(t.schema.field(name).type) for t in plain if name in t.column_names)
            if len(kinds) > 1:
                raise BadInput(
                    f"{folder}: the column {name} of its metadata is of the types {', '.join(kinds)}; write"
                    " the shards with one type"
                ) from error
        raise BadInput(f"{folder}: its metadata cannot be joined: {error}") from error


def metadata_labels(
    tables: Sequence[pa.Table], column: str, folder: Path, exact: bool
) -> NDArray[np.str_] | None:
    """One column of a store's metadata as (N,) str, "" where it is missing; None where no shard has it.

    Each shard is read by its own type, so that the integer 7 of one and the text "7" of another are one
    label. A shard without the column has no labels there. With ``exact`` (a store of faceprobe's own) every
    text but "" is a value: a person's folder may be called ``nan``.
    """
    if not any(column in table.column_names for table in tables):
        return None
    texts: list[str] = []
    for table in tables:
        if table.column_names.count(column) > 1:
            raise BadInput(f"{folder}: its metadata has several columns called {column!r}; keep one of them")
        if column not in table.column_names:
            texts += [""] * table.num_rows
            continue
        kind = table.schema.field(column).type
        values: list[Any] = (
            Nested(str(kind)) if pa.types.is_nested(kind) else table.column(column).to_pylist()
        )
        if exact and (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            texts += [value or "" for value in values]
        else:
            texts += texts_of({column: values}, column, f"{folder}, metadata/")
    return np.array(texts, dtype=np.str_)


def _without_dictionaries(table: pa.Table) -> pa.Table:
    """``table`` with each dictionary column as its values."""
    for k, column in enumerate(table.schema):
        if pa.types.is_dictionary(column.type):
            plain = table.column(k).cast(column.type.value_type)
            table = table.set_column(k, pa.field(column.name, column.type.value_type), plain)
    return table
