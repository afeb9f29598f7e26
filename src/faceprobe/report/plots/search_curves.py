"""Figures of searches: detection and identification rate (DIR) by false alarms, rank-1 by gallery size."""

from __future__ import annotations

import math
from dataclasses import dataclass

from faceprobe.report.plots.axes import log_axis, people_axis, share_axis
from faceprobe.report.plots.scene_plot import draw_lines, scene_plot
from faceprobe.report.plots.svg import Plot, Point
from faceprobe.report.plots.theme import mark
from faceprobe.report.scenes import Scene, ranking
from faceprobe.report.text.numbers import fraction, interval
from faceprobe.results.cells import Cell
from faceprobe.results.result import Result
from faceprobe.results.run import Run

OPEN_SET = {
    "identification/open-set": "one photo enrolled",
    "identification/open-set-all-but-one": "all other photos enrolled",
}
GALLERY_SIZE = "identification/gallery-size"
_AT = "rank1@people="


@dataclass(frozen=True)
class BandEnd:
    """Rank-1 of ``model`` in the largest gallery that its band is drawn to.

    ``figure`` is the median of the extrapolation models with the band; ``note`` says how far past the data
    the gallery is and how the band did in its back-test.
    """

    model: str
    people: str
    figure: str
    note: str


def search_figures(run: Run, scene: Scene) -> list[Plot]:
    """DIR of every open-set protocol and rank-1 by gallery size, where cells of ``scene`` have the curves."""
    cells = [(m, c) for m in ranking(run, scene) if (c := run.cell(m, scene)) is not None]
    drawn = [_dir(run, scene, cells, protocol) for protocol in OPEN_SET]
    return [p for p in (*drawn, _by_size(run, scene, cells)) if p is not None]


def band_ends(run: Run, scene: Scene) -> list[BandEnd]:
    """The far end of each band in the figure by gallery size."""
    found = []
    for model in ranking(run, scene):
        row = _farthest(run, model, scene)
        if row is not None:
            figure = f"{fraction(row.value)} {interval(row.ci_low, row.ci_high)}"
            found.append(BandEnd(model, f"{_people(row):,}", figure, row.text))
    return found


def _dir(run: Run, scene: Scene, cells: list[tuple[str, Cell]], protocol: str) -> Plot | None:
    curves = [(m, c) for m, cell in cells if (c := _points(cell, protocol, "dir_fpir", "dir_identity"))]
    if not curves:
        return None
    floor = math.floor(math.log10(min(c[0][0] for _, c in curves)) + 1e-9)
    title = f"share of mated searches found at rank 1 and above T, over false alarms ({OPEN_SET[protocol]})"
    axis = log_axis("False alarms a search (FPIR)", floor, 0)
    kind = "dir" if protocol == next(iter(OPEN_SET)) else "dir-all-but-one"
    return draw_lines(run, scene_plot(kind, run, scene, "DIR", title, axis, share_axis("DIR")), curves)


def _by_size(run: Run, scene: Scene, cells: list[tuple[str, Cell]]) -> Plot | None:
    exact = [
        (m, c)
        for m, cell in cells
        if (c := _points(cell, GALLERY_SIZE, "size_people", "size_rank1_identity"))
    ]
    if not exact:
        return None
    bands = {m: b for m, cell in cells if (b := _band(run, m, scene, cell))}
    ends = [*(b[0][-1][0] for b in bands.values()), *(c[-1][0] for _, c in exact)]
    title = "rank-1 over the people in the gallery" + (
        ", exact up to those measured, beyond them a band of several models" if bands else ""
    )
    plot = scene_plot(
        "gallery-size", run, scene, "Gallery size", title, people_axis(max(ends)), share_axis("Rank-1")
    )
    if bands:
        plot.top = 24
        _mark_beyond(plot, sorted({c[-1][0] for m, c in exact if m in bands}))
    for model, (low, high) in bands.items():
        index = run.models.index(model)
        plot.band(low, high, mark(index), group=index)
    return draw_lines(run, plot, exact)


def _mark_beyond(plot: Plot, measured: list[float]) -> None:
    """Shade the extrapolated part; ``measured`` are the models' numbers of people, ascending."""
    plot.shade(measured[-1], plot.x.high, "beyond")
    for people in measured:
        plot.rule((plot.px(people), plot.top), (plot.px(people), plot.height - plot.bottom), "bound")
    plot.text((plot.px(measured[0]) - 6, plot.top - 7), "exact", "quiet", "end")
    plot.text((plot.width - plot.right, plot.top - 7), "extrapolated", "quiet", "end")


def _band(run: Run, model: str, scene: Scene, cell: Cell) -> tuple[list[Point], list[Point]] | None:
    """Lower and upper edge of the band, from the people measured to the interval of the farthest row."""
    people, ends = (cell.curve(GALLERY_SIZE, n) for n in ("size_people_beyond", "size_band_identity"))
    row = _farthest(run, model, scene)
    if people is None or ends is None or ends.shape != (2, len(people)) or row is None:
        return None
    assert row.ci_low is not None and row.ci_high is not None
    last = _people(row)
    low, high = (
        [*((float(p), float(v)) for p, v in zip(people, end, strict=True) if p < last), (float(last), at)]
        for end, at in zip(ends, (row.ci_low, row.ci_high), strict=True)
    )
    return low, high


def _farthest(run: Run, model: str, scene: Scene) -> Result | None:
    """The row of the largest gallery that has a band."""
    rows = [
        r
        for r in run.in_scene(scene)
        if r.model == model
        and (r.protocol, r.weighting) == (GALLERY_SIZE, "identity")
        and r.metric.startswith(_AT)
        and any(one.code == "extrapolated" for one in r.remarks)
        and r.ci_low is not None
        and r.ci_high is not None
    ]
    return max(rows, key=_people, default=None)


def _people(row: Result) -> int:
    return int(row.metric.removeprefix(_AT))


def _points(cell: Cell, protocol: str, across: str, up: str) -> list[Point] | None:
    """The points of a stored curve, sorted by their first coordinate; None below two points."""
    a, b = cell.curve(protocol, across), cell.curve(protocol, up)
    if a is None or b is None or len(a) != len(b):
        return None
    found = [(float(x), float(y)) for x, y in zip(a, b, strict=True) if x > 0 and math.isfinite(y)]
    return sorted(found) if len(found) > 1 else None
