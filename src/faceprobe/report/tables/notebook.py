"""Tables that a notebook shows: results, and the comparison of two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from faceprobe.report.text.numbers import fraction, interval
from faceprobe.results.result import Result

MOST = 60
"""Rows that are shown; the rest is counted."""

COLUMNS = ("model", "dataset", "crop", "cloak", "purifier", "protocol")


def results_html(rows: Sequence[Result]) -> str:
    """Figures with their intervals; what all rows share stands above the table, in words."""
    if not rows:
        return "<p>no rows</p>"
    varying = [c for c in COLUMNS if len({getattr(r, c) for r in rows}) > 1]
    shared = [str(getattr(rows[0], c)) for c in COLUMNS if c not in varying]
    head = ", ".join(text for text in shared if text != "none")
    lines = []
    for row in rows[:MOST]:
        value = "-" if row.value is None else fraction(row.value, row.metric)
        cells = [str(getattr(row, c)) for c in varying]
        cells += [row.metric, row.weighting, value, interval(row.ci_low, row.ci_high, row.metric)]
        lines.append([*cells, f"{row.n:,}", row.text])
    evidence = ", ".join(sorted({row.evidence for row in rows}))
    columns = (*varying, "metric", "weighting", "value", "95 % interval", "n", "remarks")
    return f"<p>{escape(head)}. Evidence: {escape(evidence)}.</p>" + _table(columns, lines) + _more(len(rows))


def table_html(lines: Sequence[Mapping[str, str | float | None]]) -> str:
    """A table of equal mappings; numbers with four digits."""
    if not lines:
        return "<p>no rows</p>"

    def shown(value: str | float | None) -> str:
        if value is None:
            return "-"
        return value if isinstance(value, str) else f"{value:.4f}"

    cells = [[shown(value) for value in line.values()] for line in lines[:MOST]]
    return _table(tuple(lines[0]), cells) + _more(len(lines))


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _more(count: int) -> str:
    return f"<p>{count - MOST:,} more rows: to_pandas() holds all of them.</p>" if count > MOST else ""
