"""Sections of the page with figures: crops, model size and curves."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from faceprobe.report.comparison.model_size import SizeComparison, overview, size_comparisons
from faceprobe.report.plots.crops import crop_figure, crop_mark, crops_of
from faceprobe.report.plots.curves import curve_figures
from faceprobe.report.plots.model_size import size_figure
from faceprobe.report.plots.score_distributions import score_figures
from faceprobe.report.plots.search_curves import BandEnd, band_ends, search_figures
from faceprobe.report.plots.svg import Plot, swatch
from faceprobe.report.scenes import Scene
from faceprobe.report.tables.context import ControlTable, control_sentences, control_table
from faceprobe.report.text.sentences import Sentence
from faceprobe.results.run import CROSS_EVENT, LEAVE_ONE_OUT, Run


@dataclass(frozen=True)
class CropSection:
    """The crops of one dataset compared, with and without photos of the same event.

    ``legend`` holds each crop with its marker; ``figures`` is empty where one crop only was measured.
    """

    dataset: str
    legend: list[tuple[str, Markup]]
    figures: list[Plot]
    control: ControlTable | None = None
    sentences: tuple[Sentence, ...] = ()


@dataclass(frozen=True)
class SizeSection:
    """The models of one dataset compared by size."""

    dataset: str
    figure: Plot | None
    overview: Sentence | None
    comparisons: list[SizeComparison]


@dataclass(frozen=True)
class CurveSection:
    """The curves and score distributions of one scene.

    ``models`` are (series number, model) for the legend; ``band_ends`` describe the extrapolated bands.
    """

    title: str
    dataset: str
    crop: str
    curves: list[Plot]
    scores: list[Plot]
    models: list[tuple[int, str]]
    band_ends: list[BandEnd]


def crop_section(run: Run, scene: Scene) -> CropSection:
    """The crops of the dataset of ``scene``."""
    dataset = scene[0]
    crops = crops_of(run, dataset)
    if len(crops) < 2:
        return CropSection(run.short(dataset), [], [])
    variants = (
        (LEAVE_ONE_OUT + CROSS_EVENT, "photos of the same event left out"),
        (LEAVE_ONE_OUT, "all photos"),
    )
    drawn = [crop_figure(run, dataset, protocol, title) for protocol, title in variants]
    return CropSection(
        dataset=run.short(dataset),
        legend=[(c, swatch(crop_mark(c), line=False)) for c in crops],
        figures=[plot for plot in drawn if plot],
        control=control_table(run, dataset),
        sentences=tuple(control_sentences(run, scene)),
    )


def size_section(run: Run, scene: Scene) -> SizeSection:
    """The size comparisons in ``scene``."""
    compared = size_comparisons(run, scene)
    figure = size_figure(run, scene)
    return SizeSection(run.short(scene[0]), figure, overview(run, scene, compared), compared)


def curve_section(run: Run, scene: Scene) -> CurveSection:
    """The curves that the cells of ``scene`` store."""
    dataset, cloak, crop = scene
    curves = [*curve_figures(run, scene), *search_figures(run, scene)]
    shown = {name for plot in curves for _, name in plot.legend}
    names = [model for model in run.models if run.short_model(model) in shown]
    return CurveSection(
        title=f"{run.short(dataset)}, {crop}" + ("" if cloak == "none" else f", {cloak}"),
        dataset=run.short(dataset),
        crop=crop,
        curves=curves,
        scores=score_figures(run, scene),
        models=[(run.models.index(name), run.short_model(name)) for name in names],
        band_ends=band_ends(run, scene),
    )
