"""Numbers as text: digits follow the interval, nothing is rounded onto 0 or 100 per cent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceprobe.core.words import slug
from faceprobe.report.text.numbers import (
    fraction,
    interval,
    listed,
    magnitude,
    percent,
    percent_range,
    percent_with_interval,
    points,
    probability,
    scaled,
)
from faceprobe.results.result import Metric, Result, attach


def row(value: float | None, low: float | None = None, high: float | None = None) -> Result:
    metric = Metric("p", "rank1", "identity", value, low, high)
    return attach([metric], model="m", dataset="d", crop="as-is", evidence="synthetic")[0]


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_a_wide_interval_gets_no_decimals_and_a_narrow_one_gets_one() -> None:
    assert plain(percent_with_interval(row(0.7134, 0.681, 0.742))) == "71 % [68, 74]"
    assert plain(percent_with_interval(row(0.9434, 0.9352, 0.9511))) == "94.3 % [93.5, 95.1]"
    assert plain(percent_with_interval(row(0.5))) == "50 %"
    assert percent_with_interval(row(None)) == "-"


def test_an_interval_wider_than_the_scale_is_no_figure() -> None:
    assert plain(percent_range(0.26, -1.03, 1.05)) == "26 % [wider than the scale]"
    assert interval(-0.175, 4.462, "rank1") == interval(-0.175, 4.462) == "[wider than the scale]"
    assert interval(0.0, 1.0, "rank1") == "[0.000, 1.000]"
    assert interval(-0.9, 0.9, "added_protection@1nn") == "[−0.900, 0.900]", "a difference has a scale of two"
    assert interval(1.0, 4.5, "d_prime") == "[1.00, 4.50]", "no scale"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0 %"), (1.0, "100 %"), (0.00292, "0.3 %"), (0.9996, "99.96 %")]
)
def test_percent_at_the_ends(value: float, text: str) -> None:
    assert plain(percent(value)) == text


@given(st.floats(0.0001, 0.9999))
def test_a_share_that_is_neither_nothing_nor_all_is_never_written_as_such(value: float) -> None:
    assert float(plain(percent(value)).removesuffix(" %")) not in (0.0, 100.0)


def test_differences_keep_their_sign_and_magnitudes_lose_it() -> None:
    assert plain(points(0.031, 0.004, 0.059)) == "+3.1 points [0.4, 5.9]"
    assert plain(points(-0.02, -0.05, 0.01)) == "−2.0 points [−5.0, 1.0]"
    assert plain(magnitude(-0.05, -0.081, -0.02)) == "5.0 points [2.0, 8.1]"
    assert plain(points(0.0001)) == "0.0 points"


def test_other_figures() -> None:
    assert fraction(None) == "-"
    assert fraction(87307269.0, "n_nonmated") == "87,307,269"
    assert fraction(0.99981, "auc") == "0.9998"
    assert plain(scaled(5_900_000)) == "5.9 M"
    assert plain(scaled(34e9)) == "34 B"
    assert scaled(None) == "-"
    assert probability(0.0004) == "p < 0.001"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert slug("ViT-B-32/openai@pre-projection?x=1") == "vit-b-32-openai-pre-projection-x-1"
