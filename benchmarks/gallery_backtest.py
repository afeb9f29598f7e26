"""How wrong is accuracy extrapolated to larger galleries? Fit small, predict large, look.

Run: ``python benchmarks/gallery_backtest.py`` (``--quick`` for a small part of it). Real vectors come
from ``$FACEPROBE_TEST_DATA/data/lfw_vectors``; without them that part is left out and said so. Writes
``results/gallery_backtest.json`` (aggregates only) and ``results/gallery_backtest.md`` beside this file.

Three tests of rank-1 accuracy, each in both weightings:

- ``lfw, other probes``: 574 people drawn as impostors, the photos of all others as probes; fitted among 574,
  predicted among 5,748. The probes are the same on both sides, so this is the models' error alone.
- ``lfw, own probes``: 575 people drawn with all their photos, and nothing else: what a user with 575 people
  would print. The truth is the accuracy of all probes among all people, so this holds the sampling error too.
- ``synthetic``: fitted to 10,000 people of a seeded world of vectors, predicted for 400,000 of it, for 2,000
  probes, in an easy, a middle and a hard world.

A band "as printed" is what ``identification/gallery-size`` prints: the models' range, widened by the
bootstrap's half-widths and by the miss of a back-test inside the fitted data.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faceprobe.core.files import write_json
from faceprobe.core.machine import describe_machine
from faceprobe.data.vector_files import read_embeddings
from faceprobe.metrics.bootstrap import identity_weights
from faceprobe.metrics.extrapolation.bands import MODELS, SearchSample, extrapolate
from faceprobe.metrics.extrapolation.search_sample import back_tests, sample_searches, sampling_error
from faceprobe.metrics.identification.gallery_size import mean_over_probes
from faceprobe.metrics.weighting import WEIGHTINGS, Weighting
from faceprobe.protocols.ordering import OrderedEmbeddings, order_embeddings
from faceprobe.scores.exact import exact_rows
from faceprobe.scores.search.probes_against_gallery import SearchRows, best_mates, search_gallery

HERE = Path(__file__).resolve().parent
REPLICATES = 500
WORLDS = {"easy": 0.55, "middle": 0.85, "hard": 1.1}
"""Median noise of a photo, in lengths of a person's vector."""

DIMENSIONS = 128


@dataclass(frozen=True)
class Trial:
    """One fit, its predictions at ``people``, and the truth."""

    test: str
    seed: int
    weighting: Weighting
    fitted: int
    people: int
    at_fitted: float
    truth: float
    predicted: dict[str, float]
    models: tuple[float, float]
    printed: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        rounded = {name: round(value, 5) for name, value in self.predicted.items()}
        return {
            "seed": self.seed,
            "weighting": self.weighting,
            "fitted_people": self.fitted,
            "predicted_people": self.people,
            "exact_at_fitted": round(self.at_fitted, 5),
            "truth": round(self.truth, 5),
            "predicted": rounded,
            "models_range": [round(v, 5) for v in self.models],
            "band_as_printed": [round(v, 5) for v in self.printed],
            "in_models_range": self.models[0] <= self.truth <= self.models[1],
            "in_band_as_printed": self.printed[0] <= self.truth <= self.printed[1],
        }


def trial(
    test: str,
    seed: int,
    probes: SearchRows,
    gallery: SearchRows,
    seen: dict[Weighting, SearchSample],
    truth: dict[Weighting, float],
    people: int,
) -> list[Trial]:
    """Extrapolate as the protocol does: the ``gallery`` of N + 1 people (or N impostors) is all it sees."""
    label = np.unique(probes.labels, return_inverse=True)[1].astype(np.int64)
    weights = identity_weights(int(label.max()) + 1, REPLICATES, seed=0)
    known, back = np.unique(gallery.labels, return_inverse=True)
    # The back-test counts people from 0; probes from outside the gallery get numbers beyond it.
    place = np.searchsorted(known, probes.labels)
    inside = known[np.minimum(place, len(known) - 1)] == probes.labels
    numbered = np.where(inside, place, len(known) + label)
    found = []
    tests = back_tests(
        SearchRows(probes.rows, numbered, probes.numbers, probes.content),
        SearchRows(gallery.rows, back.astype(np.int64), gallery.numbers, gallery.content),
        seen["pair"].score,
        seen["pair"].k,
        len(known),
        fraction=10,
        draws=3,
        seed=seed,
        outside=not inside.any(),
    )
    for weighting in WEIGHTINGS:
        part = seen[weighting]
        n = part.n_impostors
        band = extrapolate(part, np.array([people - 1]))
        sampling = sampling_error(part.k == 0, label, weights, weighting)
        low, high = band.widened(tests[weighting], sampling, np.array([people / (n + 1)]))
        found.append(
            Trial(
                test,
                seed,
                weighting,
                n + 1,
                people,
                float(part.exact(np.array([n]))[0]),
                truth[weighting],
                {name: float(shares[0]) for name, shares in band.predicted.items()},
                (float(band.low[0]), float(band.high[0])),
                (float(low[0]), float(high[0])),
            )
        )
    return found


