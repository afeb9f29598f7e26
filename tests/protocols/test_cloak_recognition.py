"""Poisoning and evasion against plain programs, and what must hold of any cloak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceprobe.core.errors import BadInput
from faceprobe.data.embeddings import Embeddings
from faceprobe.metrics.bootstrap import identity_weights
from faceprobe.protocols import Evaluation, evaluate
from faceprobe.results.result import Metric
from tests.helpers.cloaks_oracle import CloakOracle, cloaked_world, shuffled_rows, with_variant

POISONING, EVASION = "cloak/poisoning", "cloak/evasion"
RECOGNISERS = ("1nn", "centroid", "linear")


def _values(outcome: Evaluation) -> dict[str, Metric]:
    return {m.metric: m for m in outcome.metrics}


def _people(seed: int, people: int = 14, photos: int = 6, dim: int = 12) -> Embeddings:
    """Well-separated people."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), photos)
    centres = rng.standard_normal((people, dim))
    vectors = centres[who] + 0.2 * rng.standard_normal((len(who), dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    paths = np.array([f"{k:03d}.jpg" for k in range(len(who))])
    return Embeddings(vectors.astype(np.float32), np.array([f"p{w:02d}" for w in who]), paths)


@given(seed=st.integers(0, 10**6), events=st.booleans(), poisoned=st.booleans())
@settings(max_examples=40, deadline=None)
def test_every_row_equals_the_plain_program(seed: int, events: bool, poisoned: bool) -> None:
    data = cloaked_world(seed, events=events)
    oracle, name = CloakOracle(data), POISONING if poisoned else EVASION
    if not oracle.trials(poisoned):
        with pytest.raises(BadInput, match="second photo or event"):
            evaluate(data, [name], replicates=0)
        return
    outcome = evaluate(data, [name], replicates=0)
    got = _values(outcome)
    for recogniser in RECOGNISERS:
        cloaked = oracle.missed(recogniser, poisoned, cloak=True)
        clean = oracle.missed(recogniser, poisoned, cloak=False)
        assert outcome.curves[f"{name}//people"].tolist() == sorted(cloaked)
        assert outcome.curves[f"{name}//protection_{recogniser}"] == pytest.approx(
            [cloaked[p] for p in sorted(cloaked)]
        )
        assert outcome.curves[f"{name}//clean_error_{recogniser}"] == pytest.approx(
            [clean[p] for p in sorted(clean)]
        )
        mean = float(np.mean(list(cloaked.values())))
        error = float(np.mean(list(clean.values())))
        assert got[f"protection@{recogniser}"].value == pytest.approx(mean)
        assert got[f"clean_error@{recogniser}"].value == pytest.approx(error)
        assert got[f"added_protection@{recogniser}"].value == pytest.approx(mean - error)
        assert got[f"protection@{recogniser}"].n == sum(len(t[2]) for t in oracle.trials(poisoned))


@pytest.mark.parametrize("name", [POISONING, EVASION])
def test_a_cloak_that_changes_nothing_adds_nothing(name: str) -> None:
    data = cloaked_world(3)
    clean = data.variants == "clean"
    first = Embeddings(data.vectors[clean], data.identities[clean], data.paths[clean])
    rows = np.arange(0, len(first), 2)
    got = _values(evaluate(with_variant(first, rows, first.vectors[rows]), [name], replicates=0))
    for recogniser in RECOGNISERS:
        assert got[f"added_protection@{recogniser}"].value == 0


@pytest.mark.parametrize("name", [POISONING, EVASION])
def test_a_cloak_that_sends_everybody_far_away_hides_everybody(name: str) -> None:
    data = _people(0)
    stranger = data.identities == "p13"
    if name == POISONING:
        vectors = np.column_stack([data.vectors, np.zeros(len(data), dtype=np.float32)])
        data, away = replace(data, vectors=vectors), np.eye(13)[12]  # at a right angle to everything
    else:
        away = data.vectors[stranger].mean(axis=0)
    rows = np.flatnonzero(~stranger)
    both = with_variant(data, rows, np.tile(away, (len(rows), 1)))
    got = _values(evaluate(both, [name], replicates=200))
    for recogniser in RECOGNISERS:
        assert got[f"clean_error@{recogniser}"].value == 0
        row = got[f"added_protection@{recogniser}"]
        # Nobody differs: with each person as one trial of 14, the rate (1 + 1) / 2 has a lower end of .75.
        assert (row.value, row.ci_high) == (1, 1)
        assert row.ci_low == pytest.approx(2 * 14 / (14 + 2.1604**2) - 1, abs=0.02)
        assert "no comparison differs" in row.text
        assert got[f"protection@{recogniser}_sd"].value == 0


def test_spread_and_interval_are_over_people_and_paired() -> None:
    data = _people(1)
    rng = np.random.default_rng(2)
    moved = data.vectors + 2 * rng.standard_normal(data.vectors.shape) * rng.random((len(data), 1))
    outcome = evaluate(with_variant(data, np.arange(len(data)), moved), [POISONING], replicates=300, seed=4)
    got, curves = _values(outcome), outcome.curves
    weights = identity_weights(14, 300, 4)
    for recogniser in RECOGNISERS:
        values = curves[f"{POISONING}//protection_{recogniser}"]
        gain = values - curves[f"{POISONING}//clean_error_{recogniser}"]
        assert got[f"protection@{recogniser}_sd"].value == pytest.approx(np.std(values, ddof=1))
        influence, share = outcome.influences[f"{POISONING}//added_protection@{recogniser}//identity"]
        assert influence == pytest.approx((gain - gain.mean()) / 13)
        assert share == pytest.approx(np.full(14, 1 / 14))
        plain = np.percentile(weights @ gain / 14, [2.5, 97.5])
        row = got[f"added_protection@{recogniser}"]
        assert row.ci_low is not None and row.ci_high is not None
        assert 1 < (row.ci_high - row.ci_low) / (plain[1] - plain[0]) < 2.2  # wider: t, and few people
    assert got["protection@1nn"].value not in (0, 1)


def test_few_people_get_no_spread() -> None:
    data = _people(1)
    rows = np.flatnonzero(data.identities <= "p04")
    outcome = evaluate(with_variant(data, rows, data.vectors[rows]), [POISONING], replicates=100)
    for metric in ("protection@1nn", "added_protection@linear"):
        row = _values(outcome)[metric]
        assert row.value is not None and row.ci_low is None
        assert "5 people: no spread claimed" in row.text
    assert _values(outcome)["protection@1nn_sd"].value is None
    assert outcome.curves[f"{POISONING}//people"].tolist() == [f"p0{k}" for k in range(5)]


@pytest.mark.parametrize("name", [POISONING, EVASION])
@pytest.mark.parametrize("events", [False, True])
def test_the_order_of_rows_does_not_matter(name: str, events: bool) -> None:
    data = cloaked_world(11, events=events)
    first, second = (evaluate(d, [name], replicates=50) for d in (data, shuffled_rows(data, 5)))
    assert first.metrics == second.metrics


def test_a_person_with_one_photo_is_a_stranger_and_is_counted() -> None:
    data = _people(2, people=4)
    lone = replace(
        data,
        vectors=data.vectors[:19],
        identities=data.identities[:19],
        paths=data.paths[:19],
    )  # p03 keeps one photo
    got = _values(evaluate(with_variant(lone, np.arange(19), lone.vectors), [POISONING], replicates=0))
    assert got["protection@1nn"].n_identities == 3
    assert "1 person has no second photo" in got["protection@1nn"].text


def test_ties_count_as_not_recognised_and_are_counted() -> None:
    n = 12
    data = Embeddings(
        vectors=np.tile(np.eye(1, 4, dtype=np.float32), (n, 1)),
        identities=np.array([f"p{k % 3}" for k in range(n)]),
        paths=np.array([f"{k:02d}" for k in range(n)]),
        content=np.array([f"{k}" for k in range(n)]),
    )
    both = with_variant(data, np.arange(n), data.vectors)
    both = replace(both, content=np.array([f"c{k}" for k in range(2 * n)]))
    got = _values(evaluate(both, [POISONING], replicates=0))
    for recogniser in RECOGNISERS:
        assert got[f"protection@{recogniser}"].value == 1
        assert got[f"clean_error@{recogniser}"].value == 1
    assert got["n_ties"].value == 3 * 2 * n


def test_events_are_never_shared_between_enrolled_and_searched() -> None:
    data = replace(_people(3), events=np.array(["a", "a", "b", "b", "c", ""] * 14))
    vectors = data.vectors.copy()
    outcome = evaluate(with_variant(data, np.arange(len(data)), vectors), [POISONING], replicates=0)
    oracle = CloakOracle(with_variant(data, np.arange(len(data)), vectors))
    for person in np.unique(data.identities):
        for enrolled, probes in oracle.halves(str(person)):
            known = {oracle.event[p] for p in enrolled} & {oracle.event[p] for p in probes}
            assert known <= {""}
    assert _values(outcome)["n_cloaked"].value == len(data)


def test_what_is_wanting_is_said() -> None:
    data = _people(4)
    with pytest.raises(BadInput, match="cloaked photos and the clean ones"):
        evaluate(data, [POISONING])
    both = with_variant(data, np.arange(6), data.vectors[:6])
    assert both.variants is not None and both.sources is not None
    third = both.variants.copy()
    third[np.flatnonzero(third != "clean")[0]] = "fawkes"
    with pytest.raises(BadInput, match=r"2 variants besides clean.*\?variant=clean,fawkes"):
        evaluate(replace(both, variants=third), [POISONING])
    with pytest.raises(BadInput, match="source_image"):
        evaluate(replace(both, sources=None), [POISONING])
    with pytest.raises(BadInput, match="the clean ones are missing"):
        evaluate(replace(both, variants=np.full(len(both), "lowkey")), [POISONING])
    several = np.where(both.variants == "clean", "lowkey", "fawkes")
    with pytest.raises(BadInput, match="none is clean"):
        evaluate(replace(both, variants=several))
    elsewhere = np.where(both.variants == "clean", both.sources, "elsewhere")
    with pytest.raises(BadInput, match="no lowkey photo has its clean photo"):
        evaluate(replace(both, sources=elsewhere), [POISONING])
    twice = np.where(both.variants == "clean", both.sources, "000.jpg")
    with pytest.raises(BadInput, match=r"000.jpg has 6 lowkey versions"):
        evaluate(replace(both, sources=twice), [POISONING])
    other = both.sources.copy()
    other[both.variants != "clean"] = [f"0{k}.jpg" for k in range(20, 26)]
    with pytest.raises(BadInput, match="show two people"):
        evaluate(replace(both, sources=other), [POISONING])


def test_other_protocols_see_the_clean_photos_alone() -> None:
    data = _people(5)
    both = with_variant(data, np.arange(len(data)), -data.vectors)
    usual = ["verification/all-pairs", "identification/leave-one-out"]
    alone, beside = evaluate(data, usual, replicates=50), evaluate(both, usual, replicates=50)
    assert alone.metrics == beside.metrics
    # Row numbers in curves are those of the data given.
    for outcome, seen in ((alone, data), (beside, both)):
        worst = outcome.curves["verification/all-pairs//failures_mated"]
        assert np.all(seen.identities[worst[:, 0]] == seen.identities[worst[:, 1]])
        if seen.variants is not None:
            assert np.all(seen.variants[worst] == "clean")
