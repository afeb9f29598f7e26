"""Axes: their ends enclose the data, their ticks are round and few."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceprobe.report.plots.axes import (
    log_axis,
    parameters_axis,
    people_axis,
    points_axis,
    probit_axis,
    share_axis,
    ticks_1_2_5,
)


@given(st.floats(1e-6, 1e3), st.floats(1.5, 1e4), st.integers(2, 9))
def test_ticks_are_1_2_5_times_powers_of_ten_inside_the_range(low: float, factor: float, most: int) -> None:
    ticks = ticks_1_2_5(low, low * factor, most)
    assert ticks == sorted(ticks) and all(low <= t <= low * factor for t in ticks)
    leading = {f"{t:e}"[0] for t in ticks}
    assert leading <= {"1", "2", "5"} and (len(ticks) <= most or leading == {"1"})


@pytest.mark.parametrize(
    ("low", "labels"),
    [
        (0.0, ["0", "20", "40", "60", "80", "100"]),
        (-0.01, ["−20", "0", "20", "40", "60", "80", "100"]),
        (-0.2, ["−20", "0", "20", "40", "60", "80", "100"]),
    ],
)
def test_points_reach_down_to_the_fifth_below_the_lowest_value(low: float, labels: list[str]) -> None:
    axis = points_axis("points", low)
    assert [label for _, label in axis.ticks] == labels and axis.low <= low and axis.high == 1.0


@given(st.floats(-1, 1))
def test_points_never_reach_below_minus_100(low: float) -> None:
    assert -1.0 <= points_axis("", low).low <= min(low + 1e-6, 0.0)


def test_labels_of_logarithmic_axes() -> None:
    assert [label for _, label in log_axis("FMR", -2, 0).ticks] == ["10⁻²", "10⁻¹", "1"]
    assert [label for _, label in people_axis(50_000).ticks] == ["1", "10", "100", "1,000", "10⁴"]
    assert people_axis(3).high == 10.0
    parameters = parameters_axis([1_300_000, 5_900_000])
    assert parameters.low < 1_300_000 and parameters.high > 5_900_000
    assert "2\u00a0M" in [label for _, label in parameters.ticks]


@given(st.floats(1e-6, 0.4), st.floats(0.5, 0.99))
def test_a_probit_axis_encloses_its_data(low: float, high: float) -> None:
    axis = probit_axis("", low, high)
    assert axis.low <= low * 1.05 and axis.high >= high * 0.9999
    assert all(axis.low <= value <= axis.high for value, _ in axis.ticks)


def test_a_share_runs_from_0_to_1() -> None:
    axis = share_axis("share")
    assert axis.place(0.25) == 0.25 and axis.ticks[0] == (0.0, "0.0") and axis.ticks[-1] == (1.0, "1.0")
