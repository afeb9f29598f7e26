"""Remarks of rows: every row without a value says why, and codes tell cautions from facts."""

from __future__ import annotations

import numpy as np
import pytest

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.remarks import CODES
from faceprobe.protocols import PROTOCOLS, evaluate
from faceprobe.results.result import Metric


def _data(people: int, noise: float, cloaked: bool) -> Embeddings:
    """Three photos each, in two events and two groups; with ``cloaked`` also a copy of every second photo."""
    rng = np.random.default_rng(people)
    who = np.repeat(np.arange(people), 3)
    vectors = rng.standard_normal((people, 8))[who] + noise * rng.standard_normal((len(who), 8))
    paths = np.array([f"{k:03d}" for k in range(len(who))])
    variants = sources = None
    if cloaked:
        chosen = np.arange(0, len(who), 2)
        changed = vectors[chosen] + 0.3 * rng.standard_normal((len(chosen), 8))
        variants = np.array(["clean"] * len(who) + ["fawkes"] * len(chosen))
        sources = np.concatenate([np.full(len(who), "", dtype=paths.dtype), paths[chosen]])
        vectors, who = np.concatenate([vectors, changed]), np.concatenate([who, who[chosen]])
        paths = np.concatenate([paths, np.char.add("c", paths[chosen])])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = np.array([f"p{w:02d}" for w in who])
    events = np.array([f"e{k % 2}" for k in range(len(who))])
    groups = np.array(["ab"[w % 2] for w in who])
    return Embeddings(
        vectors.astype(np.float32),
        names,
        paths,
        events=events,
        groups=groups,
        variants=variants,
        sources=sources,
    )


def _rows(data: Embeddings) -> list[Metric]:
    found: list[Metric] = []
    for name in PROTOCOLS:
        try:
            found += evaluate(data, [name], replicates=20).metrics
        except (BadInput, WrongUsage):
            continue
    return found


@pytest.mark.parametrize(("people", "noise"), [(3, 0.2), (12, 0.01), (12, 5.0), (40, 0.6)])
@pytest.mark.parametrize("cloaked", [False, True])
def test_a_row_has_a_value_or_an_unsupported_remark(people: int, noise: float, cloaked: bool) -> None:
    rows = _rows(_data(people, noise, cloaked))
    assert len({row.protocol for row in rows}) >= 10
    for row in rows:
        assert (row.value is None) == any(one.level == "unsupported" for one in row.remarks), row
        assert all(one.level == CODES[one.code][0] and one.text for one in row.remarks)
        assert row.protocol_version == PROTOCOLS.get(row.protocol).version
        assert row.conventions.startswith(f"{row.protocol} v{row.protocol_version}: ")


def test_codes_follow_the_false_matches_that_support_a_threshold() -> None:
    rows = evaluate(_data(40, 0.6, False), ["verification/all-pairs"], replicates=20).metrics
    codes = {(r.metric, r.weighting): {one.code for one in r.remarks} for r in rows}
    assert "unstable-threshold" in codes["tmr@fmr=1e-2", "pair"], "70 of 7,020 comparisons"
    assert "weak-threshold" in codes["tmr@fmr=1e-3", "pair"], "7 of 7,020 comparisons"
    assert codes["tmr@fmr=1e-6", "identity"] == {"not-supported"}
    assert "bracket" in codes["eer", "identity"] and codes["n_mated", "none"] == set()
