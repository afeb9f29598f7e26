"""``report.html``: one self-contained page computed from a run directory, and copies of its figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faceprobe import __version__
from faceprobe.core.files import write_bytes
from faceprobe.data.evidence import weakest
from faceprobe.report.cloaks.section import QUESTIONS, cloak_sections
from faceprobe.report.cloaks.strips import AMPLIFIED, Strip
from faceprobe.report.html import render
from faceprobe.report.opening import opening_of
from faceprobe.report.plots.failure_pairs import Photos, failures
from faceprobe.report.plots.svg import Plot
from faceprobe.report.plots.theme import DARK, LIGHT, css_variables
from faceprobe.report.scenes import headline_scenes
from faceprobe.report.sections import crop_section, curve_section, size_section
from faceprobe.report.tables import provenance
from faceprobe.report.tables.leaderboard import leaderboards
from faceprobe.report.tables.published import published_tables
from faceprobe.report.tables.reference import reference
from faceprobe.report.text.cloak_templates import TERMS
from faceprobe.report.text.findings import findings
from faceprobe.report.text.sentences import LABEL
from faceprobe.results.run import Run, read_run


def write_report(run_dir: Path, photos: Photos | None = None, strips: Sequence[Strip] = ()) -> Path:
    """Write ``report.html`` and ``figures/*.svg`` into ``run_dir``; returns the path of the page.

    ``photos(dataset, image)`` gives a photo as (H, W, 3) uint8 RGB; without it, failure pairs are left out.
    ``strips`` are photos before and after cloaking; the caller makes sure that they may be shown. Raises
    :class:`faceprobe.core.errors.Missing` or ``BadInput`` where ``run_dir`` is not a run directory.
    """
    run = read_run(Path(run_dir))
    context, plots = page_context(run, photos, strips)
    for plot in plots:
        write_bytes(run.folder / "figures" / f"{plot.name}.svg", plot.file().encode())
    target = run.folder / "report.html"
    write_bytes(target, render("report.html.j2", context).encode())
    return target


def page_context(
    run: Run, photos: Photos | None = None, strips: Sequence[Strip] = ()
) -> tuple[dict[str, Any], list[Plot]]:
    """The variables of the page's template, and every figure of the page."""
    scenes = headline_scenes(run)
    evidence = weakest([r.evidence for r in run.rows])
    synthetic_models = any(run.card(m).get("synthetic") for m in run.models)
    boards = leaderboards(run)
    cloaks = cloak_sections(run, strips)
    crops = [crop_section(run, s) for s in scenes]
    sizes = [size_section(run, s) for s in scenes]
    curves = [curve_section(run, s) for s in [*scenes, *(s for s in run.scenes if s not in scenes)]]
    plots = [p for section in crops for p in section.figures]
    plots += [section.figure for section in sizes if section.figure]
    plots += [p for section in curves for p in (*section.curves, *section.scores)]
    plots += [p for section in cloaks for p in section.plots]
    opening = opening_of(run)
    plots += [opening.wide, opening.narrow] if opening else []
    _number_equal_names(plots)
    study = run.manifest.study
    context: dict[str, Any] = {
        "run": run,
        "version": __version__,
        "title": str(study.get("title") or run.name),
        "description": str(study.get("description") or ""),
        "opening": opening,
        "label": LABEL[evidence],
        "labels": [LABEL[e] for e in dict.fromkeys(r.evidence for r in run.rows)],
        "built_in": evidence == "synthetic" or synthetic_models,
        "findings": [findings(run, s) for s in scenes] if run.rows else [],
        "cloak_sections": cloaks,
        "questions": QUESTIONS,
        "terms": TERMS,
        "amplified": AMPLIFIED,
        "published": published_tables(),
        "reference": reference() if evidence == "synthetic" and synthetic_models else None,
        "boards": boards,
        "main_boards": [b for b in boards if b.scene in scenes],
        "other_boards": [b for b in boards if b.scene not in scenes],
        "crop_sections": crops,
        "size_sections": sizes,
        "curve_sections": [c for c in curves if c.curves or c.scores],
        "failures": None if photos is None else [f for s in scenes for f in failures(run, s, photos)],
        "data_rows": provenance.data_rows(run),
        "dataset_notes": provenance.dataset_notes(run),
        "missing": run.manifest.missing,
        "protocols": provenance.protocol_rows(run),
        "fact_groups": provenance.fact_groups(run),
        "timings": provenance.timings(run),
        "cards": provenance.model_cards(run),
        "series": {m: k for k, m in enumerate(run.models)},
        "light": css_variables(LIGHT),
        "dark": css_variables(DARK),
    }
    return context, plots


def _number_equal_names(plots: list[Plot]) -> None:
    """Add a number to names of figures that are equal, as those of the models ``a/b`` and ``a-b`` are."""
    taken: set[str] = set()
    for plot in plots:
        name, number = plot.name, 2
        while plot.name in taken:
            plot.name, number = f"{name}-{number}", number + 1
        taken.add(plot.name)
