"""Writing a run: ``results.json`` and ``results.parquet``, the manifest, and the folder of a finished part.

Equal rows give equal bytes. Every file is whole or absent, and so is the folder of a part.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.files import atomic_path, write_bytes, write_json
from faceprobe.results.cells import CURVES, ENTRY, EXCLUDED, ROWS, Cell, CloakRecord, StoredPart
from faceprobe.results.manifest import Manifest
from faceprobe.results.result import SCHEMA, Result, to_document

Part = TypeVar("Part", bound=StoredPart)


def sorted_rows(rows: Iterable[Result]) -> list[Result]:
    """Rows in an order that does not depend on how the run went."""
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


def arrow_table(rows: Iterable[Result]) -> Any:
    """The rows as an Arrow table; remarks are lists of (code, level, text)."""
    import pyarrow as pa

    schema = pa.schema([(f.name, _arrow_type(pa, str(f.type))) for f in fields(Result)])
    return pa.Table.from_pylist([row.to_dict() for row in rows], schema=schema)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``manifest.json``."""
    write_json(folder / "manifest.json", manifest.to_dict())


def write_cell(
    cells: Path,
    cell: Cell,
    rows: Iterable[Result],
    card: Mapping[str, Any],
    excluded: Sequence[tuple[str, str]],
    arrays: Mapping[str, NDArray[Any]],
) -> Cell:
    """Write the folder of ``cell`` below ``cells`` and return the cell as it is stored there.

    ``card`` is the model's card, ``excluded`` lists (image, reason), ``arrays`` are curves and replicates by
    the names under which :class:`Cell` finds them.
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    listed = [list(pair) for pair in excluded]
    return _write_part(cells, cell, rows, {"card": dict(card)}, {EXCLUDED: listed, CURVES: buffer.getvalue()})


def write_cloak(
    cells: Path, record: CloakRecord, rows: Iterable[Result], sample: tuple[str, str] | None
) -> CloakRecord:
    """Write the folder of ``record`` below ``cells`` and return the record as it is stored there.

    ``sample`` is what :attr:`CloakRecord.sample` returns.
    """
    return _write_part(cells, record, rows, {"sample": sample}, {})


def _write_part(
    cells: Path, part: Part, rows: Iterable[Result], details: dict[str, Any], others: Mapping[str, Any]
) -> Part:
    """Write the folder under a temporary name and rename it into place."""
    part = part.within(cells)
    temporary = part.folder.with_name(f".{part.key}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    write_json(temporary / ROWS, to_document(rows))
    write_json(temporary / ENTRY, {"schema": SCHEMA, "entry": part.entry(), **details})
    for name, content in others.items():
        (write_bytes if isinstance(content, bytes) else write_json)(temporary / name, content)
    shutil.rmtree(part.folder, ignore_errors=True)
    os.replace(temporary, part.folder)
    return part


def _arrow_type(pa: Any, annotation: str) -> Any:
    if annotation == "Remarks":
        return pa.list_(pa.struct([(name, pa.string()) for name in ("code", "level", "text")]))
    if annotation.startswith("float"):
        return pa.float64()
    return pa.int64() if annotation == "int" else pa.string()
