"""The terminal's summary table."""

from __future__ import annotations

from collections.abc import Callable

from faceprobe.report import summary_table
from faceprobe.results.run import read_run
from tests.helpers.run_writer import Writer


def test_a_line_for_each_model_and_crop(writer: Callable[..., Writer]) -> None:
    rows = read_run(writer().write()).rows
    columns, lines = summary_table(rows)
    assert columns == ("model", "crop", "Rank-1 across events", "Rank-1 all photos", "TMR at FMR 10⁻³")
    assert len(lines) == 10 and all(len(line) == len(columns) for line in lines)
    assert [line[0] for line in lines[:2]] == ["bundled:face", "bundled:clip-l"]
    assert lines[0][1] == "as-is" and lines[5][1] == "context-only"
    assert lines[1][2].startswith("0.6") and "[" in lines[1][2]


def test_datasets_get_a_column_where_there_are_several(writer: Callable[..., Writer]) -> None:
    rows = read_run(writer(datasets=("lfw:a", "folder:b"), crops=("as-is",), folds=True).write()).rows
    columns, lines = summary_table(rows)
    assert columns[:3] == ("model", "dataset", "crop") and "Accuracy lfw/official" in columns
    assert {line[1] for line in lines} == {"lfw:a", "folder:b"}


def test_no_rows() -> None:
    assert summary_table([]) == (("model", "crop"), [])
