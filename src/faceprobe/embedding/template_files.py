"""Read and write the templates of a store: three parquet files in the folder of ``pairs.parquet``.

``template_members.parquet`` (row, template, media, weight), ``templates.parquet`` (name, identity, probe,
and a column ``gallery:<name>`` a gallery) and ``template_pairs.parquet`` (left, right, same), numbered as
rows of the store and as rows of ``templates.parquet``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.data.labels import label_texts
from faceprobe.data.pairs import same_labels
from faceprobe.data.store_files import read_metadata
from faceprobe.data.templates import TemplateList

TEMPLATE_FILES = ("template_members.parquet", "template_pairs.parquet", "templates.parquet")
_GALLERY = "gallery:"
_LOST = (b"lost_templates", b"lost_pairs")


def template_tables(templates: TemplateList) -> dict[str, pa.Table]:
    """The files of ``templates`` by name."""
    members = {"row": templates.row, "template": templates.template, "media": templates.media}
    if templates.weight is not None:
        members["weight"] = templates.weight
    heads: dict[str, Any] = {"name": templates.names.tolist(), "identity": templates.identities.tolist()}
    for name, chosen in {"probe": templates.probes, **_named(templates)}.items():
        # The place within the gallery or among the probes, from 1: their order is kept.
        places = np.zeros(len(templates), dtype=np.int64)
        places[chosen] = np.arange(1, len(chosen) + 1)
        heads[name] = places
    counts = (templates.lost_templates, templates.lost_pairs)
    lost = {key: str(count).encode() for key, count in zip(_LOST, counts, strict=True)}
    pairs = {"left": templates.left, "right": templates.right, "same": templates.same}
    return {
        "template_members.parquet": pa.table(members),
        "templates.parquet": pa.table(heads).replace_schema_metadata(lost),
        "template_pairs.parquet": pa.table(pairs),
    }


def read_templates(folder: Path, n_rows: int) -> TemplateList | None:
    """The templates in ``folder`` over ``n_rows`` photos, None where it has none.

    Raises :class:`BadInput` where a file is missing or damaged, or names a row that does not exist.
    """
    there = [name for name in TEMPLATE_FILES if (folder / name).is_file()]
    if not there:
        return None
    if len(there) != len(TEMPLATE_FILES):
        absent = min(set(TEMPLATE_FILES) - set(there))
        raise BadInput(f"{folder} lacks {absent}, which its other template files need")
    try:
        members, pairs, heads = (read_metadata(folder / name) for name in TEMPLATE_FILES)
        lost = heads.schema.metadata or {}
        templates = TemplateList(
            row=_column(members, "row", np.int64),
            template=_column(members, "template", np.int32),
            media=_column(members, "media", np.int64),
            weight=_column(members, "weight", np.float32) if "weight" in members.column_names else None,
            names=_texts(heads, "name", folder),
            identities=_texts(heads, "identity", folder),
            left=_column(pairs, "left", np.int32),
            right=_column(pairs, "right", np.int32),
            same=_same(pairs, folder),
            galleries={
                name.removeprefix(_GALLERY): _places(heads, name)
                for name in heads.column_names
                if name.startswith(_GALLERY)
            },
            probes=_places(heads, "probe"),
            lost_templates=int(lost.get(_LOST[0], b"0")),
            lost_pairs=int(lost.get(_LOST[1], b"0")),
        )
    except (pa.ArrowException, KeyError, OSError, ValueError, TypeError) as error:
        raise BadInput(f"the template files of {folder} cannot be read: {error}") from error
    templates.check(n_rows)
    return templates


def _named(templates: TemplateList) -> dict[str, NDArray[np.int64]]:
    return {f"{_GALLERY}{name}": templates.galleries[name] for name in sorted(templates.galleries)}


def _column(table: pa.Table, name: str, dtype: type[np.generic]) -> NDArray[Any]:
    if table.column(name).null_count:
        raise ValueError(f"{table.column(name).null_count} rows have no {name}")
    column: NDArray[Any] = table.column(name).to_numpy().astype(dtype)
    return column


def _texts(table: pa.Table, name: str, folder: Path) -> NDArray[np.str_]:
    where = f"{folder / 'templates.parquet'}, column {name}"
    return np.array(label_texts(table.column(name).to_pylist(), where), dtype=np.str_)


def _same(pairs: pa.Table, folder: Path) -> NDArray[np.bool_]:
    labels = pairs.column("same")
    return same_labels(
        labels.to_pylist() if labels.null_count else labels.to_numpy(), str(folder / "template_pairs.parquet")
    )


def _places(heads: pa.Table, name: str) -> NDArray[np.int64]:
    places = _column(heads, name, np.int64)
    chosen = np.flatnonzero(places)
    return chosen[np.argsort(places[chosen], kind="stable")].astype(np.int64)
