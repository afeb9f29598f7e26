"""A small plot as SVG: axes, lines, points with intervals, areas, bands and boxes.

The drawing holds CSS classes (``s1`` .. ``s8``, ``grid``, ``axis``) and no colours, so it follows the theme
of the page. :meth:`Plot.file` gives a copy that stands alone: it adds a style with the light colours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from markupsafe import Markup, escape

from faceprobe.report.plots.axes import Axis
from faceprobe.report.plots.theme import LIGHT, Mark, literal_css
from faceprobe.results.result import Result

Point = tuple[float, float]

CHARACTER = 6.7
"""Upper estimate of the mean width of a character in the figures' labels, in user units."""

LEAST_GAP = 22
"""A tick closer than this to the label on its left, in user units, gets a line and no label."""


@dataclass
class Plot:
    """A drawing of ``width`` x ``height`` user units; ``name`` is unique on the page and a file name.

    ``title`` and ``description`` are for screen readers. ``y`` is None for plots whose rows are placed by
    drawing positions. ``legend`` explains lines, or markers where ``lines`` is False.
    """

    name: str
    title: str
    description: str
    x: Axis
    y: Axis | None = None
    width: int = 440
    height: int = 320
    left: int = 50
    right: int = 14
    top: int = 12
    bottom: int = 44
    legend: list[tuple[Mark, str]] = field(default_factory=list)
    lines: bool = True
    _parts: list[str] = field(default_factory=list)

    def px(self, value: float) -> float:
        return self.left + self.x.place(value) * (self.width - self.left - self.right)

    def py(self, value: float) -> float:
        assert self.y is not None
        return self.height - self.bottom - self.y.place(value) * (self.height - self.top - self.bottom)

    def line(self, points: Iterable[Point], mark: Mark, group: int | None = None) -> None:
        """A polyline through ``points`` in data units, which must lie on both scales."""
        path = _path(simplified([(self.px(a), self.py(b)) for a, b in points]))
        if path:
            dash = f' stroke-dasharray="{mark.dash}"' if mark.dash else ""
            self._series(mark, group, f'<path class="line" d="{path}"{dash}/>')

    def area(self, points: Iterable[Point], css: str) -> None:
        """A closed area under ``points``, down to the x axis."""
        drawn = [(self.px(a), self.py(b)) for a, b in points]
        if drawn:
            floor = self.height - self.bottom
            path = _path([(drawn[0][0], floor), *simplified(drawn), (drawn[-1][0], floor)])
            self._parts.append(f'<path class="{css}" d="{path}Z"/>')

    def band(self, low: Sequence[Point], high: Sequence[Point], mark: Mark, group: int | None = None) -> None:
        """The area between two polylines in data units, drawn without an edge."""
        edges = [[(self.px(a), self.py(b)) for a, b in side] for side in (high, low)]
        path = _path([*simplified(edges[0]), *reversed(simplified(edges[1]))])
        if path:
            self._series(mark, group, f'<path class="band" d="{path}Z"/>')

    def shade(self, start: float, end: float, css: str) -> None:
        """The whole height of the frame between two values of the x axis."""
        left, right, floor = self.px(start), self.px(end), self.height - self.bottom
        self._parts.append(
            f'<path class="{css}" d="M{left:.1f} {self.top}H{right:.1f}V{floor}H{left:.1f}Z"/>'
        )

    def point(self, at: Point, mark: Mark, spread: tuple[Point, Point] | None = None, hint: str = "") -> None:
        """A marker at ``at`` (data units) with an optional interval from one point to another."""
        ends = [(self.px(a), self.py(b)) for a, b in spread or ()]
        self.mark((self.px(at[0]), self.py(at[1])), mark, ends, hint)

    def mark(self, at: Point, mark: Mark, spread: Sequence[Point] = (), hint: str = "") -> None:
        """Like :meth:`point`, at drawing positions."""
        parts = []
        if spread:
            (xa, ya), (xb, yb) = spread
            parts.append(f'<path class="whisker" d="M{xa:.1f} {ya:.1f}L{xb:.1f} {yb:.1f}"/>')
        parts.append(_marker(at, mark, hint))
        self._series(mark, None, "".join(parts))

    def text(self, at: Point, text: str, css: str = "label", anchor: str = "start") -> None:
        """Text at a drawing position (baseline)."""
        self._parts.append(
            f'<text class="{css}" x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )

    def rule(self, start: Point, end: Point, css: str) -> None:
        """A straight line between drawing positions."""
        self._parts.append(
            f'<path class="{css}" d="M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}"/>'
        )

    def box(self, corner: Point, size: Point, css: str, strength: float = 1.0, hint: str = "") -> None:
        """A rectangle at a drawing position, its fill as opaque as ``strength`` (0..1)."""
        title = f"<title>{escape(hint)}</title>" if hint else ""
        self._parts.append(
            f'<rect class="{css}" x="{corner[0]:.1f}" y="{corner[1]:.1f}" width="{size[0]:.1f}" '
            f'height="{size[1]:.1f}" fill-opacity="{strength:.3f}">{title}</rect>'
        )

    def inline(self) -> Markup:
        """The drawing for the page, without its legend, which the page shows itself. It is never drawn
        smaller than its user units, so that no label is below 11 pixels: a narrow page scrolls it.
        """
        return Markup(self._svg(self.height, "", "", f' style="min-width:{self.width}px"'))

    def file(self, colors: dict[str, str] = LIGHT) -> str:
        """The drawing as a whole SVG file in ``colors``, with a background, legend below."""
        css = files("faceprobe.report").joinpath("templates/figure.css").read_text(encoding="utf-8")
        style = f"<style>{literal_css(css, colors)}</style>"
        style += f"<rect width='100%' height='100%' fill='{colors['page']}'/>"
        rows, height = self._legend_rows()
        svg = self._svg(self.height + height, style, rows)
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + svg + "\n"

    def _svg(self, height: int, before: str, after: str, style: str = "") -> str:
        name = escape(self.name)
        heading = f'<title id="{name}-t">{escape(self.title)}</title>'
        heading += f'<desc id="{name}-d">{escape(self.description)}</desc>'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {self.width} {height}" '
            f'role="img"{style} aria-labelledby="{name}-t {name}-d">{heading}'
            f"{before}{self._frame()}{''.join(self._parts)}{after}</svg>"
        )

    def _frame(self) -> str:
        right, floor = self.width - self.right, self.height - self.bottom
        parts = []
        written = -math.inf
        for value, label in self.x.ticks:
            at = self.px(value)
            parts.append(f'<path class="grid" d="M{at:.1f} {self.top}V{floor}"/>')
            if at - written < LEAST_GAP:
                continue
            written = at
            parts.append(
                f'<text class="tick" x="{at:.1f}" y="{floor + 16}" text-anchor="middle">{label}</text>'
            )
        for value, label in self.y.ticks if self.y else ():
            at = self.py(value)
            parts.append(f'<path class="grid" d="M{self.left} {at:.1f}H{right}"/>')
            parts.append(
                f'<text class="tick" x="{self.left - 7}" y="{at + 4:.1f}" text-anchor="end">{label}</text>'
            )
        if self.x.ticks or self.y:
            parts.append(f'<path class="axis" d="M{self.left} {floor}H{right}"/>')
        middle = (self.left + right) / 2
        parts.append(
            f'<text class="name" x="{middle:.0f}" y="{self.height - 6}" text-anchor="middle">'
            f"{escape(self.x.title)}</text>"
        )
        if self.y and self.y.title:
            at = (self.top + floor) / 2
            parts.append(
                f'<text class="name" transform="translate(12 {at:.0f}) rotate(-90)" text-anchor="middle">'
                f"{escape(self.y.title)}</text>"
            )
        return "".join(parts)

    def _legend_rows(self) -> tuple[str, int]:
        parts = []
        for k, (mark, label) in enumerate(self.legend):
            y = self.height + 10 + 18 * k
            parts.append(
                f'<g transform="translate({self.left} {y - 5})">{swatch_marks(mark, self.lines)}</g>'
            )
            text = escape(shortened(label, self.width - self.left - 40))
            parts.append(f'<text class="label" x="{self.left + 36}" y="{y + 4}">{text}</text>')
        return "".join(parts), 18 * len(self.legend) + 8 * bool(self.legend)

    def _series(self, mark: Mark, group: int | None, inner: str) -> None:
        data = "" if group is None else f' data-series="{group}"'
        self._parts.append(f'<g class="series s{mark.color}"{data}>{inner}</g>')


