"""All pairs of LFW: every first-set figure, beside a plain blocked numpy program and two libraries.

    python benchmarks/scoring_lfw.py [--rounds 5] [--libraries]

``FACEPROBE_TEST_DATA`` names the folder that holds ``data/lfw_vectors`` (13,233 x 128). scikit-learn and
pyeer get the scores ready-made and still have to hold all of them; they are run once, on request. pyeer gets
one in a hundred of the non-mated scores: with all of them it was stopped after four minutes at 14 GB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from common import bare_product, in_turns, peak_mb, record, resident_mb, spread, upper_blocks

from faceprobe.core.machine import usable_cores
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.vector_files import read_embeddings
from faceprobe.protocols import evaluate

FMRS = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6]
PROTOCOLS = ["verification/all-pairs", "identification/leave-one-out", "identification/enrol-1"]


def plain_numpy(data: Embeddings, block: int = 1024) -> dict[str, float]:
    """The same figures as a careful user would write them: blocks of ``X @ X.T``, all non-mated scores kept
    as float32, one sort. Duplicates are left in; no intervals.
    """
    labels = np.unique(data.identities, return_inverse=True)[1]
    order = np.argsort(labels, kind="stable")
    x, labels = np.ascontiguousarray(data.vectors[order]), labels[order]
    n = len(x)
    first = np.flatnonzero(np.diff(labels, prepend=-1))
    enrolled = np.zeros(n, dtype=bool)
    enrolled[first] = True
    nonmated, mated, who = [], [], []
    rank_all, rank_first = np.zeros(n, dtype=int), np.zeros(n, dtype=int)
    for start in range(0, n, block):
        rows = np.arange(start, min(n, start + block))
        scores = x[rows] @ x.T
        same = labels[rows][:, None] == labels
        after = np.arange(n) > rows[:, None]
        nonmated.append(scores[~same & after])
        mated.append(scores[same & after])
        who.append(np.broadcast_to(labels, scores.shape)[same & after])
        mates = np.where(same, scores, -np.inf)
        mates[np.arange(len(rows)), rows] = -np.inf
        best = mates.max(axis=1)
        others = np.where(same, -np.inf, scores)
        rank_all[rows] = np.where(np.isneginf(best), 0, 1 + (others >= best[:, None]).sum(axis=1))
        mate = scores[np.arange(len(rows)), first[labels[rows]]]
        rank = 1 + (others[:, first] >= mate[:, None]).sum(axis=1)
        rank_first[rows] = np.where(enrolled[rows], 0, rank)
    strangers = np.sort(np.concatenate(nonmated))
    friends, people = np.concatenate(mated), np.concatenate(who)
    own = np.bincount(people)[people]
    found: dict[str, float] = {}
    for weighting, weights in (("pair", np.ones(len(friends))), ("identity", 1.0 / own)):
        total = weights.sum()
        for fmr in FMRS:
            threshold = strangers[len(strangers) - 1 - int(fmr * len(strangers))]
            found[f"tmr@{fmr:g}/{weighting}"] = float(weights[friends > threshold].sum() / total)
        below = np.searchsorted(strangers, friends)
        upto = np.searchsorted(strangers, friends, side="right")
        found[f"auc/{weighting}"] = float((weights * (below + upto)).sum() / 2 / total / len(strangers))
        by_score = np.argsort(friends)
        fnmr = np.cumsum(weights[by_score]) / total
        fmr_there = 1 - below[by_score] / len(strangers)
        found[f"eer/{weighting}"] = float(fnmr[np.argmax(fnmr >= fmr_there)])
        mean = np.average(friends, weights=weights)
        variance = np.average((friends - mean) ** 2, weights=weights)
        spread_of_both = np.sqrt((variance + strangers.var(dtype=np.float64)) / 2)
        found[f"d_prime/{weighting}"] = float((mean - strangers.mean(dtype=np.float64)) / spread_of_both)
    for name, ranks in (("leave-one-out", rank_all), ("enrol-1", rank_first)):
        probes = ranks > 0
        for k in (1, 5, 10, 50):
            found[f"{name} rank{k}/pair"] = float((ranks[probes] <= k).mean())
        found[f"{name} mrr/pair"] = float((1 / ranks[probes]).mean())
    return found


def ours(data: Embeddings, replicates: int) -> dict[str, float]:
    outcome = evaluate(data, PROTOCOLS, replicates=replicates)
    rows = {(m.protocol, m.metric, m.weighting): m.value for m in outcome.metrics}
    found = {}
    for weighting in ("pair", "identity"):
        for fmr, k in zip(FMRS, range(2, 7), strict=True):
            found[f"tmr@{fmr:g}/{weighting}"] = rows[PROTOCOLS[0], f"tmr@fmr=1e-{k}", weighting]
        for metric in ("auc", "eer", "d_prime"):
            found[f"{metric}/{weighting}"] = rows[PROTOCOLS[0], metric, weighting]
    for protocol in PROTOCOLS[1:]:
        for metric in ("rank1", "rank5", "rank10", "rank50", "mrr"):
            found[f"{protocol.split('/')[1]} {metric}/pair"] = rows[protocol, metric, "pair"]
    return found


PYEER_EVERY = 100


def libraries(data: Embeddings) -> dict[str, dict[str, float]]:
    """scikit-learn's ROC curve and pyeer's statistics over ready-made scores, once each."""
    labels = np.unique(data.identities, return_inverse=True)[1]
    x, n = data.vectors, len(data)
    score, same = [], []
    for start in range(0, n, 1024):
        rows = np.arange(start, min(n, start + 1024))
        after = np.arange(n) > rows[:, None]
        score.append((x[rows] @ x.T)[after])
        same.append((labels[rows][:, None] == labels)[after])
    scores, mated = np.concatenate(score), np.concatenate(same)
    found = {}
    from sklearn.metrics import auc, roc_curve

    before, started = resident_mb(), time.perf_counter()
    fmr, tmr, _ = roc_curve(mated, scores)
    area = float(auc(fmr, tmr))
    seconds = time.perf_counter() - started
    found["scikit-learn roc_curve + auc"] = {
        "seconds": round(seconds, 2),
        "peak_mb_beyond": round(peak_mb() - before),
        "auc": area,
    }
    try:
        from pyeer.eer_stats import calculate_roc, calculate_roc_auc
    except ImportError:
        return found
    some = scores[~mated][::PYEER_EVERY]
    started = time.perf_counter()
    _, fmr, fnmr = calculate_roc(scores[mated], some)
    area = float(calculate_roc_auc(fmr, fnmr))
    found["pyeer calculate_roc + auc, on some scores"] = {
        "seconds": round(time.perf_counter() - started, 2),
        "auc": area,
        "nonmated_scores": len(some),
    }
    return found


def whole_command(folder: Path, rounds: int, *options: str) -> list[float]:
    """Seconds of ``faceprobe score`` from its start to its end."""
    command = [sys.executable, "-m", "faceprobe", "score", str(folder / "embeddings.npy")]
    command += [str(folder / "samples.csv"), "--json", *options]
    found = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        found.append(time.perf_counter() - started)
    return found[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--libraries", action="store_true", help="also scikit-learn and pyeer, once")
    parser.add_argument("--memory", action="store_true", help="only ours, once, and its peak memory")
    arguments = parser.parse_args()
    folder = Path(os.environ.get("FACEPROBE_TEST_DATA", "../shared")) / "data" / "lfw_vectors"
    data = read_embeddings(folder / "embeddings.npy", folder / "samples.csv")
    if arguments.memory:
        before = resident_mb()
        ours(data, 1000)
        print(peak_mb() - before)
        return
    mine, theirs = ours(data, 0), plain_numpy(data)  # also loads what is compiled
    worst = max((abs(mine[k] - theirs[k]), k) for k in theirs)
    print(f"largest difference to the plain program: {worst[0]:.1e} ({worst[1]})")
    blocks, cores = upper_blocks(len(data)), usable_cores()
    programs = {
        "faceprobe, figures": lambda: ours(data, 0),
        "faceprobe, figures and 1,000 replicates": lambda: ours(data, 1000),
        "plain blocked numpy, figures": lambda: plain_numpy(data),
        "bare float32 product of half the matrix": lambda: bare_product(data.vectors, blocks, cores),
    }
    ours(data, 1000)
    times = in_turns(programs, arguments.rounds)
    command = spread(whole_command(folder, arguments.rounds))
    plain = spread(whole_command(folder, arguments.rounds, "--replicates", "0"))
    memory = subprocess.run(
        [sys.executable, __file__, "--memory"], check=True, capture_output=True, text=True
    ).stdout.split()[-1]
    ratio = times["plain blocked numpy, figures"]["median_s"] / times["faceprobe, figures"]["median_s"]
    result = {
        "photos": len(data),
        "pairs": len(data) * (len(data) - 1) // 2,
        "seconds": times,
        "whole_command": command,
        "whole_command_without_intervals": plain,
        "times_faster_than_plain_numpy": round(ratio, 2),
        "peak_mb_beyond_vectors": round(float(memory)),
        "largest_difference_to_plain_numpy": worst[0],
    }
    if arguments.libraries:
        result["libraries_after_scoring"] = libraries(data)
    for name, found in times.items():
        print(f"{name:45s} {found['median_s']:8.3f} s  ({found['min_s']:.3f} to {found['max_s']:.3f})")
    print(f"{'whole command, with intervals':45s} {command['median_s']:8.3f} s")
    print(f"{'whole command, without':45s} {plain['median_s']:8.3f} s")
    print(f"{ratio:.1f} x faster than the plain program; {memory} MB beyond the vectors at the peak")
    record("scoring_lfw", result)


if __name__ == "__main__":
    main()
