"""ROC, DET and CMC figures, drawn from the curves that a run stores."""

from __future__ import annotations

import math

from faceprobe.report.plots.axes import Axis, log_axis, probit_axis, share_axis
from faceprobe.report.plots.scene_plot import ModelCurve, draw_lines, scene_plot
from faceprobe.report.plots.svg import Plot, Point
from faceprobe.report.scenes import Scene, ranking
from faceprobe.results.cells import Cell
from faceprobe.results.run import ALL_PAIRS, LEAVE_ONE_OUT, Run

MAX_RANK = 100


def curve_figures(run: Run, scene: Scene) -> list[Plot]:
    """ROC, DET and CMC of every model of ``scene`` that has the curves; fewer where they are absent."""
    cells = [(m, c) for m in ranking(run, scene) if (c := run.cell(m, scene)) is not None]
    verification = run.headline_protocol(scene, ALL_PAIRS)
    identification = run.headline_protocol(scene, LEAVE_ONE_OUT)
    rates = [(m, curve) for m, cell in cells if (curve := _rates(cell, verification))]
    shares = [(m, curve) for m, cell in cells if (curve := _shares_found(cell, identification))]
    drawn = (_roc(run, scene, rates), _det(run, scene, rates), _cmc(run, scene, shares))
    return [p for p in drawn if p is not None]


def _roc(run: Run, scene: Scene, rates: list[ModelCurve]) -> Plot | None:
    if not rates:
        return None
    floor = round(math.log10(min(c[0][0] for _, c in rates)))
    curves = [(m, [p for p in c if p[0] >= 0.999 * 10.0**floor]) for m, c in rates]
    title, x = "true match rate over false match rate", log_axis("False match rate (FMR)", floor, 0)
    return draw_lines(run, scene_plot("roc", run, scene, "ROC", title, x, share_axis("TMR")), curves)


def _det(run: Run, scene: Scene, rates: list[ModelCurve]) -> Plot | None:
    curves = [(m, [(f, 1 - t) for f, t in c if 1e-6 < f <= 0.5 and 0 < 1 - t < 1]) for m, c in rates]
    curves = [(m, c) for m, c in curves if len(c) > 1]
    if not curves:
        return None
    x_low = max(min(p[0] for _, c in curves for p in c), 1e-6)
    y_low = max(min(p[1] for _, c in curves for p in c), 1e-4)
    y_high = min(max(p[1] for _, c in curves for p in c), 0.995)
    x = probit_axis("False match rate (FMR)", x_low, 0.5)
    y = probit_axis("FNMR", y_low, max(y_high, 0.5))
    title = "false non-match rate over false match rate, probit axes"
    kept = [(m, [p for p in c if y.low <= p[1] <= y.high and p[0] >= x.low]) for m, c in curves]
    return draw_lines(run, scene_plot("det", run, scene, "DET", title, x, y), kept)


def _cmc(run: Run, scene: Scene, curves: list[ModelCurve]) -> Plot | None:
    if not curves:
        return None
    high = max(p[0] for _, c in curves for p in c)
    ticks = [(float(r), str(r)) for r in (1, 2, 5, 10, 20, 50, 100) if r <= high]
    x = Axis("Rank", 1.0, max(high, 2.0), ticks, "log")
    title = "share of searches with a mate at or above a rank"
    return draw_lines(run, scene_plot("cmc", run, scene, "CMC", title, x, share_axis("Share found")), curves)


def _rates(cell: Cell, protocol: str) -> list[Point] | None:
    """(FMR, TMR) points of a cell, people weighted equally, by rising FMR; None below two points."""
    fmr, tmr = cell.curve(protocol, "roc_fmr"), cell.curve(protocol, "roc_tmr_identity")
    if fmr is None or tmr is None or len(fmr) != len(tmr):
        return None
    points = [(float(f), float(t)) for f, t in zip(fmr, tmr, strict=True) if f > 0 and math.isfinite(t)]
    return sorted(points) if len(points) > 1 else None


def _shares_found(cell: Cell, protocol: str) -> list[Point] | None:
    """(rank, share of searches) points of a cell, people weighted equally, up to :data:`MAX_RANK`."""
    rank, share = cell.curve(protocol, "cmc_rank"), cell.curve(protocol, "cmc_identity")
    if rank is None or share is None or len(rank) != len(share):
        return None
    return [(float(r), float(s)) for r, s in zip(rank, share, strict=True) if r <= MAX_RANK]
