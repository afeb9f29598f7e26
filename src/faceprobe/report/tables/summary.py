"""The summary of a run for the terminal: the main figures of each model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faceprobe.data.remarks import CODES, without_brackets
from faceprobe.report.comparison.floors import floor_verdicts
from faceprobe.report.scenes import FLOOR, HEADLINE_TMR, ranking, role_of
from faceprobe.report.tables.cells import FootnoteList
from faceprobe.report.tables.leaderboard import columns_of
from faceprobe.report.text.numbers import fraction, interval
from faceprobe.results.result import Result
from faceprobe.results.run import Run

SHOWN = ("rank1", HEADLINE_TMR, "accuracy")

ABOVE = "Above floors"
"""Heading of the column that says whether rank-1 is shown to be above that of every untrained baseline."""


ABOUT_FLOORS = "whether rank-1 is shown to be above that of every untrained baseline on the same crop"


@dataclass(frozen=True)
class SummaryTable:
    """``columns``, ``rows`` as text, and the numbered ``notes`` that cells point to with ``(1)``."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]

    @property
    def caption(self) -> str:
        """The notes, and what "above floors" means, a line each."""
        above = f"{ABOVE}: {ABOUT_FLOORS}" if ABOVE in self.columns else ""
        lines = [f"({number}) {text}" for number, text in enumerate(self.notes, 1)]
        return "\n".join(line for line in (*lines, above) if line)


def summary_table(rows: Sequence[Result], run: Run | None = None) -> SummaryTable:
    """A line for each model, dataset and crop, the best first in each scene.

    Figures are weighted by people and have 95 % intervals; "-" is a figure that there is not. Every remark on
    a figure is a note. Datasets, crops and cloaks have a column only where there are several, figures only
    where some model has them. With ``run``, the run that the rows are of, differences to floors are paired by
    person; without it intervals are compared.
    """
    run = run or Run(Path(), tuple(rows))
    lines: list[dict[str, str]] = []
    found: list[dict[str, Result | None]] = []
    for scene in run.scenes:
        columns = {f"{c.title} {c.subtitle}": c for c in columns_of(run, scene) if c.metric in SHOWN}
        words = {v.model: v.word for v in floor_verdicts(run, scene)}
        for model in ranking(run, scene):
            named = (run.short_model(model), scene[0], scene[1], scene[2])
            line = dict(zip(("model", "dataset", "cloak", "crop"), named, strict=True))
            line[ABOVE] = FLOOR if role_of(run, model) == FLOOR else words.get(model, "-")
            lines.append(line)
            figures = {t: run.any_weighting(model, scene, c.protocol, c.metric) for t, c in columns.items()}
            found.append(figures)
    titles = dict.fromkeys(t for own in found for t, row in own.items() if row and row.value is not None)
    notes = FootnoteList("")
    for line, own in zip(lines, found, strict=True):
        line |= {title: _text(own.get(title), notes) for title in titles}
    several = [n for n in ("dataset", "cloak", "crop") if len({line[n] for line in lines}) > 1]
    judged = [ABOVE] if any(line[ABOVE] not in ("-", FLOOR) for line in lines) else []
    names = ["model", *several, *titles, *judged]
    return SummaryTable(
        tuple(names), tuple(tuple(line[n] for n in names) for line in lines), tuple(notes.texts)
    )


def _text(row: Result | None, notes: FootnoteList) -> str:
    if row is None:
        return "-"
    numbers = [notes.number(CODES[one.code][1]) for one in without_brackets(row.remarks)]
    marks = "".join(f" ({number})" for number in dict.fromkeys(numbers))
    figure = f"{fraction(row.value, row.metric)} {interval(row.ci_low, row.ci_high, row.metric)}".rstrip()
    return figure + marks
