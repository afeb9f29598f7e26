"""``report.html``: one self-contained page computed from a run directory, and copies of its figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from faceprobe import __version__
from faceprobe.core.files import write_bytes
from faceprobe.data.evidence import Evidence, weakest
from faceprobe.report.cloaks.section import QUESTIONS, cloak_parts
from faceprobe.report.cloaks.strips import AMPLIFIED, Strip
from faceprobe.report.cloaks.templates import TERMS
from faceprobe.report.plots.crops import crop_figure, crop_mark, crops_of
from faceprobe.report.plots.curves import curve_figures
from faceprobe.report.plots.failure_pairs import Photos, failures
from faceprobe.report.plots.model_size import size_figure
from faceprobe.report.plots.score_distributions import score_figures
from faceprobe.report.plots.search_curves import Reach, reaches, search_figures
from faceprobe.report.plots.svg import Plot, swatch
from faceprobe.report.plots.theme import DARK, LIGHT, css_variables, mark
from faceprobe.report.ranking import Scene
from faceprobe.report.tables import provenance as facts
from faceprobe.report.tables import size
from faceprobe.report.tables.context import ControlTable, control_sentences, control_table
from faceprobe.report.tables.leaderboard import Board, leaderboards
from faceprobe.report.tables.published import published_tables
from faceprobe.report.tables.reference import Reference, reference
from faceprobe.report.text.findings import findings, headline_scenes
from faceprobe.report.text.numbers import points, probability
from faceprobe.report.text.sentences import LABEL, Sentence
from faceprobe.results.run import CROSS_EVENT, LEAVE_ONE_OUT, Run, read_run


@dataclass(frozen=True)
class CurveSet:
    """The figures of one scene, the models in them for the legend: (series number, model), and what belongs
    to the bands in them.
    """

    title: str
    dataset: str
    crop: str
    curves: list[Plot]
    scores: list[Plot]
    models: list[tuple[int, str]]
    reaches: list[Reach]


@dataclass(frozen=True)
class ContextPart:
    """Crops of one dataset side by side, with and without same-event photos."""

    dataset: str
    crops: list[tuple[str, Markup]]
    figures: list[Plot]
    control: ControlTable | None = None
    said: tuple[Sentence, ...] = ()


@dataclass(frozen=True)
class SizePart:
    """The size comparison of one dataset."""

    dataset: str
    figure: Plot | None
    overview: Sentence | None
    comparisons: list[size.Comparison]


def write_report(run_dir: Path, photos: Photos | None = None, strips: Sequence[Strip] = ()) -> Path:
    """Write ``report.html`` and ``figures/*.svg`` into ``run_dir``; returns the path of the page.

    ``photos(dataset, image)`` gives a photo as (H, W, 3) uint8 RGB; failure pairs are shown only with
    it. ``strips`` are photos before and after cloaking; whoever passes them decides that they may be shown.
    Raises :class:`faceprobe.core.errors.Missing` or ``BadInput`` where ``run_dir`` is no run.
    """
    run = read_run(Path(run_dir))
    context, plots = page_context(run, photos, strips)
    html = _environment().get_template("report.html.j2").render(context)
    for plot in plots:
        write_bytes(run.folder / "figures" / f"{plot.name}.svg", plot.file().encode())
    target = run.folder / "report.html"
    write_bytes(target, html.encode())
    return target


def page_context(
    run: Run, photos: Photos | None = None, strips: Sequence[Strip] = ()
) -> tuple[dict[str, Any], list[Plot]]:
    """Everything the template shows, and every figure in it."""
    scenes = headline_scenes(run)
    contexts = [_context_part(run, s) for s in scenes]
    sizes = [_size_part(run, s) for s in scenes]
    curve_sets = [_curve_set(run, s) for s in _in_order(run, scenes)]
    plots = [p for part in contexts for p in part.figures]
    plots += [part.figure for part in sizes if part.figure]
    plots += [p for part in curve_sets for p in (*part.curves, *part.scores)]
    parts = cloak_parts(run, strips)
    plots += [p for part in parts for p in part.plots]
    _name_apart(plots)
    boards = leaderboards(run)
    evidence = weakest([r.evidence for r in run.rows])
    context: dict[str, Any] = {
        "run": run,
        "version": __version__,
        "title": _title(run),
        "description": _study(run, "description"),
        "label": LABEL[evidence],
        "labels": [LABEL[e] for e in dict.fromkeys(r.evidence for r in run.rows)],
        "built_in": evidence == "synthetic" or any(run.card(m).get("synthetic") for m in run.models),
        "findings": [findings(run, s) for s in scenes] if run.rows else [],
        "cloak_parts": parts,
        "questions": QUESTIONS,
        "terms": TERMS,
        "amplified": AMPLIFIED,
        "published": published_tables(),
        "reference": _reference(run, evidence),
        "boards": boards,
        "main_boards": [b for b in boards if _scene(b) in scenes],
        "other_boards": [b for b in boards if _scene(b) not in scenes],
        "contexts": contexts,
        "sizes": sizes,
        "curve_sets": [c for c in curve_sets if c.curves or c.scores],
        "failures": None if photos is None else [f for s in scenes for f in failures(run, s, photos)],
        "data_rows": facts.data_rows(run),
        "dataset_notes": facts.dataset_notes(run),
        "missing": [str(m) for m in run.manifest.get("missing") or []],
        "protocols": facts.protocol_rows(run),
        "fact_groups": [
            (name, facts.facts_table(run.manifest[name]))
            for name in ("versions", "hashes", "seeds", "machine")
            if run.manifest.get(name)
        ],
        "timings": facts.timings(run),
        "cards": facts.model_cards(run),
        "series": {m: k for k, m in enumerate(run.models)},
        "light": css_variables(LIGHT),
        "dark": css_variables(DARK),
    }
    return context, plots


def _name_apart(plots: list[Plot]) -> None:
    """Give figures whose names became equal (``a/b`` and ``a-b``) a number."""
    taken: set[str] = set()
    for plot in plots:
        name, number = plot.name, 2
        while plot.name in taken:
            plot.name, number = f"{name}-{number}", number + 1
        taken.add(plot.name)


def _reference(run: Run, evidence: Evidence) -> Reference | None:
    """What the bundled models do on real photos, beside a run in the built-in world."""
    shown = evidence == "synthetic" and any(run.card(m).get("synthetic") for m in run.models)
    return reference() if shown else None


def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("faceprobe.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        points=points, probability=probability, breakable=_breakable, cloak_name=_cloak_name
    )
    environment.globals.update(swatch=swatch, mark=mark, asset=_asset)
    return environment


def _asset(name: str) -> Markup:
    """A packaged style sheet or script, which holds nothing of a user's."""
    text = files("faceprobe.report").joinpath(f"templates/{name}").read_text(encoding="utf-8")
    return Markup(text)


def _breakable(name: str) -> Markup:
    """``name`` escaped, with places to break a line after : / @ & and before ?; short pieces stay whole."""
    parts = [p for p in re.split(r"(?<=[:/@&])|(?=\?)", name) if p]
    whole = Markup('<span class="nb">{}</span>')
    return Markup("<wbr>").join(whole.format(p) if len(p) <= 14 else p for p in parts)


def _cloak_name(identifier: str) -> Markup:
    """A cloak's id, its surrogates set back and broken where :func:`_breakable` breaks."""
    stem, bracket, inside = identifier.partition("[")
    name = Markup('<span class="nb">{}</span>').format(stem)
    if not bracket:
        return name
    return name + Markup('<wbr><span class="inside">{}</span>').format(_breakable(bracket + inside))


def _title(run: Run) -> str:
    return _study(run, "title") or run.name


def _study(run: Run, key: str) -> str:
    study = run.manifest.get("study")
    return str(study.get(key) or "") if isinstance(study, dict) else ""


def _scene(board: Board) -> Scene:
    return (board.dataset, board.cloak, board.crop)


def _in_order(run: Run, first: list[Scene]) -> list[Scene]:
    return [*first, *(s for s in run.scenes if s not in first)]


def _curve_set(run: Run, scene: Scene) -> CurveSet:
    curves, scores = [*curve_figures(run, scene), *search_figures(run, scene)], score_figures(run, scene)
    names = dict.fromkeys(name for plot in curves for _, name in plot.legend)
    title = f"{run.short(scene[0])}, {scene[2]}" + ("" if scene[1] == "none" else f", {scene[1]}")
    models = [(run.models.index(n), n) for n in names]
    return CurveSet(title, run.short(scene[0]), scene[2], curves, scores, models, reaches(run, scene))


def _context_part(run: Run, scene: Scene) -> ContextPart:
    dataset = scene[0]
    crops = crops_of(run, dataset)
    if len(crops) < 2:
        return ContextPart(run.short(dataset), [], [])
    variants = (
        (LEAVE_ONE_OUT + CROSS_EVENT, "photos of the same event left out"),
        (LEAVE_ONE_OUT, "all photos"),
    )
    drawn = [crop_figure(run, dataset, protocol, title) for protocol, title in variants]
    legend = [(c, swatch(crop_mark(c), line=False)) for c in crops]
    table, said = control_table(run, dataset), tuple(control_sentences(run, scene))
    return ContextPart(run.short(dataset), legend, [p for p in drawn if p], table, said)


def _size_part(run: Run, scene: Scene) -> SizePart:
    compared = size.comparisons(run, scene)
    return SizePart(
        run.short(scene[0]), size_figure(run, scene), size.overview(run, scene, compared), compared
    )
