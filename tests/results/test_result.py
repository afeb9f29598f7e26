"""Rows as objects: what is written is read back, and what is no row is one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from faceprobe.core.errors import BadInput
from faceprobe.data.remarks import join, remark
from faceprobe.results.files import write_results
from faceprobe.results.result import COLUMNS, SCHEMA, Metric, Result, attach, from_document, to_document
from faceprobe.results.run import read_results


def _rows() -> list[Result]:
    told = join(remark("weak-threshold", "3 false matches"), remark("lower-bound", "a lower bound"))
    metrics = [
        Metric("p", "m", "pair", 0.5, 0.4, 0.6, "bootstrap", 9, 3, told, "p v2: rule", 2),
        Metric("p", "k", "none", None, remarks=remark("not-supported", "too few")),
    ]
    return attach(metrics, model="a", dataset="b", crop="as-is", evidence="synthetic", model_hash="h")


def _changed(**change: Any) -> dict[str, Any]:
    document = json.loads(json.dumps(to_document(_rows())))
    document["rows"][1] |= change
    return document


def test_rows_survive_json() -> None:
    rows = _rows()
    document = json.loads(json.dumps(to_document(rows)))
    assert document["schema"] == "faceprobe.results/2" and tuple(document["rows"][0]) == COLUMNS
    assert document["rows"][0]["remarks"][1] == {
        "code": "lower-bound",
        "level": "info",
        "text": "a lower bound",
    }
    assert from_document(document) == rows
    assert rows[0].text == "3 false matches; a lower bound" and rows[0].protocol_version == 2


def test_parquet_holds_remarks_as_structs_and_the_version_as_an_integer(tmp_path: Path) -> None:
    written = write_results(tmp_path, _rows())
    table = pq.read_table(tmp_path / "results.parquet")
    assert table.schema.names == list(COLUMNS)
    assert str(table.schema.field("remarks").type).startswith("list<")
    assert str(table.schema.field("protocol_version").type) == "int64"
    assert table.to_pylist() == [row.to_dict() for row in written]
    assert read_results(tmp_path) == written


def test_written_bytes_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    write_results(tmp_path / "a", _rows())
    write_results(tmp_path / "b", _rows()[::-1])
    for name in ("results.json", "results.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_an_older_schema_is_named() -> None:
    with pytest.raises(BadInput, match=r"x\.json was written by an older faceprobe .*run the study again"):
        from_document({"schema": "faceprobe.results/1", "rows": []}, "x.json")
    for document in ({}, [], {"schema": "other/2", "rows": []}):
        with pytest.raises(BadInput, match="is not a faceprobe results file"):
            from_document(document)
    with pytest.raises(BadInput, match="no list of rows"):
        from_document({"schema": SCHEMA, "rows": {}})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("model", None),
        ("model", 1),
        ("value", "0.5"),
        ("value", True),
        ("value", float("nan")),
        ("n", 1.5),
        ("n", True),
        ("protocol_version", None),
        ("protocol_version", "1"),
        ("weighting", "people"),
        ("evidence", "mine"),
        ("remarks", "text"),
        ("remarks", None),
        ("remarks", [{"code": "a"}]),
    ],
)
def test_a_wrong_type_in_a_row_is_one_clear_error(column: str, value: object) -> None:
    with pytest.raises(BadInput, match=r"^results\.json: row 1 is not of schema .*") as error:
        from_document(_changed(**{column: value}))
    assert column in str(error.value) or (column == "remarks" and "remark" in str(error.value))
    assert "\n" not in str(error.value)


def test_missing_and_unknown_columns_are_named() -> None:
    with pytest.raises(BadInput, match="column note is unknown"):
        from_document(_changed(note=""))
    document = _changed()
    del document["rows"][0]["purifier"]
    with pytest.raises(BadInput, match=r"row 0 .*column purifier is missing"):
        from_document(document)
    with pytest.raises(BadInput, match="row 0"):
        from_document({"schema": SCHEMA, "rows": ["text"]})


def test_an_integer_is_read_as_the_float_that_it_is() -> None:
    (_, row) = from_document(_changed(value=1))
    assert type(row.value) is float