def ends_of(row: Result) -> tuple[float, float] | tuple[()]:
    """The ends of a row's interval; empty where it has none."""
    return () if row.ci_low is None or row.ci_high is None else (row.ci_low, row.ci_high)


def simplified(points: Sequence[Point], tolerance: float = 0.15) -> list[Point]:
    """A subset of ``points``, ends included, whose polyline stays within ``tolerance`` user units of theirs
    (Ramer 1972; Douglas and Peucker 1973).
    """
    if len(points) < 3:
        return list(points)
    keep = {0, len(points) - 1}
    spans = [(0, len(points) - 1)]
    while spans:
        start, end = spans.pop()
        (xa, ya), (xb, yb) = points[start], points[end]
        length = math.hypot(xb - xa, yb - ya)
        far, distance = start, tolerance
        for k in range(start + 1, end):
            x, y = points[k]
            away = (
                abs((xb - xa) * (ya - y) - (xa - x) * (yb - ya)) / length
                if length
                else math.hypot(x - xa, y - ya)
            )
            if away > distance:
                far, distance = k, away
        if far != start:
            keep.add(far)
            spans += [(start, far), (far, end)]
    return [points[k] for k in sorted(keep)]


def shortened(text: str, width: float) -> str:
    """``text`` with its middle left out where it would be wider than ``width`` user units."""
    room = int(width / CHARACTER)
    if len(text) <= room:
        return text
    tail = room // 3
    return f"{text[: room - tail - 1]}…{text[-tail:]}"


