"""One metric by model, drawn from result rows alone: what ``Results.plot`` shows."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from faceprobe.core.errors import BadInput
from faceprobe.results.result import Result

WIDTH, LEFT, RIGHT, TOP, STEP, BOTTOM = 720, 250, 90, 54, 30, 46
"""Pixels: the drawing, the column of names, that of values, the title, one row, the axis."""

STYLE = """
.fp{font:13px system-ui,sans-serif;--ink:#1c1c1e;--quiet:#6b6b70;--line:#d9d9de;--dot:#2a5db0}
.fp text{fill:var(--ink)} .fp .quiet{fill:var(--quiet);font-size:12px} .fp .title{font-weight:600;font-size:14px}
.fp .grid{stroke:var(--line)} .fp .range{stroke:var(--dot);stroke-width:2} .fp circle{fill:var(--dot)}
@media (prefers-color-scheme:dark){.fp{--ink:#f2f2f4;--quiet:#a5a5ab;--line:#3a3a3e;--dot:#7fb0ff}}
"""


def plot_metric(rows: Sequence[Result], metric: str, weighting: str = "identity") -> str:
    """An SVG with a dot and its 95 % interval for each row of ``metric``; light or dark as the viewer is.

    Rows are named by their model, and by whatever else differs among them. Raises :class:`BadInput` where no
    row of that metric and weighting has a value.
    """
    shown = [r for r in rows if r.metric == metric and r.weighting == weighting and r.value is not None]
    if not shown:
        raise BadInput(f"no row has a value of {metric} weighted by {weighting}; there is nothing to plot")
    names = _names(shown)
    ends = [v for r in shown for v in (r.value, r.ci_low, r.ci_high) if v is not None]
    low, high = min(0.0, *ends), max(ends)
    if low >= 0.0 and high <= 1.0:
        high = 1.0
    high = high if high > low else low + 1.0
    height = TOP + STEP * len(shown) + BOTTOM

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)

    bottom = TOP + STEP * len(shown)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="fp" viewBox="0 0 {WIDTH} {height}" '
        f'style="max-width:{WIDTH}px;width:100%" role="img" aria-label="{escape(metric)} by model">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="8" y="20">{escape(metric)}</text>',
        f'<text class="quiet" x="8" y="38">{escape(_subtitle(shown, weighting))}</text>',
    ]
    for k in range(6):
        value = low + (high - low) * k / 5
        parts.append(f'<path class="grid" d="M{x(value):.1f} {TOP - 6}V{bottom}"/>')
        parts.append(
            f'<text class="quiet" x="{x(value):.1f}" y="{bottom + 18}" text-anchor="middle">{value:.2g}</text>'
        )
    for k, (row, name) in enumerate(zip(shown, names, strict=True)):
        y = TOP + STEP * k + STEP / 2
        assert row.value is not None
        parts.append(f'<text x="{LEFT - 14}" y="{y + 4:.1f}" text-anchor="end">{escape(name)}</text>')
        label = f"{row.value:.3f}"
        if row.ci_low is not None and row.ci_high is not None:
            parts.append(f'<path class="range" d="M{x(row.ci_low):.1f} {y:.1f}H{x(row.ci_high):.1f}"/>')
            title = f"{name}: {row.value:.4f} [{row.ci_low:.4f}, {row.ci_high:.4f}]"
        else:
            title = f"{name}: {row.value:.4f}"
        parts.append(
            f'<circle cx="{x(row.value):.1f}" cy="{y:.1f}" r="5"><title>{escape(title)}</title></circle>'
        )
        parts.append(f'<text x="{WIDTH - RIGHT + 18}" y="{y + 4:.1f}">{label}</text>')
    return "".join(parts) + "</svg>"


def _names(rows: Sequence[Result]) -> list[str]:
    """The model of each row, with what else differs among the rows; long names are cut in the middle."""
    columns = [
        c
        for c in ("dataset", "crop", "cloak", "purifier", "protocol")
        if len({getattr(r, c) for r in rows}) > 1
    ]
    names = [", ".join([r.model, *(str(getattr(r, c)) for c in columns)]) for r in rows]
    return [n if len(n) <= 34 else f"{n[:16]}…{n[-17:]}" for n in names]


def _subtitle(rows: Sequence[Result], weighting: str) -> str:
    """What all rows share, and how they are weighted."""
    shared = [
        values.pop()
        for c in ("protocol", "dataset", "crop")
        if len(values := {str(getattr(r, c)) for r in rows}) == 1
    ]
    people = {"identity": "people weigh equally", "pair": "comparisons weigh equally"}.get(weighting, "")
    drawn = "drawn people of the built-in world" if any(r.evidence == "synthetic" for r in rows) else ""
    return "; ".join(filter(None, [", ".join(shared), people, "95 % intervals", drawn]))
