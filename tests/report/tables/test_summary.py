"""The terminal's summary table: every figure with its remarks, and whether a model is above the floors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from faceprobe.data.remarks import CODES, remark
from faceprobe.report import summary_table
from faceprobe.results.run import read_run
from tests.helpers.run_writer import MODELS, PIXELS, Writer


def test_a_line_for_each_model_and_crop(writer: Callable[..., Writer]) -> None:
    table = summary_table(read_run(writer().write()).rows)
    assert table.columns == (
        "model",
        "crop",
        "Rank-1 across events, 7 enrolled",
        "Rank-1 all photos, 7 enrolled",
        "TMR at FMR 10⁻³",
        "Above floors",
    )
    lines = table.rows
    assert len(lines) == 10 and all(len(line) == len(table.columns) for line in lines)
    assert [line[0] for line in lines[:2]] == ["bundled:face", "bundled:clip-l"]
    assert lines[0][1] == "as-is" and lines[5][1] == "context-only"
    assert lines[1][2].startswith("0.6") and "[" in lines[1][2]
    assert {line[-1] for line in lines} == {"no floor"}


def test_datasets_get_a_column_where_there_are_several(writer: Callable[..., Writer]) -> None:
    rows = read_run(writer(datasets=("lfw:a", "folder:b"), crops=("as-is",), folds=True).write()).rows
    table = summary_table(rows)
    assert table.columns[:3] == ("model", "dataset", "Rank-1 across events, 7 enrolled")
    assert "Accuracy lfw/official" in table.columns
    assert {line[1] for line in table.rows} == {"lfw:a", "folder:b"}


def test_every_remark_is_a_note_and_columns_without_a_figure_are_left_out(
    writer: Callable[..., Writer],
) -> None:
    rows = list(read_run(writer(crops=("as-is",)).write()).rows)
    for k, row in enumerate(rows):
        if row.metric == "rank1" and row.protocol.endswith("cross-event") and row.model == "bundled:clip-s":
            rows[k] = replace(row, remarks=remark("coverage-not-assured", "rests on 9 effective people"))
        elif row.metric == "tmr@fmr=1e-3":
            rows[k] = replace(row, value=None, remarks=remark("not-supported", "too few"))
    table = summary_table(rows)
    assert table.notes == (CODES["coverage-not-assured"][1],)
    assert {line[0] for line in table.rows if line[1].endswith(" (1)")} == {"bundled:clip-s"}
    assert not any(name.startswith("TMR") for name in table.columns)
    assert table.caption.startswith("(1) the interval rests on few effective people")


def test_floors_are_named_and_models_judged_against_them(writer: Callable[..., Writer]) -> None:
    run = read_run(writer(models=(*MODELS, PIXELS), crops=("as-is",)).write())
    words = {line[0]: line[-1] for line in summary_table(run.rows, run).rows}
    assert words["pixels:32"] == "floor"
    assert {words[m.card.id] for m in MODELS} == {"yes"}
    alone = {line[0]: line[-1] for line in summary_table(run.rows).rows}
    assert alone["pixels:32"] == "floor" and alone["bundled:face"] == "yes", "by intervals, without the run"


def test_no_rows(tmp_path: Path) -> None:
    table = summary_table([])
    assert (table.columns, table.rows, table.notes) == (("model",), (), ())
