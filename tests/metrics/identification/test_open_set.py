"""FNIR at FPIR and its replicates against the definition in plain Python."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceprobe.metrics.bootstrap import identity_weights
from faceprobe.metrics.identification.open_set import (
    OpenSet,
    allowed_alarms,
    dir_curve,
    fnir,
    open_set_estimates,
    rank1,
)
from faceprobe.metrics.small_samples import widening

Search = tuple[float, int, int]
"""Score, others at or above (mated) or 0, person."""


def _searches(rng: np.random.Generator) -> tuple[list[Search], list[Search]]:
    mated = [
        (float(rng.integers(0, 9)) / 8, int(rng.integers(0, 3) // 2), int(p)) for p in rng.integers(0, 5, 23)
    ]
    strangers = [(float(rng.integers(0, 9)) / 8, 0, int(p)) for p in rng.integers(5, 11, 31)]
    return mated, strangers


def _found(mated: list[Search], strangers: list[Search], people: int = 11) -> OpenSet:
    columns = [np.array(c) for c in zip(*mated, strict=True)]
    alarms = [np.array(c) for c in zip(*strangers, strict=True)]
    return OpenSet.of(columns[0], columns[1], columns[2], alarms[0], alarms[2], people)


def _fnir(
    mated: list[Search], strangers: list[Search], fpir: str, weighting: str, weights: list[int]
) -> float:
    """Try every score as T, and one above all: the lowest whose FPIR is at most the target."""
    total = sum(weights[p] for *_, p in strangers)
    people = [p for *_, p in mated]
    count = [weights[p] * (1.0 if weighting == "pair" else 1.0 / people.count(p)) for p in people]
    if total == 0 or math.fsum(count) == 0:
        return math.nan
    tried = sorted({s for s, *_ in mated + strangers} | {99.0})
    for t in tried:
        alarms = sum(weights[p] for s, _, p in strangers if s >= t)
        if Fraction(alarms, total) <= Fraction(fpir):
            # Between this T and the score below it nothing lies: it decides as the lowest T does.
            missed = [c for c, (s, others, _) in zip(count, mated, strict=True) if s < t or others]
            return math.fsum(missed) / math.fsum(count)
    raise AssertionError("at 99 nothing is accepted")


@given(seed=st.integers(0, 10**6), fpir=st.sampled_from(["0.05", "0.1", "0.3", "1.0"]))
@settings(max_examples=60, deadline=None)
def test_fnir_equals_trying_every_threshold(seed: int, fpir: str) -> None:
    mated, strangers = _searches(np.random.default_rng(seed))
    found = _found(mated, strangers)
    for weighting in ("identity", "pair"):
        expected = _fnir(mated, strangers, fpir, weighting, [1] * 11)
        allowed = allowed_alarms(found, float(fpir))
        assert fnir(found, allowed, weighting) == pytest.approx(expected, abs=1e-12)
        curve = dir_curve(found, np.array([float(fpir)]), weighting)
        assert curve[0] == pytest.approx(1 - expected, abs=1e-12)


def test_replicates_follow_searches_counted_again() -> None:
    """First order in the weights, against every replicate computed in full; T is set again in both."""
    rng = np.random.default_rng(5)
    people = 60
    mated = [(float(rng.normal(1.5, 1)), int(rng.random() < 0.1), p) for p in range(people) for _ in range(3)]
    alarms = rng.normal(0.3 * (np.arange(3 * people) // 3 % 5), 1)
    strangers = [(float(s), 0, people + k // 3) for k, s in enumerate(alarms)]
    found = _found(mated, strangers, 2 * people)
    weights = identity_weights(2 * people, 120, 1)
    estimates = open_set_estimates(found, weights, [0.1])
    for weighting in ("identity", "pair"):
        full = np.array([_fnir(mated, strangers, "0.1", weighting, w) for w in weights.tolist()])
        one = estimates["0.1", weighting]
        assert one.value == pytest.approx(_fnir(mated, strangers, "0.1", weighting, [1] * 2 * people))
        assert np.corrcoef(full, one.replicates)[0, 1] > 0.85
        assert 0.8 < one.replicates.std() / (widening(one.effective_people) * full.std()) < 1.2
        linear = (weights - 1) @ one.influence
        assert np.corrcoef(full, linear)[0, 1] > 0.85
        ranked = estimates["rank1", weighting]
        assert ranked.value == pytest.approx(rank1(found, weighting))


def test_no_miss_leaves_room_for_some() -> None:
    mated = [(2.0, 0, p) for p in range(20) for _ in range(3)]
    strangers = [(0.1 * p, 0, 20 + p) for p in range(10)]
    one = open_set_estimates(_found(mated, strangers, 30), identity_weights(30, 500, 0), [0.1])["0.1", "pair"]
    assert one.value == 0 and one.flawless
    assert 0.1 < np.quantile(one.replicates, 0.975) < 0.25


def test_rank_1_ignores_the_threshold_and_alarms_allow_whole_searches_only() -> None:
    mated = [(0.9, 0, 0), (0.8, 1, 0), (0.1, 0, 1)]
    strangers = [(0.5, 0, 2), (0.4, 0, 3), (0.3, 0, 3)]
    found = _found(mated, strangers)
    assert rank1(found, "pair") == pytest.approx(2 / 3)
    assert rank1(found, "identity") == pytest.approx((0.5 + 1.0) / 2)
    assert allowed_alarms(found, 0.33) == 0
    assert allowed_alarms(found, 0.34) == 1
    assert fnir(found, 0, "pair") == pytest.approx(2 / 3)
    assert fnir(found, 3, "pair") == pytest.approx(1 / 3)
