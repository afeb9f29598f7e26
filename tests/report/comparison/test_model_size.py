"""Is the larger model better? The verdicts, their sentences and what else differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from faceprobe.report.comparison.model_size import families, overview, size_comparisons
from faceprobe.results.run import Run, read_run
from tests.helpers.run_writer import MODELS, Invented, Writer

SCENE = ("synthetic", "none", "as-is")


def sized(strengths: dict[str, float], **changes: Any) -> tuple[Invented, ...]:
    """The three sizes with the given strengths; ``changes`` go to the largest one's card."""
    models = [m for m in MODELS if m.card.id in strengths]
    models = [replace(m, strength=strengths[m.card.id]) for m in models]
    models[-1] = replace(models[-1], card=replace(models[-1].card, **changes))
    return tuple(models)


def run_of(writer: Callable[..., Writer], models: tuple[Invented, ...]) -> Run:
    return read_run(writer(models=models, crops=("as-is",)).write())


PAIR = {"bundled:clip-s": 2.3, "bundled:clip-l": 2.9}


def test_larger_is_better(writer: Callable[..., Writer]) -> None:
    run = run_of(writer, sized(PAIR))
    (found,) = size_comparisons(run, SCENE)
    assert (found.smaller, found.larger, found.verdict) == ("bundled:clip-s", "bundled:clip-l", "better")
    assert found.paired.low > 0 and found.p_corrected < 0.05
    assert "is better than" in found.sentence.text
    assert "training-seed variation is not included" in found.sentence.text
    assert "they agree in all else" in found.sentence.text
    said = overview(run, SCENE, [found])
    assert said is not None and "of 1 size comparisons" in said.text and "better in 1" in said.text


def test_larger_is_worse(writer: Callable[..., Writer]) -> None:
    (found,) = size_comparisons(run_of(writer, sized({"bundled:clip-s": 2.9, "bundled:clip-l": 2.3})), SCENE)
    assert found.verdict == "worse" and found.paired.high < 0
    assert "is worse than" in found.sentence.text and "by −" not in found.sentence.text


def test_no_difference_is_left_open(writer: Callable[..., Writer]) -> None:
    (found,) = size_comparisons(run_of(writer, sized({"bundled:clip-s": 2.6, "bundled:clip-l": 2.6})), SCENE)
    assert found.verdict == "open" and found.paired.low < 0 < found.paired.high
    assert "no difference is shown" in found.sentence.text


def test_a_difference_below_the_seed_spread_is_refused(writer: Callable[..., Writer]) -> None:
    spread = {"seed_spread": {"metric": "rank1", "values": [0.2, 0.9, 0.5]}}
    (found,) = size_comparisons(run_of(writer, sized(PAIR, extra=spread)), SCENE)
    assert found.paired.low > 0 and found.verdict == "open"
    assert found.spread == pytest.approx(0.7)
    assert "below the spread between training seeds" in found.sentence.text
    assert "is better than" not in found.sentence.text


@pytest.mark.parametrize(
    "metric",
    ["identification/leave-one-out-cross-event/rank1", "identification/leave-one-out-cross-event//rank1"],
)
def test_a_spread_of_the_same_protocol_counts(writer: Callable[..., Writer], metric: str) -> None:
    spread = {"seed_spread": {"metric": metric, "values": [0.2, 0.9]}}
    (found,) = size_comparisons(run_of(writer, sized(PAIR, extra=spread)), SCENE)
    assert found.spread == pytest.approx(0.7)


@pytest.mark.parametrize(
    "spread", [{"metric": "eer", "values": [0.2, 0.9]}, {"metric": "rank1", "values": [0.2]}, "unclear"]
)
def test_a_spread_of_something_else_does_not(writer: Callable[..., Writer], spread: Any) -> None:
    (found,) = size_comparisons(run_of(writer, sized(PAIR, extra={"seed_spread": spread})), SCENE)
    assert found.spread is None and found.verdict == "better"


def test_what_else_differs_is_said(writer: Callable[..., Writer]) -> None:
    changed = sized(PAIR, training_data="another world", samples_seen=8e5, image_size=96)
    (found,) = size_comparisons(run_of(writer, changed), SCENE)
    text = found.sentence.text.replace("\u00a0", " ")
    assert "they also differ in training data (synthetic world, 3,000 people against another world)" in text
    assert "samples seen (400 k against 800 k)" in text and "input size (64 against 96)" in text
    assert "not the effect of size alone" in text


def test_unknown_recipes_are_not_taken_for_equal(writer: Callable[..., Writer]) -> None:
    models = tuple(replace(m, card=replace(m.card, samples_seen=None, training_data="")) for m in sized(PAIR))
    (found,) = size_comparisons(run_of(writer, models), SCENE)
    assert "whether they differ in training data and samples seen is not known" in found.sentence.text


def test_without_replicates_nothing_is_claimed(writer: Callable[..., Writer]) -> None:
    run = read_run(writer(models=sized(PAIR), crops=("as-is",), curves=False).write())
    found = size_comparisons(run, SCENE)
    assert [c.verdict for c in found] == ["not comparable"]
    assert "cannot be compared" in found[0].sentence.text
    assert overview(run, SCENE, found) is None


def test_nearly_equal_sizes_are_one_size(writer: Callable[..., Writer]) -> None:
    run = run_of(writer, sized(PAIR, n_params=1_350_000))
    assert size_comparisons(run, SCENE) == []


def test_large_families_are_compared_neighbour_by_neighbour(writer: Callable[..., Writer]) -> None:
    base = MODELS[0]
    models = tuple(
        replace(
            base, card=replace(base.card, id=f"bundled:clip-{k}", n_params=10**6 * 2**k), strength=2 + 0.1 * k
        )
        for k in range(7)
    )
    run = run_of(writer, models)
    assert list(families(run, SCENE)) == ["bundled-clip"]
    pairs = [(c.smaller[-1], c.larger[-1]) for c in size_comparisons(run, SCENE)]
    assert pairs == [*((str(k), str(k + 1)) for k in range(6)), ("0", "6")]


def test_p_values_are_corrected_over_the_family(writer: Callable[..., Writer]) -> None:
    run = run_of(writer, sized({"bundled:clip-s": 2.3, "bundled:clip-m": 2.6, "bundled:clip-l": 2.9}))
    found = size_comparisons(run, SCENE)
    assert len(found) == 3
    assert min(c.p_corrected for c in found) == pytest.approx(3 * min(c.paired.p for c in found))
