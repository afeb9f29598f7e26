"""The rows of a run on disk: ``results.json`` and ``results.parquet``, byte-equal for equal rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from faceprobe.core.files import atomic_path, read_json, write_json
from faceprobe.results.result import SCHEMA, Result, from_document, to_document


def sorted_rows(rows: Iterable[Result]) -> list[Result]:
    """Rows in the one order that does not depend on how the run went."""
    return sorted(
        rows,
        key=lambda r: (r.model, r.dataset, r.crop, r.cloak, r.purifier, r.protocol, r.metric, r.weighting),
    )


def write_results(folder: Path, rows: Iterable[Result]) -> list[Result]:
    """Write the rows, sorted, as ``results.json`` and ``results.parquet``; returns them sorted."""
    import pyarrow.parquet as pq

    ordered = sorted_rows(rows)
    document = to_document(ordered)
    write_json(folder / "results.json", document)
    table = arrow_table(ordered)
    with atomic_path(folder / "results.parquet") as temporary:
        pq.write_table(table.replace_schema_metadata({"schema": SCHEMA}), temporary, compression="zstd")
    return ordered


def read_results(folder: Path) -> list[Result]:
    """Read ``results.json`` back; :class:`BadInput` where it is of another schema."""
    path = folder / "results.json"
    return from_document(read_json(path), str(path))


def arrow_table(rows: Iterable[Result]) -> Any:
    """The rows as an Arrow table; remarks are lists of (code, level, text)."""
    import pyarrow as pa

    schema = pa.schema([(f.name, _arrow_type(pa, str(f.type))) for f in fields(Result)])
    return pa.Table.from_pylist([row.to_dict() for row in rows], schema=schema)


def _arrow_type(pa: Any, annotation: str) -> Any:
    if annotation == "Remarks":
        return pa.list_(pa.struct([(name, pa.string()) for name in ("code", "level", "text")]))
    if annotation.startswith("float"):
        return pa.float64()
    return pa.int64() if annotation == "int" else pa.string()