def swatch_marks(mark: Mark, line: bool = True) -> str:
    """A legend's sample of ``mark``, 28 x 10 user units."""
    dash = f' stroke-dasharray="{mark.dash}"' if mark.dash else ""
    stroke = f'<path class="line" d="M1 5H27"{dash}/>' if line else _marker((14, 5), mark)
    return f'<g class="series s{mark.color}">{stroke}</g>'


def swatch(mark: Mark, line: bool = True) -> Markup:
    """The legend's sample as a small drawing for the page."""
    return Markup(
        f'<svg class="swatch" viewBox="0 0 28 10" aria-hidden="true">{swatch_marks(mark, line)}</svg>'
    )


def _path(points: Sequence[Point]) -> str:
    """``M x y L ...`` with one decimal, consecutive equal positions dropped."""
    steps: list[str] = []
    for x, y in points:
        if math.isfinite(x) and math.isfinite(y):
            step = f"{x:.1f} {y:.1f}"
            if not steps or steps[-1] != step:
                steps.append(step)
    return "M" + "L".join(steps) if steps else ""


def _marker(at: Point, mark: Mark, hint: str = "") -> str:
    x, y = at
    css = "dot hollow" if mark.hollow else "dot"
    title = f"<title>{escape(hint)}</title>" if hint else ""
    if mark.marker == "circle":
        return f'<circle class="{css}" cx="{x:.1f}" cy="{y:.1f}" r="4">{title}</circle>'
    corners = {
        "square": ((-3.6, -3.6), (3.6, -3.6), (3.6, 3.6), (-3.6, 3.6)),
        "triangle": ((0, -4.8), (4.6, 3.4), (-4.6, 3.4)),
        "diamond": ((0, -5), (5, 0), (0, 5), (-5, 0)),
        "bar": ((-1.3, -5.5), (1.3, -5.5), (1.3, 5.5), (-1.3, 5.5)),
    }[mark.marker]
    path = _path([(x + a, y + b) for a, b in corners])
    return f'<path class="{css}" d="{path}Z">{title}</path>'