def lfw(folder: Path, draws: int) -> list[Trial]:
    """Both tests on the vectors of LFW."""
    ordered = order_embeddings(read_embeddings(folder / "embeddings.npy", folder / "samples.csv"))
    every = ordered.search_rows(np.arange(len(ordered.rows)))
    mate = best_mates(every, every)
    has = ~np.isnan(mate)
    probes, mate = every.take(has), mate[has]
    k = search_gallery(probes, every, mate=mate).people
    n_people = len(ordered.names)
    whole = {w: float(mean_over_probes((k == 0)[:, None] * 1.0, probes.labels, w)[0]) for w in WEIGHTINGS}
    found = []
    for seed in range(draws):
        drawn = np.zeros(n_people, dtype=np.bool_)
        drawn[np.random.default_rng(seed).permutation(n_people)[:575]] = True
        found += _other_probes(seed, drawn, every, probes, mate, k, n_people)
        found += _own_probes(seed, drawn, ordered, whole)
    return found


def _other_probes(
    seed: int,
    drawn: np.ndarray,
    every: SearchRows,
    probes: SearchRows,
    mate: np.ndarray,
    k: np.ndarray,
    n_people: int,
) -> list[Trial]:
    impostors = drawn.copy()
    impostors[np.flatnonzero(drawn)[-1]] = False  # 574 of them, and the mate
    outside = ~impostors[probes.labels]
    chosen, gallery = probes.take(outside), every.take(impostors[every.labels])
    seen = sample_searches(chosen, gallery, mate[outside], chosen.labels, 574)
    hit = (k[outside] == 0)[:, None] * 1.0
    truth = {w: float(mean_over_probes(hit, chosen.labels, w)[0]) for w in WEIGHTINGS}
    return trial("lfw, other probes", seed, chosen, gallery, seen, truth, n_people)


def _own_probes(
    seed: int, drawn: np.ndarray, ordered: OrderedEmbeddings, whole: dict[Weighting, float]
) -> list[Trial]:
    gallery = ordered.search_rows(drawn[ordered.labels])
    mate = best_mates(gallery, gallery)
    has = ~np.isnan(mate)
    probes = gallery.take(has)
    label = np.unique(probes.labels, return_inverse=True)[1].astype(np.int64)
    seen = sample_searches(probes, gallery, mate[has], label, 574)
    return trial("lfw, own probes", seed, probes, gallery, seen, whole, len(ordered.names))


def synthetic(world: str, seed: int, people: int, fitted: int, n_probes: int) -> list[Trial]:
    """One seeded world of ``people``: a photo of each enrolled, a second one of some searched."""
    rng = np.random.default_rng([seed, list(WORLDS).index(world)])
    spectrum = 1.0 / np.sqrt(1.0 + np.arange(DIMENSIONS) / 24.0)
    rows = np.empty((people, DIMENSIONS), dtype=np.float32)
    probes = np.empty((n_probes, DIMENSIONS), dtype=np.float32)
    for start in range(0, people, 20_000):
        size = min(20_000, people - start)
        centre = rng.standard_normal((size, DIMENSIONS)) * spectrum
        rows[start : start + size] = _photos(rng, centre, spectrum, WORLDS[world])
        if start < n_probes:
            own = _photos(rng, centre[: n_probes - start], spectrum, WORLDS[world])
            probes[start : start + len(own)] = own
    labels = np.arange(people, dtype=np.int64)
    gallery = SearchRows(rows, labels, labels)
    searched = SearchRows(probes, labels[:n_probes], labels[:n_probes] + people)
    mate = best_mates(searched, gallery)
    k = search_gallery(searched, gallery, mate=mate).people
    part = gallery.take(labels < fitted)
    seen = sample_searches(searched, part, mate, searched.labels, fitted - 1)
    truth = dict.fromkeys(WEIGHTINGS, float(np.mean(k == 0)))
    found = trial(f"synthetic, {world}", seed, searched, part, seen, truth, people)
    return found[:1]  # one probe a person: both weightings are the same


def _photos(rng: np.random.Generator, centre: np.ndarray, spectrum: np.ndarray, noise: float) -> np.ndarray:
    """A photo of each person: noise of the same spectrum, more of it in some photos than in others."""
    size = noise * np.exp(rng.normal(0.0, 0.35, len(centre)))
    rows = centre + size[:, None] * rng.standard_normal(centre.shape) * spectrum
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return exact_rows(rows.astype(np.float32))


