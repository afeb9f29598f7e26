"""Labels from files and from memory: the same columns come from each of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceprobe.core.errors import BadInput, Missing
from faceprobe.data.label_files import read_labels, with_labels

COLUMNS = {
    "path": ["a/1.jpg", "a/2.jpg", "b/1, old.jpg"],
    "identity": ["ada", "ada", "bob"],
    "event": ["", "e1", "e1"],
    "group": ["", "", ""],
    "caption": ["one", "two", "three"],
}


def _delimited(path: Path, columns: dict[str, list[str]], separator: str) -> Path:
    def cell(text: str) -> str:
        return f'"{text}"' if separator in text else text

    rows = [tuple(columns), *zip(*columns.values(), strict=True)]
    path.write_text("".join(separator.join(cell(text) for text in row) + "\n" for row in rows))
    return path


def _jsonl(path: Path, columns: dict[str, list[str]]) -> Path:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    path.write_text("".join(json.dumps({k: v or None for k, v in row.items()}) + "\n" for row in rows))
    return path


def _parquet(path: Path, columns: dict[str, list[str]]) -> Path:
    table = pa.table({name: [v or None for v in values] for name, values in columns.items()})
    pq.write_table(table.append_column("vector", pa.array([[1.0], [2.0], [3.0]])), path)
    return path


def _frame(columns: dict[str, list[str]]) -> Any:
    return pytest.importorskip("pandas").DataFrame(columns)


SOURCES: dict[str, Callable[[Path, dict[str, list[str]]], Any]] = {
    "csv": lambda folder, columns: _delimited(folder / "l.csv", columns, ","),
    "tsv": lambda folder, columns: _delimited(folder / "l.tsv", columns, "\t"),
    "jsonl": lambda folder, columns: _jsonl(folder / "l.jsonl", columns),
    "parquet": lambda folder, columns: _parquet(folder / "l.parquet", columns),
    "mapping": lambda folder, columns: columns,
    "pandas": lambda folder, columns: _frame(columns),
    "arrow": lambda folder, columns: pa.table(columns),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_same_columns(tmp_path: Path, kind: str) -> None:
    read = read_labels(SOURCES[kind](tmp_path, COLUMNS))
    assert {name: column.tolist() for name, column in read.items()} == {
        name: COLUMNS[name]
        for name in ("path", "identity", "event")  # no group has a value
    }
    assert all(column.dtype.kind == "U" for column in read.values())


@pytest.mark.parametrize("kind", SOURCES)
def test_other_names_of_the_columns(tmp_path: Path, kind: str) -> None:
    columns = {"file": COLUMNS["path"], "person": COLUMNS["identity"], "event": COLUMNS["event"]}
    source = SOURCES[kind](tmp_path, columns)
    read = read_labels(source, path_column="file", identity_column="person")
    assert (read["path"].tolist(), read["identity"].tolist()) == (COLUMNS["path"], COLUMNS["identity"])
    with pytest.raises(
        BadInput, match=r"no column 'who' \(--identity-column\); it has the columns file, person"
    ):
        read_labels(source, path_column="file", identity_column="who")
    with pytest.raises(BadInput, match=r"it has the columns .*file, person, event; --(path|identity)-column"):
        read_labels(source)


@pytest.mark.parametrize("identities", [["a", "a", 7], np.array(["a", "a", "7"]), ("a", "a", "7")])
def test_identities_alone_name_their_rows(identities: Any) -> None:
    read = read_labels(identities)
    assert read["identity"].tolist() == ["a", "a", "7"]
    assert read["path"].tolist() == ["0000000", "0000001", "0000002"]


def test_variants_and_sources_have_defaults() -> None:
    read = read_labels(
        {
            "image_path": ["a.png", "a-cloaked.png"],
            "identity": ["a", "a"],
            "variant": ["", "fawkes"],
            "source_image": ["", "a.png"],
        }
    )
    assert read["variant"].tolist() == ["clean", "fawkes"]
    assert read["source_image"].tolist() == ["a.png", "a.png"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("l.csv", "", "is empty"),
        ("l.csv", "path,identity\n", "holds no rows"),
        ("l.tsv", "path\tidentity\na.jpg\n", "row 1: 1 values under 2 columns"),
        ("l.tsv", "path,identity\na.jpg,a\n", "no column 'path'.*it has the columns path,identity"),
        ("l.jsonl", '{"path": "a.jpg"', "is not JSONL"),
        ("l.jsonl", "[1]\n", "each line must be a JSON object"),
        ("l.jsonl", "", "no column 'path'.*it has no columns"),
        ("l.jsonl", '{"path": "a.jpg", "identity": null}\n', "no row has an identity"),
        ("l.jsonl", '{"path": null, "identity": "ada"}\n', r"1 row without a path \(first: row 0\)"),
        ("l.jsonl", '{"path": "a", "identity": "x", "identity": "y"}\n', "2 columns called 'identity'"),
        ("l.jsonl", '{"path": "a", "identity": ["x"]}\n', "column identity: row 0 holds a list"),
        ("l.jsonl", '{"path": "a", "identity": {"id": 1}}\n', "column identity: row 0 holds a mapping"),
        ("l.csv", "path,identity,identity\na,x,y\n", "2 columns called 'identity'"),
        ("l.csv", "path, event ,identity,event\na,x,y,z\n", "2 columns called 'event'"),
        ("l.parquet", "path,identity\n", "not a readable parquet file"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, name: str, content: str, says: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=says) as error:
        read_labels(tmp_path / name)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_absent_files_nested_lists_and_other_lengths(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"no file .*l\.csv"):
        read_labels(tmp_path / "l.csv")
    with pytest.raises(BadInput, match="nested list"):
        read_labels([["a", "b"], ["c", "d"]])
    with pytest.raises(BadInput, match="the matrix of vectors has 2 rows but the list of labels has 3"):
        with_labels(np.eye(2, dtype=np.float32), ["a", "b", "c"])
