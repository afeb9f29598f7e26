"""When a difference is called shown."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from faceprobe.report.comparison.shown import is_shown, people_who_differ, sign_flip_p


@pytest.mark.parametrize("n", [1, 3, 6, 9])
def test_the_sign_flip_test_counts_all_patterns(n: int) -> None:
    values = np.random.default_rng(n).normal(0.4, 1, n).round(2)
    sums = [abs(float(np.dot(signs, values))) for signs in product((1, -1), repeat=n)]
    expected = np.mean([s >= abs(values.sum()) - 1e-9 for s in sums])
    assert sign_flip_p(values) == pytest.approx(expected)
    assert sign_flip_p([*values, 0.0, 0.0]) == sign_flip_p(values), "people who do not differ say nothing"


def test_four_people_who_differ_show_nothing() -> None:
    """The quickstart's cloak: a t interval of four differences of ten people lies above 0 by chance."""
    differences = [1.0, 1.0, 1.0, 1.0, 0, 0, 0, 0, 0, 0]
    assert sign_flip_p(differences) == 0.125
    assert people_who_differ(differences) == 4
    assert not is_shown(0.1, 0.01, people_who_differ(differences))


def test_many_people_are_drawn_and_never_certain() -> None:
    assert 0 < sign_flip_p([1.0] * 40) < 1e-3
    noise = np.random.default_rng(3).normal(0, 1, 400)
    assert sign_flip_p(noise) > 0.05
    assert sign_flip_p([]) == 1.0


@pytest.mark.parametrize(
    ("low", "p", "people", "shown"),
    [
        (0.1, 0.01, 6, True),
        (0.0, 0.01, 6, False),
        (0.1, 0.06, 6, False),
        (0.1, 0.01, 5, False),
        (None, 0.01, 9, False),
        (0.1, None, 9, False),
    ],
)
def test_interval_p_and_people_must_agree(
    low: float | None, p: float | None, people: int, shown: bool
) -> None:
    assert is_shown(low, p, people) == shown
