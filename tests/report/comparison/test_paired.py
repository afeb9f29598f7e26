"""Paired differences and Holm's correction, against brute force."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceprobe.report.comparison.paired import family_corrected, from_replicates, holm, paired_difference
from faceprobe.results.cells import Cell


def cell(folder: Path, name: str, **arrays: Any) -> Cell:
    place = folder / name
    place.mkdir()
    np.savez(place / "curves.npz", **arrays)
    return Cell(key=name, model=name, dataset="d", folder=place)


KEY, INFLUENCE = "replicates//p//rank1//identity", "influence//p//rank1//identity"
PEOPLE = np.array(["a", "b"])


def test_the_common_part_of_two_models_cancels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    people = rng.normal(0, 0.1, 500)
    first = cell(tmp_path, "first", **{KEY: 0.5 + people, "identities": PEOPLE})
    second = cell(
        tmp_path, "second", **{KEY: 0.53 + people + rng.normal(0, 0.005, 500), "identities": PEOPLE}
    )
    found = paired_difference(first, second, (0.5, 0.53), "p", "rank1")
    assert found.difference == pytest.approx(0.03)
    assert 0.015 < found.low < 0.03 < found.high < 0.045
    assert found.p == pytest.approx(2 / 501)
    back = paired_difference(second, first, (0.53, 0.5), "p", "rank1")
    assert (back.low, back.high, back.p) == pytest.approx((-found.high, -found.low, found.p))


def test_equal_models_have_no_spread_and_say_so(tmp_path: Path) -> None:
    arrays = {KEY: np.linspace(0, 1, 50), "identities": PEOPLE}
    one = cell(tmp_path, "one", **arrays)
    kept = cell(tmp_path, "kept", **arrays, **{INFLUENCE: np.array([[0.1, -0.1], [0.5, 0.5]])})
    for same in (one, kept):
        found = paired_difference(same, same, (0.5, 0.5), "p", "rank1")
        assert not found.known and "nobody differs" in found.reason


def test_influences_are_used_where_both_store_them(tmp_path: Path) -> None:
    """Of 12 people five are found by the second model alone: p is the sign-flip test's .0625."""
    people = np.array([f"p{k:02d}" for k in range(12)])
    hits = np.repeat([[0.0, 1.0], [1.0, 1.0]], [5, 7], axis=0)  # (12, 2)
    sides = []
    for k in (0, 1):
        influence = (hits[:, k] - hits[:, k].mean()) / 11
        arrays = {
            KEY: np.linspace(0.2, 0.8, 50) + 0.2 * k,
            INFLUENCE: np.stack([influence, np.full(12, 1 / 12)]),
        }
        sides.append(cell(tmp_path, f"side{k}", **arrays, identities=people))
    found = paired_difference(*sides, (7 / 12, 1.0), "p", "rank1")
    assert (found.n_differ, found.p, found.least) == (5, 0.0625, 0.0625)
    assert not found.at_floor  # an exact p-value is no bound


def test_a_p_value_at_the_floor_of_the_replicates_is_marked() -> None:
    sure, open_ = from_replicates(0.1, np.full(999, 0.1)), from_replicates(0.1, np.linspace(-0.1, 0.3, 999))
    assert sure.at_floor and sure.p == pytest.approx(2 / 1000)
    assert not open_.at_floor


def test_reasons_for_no_comparison(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 50)
    whole = cell(tmp_path, "whole", **{KEY: values, "identities": PEOPLE})
    others = cell(tmp_path, "others", **{KEY: values, "identities": np.array(["a", "c"])})
    short = cell(tmp_path, "short", **{KEY: values[:9], "identities": PEOPLE})
    holes = cell(tmp_path, "holes", **{KEY: np.where(values > 0.9, np.nan, values), "identities": PEOPLE})
    bare = replace(whole, folder=tmp_path / "absent")
    for other, reason in (
        (others, "same people"),
        (short, "numbers of replicates"),
        (holes, "no value"),
        (bare, "no bootstrap replicates"),
        (None, "no such cell"),
    ):
        found = paired_difference(whole, other, (0.5, 0.6), "p", "rank1")
        assert not found.known and reason in found.reason
        assert np.isnan(found.low)
    assert "no value" in paired_difference(whole, whole, (None, 0.6), "p", "rank1").reason


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=60))
def test_p_counts_replicates_on_the_other_side(replicates: list[float]) -> None:
    found = from_replicates(0.1, np.array(replicates))
    assert found.known
    below, above = sum(r <= 0 for r in replicates), sum(r >= 0 for r in replicates)
    assert found.p == pytest.approx(min(1.0, 2 * (1 + min(below, above)) / (len(replicates) + 1)))


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_by_its_definition(p_values: list[float]) -> None:
    """Corrected p of k = max over all smaller or equal p of (m - rank) p, at most 1."""
    corrected = holm(p_values)
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    for position, k in enumerate(order):
        brute = max((len(p_values) - j) * p_values[order[j]] for j in range(position + 1))
        assert corrected[k] == pytest.approx(min(1.0, brute))


def test_holm_example() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_a_family_is_corrected_as_one_and_unknown_members_do_not_count() -> None:
    rng = np.random.default_rng(4)
    sure = from_replicates(0.2, rng.normal(0.2, 0.05, 999))
    doubtful = from_replicates(0.05, rng.normal(0.05, 0.03, 999))
    unknown = replace(sure, p=float("nan"), reason="the runs used different seeds")
    corrected = family_corrected([None, doubtful, unknown, sure])
    assert corrected[0] is corrected[2] is None
    assert corrected[3] == pytest.approx(2 * sure.p)  # the smaller of two
    assert corrected[1] == pytest.approx(max(doubtful.p, 2 * sure.p))
    assert family_corrected([None, unknown]) == [None, None]
