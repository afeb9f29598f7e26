"""Notes below a table, and columns without figures."""

from __future__ import annotations

import json
from collections.abc import Callable

from faceprobe.report.html import filled
from faceprobe.report.tables.cells import FootnoteList
from faceprobe.report.tables.leaderboard import leaderboards
from faceprobe.results.run import read_run
from tests.helpers.run_writer import Writer


def test_notes_that_differ_in_their_numbers_only_are_one() -> None:
    notes = FootnoteList("k")
    texts = [
        "weak: 28 false matches support T, below 30",
        "no width",
        "weak: 4 false matches support T, below 30",
        "28,080 comparisons allow no false match",
        "weak: 1,000 false matches support T, below 30",
    ]
    assert [notes.number(text) for text in [*texts, texts[0], ""]] == [1, 2, 1, 3, 1, 1, 0]
    assert notes.texts == [
        "weak: 4 to 1,000 false matches support T, below 30",
        "no width",
        "28,080 comparisons allow no false match",
    ]


def test_a_column_without_a_figure_is_left_out_and_named(writer: Callable[..., Writer]) -> None:
    run_dir = writer(crops=("as-is",)).write()
    document = json.loads((run_dir / "results.json").read_text())
    for row in document["rows"]:
        if row["metric"] == "tmr@fmr=1e-3":
            note = {"code": "not-supported", "level": "unsupported", "text": "not supported: too few"}
            row.update(value=None, ci_low=None, ci_high=None, remarks=[note])
    (run_dir / "results.json").write_text(json.dumps(document))
    (board,) = leaderboards(read_run(run_dir))
    assert "at FMR 10⁻³" not in [c.subtitle for c in board.columns]
    assert board.absent == ("TMR at FMR 10⁻³: not supported: too few",)
    assert all(cell.value != "-" for row in board.rows for cell in row.cells)


def test_columns_of_a_table_without_a_text_are_left_out() -> None:
    columns = [("Family", "family", ""), ("Patch", "patch", "num"), ("Notes", "notes", "")]
    rows = [{"family": "a", "patch": "-", "notes": ""}, {"family": "-", "patch": "-", "notes": ""}]
    assert filled(columns, rows) == columns[:1]
