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
    open_set_replicates,
    rank1,
)

Search = tuple[float, int, int]
"""Score, others at or above (mated) or 0, person."""


def _searches(rng: np.random.Generator) -> tuple[list[Search], list[Search]]:
    mated = [
        (float(rng.integers(0, 9)) / 8, int(rng.integers(0, 3) // 2), int(p)) for p in rng.integers(0, 5, 23)
    ]
    strangers = [(float(rng.integers(0, 9)) / 8, 0, int(p)) for p in rng.integers(5, 11, 31)]
    return mated, strangers


def _found(mated: list[Search], strangers: list[Search]) -> OpenSet:
    columns = [np.array(c) for c in zip(*mated, strict=True)]
    alarms = [np.array(c) for c in zip(*strangers, strict=True)]
    return OpenSet.of(columns[0], columns[1], columns[2], alarms[0], alarms[2], 11)


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
    weights = identity_weights(11, 15, seed)
    replicates = open_set_replicates(found, weights, [float(fpir)])
    for weighting in ("identity", "pair"):
        expected = _fnir(mated, strangers, fpir, weighting, [1] * 11)
        allowed = allowed_alarms(found, float(fpir))
        assert fnir(found, allowed, weighting) == pytest.approx(expected, abs=1e-12)
        curve = dir_curve(found, np.array([float(fpir)]), weighting)
        assert curve[0] == pytest.approx(1 - expected, abs=1e-12)
        for r, drawn in enumerate(weights.tolist()):
            expected = _fnir(mated, strangers, fpir, weighting, drawn)
            got = replicates[repr(float(fpir)), weighting][r]
            assert got == pytest.approx(expected, abs=1e-9, nan_ok=True)


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
