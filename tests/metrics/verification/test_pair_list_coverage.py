"""Do nominal 95 % intervals of the template protocols hold the truth about 95 times in 100?

A long run (400 worlds of 100 people x 4 templates, half of the pairs listed, 200 replicates, identity
weighting) held it in these shares: TMR at FMR 1e-2 93 %, at 1e-3 96 %, EER 93 %, AUC 93 %; FNIR at FPIR 0.1
94 % and rank 1 92 % (50 people with mates). What follows is a short run that would notice a broken interval.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from faceprobe.data.embeddings import unit_rows
from faceprobe.metrics.bootstrap import identity_weights, percentile_interval
from faceprobe.metrics.identification.template_search import (
    Searches,
    fnir,
    search_replicates,
    search_templates,
)
from faceprobe.metrics.verification.figures import allowed_false_matches, auc, tmr
from faceprobe.metrics.verification.pair_list import PairScores, pair_replicates
from faceprobe.scores import exact_rows, pair_scores

PEOPLE, EACH, WORLDS = 60, 4, 150


def world(rng: np.random.Generator, people: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Templates of people of whom some are harder than others."""
    label = np.repeat(np.arange(people), EACH)
    spread = rng.uniform(0.5, 1.3, people)[label][:, None]
    vectors = rng.standard_normal((people, 16))[label] + spread * rng.standard_normal((len(label), 16))
    return exact_rows(unit_rows(vectors.astype(np.float32))), label.astype(np.int32)


def listed(rng: np.random.Generator, rows: NDArray[np.float32], label: NDArray[np.int32]) -> PairScores:
    """All mated pairs and a third of the others."""
    left, right = np.triu_indices(len(label), 1)
    keep = (label[left] == label[right]) | (rng.random(len(left)) < 0.3)
    left, right = left[keep], right[keep]
    same = label[left] == label[right]
    people = int(label[-1]) + 1
    return PairScores(pair_scores(rows, left, right), same, label[left], label[right], people)


def searches(rows: NDArray[np.float32], label: NDArray[np.int32]) -> Searches:
    """Half of the people enrolled with their first template, all other templates searched for."""
    first = np.arange(len(label)) % EACH == 0
    gallery = np.flatnonzero(first & (label < PEOPLE // 2))
    return search_templates(rows, label, np.flatnonzero(~first), gallery, PEOPLE)


@pytest.mark.slow
def test_coverage() -> None:
    rng = np.random.default_rng(11)
    found: dict[str, list[tuple[float, float]]] = {"tmr": [], "auc": [], "fnir": []}
    fnirs = []
    for k in range(WORLDS):
        rows, label = world(rng, PEOPLE)
        weights = identity_weights(PEOPLE, 200, k)
        drawn = pair_replicates(listed(rng, rows, label), weights, [0.01])
        s = searches(rows, label)
        fnirs.append(fnir(s, 0.1, "identity"))
        searched = search_replicates(s, weights, [0.1], [], "identity")
        replicates = (drawn["0.01", "identity"], drawn["auc", "identity"], searched["0.1"])
        for name, values in zip(found, replicates, strict=True):
            interval = percentile_interval(values)
            assert interval is not None
            found[name].append(interval)
    v = listed(rng, *world(rng, 1000)).verification
    truth = {
        "tmr": tmr(v, allowed_false_matches(0.01, v.n_nonmated), "identity"),
        "auc": auc(v, "identity"),
        "fnir": float(np.mean(fnirs)),  # depends on the size of the gallery: of worlds of this size
    }
    for name, intervals in found.items():
        covered = np.mean([low <= truth[name] <= high for low, high in intervals])
        assert 0.88 <= covered <= 0.99, (name, covered)
