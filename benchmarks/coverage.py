"""How often nominal 95 % intervals of verification hold the truth, in simulated worlds.

    python benchmarks/coverage.py [--worlds 400] [--replicates 400] [--out benchmarks/results/coverage.json]

The truth of a world is computed from millions of people drawn once each: every score of two photos of one
person and of two people, without any of the code under test. People are drawn anew for each world, so the
intervals are asked for what they promise: the figure in the population that these people come from.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from worlds import KINDS, WorldKind, draw_people, summary_of

from faceprobe.core.files import write_json
from faceprobe.core.machine import describe_machine, versions
from faceprobe.metrics.bootstrap import identity_weights, percentile_interval
from faceprobe.metrics.verification.figures import Verification, allowed_false_matches
from faceprobe.metrics.verification.intervals import FEW_PEOPLE, verification_intervals

TARGETS = (1e-2, 1e-3, 1e-4)
CHUNK = 250_000


def truth(kind: WorldKind, rng: np.random.Generator, chunks: int = 12) -> dict[str, float]:
    """The figures of the population, the same in both weightings (sizes are drawn independently)."""
    mated, nonmated = [], []
    for _ in range(chunks):
        (centre, scatter), (other, other_scatter) = (draw_people(kind, rng, CHUNK) for _ in range(2))
        photo = _photo(rng, centre, scatter)
        mated.append((photo * _photo(rng, centre, scatter)).sum(axis=1))
        nonmated.append((photo * _photo(rng, other, other_scatter)).sum(axis=1))
    low, high = np.sort(np.concatenate(nonmated)), np.concatenate(mated)
    n = len(low)
    found = {repr(f): float(np.mean(high > low[n - int(f * n) - 1])) for f in TARGETS}
    fmr, fnmr = 1 - np.arange(n) / n, np.searchsorted(np.sort(high), low) / len(high)
    found["eer"] = float(fmr[np.argmax(fmr <= fnmr)])
    found["auc"] = float(np.searchsorted(low, high).mean() / n)
    found["d_prime"] = float((high.mean() - low.mean()) / np.sqrt((high.var() + low.var()) / 2))
    return found


def cover(kind: WorldKind, worlds: int, replicates: int, seed: int) -> list[dict[str, Any]]:
    """A row for each metric and weighting: the share of ``worlds`` whose interval holds the truth, the shares
    that lie above and below it, the mean width, the median of the effective number of people, and the
    share of worlds that say themselves that coverage is not assured.
    """
    known = truth(kind, np.random.default_rng([seed, 1]))
    rng = np.random.default_rng([seed, 2])
    seen: dict[tuple[str, str], list[tuple[bool, bool, float, float, bool]]] = {}
    for world in range(worlds):
        summary = summary_of(kind, rng)
        v = Verification.of(summary)
        targets = [f for f in TARGETS if allowed_false_matches(f, v.n_nonmated) >= 1]
        found = verification_intervals(summary, v, identity_weights(v.n_people, replicates, world), targets)
        for (metric, weighting), drawn in found.replicates.items():
            interval = percentile_interval(drawn)
            assert interval is not None
            low, high = interval
            people = found.effective_people[metric, weighting]
            unsure = people < FEW_PEOPLE
            seen.setdefault((metric, weighting), []).append(
                (low > known[metric], high < known[metric], high - low, people, unsure)
            )
    rows = []
    for (metric, weighting), outcomes in seen.items():
        above, below, width, people, unsure = np.array(outcomes, dtype=float).T
        covered = 1 - (above + below).mean()
        rows.append(
            {
                "metric": metric if metric in ("eer", "auc", "d_prime") else f"tmr@fmr={float(metric):.0e}",
                "weighting": weighting,
                "truth": round(known[metric], 5),
                "covered": round(float(covered), 4),
                "standard_error": round(float(np.sqrt(covered * (1 - covered) / worlds)), 4),
                "above": round(float(above.mean()), 4),
                "below": round(float(below.mean()), 4),
                "mean_width": round(float(width.mean()), 5),
                "effective_people": round(float(np.median(people)), 1),
                "says_not_assured": round(float(unsure.mean()), 3),
            }
        )
    return rows


def _photo(
    rng: np.random.Generator, centre: NDArray[np.float64], scatter: NDArray[np.float64]
) -> NDArray[np.float64]:
    photo = centre + scatter[:, None] * rng.standard_normal(centre.shape)
    unit: NDArray[np.float64] = photo / np.linalg.norm(photo, axis=1, keepdims=True)
    return unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--worlds", type=int, default=400)
    parser.add_argument("--replicates", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "coverage.json")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    document = {
        "schema": "faceprobe.coverage/1",
        "nominal": 0.95,
        "seed": options.seed,
        "replicates": options.replicates,
        "machine": describe_machine(),
        "versions": versions(),
        "worlds": found,
    }
    for name, kind in KINDS.items():
        begun = time.process_time()
        worlds = max(1, options.worlds * 100 // max(100, kind.people // 2))
        rows = cover(kind, worlds, options.replicates, options.seed)
        found[name] = {"people": kind.people, "worlds": worlds, "rows": rows}
        print(f"{name}: {worlds} worlds, {time.process_time() - begun:.0f} s of processor time")
        for row in rows:
            print(f"  {row['metric']:14} {row['weighting']:9} {100 * row['covered']:5.1f} %", flush=True)
        write_json(options.out, document)


if __name__ == "__main__":
    main()
