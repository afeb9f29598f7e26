"""The planner: its parts, and whether the planned number of people gives about the planned interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from faceprobe.api.plan import plan
from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.metrics.planning import plan_figure


def test_the_smallest_number_that_is_enough_is_found() -> None:
    for figure, fmr in (("tmr", 1e-3), ("rank1", None)):
        found = plan_figure(figure, fmr=fmr, half_width=0.03)  # type: ignore[arg-type]
        one_less = plan_figure(figure, fmr=fmr, half_width=0.03, people=found.people - 1)  # type: ignore[arg-type]
        assert found.half_width <= 0.03 < one_less.half_width
        assert found.limit == "the interval" and one_less.limit == ""


def test_independent_comparisons_and_a_known_threshold_give_the_textbook_interval() -> None:
    """One mated comparison a person: a plain share. Rare false matches and no lambs: their number alone."""
    n, p = 400, 0.8
    made = plan_figure("tmr", fmr=0.4, expect=p, photos=2, people=n, correlation=0.0, spread=0.0)
    slope = 0.4 * norm.pdf(norm.ppf(p)) / norm.pdf(norm.ppf(0.4))
    variance = p * (1 - p) / n + slope**2 / made.false_matches  # type: ignore[operator]
    assert made.half_width == pytest.approx(t(n - 1).ppf(0.975) * math.sqrt(variance), rel=0.02)
    assert (made.mated, made.nonmated) == (400, 400 * 399 // 2 * 4)
    assert made.false_matches == pytest.approx(0.4 * made.nonmated)


def test_false_matches_and_people_are_the_least_numbers() -> None:
    rare = plan(1e-6, half_width=0.2, photos=2)
    assert rare.limit == "false matches" and rare.false_matches is not None and rare.false_matches >= 100
    assert 1e-6 * (rare.people - 1) * (rare.people - 2) / 2 * 4 < 100
    assert (plan(half_width=0.4).people, plan(half_width=0.4).limit) == (30, "the least people")
    assert "coverage not assured" in plan(people=12).limit
    assert "fewer than 100 false matches" in plan(1e-4, people=100).limit


@pytest.mark.parametrize(
    "wrong",
    [
        {"fmr": 0.0},
        {"fmr": 0.6},
        {"half_width": 0.0},
        {"expect": 1.0},
        {"photos": 1},
        {"people": 1},
        {"correlation": 2.0},
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(WrongUsage):
        plan(**wrong)  # type: ignore[arg-type]


def test_what_no_number_of_people_gives_is_refused() -> None:
    with pytest.raises(BadInput, match="ask for a wider interval"):
        plan(half_width=1e-7)


def test_the_planned_number_of_people_gives_the_planned_interval() -> None:
    """A world of drawn vectors whose people differ: over worlds of the planned size TMR spreads as planned,
    and the interval that faceprobe measures in them is as wide.
    """
    from faceprobe import score

    photos, fmr, wide = 4, 1e-2, 0.08
    rng = np.random.default_rng(5)

    def world(people: int) -> tuple[np.ndarray, np.ndarray]:
        centres = rng.standard_normal((people, 24)) + np.exp(rng.normal(-1.2, 0.5, people))[:, None]
        blur = np.repeat(np.exp(rng.normal(-0.5, 0.3, people)), photos)[:, None]
        vectors = np.repeat(centres, photos, axis=0) + blur * rng.standard_normal((people * photos, 24))
        return vectors, np.repeat(np.arange(people).astype(str), photos)

    planned = plan(fmr, half_width=wide, expect=0.9, photos=photos, correlation=0.46, spread=0.84)
    found, halves = [], []
    for _ in range(25):
        results = score(*world(planned.people), "verification/all-pairs", replicates=0)
        found.append(results.value("tmr@fmr=1e-2", weighting="identity"))
    for _ in range(3):
        row = score(*world(planned.people), "verification/all-pairs", replicates=200).metric("tmr@fmr=1e-2")
        own = next(r for r in row.rows if r.weighting == "identity")
        halves.append((own.ci_high - own.ci_low) / 2)
    assert np.mean(found) == pytest.approx(0.9, abs=0.03)
    assert 1.96 * np.std(found) == pytest.approx(wide, rel=0.3)
    assert np.mean(halves) == pytest.approx(wide, rel=0.3)


def test_the_plan_of_rank_1_is_the_spread_of_people_whose_probes_are_alike() -> None:
    """Each person's chance to be found is drawn from a beta distribution, whose correlation is known."""
    expect, correlation, wide = 0.8, 0.4, 0.05
    planned = plan(half_width=wide, expect=expect, photos=5, correlation=correlation)
    rng = np.random.default_rng(1)
    size = (1 - correlation) / correlation
    chance = rng.beta(expect * size, (1 - expect) * size, (2000, planned.people))
    means = rng.binomial(5, chance).mean(axis=1) / 5
    assert 1.96 * means.std() == pytest.approx(wide, rel=0.05)
