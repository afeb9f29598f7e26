"""DIR and gallery-size figures: what is measured is a line, what is beyond is a band and says how far."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from faceprobe.report import write_report
from faceprobe.report.plots.search_curves import band_ends, search_figures
from faceprobe.report.plots.svg import Plot
from faceprobe.results.run import Run, read_run
from tests.helpers.run_writer import MODELS, PEOPLE, Writer

SCENE = ("synthetic", "none", "as-is")


@pytest.fixture
def run(writer: Callable[..., Writer]) -> Run:
    return read_run(writer(searches=True).write())


def paths(plot: Plot, css: str) -> list[list[tuple[float, float]]]:
    """The corners of every path of a class."""
    found = re.findall(rf'<path class="{css}" d="M([^"]+?)Z?"', plot.inline())
    return [[tuple(map(float, p.split())) for p in path.split("L")] for path in found]  # type: ignore[misc]


def test_the_measured_part_is_a_line_that_ends_where_the_band_begins(run: Run) -> None:
    dir_plot, plot = search_figures(run, SCENE)
    assert dir_plot.x.scale == plot.x.scale == "log" and plot.x.high == 10_000
    lines, bands, end = paths(plot, "line"), paths(plot, "band"), plot.px(PEOPLE)
    assert len(lines) == len(bands) == len(plot.legend) == len(MODELS)
    for line in lines:
        assert max(x for x, _ in line) == pytest.approx(end, abs=0.06), "no line beyond the people measured"
    for band in bands:
        across = [x for x, _ in band]
        assert min(across) == pytest.approx(end, abs=0.06) and max(across) == pytest.approx(plot.px(10_000))
    row = run.get(plot.legend[0][1], SCENE, "identification/gallery-size", "rank1@people=10000")
    assert row is not None and row.ci_low is not None and row.ci_high is not None
    last = sorted(y for x, y in bands[0] if x == max(x for x, _ in bands[0]))
    assert last == pytest.approx([plot.py(row.ci_high), plot.py(row.ci_low)], abs=0.06)
    assert ">extrapolated<" in plot.inline() and ">exact<" in plot.inline()
    assert 'class="beyond"' in plot.inline() and 'class="bound"' in plot.inline()


def test_dir_is_drawn_over_false_alarms(run: Run) -> None:
    plot = search_figures(run, SCENE)[0]
    assert plot.x.low == pytest.approx(1e-3) and plot.x.high == 1
    assert [label for _, label in plot.x.ticks] == ["10⁻³", "10⁻²", "10⁻¹", "1"]
    for line in paths(plot, "line"):
        assert line[0][0] == pytest.approx(plot.left) and line[-1][0] == pytest.approx(
            plot.width - plot.right
        )
        assert [y for _, y in line] == sorted((y for _, y in line), reverse=True)


def test_each_band_says_how_far_it_reaches_and_how_it_did(run: Run) -> None:
    said = {r.model: r for r in band_ends(run, SCENE)}
    assert set(said) == {m.card.id for m in MODELS}
    page = write_report(run.folder).read_text(encoding="utf-8")
    text = " ".join(re.sub("<[^>]+>", "", page).split())
    for reach in said.values():
        assert reach.people == "10,000"
        assert reach.note == "extrapolated 33.3 times past the people there are (back-test)"
        assert reach.note in text and reach.figure in text
    for name in ("dir-synthetic-as-is", "gallery-size-synthetic-as-is"):
        assert (run.folder / "figures" / f"{name}.svg").is_file()


def test_without_a_band_only_what_was_measured_is_drawn(writer: Callable[..., Writer]) -> None:
    run = read_run(writer(searches=True).write())
    rows = tuple(r for r in run.rows if not r.metric.startswith("rank1@people="))
    bare = Run(run.folder, rows, run.manifest)
    plot = search_figures(bare, SCENE)[1]
    assert paths(plot, "band") == [] and "extrapolated" not in plot.inline() and plot.x.high == PEOPLE
    assert band_ends(bare, SCENE) == []
    assert search_figures(read_run(writer().write()), SCENE) == []
