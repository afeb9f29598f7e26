"""Rank-1 of a few models with intervals, one row a model: the figure of a report's opening."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from faceprobe.report.plots.axes import Axis
from faceprobe.report.plots.svg import Plot, ends_of
from faceprobe.report.plots.theme import Mark
from faceprobe.report.text.numbers import percent_with_interval
from faceprobe.results.result import Result

WIDE, NARROW = 620, 320
"""User units. On a page of 390 pixels the narrow figure has about its own size: its text stays legible."""

TOP, BOTTOM = 46, 44
"""User units above the rows, for the heading and its source, and below them, for the axis."""

MARKS = {
    "clip": Mark(1, "", "circle"),
    "specialist": Mark(8, "", "square"),
    "encoder": Mark(8, "", "diamond"),
    "floor": Mark(8, "", "circle", hollow=True),
}
"""The marker of each role; the clip models stand out by colour too."""

AXIS = Axis(
    "Searches in which the same person comes first",
    0.0,
    1.0,
    [(k / 4, f"{25 * k} %") for k in range(5)],
)


def rank_figure(
    name: str,
    rows: Sequence[Result],
    roles: Mapping[str, str],
    about: Mapping[str, str],
    heading: str,
    source: str,
    *,
    narrow: bool = False,
) -> Plot:
    """``rows`` with a value, best first; ``roles`` and ``about`` (a few words) by model. ``heading`` stands
    above the rows, ``source`` below it.
    """
    drawn = sorted((r for r in rows if r.value is not None), key=lambda r: -(r.value or 0.0))
    step = 52 if narrow else 36
    plot = Plot(
        name,
        heading,
        "; ".join(f"{r.model} ({about[r.model]}): {percent_with_interval(r)}" for r in drawn),
        AXIS,
        width=NARROW if narrow else WIDE,
        height=TOP + step * len(drawn) + BOTTOM,
        left=12 if narrow else 214,
        right=24 if narrow else 106,
        top=TOP,
        bottom=BOTTOM,
        lines=False,
    )
    plot.text((10, 18), heading, "strong")
    plot.text((10, 34), source, "quiet")
    for k, row in enumerate(drawn):
        draw = _draw_narrow if narrow else _draw_wide
        draw(plot, row, MARKS[roles[row.model]], about[row.model], TOP + step * (k + 0.5))
    return plot


def _draw_wide(plot: Plot, row: Result, mark: Mark, about: str, middle: float) -> None:
    """Name, marker and value next to each other, around the height ``middle``."""
    emphasis = _emphasis(mark)
    plot.text((10, middle - 4), row.model, emphasis)
    plot.text((10, middle + 10), about, "quiet")
    plot.text((plot.width - plot.right + 14, middle + 4), percent_with_interval(row), emphasis)
    _draw_marker(plot, row, mark, middle)


def _draw_narrow(plot: Plot, row: Result, mark: Mark, about: str, middle: float) -> None:
    """Name and value above the marker, around the height ``middle``."""
    emphasis = _emphasis(mark)
    plot.text((10, middle - 13), row.model, emphasis)
    plot.text((10, middle + 1), about, "quiet")
    plot.text((plot.width - 10, middle - 13), percent_with_interval(row), emphasis, "end")
    _draw_marker(plot, row, mark, middle + 14)


def _draw_marker(plot: Plot, row: Result, mark: Mark, track: float) -> None:
    assert row.value is not None
    ends = [(plot.px(value), track) for value in ends_of(row)]
    plot.mark((plot.px(row.value), track), mark, ends, f"{row.model}: {percent_with_interval(row)}")


def _emphasis(mark: Mark) -> str:
    return "strong" if mark.color == MARKS["clip"].color else "label"
