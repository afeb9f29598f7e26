"""How often nominal 95 % intervals hold the truth, in simulated worlds.

    python benchmarks/coverage.py [--worlds 600] [--replicates 400] [--only TEXT] [--out FILE]

People are drawn again for each world, so the intervals are asked for what they promise: the figure in the
population that these people come from. Its truth is computed without the code under test
(`coverage_truth.py`; added protection: the mean of the point figures of other worlds). Intervals and
cautions are those that users see: of `evaluate`, and of two results compared. For two equally good models
the truth is a difference of 0.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from coverage_truth import Truth, search_truth, verification_truth
from worlds import KINDS, WorldKind, draw, draw_people, embeddings, photos_of

from faceprobe.api.score import score
from faceprobe.core.files import read_json, write_json
from faceprobe.core.machine import describe_machine, versions
from faceprobe.data.embeddings import Embeddings
from faceprobe.protocols import evaluate

SEARCHES = (
    "identification/leave-one-out",
    "identification/enrol-1",
    "identification/open-set-all-but-one",
    "identification/gallery-size",
)
SEARCHED = {name: kind for name, kind in KINDS.items() if kind.people <= 100}
PAIRED = {
    "12 people": KINDS["12 people"],
    "25 people": KINDS["25 people"],
    "near 1, 25 people": KINDS["near 1, 25 people"],
    "60 people": WorldKind(people=60, scatter=0.7),
}
CLOAKED = {
    f"{effect} effect, {people} people": (WorldKind(people=people, scatter=0.45), strength)
    for people in (10, 24, 60)
    for effect, strength in (("small", 0.45), ("middle", 0.75), ("near 1", 1.4))
}
"""Cloaks that move every photo of a person by ``strength`` towards another person."""

UNSURE = {"coverage-not-assured", "weak-threshold", "unstable-threshold", "few-people"}
"""Remarks that caution about an interval."""

Outcome = tuple[str, str, float | None, float, float, bool]
"""Metric, weighting, truth, both ends of the interval, whether a caution stands in its row."""


def verification(kind: WorldKind, worlds: int, replicates: int, seed: int) -> Iterator[Outcome]:
    known = verification_truth(kind, np.random.default_rng([seed, 1]))
    yield from _measured(kind, ("verification/all-pairs",), known, worlds, replicates, seed)


def searches(kind: WorldKind, worlds: int, replicates: int, seed: int) -> Iterator[Outcome]:
    known = search_truth(kind, np.random.default_rng([seed, 3]), max(1500, 60_000 // kind.people))
    yield from _measured(kind, SEARCHES, known, worlds, replicates, seed)


def _measured(
    kind: WorldKind, protocols: tuple[str, ...], known: Truth, worlds: int, replicates: int, seed: int
) -> Iterator[Outcome]:
    rng = np.random.default_rng([seed, 2])
    for world in range(worlds):
        data = embeddings(*draw(kind, rng, kind.people))
        for row in evaluate(data, protocols, seed=world, replicates=replicates, threads=1).metrics:
            name = row.metric if len(protocols) == 1 else f"{row.protocol}//{row.metric}"
            truth = known.get((name, row.weighting))
            if truth is not None and row.value is not None:
                unsure = any(r.code in UNSURE for r in row.remarks)
                low, high = row.ci_low, row.ci_high
                yield name, row.weighting, truth, _end(low), _end(high), unsure


def protection(kind: tuple[WorldKind, float], worlds: int, replicates: int, seed: int) -> Iterator[Outcome]:
    world_kind, strength = kind
    known: dict[str, list[float]] = {}
    rng = np.random.default_rng([seed, 5])
    for _ in range(max(1000, 20_000 // world_kind.people)):
        for row in _cloaked(world_kind, strength, rng, 0, 0):
            known.setdefault(row.metric, []).append(float(row.value))
    rng = np.random.default_rng([seed, 6])
    for world in range(worlds):
        for row in _cloaked(world_kind, strength, rng, replicates, world):
            unsure = any(r.code in UNSURE for r in row.remarks)
            truth = float(np.mean(known[row.metric]))
            yield row.metric, "identity", truth, _end(row.ci_low), _end(row.ci_high), unsure


def _cloaked(
    kind: WorldKind, strength: float, rng: np.random.Generator, replicates: int, seed: int
) -> list[Any]:
    """Rows of poisoning where every photo of a person moves towards one other person."""
    people = draw_people(kind, rng, kind.people)
    rows, labels = photos_of(people, people.photos, rng)
    target = np.roll(people.centre, 1, axis=0)
    target /= np.linalg.norm(target, axis=1, keepdims=True)
    moved = rows + strength * target[labels]
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    clean = embeddings(rows, labels)
    n = len(labels)
    data = Embeddings(
        np.concatenate([rows, moved.astype(np.float32)]),
        np.tile(clean.identities, 2),
        np.concatenate([clean.paths, np.char.add(clean.paths, "-cloaked")]),
        variants=np.repeat(["clean", "moved"], n),
        sources=np.tile(clean.paths, 2),
    )
    found = evaluate(data, ["cloak/poisoning"], seed=seed, replicates=replicates, threads=1).metrics
    wanted = [f"{kind}@{name}" for kind in ("protection", "added_protection") for name in ("1nn", "centroid")]
    return [row for row in found if row.metric in wanted]


def differences(kind: WorldKind, worlds: int, replicates: int, seed: int) -> Iterator[Outcome]:
    """Two equally good models of the same people. A row without an interval does not reject."""
    rng = np.random.default_rng([seed, 4])
    for world in range(worlds):
        people = draw_people(kind, rng, kind.people)
        results = []
        for name in "ab":
            own = people.centre + 0.3 * rng.standard_normal(people.centre.shape)
            rows, labels = photos_of(type(people)(own, people.scatter, people.photos), people.photos, rng)
            data = embeddings(rows, labels)
            some = ["verification/all-pairs", "identification/leave-one-out"]
            results.append(
                score(rows, data.identities, some, name=name, seed=world, replicates=replicates, threads=1)
            )
        for figure in results[0].compare(results[1]):
            metric, weighting = figure.first.metric, figure.first.weighting
            if metric in ("rank1", "rank5", "mrr", "tmr@fmr=1e-2", "eer", "auc", "d_prime"):
                paired = figure.difference
                low, high = (paired.low, paired.high) if paired.known else (-1.0, 1.0)
                yield metric, weighting, 0.0, low, high, not paired.known
                p = paired.p if paired.known else 1.0
                yield f"{metric}, p >= .05", weighting, 0.5, p if p >= 0.05 else 2.0, 2.0, not paired.known


FAMILIES: dict[str, tuple[Callable[..., Iterator[Outcome]], dict[str, Any]]] = {
    "verification": (verification, KINDS),
    "identification": (searches, SEARCHED),
    "cloaks": (protection, CLOAKED),
    "difference of equal models": (differences, PAIRED),
}


def _end(value: float | None) -> float:
    return np.nan if value is None else float(value)


def rows_of(outcomes: Iterator[Outcome]) -> list[dict[str, Any]]:
    """A row for each metric and weighting: the share of worlds whose interval holds the truth, the shares
    that lie above and below it, those without an interval (they count in no other share but the last), the
    mean width, and the share of rows with a caution.
    """
    seen: dict[tuple[str, str], list[tuple[float, float, float, bool]]] = {}
    for metric, weighting, truth, low, high, unsure in outcomes:
        seen.setdefault((metric, weighting), []).append((float(truth or 0.0), low, high, unsure))
    rows = []
    for (metric, weighting), found in seen.items():
        truth, low, high, unsure = np.array(found, dtype=float).T
        if metric.endswith("p >= .05"):
            low = np.where(low < 2.0, 0.0, 2.0)
        has = np.isfinite(low)
        row: dict[str, Any] = {"metric": metric, "weighting": weighting, "truth": round(float(truth[0]), 5)}
        if has.any():
            slack = 1e-9
            above, below = low[has] > truth[has] + slack, high[has] < truth[has] - slack
            covered = 1 - float((above | below).mean())
            error = float(np.sqrt(covered * (1 - covered) / has.sum()))
            row |= {"covered": round(covered, 4), "standard_error": round(error, 4)}
            row |= {"above": round(float(above.mean()), 4), "below": round(float(below.mean()), 4)}
            row |= {"mean_width": round(float((high - low)[has].mean()), 5)}
        row |= {
            "without_interval": round(float(1 - has.mean()), 4),
            "cautioned": round(float(unsure.mean()), 3),
        }
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--worlds", type=int, default=600)
    parser.add_argument("--replicates", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="only worlds whose family and name hold this text")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "coverage_small.json")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    if options.only and options.out.is_file():
        found = read_json(options.out)["worlds"]
    document = {
        "schema": "faceprobe.coverage/2",
        "nominal": 0.95,
        "seed": options.seed,
        "replicates": options.replicates,
        "machine": describe_machine(),
        "versions": versions(),
        "worlds": found,
    }
    for family, (measure, kinds) in FAMILIES.items():
        for name, kind in kinds.items():
            if options.only not in f"{family}: {name}":
                continue
            begun = time.process_time()
            people = (kind if isinstance(kind, WorldKind) else kind[0]).people
            worlds = max(1, options.worlds * 100 // max(100, people))
            rows = rows_of(measure(kind, worlds, options.replicates, options.seed))
            found[f"{family}: {name}"] = {"people": people, "worlds": worlds, "rows": rows}
            print(f"{family}: {name}: {worlds} worlds, {time.process_time() - begun:.0f} s of processor time")
            for row in rows:
                covered = 100 * row.get("covered", np.nan)
                print(f"  {row['metric']:50} {row['weighting']:9} {covered:5.1f} %", flush=True)
            write_json(options.out, document)


if __name__ == "__main__":
    main()
