"""One metric by model as an SVG that stands alone, drawn from result rows: what ``Results.plot`` shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from faceprobe.core.errors import BadInput
from faceprobe.data.evidence import weakest
from faceprobe.metrics.table import metric_info
from faceprobe.report.plots.axes import Axis, share_axis
from faceprobe.report.plots.svg import shortened
from faceprobe.report.plots.theme import DARK, LIGHT, css_variables
from faceprobe.report.text.numbers import fraction, interval
from faceprobe.report.text.sentences import LABEL
from faceprobe.results.result import Result

WIDTH, LEFT, RIGHT, TOP, STEP, BOTTOM = 720, 260, 96, 78, 30, 34
"""User units: the drawing, the columns of names and of values, the head, one row, the labels of the axis."""

STYLE = """
.faceprobe-plot{font:13px system-ui,sans-serif;font-variant-numeric:tabular-nums;LIGHT}
@media (prefers-color-scheme:dark){.faceprobe-plot{DARK}}
.faceprobe-plot .page{fill:var(--page)} .faceprobe-plot text{fill:var(--text)}
.faceprobe-plot .quiet{fill:var(--muted);font-size:12px} .faceprobe-plot .head{font-size:15px;font-weight:600}
.faceprobe-plot .grid{stroke:var(--rule)} .faceprobe-plot .range{stroke:var(--accent);stroke-width:2}
.faceprobe-plot .dot{fill:var(--accent)}
"""

WEIGHTINGS = {
    "identity": "people weigh equally",
    "pair": "comparisons weigh equally",
}

COLUMNS = ("dataset", "crop", "cloak", "purifier", "protocol")
"""What tells rows of one model apart."""


def plot_metric(rows: Sequence[Result], metric: str, weighting: str = "identity") -> str:
    """An SVG with a dot and the 95 % interval of each row of ``metric``, in the light or dark colours that
    the viewer prefers.

    A row is named by its model and by what else differs among the rows. Raises :class:`BadInput` where no row
    of that metric and ``weighting`` ("identity", "pair" or "none") has a value.
    """
    drawn = [r for r in rows if r.metric == metric and r.weighting == weighting and r.value is not None]
    if not drawn:
        raise BadInput(
            f"no row has a value of {metric} with weighting {weighting}; choose another metric or weighting"
        )
    title, axis = metric_info(metric).title, _axis(drawn, metric)
    bottom = TOP + STEP * len(drawn)
    height = bottom + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="faceprobe-plot" viewBox="0 0 {WIDTH} {height}" '
        f'style="max-width:{WIDTH}px;width:100%" role="img" aria-label="{escape(title)} by model">',
        f"<style>{_style()}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<text class="head" x="10" y="22">{escape(title)}</text>',
    ]
    for k, text in enumerate(_subtitle(drawn, weighting)):
        parts.append(f'<text class="quiet" x="10" y="{40 + 16 * k}">{escape(_cut(text, WIDTH - 20))}</text>')
    for value, label in axis.ticks:
        x = _x(axis, value)
        parts.append(f'<path class="grid" d="M{x:.1f} {TOP - 6}V{bottom}"/>')
        parts.append(
            f'<text class="quiet" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{escape(label)}</text>'
        )
    for k, (row, name) in enumerate(zip(drawn, _names(drawn), strict=True)):
        parts.append(_row(axis, row, name, TOP + STEP * (k + 0.5)))
    return "".join(parts) + "</svg>"


def _row(axis: Axis, row: Result, name: str, y: float) -> str:
    """The name, the dot with its interval, and the value of one row at the height ``y``."""
    assert row.value is not None
    figure = fraction(row.value, row.metric)
    hint = f"{name}: {figure} {interval(row.ci_low, row.ci_high, row.metric)}".strip()
    label = escape(_cut(name, LEFT - 24))
    parts = [f'<text x="{LEFT - 14}" y="{y + 4:.1f}" text-anchor="end">{label}</text>']
    if row.ci_low is not None and row.ci_high is not None:
        ends = (_x(axis, row.ci_low), _x(axis, row.ci_high))
        parts.append(f'<path class="range" d="M{ends[0]:.1f} {y:.1f}H{ends[1]:.1f}"/>')
    x = _x(axis, row.value)
    parts.append(
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="5"><title>{escape(hint)}</title></circle>'
    )
    parts.append(f'<text x="{WIDTH - RIGHT + 18}" y="{y + 4:.1f}">{figure}</text>')
    return "".join(parts)


def _axis(rows: Sequence[Result], metric: str) -> Axis:
    """From 0 to 1 for shares, else from 0 or the lowest value to the highest, with about five round ticks."""
    ends = [v for r in rows for v in (r.value, r.ci_low, r.ci_high) if v is not None]
    low, high = min(0.0, *ends), max(0.0, *ends)
    if metric_info(metric).unit == "fraction" and low >= 0.0 and high <= 1.0:
        return share_axis("")
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(m * power for m in (1, 2, 5, 10) if span / (m * power) <= 5)
    first, last = math.floor(low / step + 1e-9), math.ceil((low + span) / step - 1e-9)
    ticks = [(k * step, f"{k * step:,.6g}") for k in range(first, last + 1)]
    return Axis("", first * step, last * step, ticks)


def _x(axis: Axis, value: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * axis.place(value)


def _names(rows: Sequence[Result]) -> list[str]:
    differing = [c for c in COLUMNS if len({getattr(r, c) for r in rows}) > 1]
    return [", ".join([r.model, *(str(getattr(r, c)) for c in differing)]) for r in rows]


def _subtitle(rows: Sequence[Result], weighting: str) -> tuple[str, str]:
    """A line of what all rows share; a line of their weighting, intervals and weakest evidence."""
    common = [str(getattr(rows[0], c)) for c in COLUMNS if len({getattr(r, c) for r in rows}) == 1]
    has_interval = any(r.ci_low is not None for r in rows)
    parts = [
        WEIGHTINGS.get(weighting, ""),
        "95 % intervals" if has_interval else "",
        LABEL[weakest(r.evidence for r in rows)],
    ]
    return ", ".join(text for text in common if text != "none"), "; ".join(part for part in parts if part)


def _cut(text: str, width: float) -> str:
    """``text`` in at most ``width`` user units, for letters of size 13 (the report has 11)."""
    return shortened(text, width * 11 / 13)


def _style() -> str:
    return STYLE.replace("LIGHT", css_variables(LIGHT)).replace("DARK", css_variables(DARK)).replace("\n", "")
