"""How results look on a terminal, and as JSON on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from faceprobe.core.result import Result


def print_json(value: Any) -> None:
    """Exactly this object on standard output, and nothing else there."""
    json.dump(value, sys.stdout, indent=1, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> None:
    """A plain table that also reads well when piped into a file."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=title, title_justify="left", caption=caption or None, caption_justify="left", box=box.SIMPLE
    )
    for k, column in enumerate(columns):
        table.add_column(column, overflow="fold", justify="left" if k == 0 else "default")
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)


def format_value(value: float | None, metric: str) -> str:
    """Rates with four digits, counts with thousands separators, "-" for a value that is not supported."""
    if value is None:
        return "-"
    if metric.startswith("n_"):
        return f"{round(value):,}"
    return f"{value:.4f}"


def print_results(rows: Sequence[Result], title: str) -> None:
    """One line a metric: value with its interval, weighting, trials and caution."""

    def line(r: Result) -> tuple[str, ...]:
        interval = ""
        if r.ci_low is not None and r.ci_high is not None:
            interval = f"[{format_value(r.ci_low, r.metric)}, {format_value(r.ci_high, r.metric)}]"
        value = format_value(r.value, r.metric)
        return (r.protocol, r.metric, r.weighting, value, interval, f"{r.n:,}", r.note)

    columns = ("protocol", "metric", "weighting", "value", "95 % interval", "n", "note")
    evidence = ", ".join(sorted({r.evidence for r in rows}))
    print_table(title, columns, map(line, rows), caption=f"Evidence: {evidence}.")
