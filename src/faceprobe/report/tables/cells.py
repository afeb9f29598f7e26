"""Cells of the report's tables: a figure as text, its interval drawn, and the footnotes below the table."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from markupsafe import Markup

from faceprobe.data.remarks import is_cautioned, text_of, without_brackets
from faceprobe.report.text.numbers import fraction, interval
from faceprobe.results.result import Result

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")


@dataclass
class FootnoteList:
    """Notes below a table, numbered from 1. Notes that differ in their numbers only are one, with the range
    of each number; ``key`` makes their anchors unique.
    """

    key: str
    _same: dict[str, list[str]] = field(default_factory=dict)

    def number(self, text: str) -> int:
        """The number of ``text``; 0 for an empty text."""
        if not text:
            return 0
        pattern = _NUMBER.sub("#", text)
        found = self._same.setdefault(pattern, [])
        if text not in found:
            found.append(text)
        return list(self._same).index(pattern) + 1

    @property
    def texts(self) -> list[str]:
        """The notes in the order of their numbers."""
        return [_merged(texts) for texts in self._same.values()]


def _merged(texts: list[str]) -> str:
    """Texts that differ in their numbers only as one: ``4 to 28 false matches support T, below 30``."""
    columns = zip(*map(_NUMBER.findall, texts), strict=True)
    ranges = iter([_range(list(dict.fromkeys(column))) for column in columns])
    return _NUMBER.sub(lambda match: next(ranges), texts[0])


def _range(numbers: list[str]) -> str:
    ordered = sorted(numbers, key=lambda number: float(number.replace(",", "").rstrip(".")))
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"


@dataclass(frozen=True)
class TableCell:
    """One figure of a table.

    ``value``, ``interval`` and ``pair`` (the pair-weighted value) are text, ``bar`` is the interval drawn,
    ``note`` a footnote number (0: none), ``reason`` the text of the row's remarks, and ``caution`` says
    whether one of them is a caution.
    """

    value: str
    interval: str = ""
    bar: Markup = field(default_factory=Markup)
    pair: str = ""
    note: int = 0
    reason: str = ""
    caution: bool = False


def table_cell(row: Result | None, pair: Result | None, notes: FootnoteList, top: float = 1.0) -> TableCell:
    """The cell of ``row`` and of its pair-weighted row ``pair``; the bar ends at the value ``top``."""
    if row is None:
        return TableCell(
            "-", note=notes.number("not measured in this run"), reason="not measured in this run"
        )
    if row.value is None:
        reason = row.text or "not supported by the data"
        return TableCell("-", note=notes.number(reason), reason=reason)
    paired = "" if pair is None or pair.value is None else fraction(pair.value, row.metric)
    return TableCell(
        value=fraction(row.value, row.metric),
        interval=interval(row.ci_low, row.ci_high, row.metric),
        bar=interval_bar(row, top),
        pair=paired,
        note=notes.number(text_of(without_brackets(row.remarks))),
        reason=row.text,
        caution=is_cautioned(row.remarks),
    )


def interval_bar(row: Result, top: float = 1.0) -> Markup:
    """A small drawing of value and interval between 0 and ``top``."""
    if row.value is None:
        return Markup()

    def at(value: float) -> float:
        return 64 * min(max(value / top, 0.0), 1.0)

    low = at(row.value if row.ci_low is None else row.ci_low)
    high = at(row.value if row.ci_high is None else row.ci_high)
    return Markup(
        '<svg class="ci" viewBox="0 0 64 8" aria-hidden="true"><path class="track" d="M0 4H64"/>'
        f'<path class="range" d="M{low:.1f} 4H{max(high, low + 0.5):.1f}"/>'
        f'<path class="value" d="M{at(row.value):.1f} 0V8"/></svg>'
    )
