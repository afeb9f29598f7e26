"""Error rates by group, against every comparison counted one by one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from faceprobe.core.errors import BadInput
from faceprobe.data.embeddings import Embeddings
from faceprobe.metrics.fairness import group_counts
from faceprobe.metrics.fairness.group_counts import false_matches_by_group
from faceprobe.protocols import evaluate
from faceprobe.protocols.ordering import order_embeddings
from faceprobe.protocols.types import Evaluation
from faceprobe.results.result import Metric
from faceprobe.scores import mated_scores, sweep_pairs

PROTOCOL = "fairness/groups"


def people(n: int = 60, seed: int = 1, unknown: int = 0, tight: float = 2.0) -> Embeddings:
    """``n`` people of 1 to 4 photos in groups A, B and C (B's people look alike), two duplicates across
    people of one and of two groups.
    """
    rng = np.random.default_rng(seed)
    photos = rng.integers(1, 5, n)
    photos[:3] = 2
    group = np.array(["A", "B", "C"])[np.arange(n) % 3]
    group[n - unknown :] = ""
    centre = rng.standard_normal((n, 8))
    centre[group == "B", 0] += tight
    who = np.repeat(np.arange(n), photos)
    rows = centre[who] + 0.9 * rng.standard_normal((len(who), 8))
    starts = np.concatenate([[0], np.cumsum(photos)[:-1]])
    rows[starts[3]], rows[starts[6]] = rows[starts[0]], rows[starts[7]]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Embeddings(
        vectors=rows.astype(np.float32),
        identities=np.array([f"p{k:03d}" for k in who]),
        paths=np.array([f"{k:04d}" for k in range(len(who))]),
        groups=group[who],
    )


def by_name(outcome: Evaluation) -> dict[tuple[str, str], Metric]:
    return {(m.metric, m.weighting): m for m in outcome.metrics}


def oracle(data: Embeddings, fmr: float) -> dict[tuple[str, str], float]:
    """Every rate by two loops over photos."""
    x = order_embeddings(data).rows.astype(np.float64)
    order = order_embeddings(data).order
    who, group = data.identities[order], data.groups[order]
    nonmated: list[tuple[float, str]] = []
    mated: list[tuple[float, str, str]] = []
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            if np.array_equal(x[i], x[j]):
                continue
            score = float(x[i] @ x[j])
            if who[i] == who[j]:
                mated.append((score, who[i], group[i]))
            else:
                nonmated.append((score, "|".join(sorted((group[i], group[j])))))
    ranked = sorted((s for s, _ in nonmated), reverse=True)
    threshold = ranked[int(fmr * len(ranked) + 1e-9)]
    found: dict[tuple[str, str], float] = {}
    for cell in {c for _, c in nonmated}:
        own = [s > threshold for s, c in nonmated if c == cell]
        g, h = cell.split("|")
        found[f"fmr@group={g}" if g == h else f"fmr@groups={cell}", "pair"] = float(np.mean(own))
    for g in {g for *_, g in mated}:
        missed = [(p, s <= threshold) for s, p, k in mated if k == g]
        found[f"fnmr@group={g}", "pair"] = float(np.mean([m for _, m in missed]))
        names = {p for p, _ in missed}
        means = [np.mean([m for p, m in missed if p == name]) for name in names]
        found[f"fnmr@group={g}", "identity"] = float(np.mean(means))
    return found


def test_every_rate_against_two_loops() -> None:
    data = people()
    rows = by_name(evaluate(data, [PROTOCOL], replicates=200))
    checked = 0
    for (metric, weighting), value in oracle(data, 1e-3).items():
        row = rows[metric, weighting]
        if row.value is None:
            assert row.text.startswith("not supported")
            continue
        assert row.value == pytest.approx(value, abs=1e-12)
        assert row.ci_low is not None and row.ci_high is not None
        assert row.ci_low < row.value < row.ci_high or value in (0.0, 1.0)
        checked += 1
    assert checked >= 8
    fnmr = [rows[f"fnmr@group={g}", "pair"].value for g in "ABC"]
    assert None not in fnmr
    assert rows["fnmr_max_min", "pair"].value == pytest.approx(max(fnmr) / min(fnmr))
    geometric = np.exp(np.mean(np.log(fnmr)))
    assert rows["fnmr_max_geomean", "pair"].value == pytest.approx(max(fnmr) / geometric)


@pytest.mark.parametrize("quick", [{}, {"all_pairs": 0}, {"all_pairs": 0, "coded": True}], ids=str)
@pytest.mark.parametrize("allowed", [1, 7, 40, 300, 2000])
def test_a_short_tail_is_made_up_for_by_a_pass(
    allowed: int, quick: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts from the whole tail, from the pass, and from loops are the same to the last one."""
    data = people(seed=3, unknown=4)
    ordered = order_embeddings(data)
    group = np.searchsorted(
        ["A", "B", "C"], data.groups[ordered.order][np.unique(ordered.labels, return_index=True)[1]]
    )
    group = np.where(
        data.groups[ordered.order][np.unique(ordered.labels, return_index=True)[1]] == "", -1, group
    )
    mated = mated_scores(ordered.rows, ordered.labels, ordered.content)
    counts = []
    monkeypatch.setattr(group_counts, "sweep_pairs", partial(sweep_pairs, **quick))
    for size in (10**6, 0):
        summary = sweep_pairs(
            ordered.rows, ordered.labels, mated, content=ordered.content, tail_size=size, **quick
        )
        counts.append(false_matches_by_group(summary, ordered.rows, allowed, group.astype(np.int64), 3))
    whole, passed = counts
    assert whole.above == passed.above
    assert np.array_equal(whole.matched, passed.matched)
    assert np.array_equal(whole.compared, passed.compared)
    assert whole.pairs is not None and passed.pairs is None
    n, labels = len(ordered.labels), ordered.labels
    matched, compared = np.zeros_like(whole.matched), np.zeros_like(whole.matched)
    for i in range(n):
        for j in range(n):
            different = labels[i] != labels[j] and ordered.content is not None
            if different and ordered.content[i] != ordered.content[j] and group[labels[j]] >= 0:
                compared[labels[i], group[labels[j]]] += 1
                score = float(ordered.rows[i].astype(float) @ ordered.rows[j].astype(float))
                matched[labels[i], group[labels[j]]] += score > whole.above
    assert np.array_equal(whole.compared, compared)
    assert np.array_equal(whole.matched, matched)


def test_a_group_whose_people_look_alike_is_found() -> None:
    rows = by_name(evaluate(people(150, tight=4.0), [PROTOCOL], replicates=300))
    a, b = rows["fmr@group=A", "pair"], rows["fmr@group=B", "pair"]
    assert a.value is not None and b.value is not None
    assert a.ci_high is not None and b.ci_low is not None and b.ci_low > a.ci_high
    ratio = rows["fmr_max_min", "pair"]
    assert (ratio.value is None and "no error" in ratio.text) or "highest B" in ratio.text


def test_unknown_groups_and_small_ones_are_named() -> None:
    data = people(61, unknown=6)
    small = np.where(np.isin(data.identities, ["p000", "p003"]), "D", data.groups)
    rows = by_name(evaluate(replace(data, groups=small), [PROTOCOL], replicates=50))
    assert "6 people of no known group" in rows["n_groups", "none"].text
    assert rows["n_groups", "none"].value == 4
    assert "below 5" in rows["fnmr@group=D", "pair"].text
    assert rows["fmr@group=D", "pair"].value is None
    assert "without D" in rows["fnmr_max_min", "identity"].text


def test_what_cannot_be_measured() -> None:
    data = people()
    for groups, words in ((None, "not known"), (np.full(len(data.paths), "A"), "one group")):
        with pytest.raises(BadInput, match=words):
            evaluate(replace(data, groups=groups), [PROTOCOL])
    torn = data.groups.copy()
    torn[1] = "C"
    with pytest.raises(BadInput, match=r"p000.*give each person one group"):
        evaluate(replace(data, groups=torn), [PROTOCOL])


def test_it_is_measured_on_request_only() -> None:
    assert not any(m.protocol == PROTOCOL for m in evaluate(people(), replicates=0).metrics)
