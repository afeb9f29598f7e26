"""CelebA's size: 202,599 x 512 made-up vectors of 10,177 identities, 20.5 billion pairs.

    python benchmarks/scoring_celeba.py [--photos 202599] [--dim 512]

The pass beside the bare float32 product of the same blocks (nothing done with it), in one process.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from common import bare_product, peak_mb, record, reset_peak, resident_mb, upper_blocks

from faceprobe.core.machine import usable_cores
from faceprobe.data.embeddings import Embeddings
from faceprobe.protocols import evaluate

PROTOCOLS = ["verification/all-pairs", "identification/leave-one-out", "identification/enrol-1"]


def made_up(photos: int, people: int, dim: int, seed: int = 0) -> Embeddings:
    """A centre for each person and photos scattered about it, more for some than for others."""
    rng = np.random.default_rng(seed)
    labels = np.sort(np.concatenate([np.arange(people), rng.integers(people, size=photos - people)]))
    scatter = np.exp(rng.normal(0.3, 0.25, people)).astype(np.float32)
    common = 0.5 * rng.standard_normal(dim, dtype=np.float32)
    vectors = np.empty((photos, dim), dtype=np.float32)
    for start in range(0, photos, 8192):
        own = labels[start : start + 8192]
        centres = np.stack([_centre(int(a), dim) for a in own]) + common
        noise = rng.standard_normal((len(own), dim), dtype=np.float32)
        rows = centres + scatter[own, None] * noise
        vectors[start : start + 8192] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    names = np.array([f"{a:05d}" for a in labels])
    paths = np.array([f"{k:06d}.jpg" for k in range(photos)])
    return Embeddings(vectors, names, paths, content=paths)


def _centre(person: int, dim: int) -> np.ndarray:
    return np.random.default_rng([1, person]).standard_normal(dim, dtype=np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=202_599)
    parser.add_argument("--people", type=int, default=10_177)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--int8", action="store_true", help="also with an 8-bit first pass (torch)")
    arguments = parser.parse_args()
    cores = usable_cores()
    for int8 in [False, True][: 1 + arguments.int8]:  # loads what is compiled
        evaluate(made_up(4000, 400, arguments.dim), PROTOCOLS, replicates=10, int8=int8)
    data = made_up(arguments.photos, arguments.people, arguments.dim)
    before = resident_mb()
    reset_peak()
    seconds = {}
    blocks = upper_blocks(len(data))
    half = len(blocks) // 2
    # The product before and after, half of the blocks each, so that a drift of the machine shows.
    first = bare_product(data.vectors, blocks[::2], cores)
    base = peak_mb()
    reset_peak()
    started = time.perf_counter()
    outcome = evaluate(data, PROTOCOLS, replicates=0, quiet=False)
    seconds["figures"] = time.perf_counter() - started
    memory = peak_mb() - before
    second = bare_product(data.vectors, blocks[1::2], cores)
    product = first + second
    started = time.perf_counter()
    if arguments.int8:
        started = time.perf_counter()
        coded = evaluate(data, PROTOCOLS, replicates=0, quiet=False, int8=True)
        seconds["figures, 8-bit first pass"] = time.perf_counter() - started
        pairs = list(zip(outcome.metrics, coded.metrics, strict=True))
        differences = {
            f"{a.metric} {a.weighting}": [a.value, b.value] for a, b in pairs if a.value != b.value
        }
    if arguments.replicates:
        outcome = evaluate(data, PROTOCOLS, replicates=arguments.replicates, quiet=False)
        seconds["figures and replicates"] = time.perf_counter() - started
    coded_figures = {}
    if arguments.int8:
        coded_figures = {
            "times_the_bare_product_int8": round(seconds["figures, 8-bit first pass"] / product, 3),
            "figures_that_differ_int8": differences,
        }
    flops = 2.0 * 512 * 1024 * arguments.dim * 2 * half
    seconds["bare product"] = product
    result = {
        "photos": arguments.photos,
        "people": arguments.people,
        "dim": arguments.dim,
        "pairs": arguments.photos * (arguments.photos - 1) // 2,
        "threads": cores,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "halves_of_the_product": [round(first, 2), round(second, 2)],
        "product_gflops": round(flops / product / 1e9, 1),
        "times_the_bare_product": round(seconds["figures"] / product, 3),
        **coded_figures,
        "replicates": arguments.replicates,
        "peak_mb_beyond_vectors": round(memory),
        "peak_mb_of_the_product_alone": round(base - before),
        "figures": {
            f"{m.protocol} {m.metric} {m.weighting}": [m.value, m.ci_low, m.ci_high]
            for m in outcome.metrics
            if m.metric.startswith(("tmr", "eer", "auc", "rank1"))
        },
    }
    for name, value in result.items():
        if name != "figures":
            print(f"{name}: {value}")
    name = "scoring_celeba" if arguments.photos == 202_599 else f"scoring_{arguments.photos}"
    record(name, result)


if __name__ == "__main__":
    main()
