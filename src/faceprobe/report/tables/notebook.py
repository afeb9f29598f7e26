"""HTML tables for a notebook: result rows, and the comparison of two results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from faceprobe.data.evidence import weakest
from faceprobe.report.text.numbers import fraction, interval
from faceprobe.report.text.sentences import LABEL
from faceprobe.results.result import Result

MOST = 60
"""Rows that a table shows; the number of further rows stands below it."""

COLUMNS = ("model", "dataset", "crop", "cloak", "purifier", "protocol")


def results_html(rows: Sequence[Result]) -> str:
    """A table of metrics with values, intervals and remarks.

    Columns in which all rows agree are left out; their values stand above the table with the evidence.
    """
    if not rows:
        return "<p>no rows</p>"
    varying = [c for c in COLUMNS if len({getattr(r, c) for r in rows}) > 1]
    common = [str(getattr(rows[0], c)) for c in COLUMNS if c not in varying]
    lines = []
    for row in rows[:MOST]:
        figures = [fraction(row.value, row.metric), interval(row.ci_low, row.ci_high, row.metric)]
        cells = [str(getattr(row, c)) for c in varying]
        lines.append([*cells, row.metric, row.weighting, *figures, f"{row.n:,}", row.text])
    head = ", ".join(text for text in common if text != "none")
    label = LABEL[weakest(row.evidence for row in rows)]
    caption = escape(". ".join(text for text in (head, label) if text))
    columns = (*varying, "metric", "weighting", "value", "95 % interval", "n", "remarks")
    return f"<p>{caption}.</p>" + _table(columns, lines) + _more(len(rows))


def table_html(lines: Sequence[Mapping[str, str | float | None]]) -> str:
    """A table of mappings with the same keys, which are its columns; numbers have four digits."""
    if not lines:
        return "<p>no rows</p>"

    def text(value: str | float | None) -> str:
        if value is None:
            return "-"
        return value if isinstance(value, str) else f"{value:.4f}"

    cells = [[text(value) for value in line.values()] for line in lines[:MOST]]
    return _table(tuple(lines[0]), cells) + _more(len(lines))


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _more(count: int) -> str:
    return f"<p>{count - MOST:,} more rows: to_pandas() holds all of them.</p>" if count > MOST else ""
