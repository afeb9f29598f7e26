"""How results look on a terminal, and as JSON on standard output."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from faceprobe.cli.text_table import table_lines
from faceprobe.data.remarks import without_brackets
from faceprobe.metrics.table import metric_info
from faceprobe.results.result import Result, Weighting

if TYPE_CHECKING:
    from faceprobe.results.run import Run


def print_json(value: Any) -> None:
    """Exactly this object on standard output, and nothing else there."""
    json.dump(value, sys.stdout, indent=1, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> None:
    """A plain table that fits the terminal, and that reads well in a file too (160 columns, or COLUMNS)."""
    print("\n".join([title, "", *table_lines(columns, [*rows], terminal_width()), ""]))
    for line in caption.splitlines():
        print_text(line)


def print_text(text: str) -> None:
    """A sentence, wrapped between words."""
    print(textwrap.fill(text, terminal_width(), break_long_words=False, break_on_hyphens=False))


def terminal_width() -> int:
    """Columns of the terminal, or COLUMNS; 160 where the output goes elsewhere."""
    return max(40, shutil.get_terminal_size((160, 24)).columns)


def print_card(title: str, fields: Mapping[str, Any]) -> None:
    """All that is known of one thing, a line a field; empty fields are left out."""
    flat: dict[str, Any] = {}
    for key, value in fields.items():
        flat |= {f"{key}: {k}": v for k, v in value.items()} if isinstance(value, Mapping) else {key: value}
    rows = [(key.replace("_", " "), text) for key, value in flat.items() if (text := _in_words(value))]
    print_table(title, ("", ""), rows)


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_in_words, value))
    if isinstance(value, int | float):
        return f"{value:,}".removesuffix(".0")
    return "" if value is None else str(value)


def format_value(value: float | None, metric: str) -> str:
    """Rates with four digits, small ones with two that count, counts with thousands separators, "-" for a
    value that is not supported.
    """
    if value is None:
        return "-"
    if metric_info(metric).unit == "count":
        return f"{round(value):,}"
    return f"{value:.1e}" if 0 < abs(value) < 5e-4 else f"{value:.4f}"


def print_results(rows: Sequence[Result]) -> None:
    """A table a protocol, people (the headline) before pairs, and what the figures rest on below."""
    from faceprobe.protocols import PROTOCOLS
    from faceprobe.protocols.cloak_quality import QUALITY

    for protocol in dict.fromkeys(r.protocol for r in rows):
        own = [r for r in rows if r.protocol == protocol]
        lines = []
        for metric in dict.fromkeys(r.metric for r in own):
            by = {r.weighting: r for r in own if r.metric == metric}
            pair = by.get("pair", by.get("none"))
            n = f"{next(iter(by.values())).n:,}"
            lines.append((metric, _with_interval(by.get("identity")), _with_interval(pair), n, _cautions(by)))
        columns = ("metric", "by people [95 %]", "by pairs [95 %]", "n", "caution")
        known = PROTOCOLS.get(protocol) if protocol in PROTOCOLS else QUALITY
        print_table(f"{protocol}: {known.title}", columns, lines)
    last = rows[-1]
    crop = "" if last.crop == "as-is" else f", crop {last.crop}"
    done = "".join(f", {text}" for text in (last.cloak, last.purifier) if text != "none")
    print_text(f"{last.model} on {last.dataset}{crop}{done}. Evidence: {last.evidence}.")
    print_text("By people: everybody weighs equally. By pairs: every comparison or probe does.")


def print_opening(run: Run) -> None:
    """The sentences that the report of ``run`` leads with; nothing where it leads with its own figures."""
    from faceprobe.report.opening import opening_of
    from faceprobe.report.text.numbers import NBSP

    opening = opening_of(run)
    if opening is None:
        return
    print(f"{opening.label}.")
    for sentence in opening.sentences:
        print_text(str(sentence).replace(NBSP, " "))
    print()
    print_text(f"{opening.laboratory}. {opening.laboratory_about}")


def print_cloaks(rows: Sequence[Result]) -> None:
    """What each cloak adds on each model where cloaked photos are enrolled, with the remarks on each figure
    as notes; nothing where there is none.
    """
    from faceprobe.report.tables.cells import FootnoteList

    wanted = ("cloak/poisoning", "added_protection@1nn", "identity", "none")
    own = [r for r in rows if (r.protocol, r.metric, r.weighting, r.purifier) == wanted]
    if not own:
        return
    models = list(dict.fromkeys(r.model for r in own))
    found = {(r.dataset, r.cloak, r.model): r for r in own}
    several = len({r.dataset for r in own}) > 1
    notes = FootnoteList("")

    def noted(row: Result | None) -> str:
        texts = [] if row is None else [one.text for one in without_brackets(row.remarks)]
        return _rounded(row) + "".join(f" ({notes.number(text)})" for text in texts)

    lines = [
        (cloak, *([dataset] if several else []), *(noted(found.get((dataset, cloak, m))) for m in models))
        for dataset, cloak in dict.fromkeys((r.dataset, r.cloak) for r in own)
    ]
    title = "Cloaks: share of photos missed that a clean gallery would have found, by people [95 %]"
    remarks = [f"({number}) {text}" for number, text in enumerate(notes.texts, 1)]
    settings = "nearest photo, the person's cloaked photos enrolled; the report holds the other settings"
    caption = "\n".join([*remarks, settings])
    print_table(title, ("cloak", *(["dataset"] if several else []), *models), lines, caption=caption)


def _rounded(row: Result | None) -> str:
    if row is None or row.value is None:
        return "-"
    if row.ci_low is None or row.ci_high is None:
        return f"{row.value:.2f}"
    return f"{row.value:.2f} [{row.ci_low:.2f}, {row.ci_high:.2f}]"


def _cautions(by: Mapping[Weighting, Result]) -> str:
    """The remarks of a line's rows, brackets left out; what holds for one of two columns only names it."""
    notes = {weighting: [one.text for one in without_brackets(row.remarks)] for weighting, row in by.items()}
    parts = dict.fromkeys(part for own in notes.values() for part in own)
    found = []
    for part in parts:
        where = [weighting for weighting, own in notes.items() if part in own]
        only = {"identity": "by people: ", "pair": "by pairs: "}.get(where[0], "")
        found.append(part if len(where) == len(notes) else only + part)
    return "; ".join(found)


def _with_interval(row: Result | None) -> str:
    if row is None:
        return ""
    value = format_value(row.value, row.metric)
    if row.ci_low is None or row.ci_high is None:
        return value
    return f"{value} [{format_value(row.ci_low, row.metric)}, {format_value(row.ci_high, row.metric)}]"
