"""Fills the tables of ``docs/how-to-read.md`` by running what they show.

    python docs/how_to_read.py FOLDER PAIRS

FOLDER holds ``embeddings.npy`` and ``samples.csv`` of LFW, PAIRS is its ``pairs.txt``. The tables of coverage
and of the back-test come from ``benchmarks/results``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tables import fill

from faceprobe.data.embeddings import Embeddings
from faceprobe.data.remarks import text_of
from faceprobe.data.vector_files import read_embeddings
from faceprobe.protocols import evaluate
from faceprobe.results.result import Metric

PAGE = Path(__file__).parent / "how-to-read.md"
RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"
ALL_PAIRS, LEAVE_ONE_OUT = "verification/all-pairs", "identification/leave-one-out"
Rows = dict[tuple[str, str, str], Metric]


def main() -> None:
    folder, pairs = (Path(a) for a in sys.argv[1:3])
    data = read_embeddings(folder / "embeddings.npy", folder / "samples.csv", pairs)
    rows = measured(data, None)
    presets = measured(data, ["lfw/official", "lfw/insightface", "lfw/facexzoo"])
    size = measured(data, ["identification/gallery-size", "identification/open-set"])
    parts = {
        "score": score_table(rows),
        "presets": preset_table(presets),
        "gallery": gallery_table(size),
        "duplicates": duplicate_line(data, rows),
        "coverage": coverage_table(),
        "back-test": back_test_table(),
    }
    fill(PAGE, parts)


def measured(data: Embeddings, protocols: list[str] | None) -> Rows:
    return {(m.protocol, m.metric, m.weighting): m for m in evaluate(data, protocols).metrics}


def printed(row: Metric | None) -> str:
    if row is None or row.value is None:
        return "-"
    value = f"{row.value:.4f}"
    return value if row.ci_low is None else f"{value} [{row.ci_low:.4f}, {row.ci_high:.4f}]"


def table(head: list[str], lines: list[list[str]]) -> str:
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])


def score_table(rows: Rows) -> str:
    wanted = [(ALL_PAIRS, f"tmr@fmr=1e-{k}") for k in range(2, 7)]
    wanted += [(ALL_PAIRS, m) for m in ("eer", "auc", "d_prime")]
    wanted += [(LEAVE_ONE_OUT, m) for m in ("rank1", "rank10", "mrr")]
    lines = []
    for protocol, metric in wanted:
        people, pair = rows[protocol, metric, "identity"], rows[protocol, metric, "pair"]
        caution = "unstable" if any("threshold" in one.code for one in people.remarks) else ""
        lines.append([f"{protocol} {metric}", printed(people), printed(pair), caution])
    return table(["figure", "people [95 %]", "pairs [95 %]", ""], lines)


def preset_table(rows: Rows) -> str:
    lines = []
    for name in dict.fromkeys(protocol for protocol, _, _ in rows):
        spread = next(m for (p, metric, _), m in rows.items() if p == name and metric != "accuracy")
        lines.append(
            [f"`{name}`", printed(rows[name, "accuracy", "pair"]), spread.metric, f"{spread.value:.4f}"]
        )
    return table(["preset", "accuracy [95 %]", "its spread", ""], lines)


def gallery_table(rows: Rows) -> str:
    protocol, lines = "identification/gallery-size", []
    for metric in ("rank1@people=10", "rank1@people=100", "rank1@people=1000", "rank1@people=all"):
        row = rows[protocol, metric, "identity"]
        lines.append([metric.partition("=")[2].replace("all", "5,749"), printed(row), "exact"])
    for people in (10_000, 100_000, 1_000_000):
        row = rows[protocol, f"rank1@people={people}", "identity"]
        lines.append([f"{people:,}", printed(row), text_of(row.remarks).partition(" (back-test")[0]])
    shown = table(["people searched", "rank-1 by people [95 %, or band]", ""], lines)
    own, searches = [], 0
    for fpir in ("1e-1", "1e-2", "3e-3", "1e-3"):
        row = rows["identification/open-set", f"fnir@fpir={fpir}", "identity"]
        searches = row.n
        own.append([f"FNIR at FPIR {fpir}", printed(row), text_of(row.remarks)])
    return (
        f"{shown}\n\nOpen set, half of the people enrolled with one photo ({searches:,} mated searches):\n\n"
        + table(["figure", "by people [95 %]", ""], own)
    )


def duplicate_line(data: Embeddings, rows: Rows) -> str:
    kept = evaluate(data, [ALL_PAIRS], replicates=0, keep_duplicates=True)
    with_them = {(m.metric, m.weighting): m.value for m in kept.metrics}["tmr@fmr=1e-6", "pair"]
    without = rows[ALL_PAIRS, "tmr@fmr=1e-6", "pair"].value
    return (
        f'LFW has two such pairs, filed under different names; left in, they are the two highest "false" '
        f"matches, and TMR by pairs at FMR 1e-6 goes from {without:.4f} to {with_them:.4f}."
    )


def coverage_table() -> str:
    stored = json.loads((RESULTS / "coverage.json").read_text(encoding="utf-8"))
    lines = []
    for world, about in stored["worlds"].items():
        for weighting in ("identity", "pair"):
            own = [r for r in about["rows"] if r["weighting"] == weighting]
            shares = [100 * r["covered"] for r in own]
            quiet = [r for r in own if r["says_not_assured"] < 0.5]
            line = [world, weighting, str(about["worlds"]), f"{min(shares):.1f} to {max(shares):.1f} %"]
            least = [100 * r["covered"] for r in quiet]
            line.append(f"{min(least):.1f} to {max(least):.1f} %" if least else "none")
            lines.append(line)
    head = ["simulated world", "weighting", "worlds", "covered", "of these, figures without a caution"]
    return table(head, lines)


def back_test_table() -> str:
    return (RESULTS / "gallery_backtest.md").read_text(encoding="utf-8").strip()


if __name__ == "__main__":
    main()