def summarise(trials: list[Trial]) -> list[dict[str, Any]]:
    """By test and weighting: coverage, widths and each model's error."""
    table = []
    for test, weighting in dict.fromkeys((t.test, t.weighting) for t in trials):
        own = [t for t in trials if (t.test, t.weighting) == (test, weighting)]
        errors = {m: np.array([t.predicted[m] - t.truth for t in own]) for m in MODELS}
        table.append(
            {
                "test": test,
                "weighting": weighting,
                "trials": len(own),
                "fitted_people": own[0].fitted,
                "predicted_people": own[0].people,
                "mean_exact_at_fitted": round(float(np.mean([t.at_fitted for t in own])), 4),
                "mean_truth": round(float(np.mean([t.truth for t in own])), 4),
                "coverage_of_models_range": round(_covered(own, "models"), 3),
                "coverage_of_band_as_printed": round(_covered(own, "printed"), 3),
                "mean_width_of_models_range": round(_width(own, "models"), 4),
                "mean_width_of_band_as_printed": round(_width(own, "printed"), 4),
                "worst_miss_of_band_as_printed": round(
                    max(max(t.printed[0] - t.truth, t.truth - t.printed[1], 0.0) for t in own), 4
                ),
                "model_mean_error": {m: round(float(e.mean()), 4) for m, e in errors.items()},
                "model_worst_error": {m: round(float(e[np.argmax(np.abs(e))]), 4) for m, e in errors.items()},
            }
        )
    return table


def _covered(trials: list[Trial], which: str) -> float:
    return float(np.mean([getattr(t, which)[0] <= t.truth <= getattr(t, which)[1] for t in trials]))


def _width(trials: list[Trial], which: str) -> float:
    return float(np.mean([getattr(t, which)[1] - getattr(t, which)[0] for t in trials]))


def as_table(summary: list[dict[str, Any]]) -> str:
    """The summary in Markdown."""
    head = [
        "test",
        "weighting",
        "fits",
        "people",
        "rank-1 there",
        "truth",
        "in models' range",
        "in band",
        "width",
    ]
    lines = [" | ".join([*head, *MODELS]), " | ".join(["---"] * (len(head) + len(MODELS)))]
    for row in summary:
        lines.append(
            " | ".join(
                [
                    row["test"],
                    row["weighting"],
                    str(row["trials"]),
                    f"{row['fitted_people']:,} to {row['predicted_people']:,}",
                    f"{row['mean_exact_at_fitted']:.4f}",
                    f"{row['mean_truth']:.4f}",
                    f"{row['coverage_of_models_range']:.0%}",
                    f"{row['coverage_of_band_as_printed']:.0%}",
                    f"{row['mean_width_of_band_as_printed']:.3f}",
                    *(
                        f"{row['model_mean_error'][m]:+.4f} ({row['model_worst_error'][m]:+.4f})"
                        for m in MODELS
                    ),
                ]
            )
        )
    note = "Each model: mean error of its prediction over the fits (worst one), predicted - truth."
    return "\n".join(f"| {line} |" for line in lines) + f"\n\n{note}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Back-test of gallery-size extrapolation.")
    parser.add_argument("--quick", action="store_true", help="a smaller synthetic part, nothing written")
    parser.add_argument("--draws", type=int, default=8, help="draws of LFW's people")
    parser.add_argument("--seeds", type=int, default=4, help="seeds of each synthetic world")
    arguments = parser.parse_args()
    started = time.perf_counter()
    trials: list[Trial] = []
    folder = Path(os.environ.get("FACEPROBE_TEST_DATA") or HERE.parent / "shared") / "data" / "lfw_vectors"
    if folder.is_dir():
        trials += lfw(folder, 2 if arguments.quick else arguments.draws)
    else:
        print("no lfw_vectors in FACEPROBE_TEST_DATA: that part is left out")
    print(f"lfw done after {time.perf_counter() - started:.0f} s", flush=True)
    people, fitted = (20_000, 1_000) if arguments.quick else (400_000, 10_000)
    for seed in range(1 if arguments.quick else arguments.seeds):
        for world in WORLDS:
            trials += synthetic(world, seed, people, fitted, 500 if arguments.quick else 2_000)
            print(
                f"{trials[-1].test}, seed {seed} done after {time.perf_counter() - started:.0f} s", flush=True
            )
        if not arguments.quick:
            write(trials, time.perf_counter() - started)
    print(as_table(summarise(trials)))


def write(trials: list[Trial], seconds: float) -> None:
    """Both result files, of the trials that are done."""
    summary = summarise(trials)
    tests = dict.fromkeys(t.test for t in trials)
    write_json(
        HERE / "results" / "gallery_backtest.json",
        {
            "what": (__doc__ or "").strip().splitlines()[0],
            "machine": describe_machine(),
            "seconds": round(seconds),
            "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "synthetic_worlds": {"median_noise": WORLDS, "dimensions": DIMENSIONS, "probes": 2_000},
            "summary": summary,
            "trials": {test: [t.to_dict() for t in trials if t.test == test] for test in tests},
        },
    )
    (HERE / "results" / "gallery_backtest.md").write_text(as_table(summary), encoding="utf-8")


if __name__ == "__main__":
    main()
