"""Self-retrieval, verification and the adaptive collector against plain programs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceprobe.core.errors import BadInput
from faceprobe.data.embeddings import Embeddings
from faceprobe.protocols import Evaluation, evaluate
from faceprobe.protocols.cloak_adaptive import people_folds
from faceprobe.results.result import Metric
from tests.helpers.cloaks_oracle import CloakOracle, cloaked_world, shuffled_rows, with_variant

RETRIEVAL, VERIFICATION, ADAPTIVE = "cloak/self-retrieval", "cloak/verification", "cloak/adaptive"


def _values(outcome: Evaluation) -> dict[tuple[str, str], Metric]:
    return {(m.metric, m.weighting): m for m in outcome.metrics}


def _people(seed: int, people: int = 12, photos: int = 6, dim: int = 16) -> Embeddings:
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), photos)
    vectors = rng.standard_normal((people, dim))[who] + 0.5 * rng.standard_normal((len(who), dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    paths = np.array([f"{k:03d}.jpg" for k in range(len(who))])
    return Embeddings(vectors.astype(np.float32), np.array([f"p{w:02d}" for w in who]), paths)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_self_retrieval_equals_the_plain_program(seed: int) -> None:
    data = cloaked_world(seed)
    outcome = evaluate(data, [RETRIEVAL], replicates=0)
    got, expected = _values(outcome), CloakOracle(data).retrieved()
    for metric, by_person in expected.items():
        means = [np.mean(by_person[p]) for p in sorted(by_person)]
        assert got[metric, "identity"].value == pytest.approx(np.mean(means))
        assert got[metric, "identity"].n == sum(map(len, by_person.values()))
        assert outcome.curves[f"{RETRIEVAL}//{metric}"] == pytest.approx(means)
        assert outcome.curves[f"{RETRIEVAL}//{metric}_people"].tolist() == sorted(by_person)


def test_blocks_of_a_search_do_not_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = cloaked_world(4, n=60)
    whole = evaluate(data, [RETRIEVAL], replicates=0).metrics
    monkeypatch.setattr("faceprobe.protocols.cloak_retrieval.BLOCK_VALUES", 3 * 60)
    assert evaluate(data, [RETRIEVAL], replicates=0).metrics == whole


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_verification_equals_the_plain_program(seed: int) -> None:
    data = cloaked_world(seed)
    got, oracle = _values(evaluate(data, [VERIFICATION], replicates=0)), CloakOracle(data)
    for name, fmr in (("fmr=1e-2", 0.01), ("fmr=1e-3", 0.001), ("fmr=1e-4", 0.0001)):
        expected = oracle.verified(fmr)
        for kind in ("self_match", "tmr_cloaked", "tmr_clean"):
            row = got[f"{kind}@{name}", "identity"]
            if kind not in expected:
                assert row.value is None
                assert row.text
                continue
            assert row.value == pytest.approx(np.mean([np.mean(v) for v in expected[kind].values()]))
            assert row.n == sum(map(len, expected[kind].values()))
    cosines = oracle.verified(None)["self_match"]
    whole = np.concatenate(list(cosines.values()))
    assert got["cosine_to_clean", "pair"].value == pytest.approx(np.mean(whole))
    by_person = np.mean([np.mean(v) for v in cosines.values()])
    assert got["cosine_to_clean", "identity"].value == pytest.approx(by_person)
    assert got["self_match@fmr=1e-2", "identity"].value is not None


@given(seed=st.integers(0, 10**6), events=st.booleans())
@settings(max_examples=20, deadline=None)
def test_the_adaptive_collector_equals_the_plain_program(seed: int, events: bool) -> None:
    data = cloaked_world(seed, events=events)
    oracle = CloakOracle(data)
    if not oracle.trials(poisoned=True) or len({oracle.who[p] for p in oracle.cloaked}) < 2:
        return
    got = _values(evaluate(data, [ADAPTIVE], replicates=0))
    cloaked, clean = oracle.missed_adaptively(True), oracle.missed_adaptively(False)
    for name in ("linear-seen", "1nn-seen"):
        mean, error = (float(np.mean(list(arm[name].values()))) for arm in (cloaked, clean))
        # A tie of the plain program may be an ulp apart under the map; it is one decision at most.
        slack = 1e-9 if name == "linear-seen" else 1 / len(oracle.clean)
        assert got[f"protection@{name}", "identity"].value == pytest.approx(mean, abs=slack)
        assert got[f"clean_error@{name}", "identity"].value == pytest.approx(error, abs=slack)


def test_a_common_shift_is_learnt_away() -> None:
    """A cloak that adds one direction to all photos fools plain 1-NN, not a collector who has seen it."""
    data = _people(0)
    shift = np.zeros(16)
    shift[0] = 2.5
    data = replace(data, vectors=(data.vectors * np.r_[0.05, np.ones(15)]).astype(np.float32))
    lengths = np.linalg.norm(data.vectors, axis=1, keepdims=True)
    data = replace(data, vectors=data.vectors / lengths)
    both = with_variant(data, np.arange(len(data)), data.vectors + shift)
    got = _values(evaluate(both, ["cloak/poisoning", ADAPTIVE], replicates=50))
    assert got["protection@1nn", "identity"].value > 0.7
    assert got["protection@1nn-seen", "identity"].value == pytest.approx(
        got["clean_error@1nn-seen", "identity"].value, abs=0.15
    )
    assert got["clean_error@1nn-seen", "identity"].value < 0.2


@pytest.mark.parametrize("name", [RETRIEVAL, VERIFICATION, ADAPTIVE])
def test_an_identical_copy_is_as_good_as_the_photo(name: str) -> None:
    data = _people(1)
    got = _values(evaluate(with_variant(data, np.arange(len(data)), data.vectors), [name], replicates=50))
    if name == RETRIEVAL:
        assert got["self_rank1", "identity"].value == got["person_rank1", "identity"].value == 1
        a, b = (got[m, "identity"] for m in ("person_rank1_other", "clean_person_rank1_other"))
        assert (a.value, a.ci_low, a.ci_high) == (b.value, b.ci_low, b.ci_high)
        assert (a.value is not None and 0 < a.value < 1) or a.value == 1
    elif name == VERIFICATION:
        assert got["cosine_to_clean", "identity"].value == pytest.approx(1, abs=1e-6)
        for fmr in ("1e-2", "1e-3"):
            assert (
                got[f"tmr_cloaked@fmr={fmr}", "identity"].value
                == got[f"tmr_clean@fmr={fmr}", "identity"].value
            )
            assert got[f"self_match@fmr={fmr}", "identity"].value == 1
        assert "not supported" in got["tmr_clean@fmr=1e-4", "identity"].text
    else:
        for recogniser in ("linear-seen", "1nn-seen"):
            assert got[f"added_protection@{recogniser}", "identity"].value == 0


@pytest.mark.parametrize("name", [RETRIEVAL, VERIFICATION, ADAPTIVE])
def test_the_order_of_rows_does_not_matter(name: str) -> None:
    data = cloaked_world(17)
    first, second = (evaluate(d, [name], replicates=50) for d in (data, shuffled_rows(data, 5)))
    assert first.metrics == second.metrics


def test_where_people_are_not_known_photos_are_all_that_is_measured() -> None:
    data = _people(2)
    data = replace(data, identities=np.array([f"photo-{k}" for k in range(len(data))]))
    both = replace(with_variant(data, np.arange(20), data.vectors[:20]), identities_known=False)
    got = _values(evaluate(both, [RETRIEVAL, VERIFICATION], replicates=50))
    assert got["self_rank1", "identity"].value == 1
    assert got["cosine_to_clean", "pair"].value == pytest.approx(1, abs=1e-6)
    for metric in ("person_rank1", "tmr_cloaked@fmr=1e-2", "self_match@fmr=1e-2"):
        assert got[metric, "identity"].value is None
        assert "which people the photos show is not known" in got[metric, "identity"].text


def test_one_cloaked_person_leaves_nothing_to_learn_from() -> None:
    data = _people(3)
    with pytest.raises(BadInput, match="learns from those of other people"):
        evaluate(with_variant(data, np.arange(6), data.vectors[:6]), [ADAPTIVE])


def test_folds_are_even_and_never_more_than_people() -> None:
    assert sorted(np.bincount(people_folds(12, 5, 20))) == [2, 2, 2, 3, 3]
    assert sorted(people_folds(3, 5, 20)) == [0, 1, 2]
