"""The text files of IJB-B and IJB-C: faces, memberships, listed pairs, galleries and probes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Missing
from faceprobe.data.labels import label_texts, refuse_repeated

POINTS = 10


@dataclass(frozen=True)
class Faces:
    """``names`` (F,) str unique; ``points`` (F, 5, 2) float32 pixels; ``score`` (F,) float32 from 0."""

    names: NDArray[np.str_]
    points: NDArray[np.float32]
    score: NDArray[np.float32]


@dataclass(frozen=True)
class Members:
    """``face`` (M,) int64 row among the faces, ``template`` and ``media`` (M,) int64 ids of the source."""

    face: NDArray[np.int64]
    template: NDArray[np.int64]
    media: NDArray[np.int64]


@dataclass(frozen=True)
class TemplatePairs:
    """``left`` and ``right`` (P,) int32 numbers of templates, ``same`` (P,) bool."""

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    same: NDArray[np.bool_]


@dataclass(frozen=True)
class Subjects:
    """``of`` maps a template's id to its subject; ``galleries`` and ``probes`` hold template ids."""

    of: dict[int, str]
    galleries: dict[str, NDArray[np.int64]]
    probes: NDArray[np.int64]


def read_faces(path: Path) -> Faces:
    """``name x1 y1 ... x5 y5 score`` a line."""
    kinds = [pa.string(), *[pa.float64()] * (POINTS + 1)]
    columns = _columns(path, kinds, "a name, five points and a score")
    names = np.array(columns[0].to_pylist(), dtype=np.str_)
    if len(np.unique(names)) != len(names):
        raise BadInput(f"{path} names a photo twice; one line a face is expected")
    bad = [name for name in names.tolist() if "/" in name or "\\" in name or name.startswith(".")]
    if bad:
        raise BadInput(f"{path}: {bad[0]!r} is not the name of a photo in loose_crop/")
    numbers = np.column_stack([c.to_numpy() for c in columns[1:]])
    if not np.isfinite(numbers).all() or (numbers[:, -1] < 0).any():
        raise BadInput(f"{path} holds a point that is not a number, or a detector score below 0")
    points = numbers[:, :POINTS].reshape(-1, 5, 2).astype(np.float32)
    return Faces(names, points, numbers[:, -1].astype(np.float32))


def read_tid_mid(path: Path, names: NDArray[np.str_]) -> Members:
    """``name template medium`` a line, for the faces ``names`` of the other file."""
    columns = _columns(path, [pa.string(), pa.int64(), pa.int64()], "a name, a template and a medium")
    rows = {name: k for k, name in enumerate(names.tolist())}
    face = [rows.get(name, -1) for name in columns[0].to_pylist()]
    if -1 in face:
        line = face.index(-1)
        raise BadInput(
            f"{path}, line {line + 1}: {columns[0][line].as_py()!r} has no line with its five points; "
            "both files must be of one set"
        )
    return Members(np.array(face, dtype=np.int64), columns[1].to_numpy(), columns[2].to_numpy())


def read_pairs(path: Path, ids: NDArray[np.int64]) -> TemplatePairs:
    """``template template label`` a line, read in batches; ``ids`` (T,) are the sorted template ids."""
    left, right, same = [], [], []
    kinds = {"0": pa.int64(), "1": pa.int64(), "2": pa.int64()}
    _check_exists(path)
    try:
        with pa_csv.open_csv(
            path,
            read_options=pa_csv.ReadOptions(column_names=list(kinds)),
            parse_options=pa_csv.ParseOptions(delimiter=" "),
            convert_options=pa_csv.ConvertOptions(column_types=kinds),
        ) as batches:
            for batch in batches:
                a, b, label = (column.to_numpy(zero_copy_only=False) for column in batch.columns)
                left.append(number_templates(a, ids, str(path)).astype(np.int32))
                right.append(number_templates(b, ids, str(path)).astype(np.int32))
                if not ((label == 0) | (label == 1)).all():
                    raise BadInput(f"{path} holds a label other than 0 and 1")
                same.append(label == 1)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(f"{path} must hold two templates and 0 or 1 a line: {error}") from error
    return TemplatePairs(*(np.concatenate(parts) for parts in (left, right, same)))


def read_subjects(galleries: dict[str, Path], probes: Path) -> Subjects:
    """The galleries and probes; one template must show one subject in all of them."""
    of: dict[int, str] = {}
    lists = {}
    for name, path in {**galleries, "": probes}.items():
        template, subject = _csv_columns(path)
        for t, s in zip(template.tolist(), subject, strict=True):
            if of.setdefault(t, s) != s:
                raise BadInput(f"{path}: template {t} shows subject {s}, in another file it shows {of[t]}")
        lists[name] = np.unique(template)
    return Subjects(of, {name: lists[name] for name in galleries}, lists[""])


def number_templates(wanted: NDArray[np.int64], ids: NDArray[np.int64], where: str) -> NDArray[np.int64]:
    """The indices of ``wanted`` in the sorted ``ids``; :class:`BadInput` for a template without photos."""
    place = np.searchsorted(ids, wanted).astype(np.int64)
    wrong = ids[np.minimum(place, len(ids) - 1)] != wanted
    if wrong.any():
        raise BadInput(f"{where}: template {int(wanted[int(np.argmax(wrong))])} has no photos")
    return place


def _csv_columns(path: Path) -> tuple[NDArray[np.int64], list[str]]:
    """TEMPLATE_ID and SUBJECT_ID of a CSV file with a header; other columns are ignored."""
    try:
        table = pa_csv.read_csv(path)
        refuse_repeated(
            [n.strip().upper() for n in table.column_names], ("TEMPLATE_ID", "SUBJECT_ID"), str(path)
        )
        names = {name.strip().upper(): name for name in table.column_names}
        template, subject = (table.column(names[c]) for c in ("TEMPLATE_ID", "SUBJECT_ID"))
        if template.null_count:
            raise BadInput(f"{path} is empty or lacks a template or subject in a line")
        numbers = template.cast(pa.int64()).to_numpy().astype(np.int64)
    except KeyError as error:
        raise BadInput(f"{path} has no column {error}; its header names TEMPLATE_ID, SUBJECT_ID") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(f"{path} is not a CSV file of templates: {error}") from error
    subjects = label_texts(subject.to_pylist(), f"{path}, column SUBJECT_ID")
    if not len(numbers) or not all(subjects):
        raise BadInput(f"{path} is empty or lacks a template or subject in a line")
    return numbers, subjects


def _columns(path: Path, kinds: list[Any], what: str) -> list[pa.ChunkedArray]:
    """The columns of a file of values separated by single spaces."""
    _check_exists(path)
    names = [str(k) for k in range(len(kinds))]
    try:
        table = pa_csv.read_csv(
            path,
            read_options=pa_csv.ReadOptions(column_names=names),
            parse_options=pa_csv.ParseOptions(delimiter=" ", quote_char=False),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict(zip(names, kinds, strict=True)), strings_can_be_null=False
            ),
        )
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path} must hold {what} a line: {error}") from error
    if any(column.null_count for column in table.columns):
        raise BadInput(f"{path} must hold {what} a line; a value is missing")
    if not table.num_rows:
        raise BadInput(f"{path} is empty")
    return list(table.columns)


def _check_exists(path: Path) -> None:
    if not path.is_file():
        raise Missing(f"no file {path}; the benchmark's meta/ folder holds it")
