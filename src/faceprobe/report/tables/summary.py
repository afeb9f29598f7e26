"""The summary of a run for the terminal: the main figures of each model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from faceprobe.report.scenes import HEADLINE_TMR, ranking
from faceprobe.report.tables.leaderboard import columns_of
from faceprobe.report.text.numbers import fraction, interval
from faceprobe.results.result import Result
from faceprobe.results.run import Run

SHOWN = ("rank1", HEADLINE_TMR, "accuracy")


def summary_table(rows: Sequence[Result]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """(columns, rows) as text: a line for each model, dataset and crop, the best first in each scene.

    Figures are weighted by people and have 95 % intervals. "-" is an unsupported figure, and "*" marks one
    that few false matches support. Datasets and cloaks have a column only where there are several.
    """
    run = Run(Path(), tuple(rows))
    lines: list[dict[str, str]] = []
    titles: dict[str, None] = {}
    for scene in run.scenes:
        columns = [(f"{c.title} {c.subtitle}", c) for c in columns_of(run, scene) if c.metric in SHOWN]
        titles |= dict.fromkeys(title for title, _ in columns)
        for model in ranking(run, scene):
            line = {"model": model, "dataset": scene[0], "cloak": scene[1], "crop": scene[2]}
            for title, column in columns:
                line[title] = _text(run.any_weighting(model, scene, column.protocol, column.metric))
            lines.append(line)
    names = ["model", *(n for n in ("dataset", "cloak") if len({x[n] for x in lines}) > 1), "crop", *titles]
    return tuple(names), [tuple(line.get(name, "-") for name in names) for line in lines]


def _text(row: Result | None) -> str:
    if row is None or row.value is None:
        return "-"
    codes = {one.code for one in row.remarks}
    caution = " *" if codes & {"weak-threshold", "unstable-threshold"} else ""
    figure = f"{fraction(row.value, row.metric)} {interval(row.ci_low, row.ci_high, row.metric)}".rstrip()
    return figure + caution
