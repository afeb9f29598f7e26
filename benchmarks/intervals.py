"""Time of 1,000 bootstrap replicates of every verification metric in both weightings.

    python benchmarks/intervals.py [--out benchmarks/results/intervals.json]

Summaries of the shape of LFW (5,749 people) and of CelebA (10,177 people) are drawn at random: the
time depends on sizes alone, so no vectors are compared. Each is timed five times; wall and processor
time are shown.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from faceprobe.core.files import write_json
from faceprobe.core.machine import describe_machine, versions
from faceprobe.metrics.bootstrap import identity_weights
from faceprobe.metrics.verification.figures import Verification
from faceprobe.metrics.verification.intervals import verification_intervals
from faceprobe.scores import Duplicates, Grid, MatedScores, ScoreSummary, Tail
from faceprobe.scores.sweep.counts_above import NonmatedCounts
from faceprobe.scores.sweep.score_bins import choose_bins

TARGETS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
SHAPES = {
    "LFW": {"people": 5_749, "photos": 13_233, "mated": 242_257, "tail": 300_000, "grid": 700},
    "CelebA": {"people": 10_177, "photos": 202_599, "mated": 2_000_000, "tail": 3_000_000, "grid": 700},
}
REPLICATES, TIMES = 1000, 5


def random_summary(people: int, photos: int, mated: int, tail: int, grid: int) -> ScoreSummary:
    """A summary of the given sizes whose scores say nothing."""
    rng = np.random.default_rng(0)
    labels = np.sort(np.concatenate([np.arange(people), rng.integers(people, size=photos - people)]))
    count = np.bincount(labels) * (photos - np.bincount(labels))
    n = int(count.sum()) // 2
    score = np.sort(rng.beta(5, 2, mated))[::-1].copy()
    at_or_above = np.sort((n * rng.beta(0.1, 6, mated)).astype(np.int64))
    edges = Grid(first=-200, bits=9, size=grid)
    falling = np.linspace(1, 0, grid) ** 6
    one, other = np.sort(rng.integers(photos, size=(2, tail)).astype(np.int32), axis=0)
    none = np.zeros(0, dtype=np.int64)
    bins = choose_bins(np.eye(2, dtype=np.float32), np.arange(2, dtype=np.int32), exact=True)
    return ScoreSummary(
        labels=labels.astype(np.int32),
        mated=MatedScores(
            score,
            np.zeros(mated, dtype=np.int32),
            np.ones(mated, dtype=np.int32),
            labels[rng.integers(photos, size=mated)].astype(np.int32),
        ),
        duplicates=Duplicates({}, 0, 0, none, none, none, (none, none)),
        n_nonmated=n,
        at_or_above=at_or_above,
        above=at_or_above,
        middle=at_or_above.astype(np.float64),
        exact=np.ones(mated, dtype=np.bool_),
        tail=Tail(np.sort(rng.random(tail))[::-1].copy(), one, other),
        grid=edges,
        by_person=(count[:, None] * falling).astype(np.int64),
        person_count=count,
        person_sum=0.1 * count,
        person_squares=0.03 * count,
        histogram_edges=np.linspace(-1, 1, 3),
        histogram=np.array([0, n]),
        ranks=(),
        counts=NonmatedCounts(bins, np.zeros(bins.size + 1, dtype=np.int64), ()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "intervals.json")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    for name, shape in SHAPES.items():
        summary = random_summary(**shape)
        v = Verification.of(summary)
        walls, processor = [], []
        for _ in range(TIMES):
            begun, used = time.perf_counter(), time.process_time()
            weights = identity_weights(v.n_people, REPLICATES, 0)
            verification_intervals(summary, v, weights, TARGETS)
            walls.append(round(time.perf_counter() - begun, 4))
            processor.append(round(time.process_time() - used, 4))
        found[name] = {**shape, "wall_s": walls, "processor_s": processor}
        print(f"{name}: wall {np.median(walls):.3f} s (least {min(walls):.3f}), ", end="")
        print(f"processor {np.median(processor):.3f} s (least {min(processor):.3f})", flush=True)
    document = {
        "schema": "faceprobe.benchmark-intervals/1",
        "replicates": REPLICATES,
        "machine": describe_machine(),
        "versions": versions(),
        "shapes": found,
    }
    write_json(options.out, document)


if __name__ == "__main__":
    main()
