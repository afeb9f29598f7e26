"""A few lines for the terminal: what a run found, before anyone opens the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from faceprobe.core.result import Result
from faceprobe.report.leaderboard import columns_of, ranking
from faceprobe.report.run_data import Run, row_key
from faceprobe.report.words import fraction, interval


def summary_table(rows: Sequence[Result]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """(columns, rows) as text: a line for each model, dataset and crop, the best first in each scene.

    Figures are weighted by people; an unsupported one is "-". Columns that no scene has are left out.
    """
    run = Run(Path(), tuple(rows), {}, (), {row_key(r): r for r in rows})
    lines: list[dict[str, str]] = []
    titles: list[str] = []
    for scene in run.scenes:
        columns = columns_of(run, scene)
        titles += [t for c in columns if (t := f"{c.title} {c.subtitle}") not in titles]
        for model in ranking(run, scene):
            line = {"model": model, "dataset": scene[0], "crop": scene[2], "cloak": scene[1]}
            for column in columns:
                row = run.any_weighting(model, scene, column.protocol, column.metric)
                line[f"{column.title} {column.subtitle}"] = _text(row)
            lines.append(line)
    names = [
        "model",
        "dataset",
        "crop",
        *(["cloak"] if {r.cloak for r in rows} - {"none", ""} else []),
        *titles,
    ]
    return tuple(names), [tuple(line.get(name, "") for name in names) for line in lines]


def _text(row: Result | None) -> str:
    if row is None or row.value is None:
        return "-"
    return f"{fraction(row.value, row.metric)} {interval(row.ci_low, row.ci_high, row.metric)}".rstrip()
