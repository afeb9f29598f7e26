"""``faceprobe compare``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceprobe.cli.show import print_json, print_table
from faceprobe.core.errors import WrongUsage
from faceprobe.core.words import counted

if TYPE_CHECKING:
    from faceprobe.report.comparison.family import Selection
    from faceprobe.report.comparison.model_pairs import PairLine
    from faceprobe.report.comparison.paired import Paired
    from faceprobe.report.comparison.runs import RunComparison, RunLine
    from faceprobe.results.result import Result
    from faceprobe.results.run import Key

EPILOG = (
    "Example: faceprobe compare runs/a runs/b --metric rank1 --metric tmr@fmr=1e-3, or "
    "faceprobe compare runs/a --baseline bundled:clip-s"
)


def command(
    runs: Annotated[list[Path], typer.Argument(help="Run directories, or their results.json.")],
    published: Annotated[
        bool, typer.Option("--published", help="Show published figures next to ours.")
    ] = False,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="Show this metric (repeatable).")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", help="Only rows on this dataset (repeatable).")
    ] = None,
    crop: Annotated[
        list[str] | None, typer.Option("--crop", help="Only rows of this crop (repeatable).")
    ] = None,
    common: Annotated[bool, typer.Option("--common", help="Only rows that every run has.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Show every row in the table.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print every row as JSON.")] = False,
    pair: Annotated[
        list[str] | None,
        typer.Option("--pair", metavar="A=B", help="Compare model B with model A instead (repeatable)."),
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            "--baseline", metavar="MODEL", help="Compare every other model with this one (repeatable)."
        ),
    ] = None,
    clip_benchmark: Annotated[
        Path | None,
        typer.Option("--clip-benchmark", help="Write the one run into this folder as CLIP_benchmark JSON."),
    ] = None,
) -> None:
    """Set runs side by side: same model, dataset, crop, protocol, metric and weighting.

    The table shows the main metrics, weighted by people. Differences are to the first run, with an
    interval and a p-value where both runs measured the same people: of the exact sign-flip test where at
    most 16 people differ, else of a t test. P-values are corrected by Holm over the differences that the
    table shows, and --json holds the same ones.

    With --pair or --baseline, models are compared with each other, in one run or across several: same
    dataset, crop, protocol, metric and weighting. The difference is paired where seed and people agree.
    """
    from faceprobe.report.comparison.family import MAIN_METRICS, Selection
    from faceprobe.report.comparison.runs import compare_runs

    selection = Selection(tuple(metric or ()), every, tuple(dataset or ()), tuple(crop or ()), common)
    if pair or baseline:
        if published or clip_benchmark is not None or common:
            raise WrongUsage(
                "--pair and --baseline go with none of --published, --clip-benchmark and --common"
            )
        _compare_models(runs, pair or (), baseline or (), selection, as_json)
        return
    if clip_benchmark is not None:
        _export(runs, clip_benchmark)
        return
    every_row = compare_runs(runs, published)
    comparison = every_row.filtered(selection)
    if apart := every_row.datasets_apart():
        print(f"faceprobe: {apart}", file=sys.stderr)
    if as_json:
        print_json(comparison.to_document(selection))
        return
    if len(runs) > 1:
        _print_lines(comparison, selection)
    if published:
        wanted = selection.metrics or MAIN_METRICS
        _print_published(comparison, [x for x in comparison.lines if every or x.key.metric in wanted])


def _compare_models(
    runs: list[Path],
    pairs: Sequence[str],
    baselines: Sequence[str],
    selection: Selection,
    as_json: bool,
) -> None:
    from faceprobe.report.comparison.model_pairs import compare_models, pairs_document, shown_pairs

    found = compare_models(runs, pairs, baselines)
    lines = selection.kept(found, lambda line: line.figure, lambda line: True)
    if as_json:
        print_json(pairs_document([path.name or str(path) for path in runs], lines, selection))
        return
    shown = shown_pairs(lines, selection)
    _print_pairs(shown, len(lines) - len(shown), selection)


def _print_pairs(lines: Sequence[PairLine], hidden: int, selection: Selection) -> None:
    from faceprobe.report.comparison.model_pairs import family_of_pairs
    from faceprobe.report.comparison.paired import family_corrected

    rows = []
    for line, p in zip(lines, family_corrected([x.difference for x in lines]), strict=True):
        labels = _labels(line.figure)[1:]
        reason = line.difference.reason if line.difference is not None else ""
        caution = "; ".join(filter(None, (*line.cautions, reason)))
        difference = _difference(line.difference, line.figure.metric, p)
        rows.append([*line.models, *labels, *map(_value, line.values), difference, caution])
    evidence = sorted({v.evidence for line in lines for v in line.values})
    notes = [f"P-values: two-sided, {family_of_pairs(lines, selection)}", f"Evidence: {', '.join(evidence)}"]
    notes += [f"{counted(hidden, 'figure')} not shown (--all or --json shows them)"] if hidden else []
    columns = ["model A", "model B", "dataset, crop", "figure", "A", "B", "B - A", "caution"]
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    print_table("Models side by side", columns, rows, ". ".join(notes) + ".")


def _export(runs: list[Path], folder: Path) -> None:
    from faceprobe.report.clip_benchmark import export_run
    from faceprobe.report.comparison.runs import open_run

    if len(runs) != 1:
        raise WrongUsage("--clip-benchmark writes one run; name one")
    written = counted(len(export_run(open_run(runs[0]), folder)), "file")
    print(f"{folder}: {written} in the layout of CLIP_benchmark")


def _print_lines(comparison: RunComparison, selection: Selection) -> None:
    from faceprobe.report.comparison.runs import corrected_p, family_words

    lines = comparison.shown(selection)
    names = comparison.names
    cautioned = any(line.cautions or any(d and d.reason for d in line.differences) for line in lines)
    columns = ["model", "dataset, crop", "figure", *names, *(f"{n} - {names[0]}" for n in names[1:])]
    rows = []
    for line, corrected in zip(lines, corrected_p(lines), strict=True):
        cells = [*_labels(line.key), *map(_value, line.values)]
        pairs = zip(line.differences[1:], corrected[1:], strict=True)
        cells += [_difference(d, line.key.metric, p) for d, p in pairs]
        reasons = dict.fromkeys(d.reason for d in line.differences if d is not None and d.reason)
        rows.append([*cells, "; ".join([*line.cautions, *reasons])] if cautioned else cells)
    notes = [counted(len(comparison.lines), "figure")]
    notes += [f"{comparison.only_in(k)} only in {name}" for k, name in enumerate(names)]
    hidden = len(comparison.lines) - len(lines)
    notes += [f"{hidden} not shown (--all or --json shows them)"] if hidden else []
    evidence = sorted({v.evidence for line in comparison.lines for v in line.values if v is not None})
    family = f"P-values: two-sided, {family_words(lines, selection)}"
    caption = f"{'; '.join(notes)}. Evidence: {', '.join(evidence)}. {family}."
    print_table("Runs side by side", [*columns, "caution"] if cautioned else columns, rows, caption)


def _print_published(comparison: RunComparison, lines: list[RunLine]) -> None:
    columns = [
        "model",
        "dataset, crop",
        "figure",
        *comparison.names,
        "published",
        "as",
        "crop there",
        "source",
    ]
    rows, sources = [], {}
    for line in lines:
        for figure in line.published:
            theirs = [f"{figure.value:.4f}", figure.model, figure.crop, figure.source.citation]
            rows.append([*_labels(line.key), *map(_value, line.values), *theirs])
            sources[figure.source.id] = figure.source
    if not rows:
        print("No published figure of this version matches a row shown above.")
        return
    title = "Published by others, not measured here: shown next to ours, never the same protocol"
    print_table(title, columns, rows)
    for source in sources.values():
        print(f"{source.citation} ({source.url}): {source.protocol}.")
        for caution in source.cautions:
            print(f"  - {caution}")


def _labels(key: Key) -> list[str]:
    changed = [text for text in (key.cloak, key.purifier) if text not in ("none", "")]
    where = ", ".join((key.dataset, key.crop, *changed))
    weighed = " (pairs)" if key.weighting == "pair" else ""
    return [key.model, where, f"{key.protocol} {key.metric}{weighed}"]


def _value(row: Result | None) -> str:
    from faceprobe.report.text.numbers import fraction, interval

    if row is None:
        return "absent"
    return f"{fraction(row.value, row.metric)} {interval(row.ci_low, row.ci_high, row.metric)}".rstrip()


def _difference(paired: Paired | None, metric: str, corrected: float | None) -> str:
    from faceprobe.report.text.numbers import fraction, interval, probability

    if paired is None:
        return "-"
    sign = "+" if paired.difference > 0 else ""
    spread = interval(paired.low, paired.high, metric) if paired.known else ""
    chance = "" if corrected is None else probability(corrected, paired.at_floor)
    return " ".join(x for x in (f"{sign}{fraction(paired.difference, metric)}", spread, chance) if x)
