"""Listed pairs in folds: accuracy with the threshold from the other folds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.words import agreeing, counted
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.pairs import PairList
from faceprobe.data.remarks import Remarks, join, remark
from faceprobe.metrics.verification.fold_presets import (
    FOLDS,
    contiguous_folds,
    facexzoo_accuracy,
    insightface_accuracy,
    squared_distances,
)
from faceprobe.metrics.verification.folds import FoldAccuracy, fold_accuracy
from faceprobe.metrics.verification.normalisation import METHODS
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.normalised import lacking_cohort, normalised_pairs
from faceprobe.protocols.ordering import OrderedEmbeddings
from faceprobe.protocols.types import Evaluation, NothingLeft, Protocol
from faceprobe.results.result import Metric
from faceprobe.scores import pair_scores

OFFICIAL_FOLDS, OFFICIAL_PAIRS = 10, 6000
"""LFW View 2: ten folds of 300 + 300 pairs."""

PRESET_PAIRS = (6000, 7000)
"""Lengths of the lists that the presets' figures are published on: LFW and sets like it, and CFP-FP."""

Compare = Callable[[Context, PairList], NDArray[np.float64]]
Measure = Callable[[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]], FoldAccuracy]


@dataclass(frozen=True)
class Rule:
    """How a protocol of this kind computes: the (P,) values that are thresholded, the accuracy of each fold,
    whether it cuts the list into ten folds itself, and the name of its spread.
    """

    compare: Compare
    measure: Measure
    contiguous: bool
    spread: Literal["accuracy_se", "accuracy_sd"]


def _scores(context: Context, pairs: PairList) -> NDArray[np.float64]:
    left, right = context.ordered.rows_of(pairs)
    return pair_scores(context.ordered.rows, left, right)


def _distances(context: Context, pairs: PairList) -> NDArray[np.float64]:
    vectors = context.data.vectors
    return squared_distances(vectors[pairs.left], vectors[pairs.right])


RULES: dict[str, Rule] = {
    "official": Rule(_scores, fold_accuracy, False, "accuracy_se"),
    "insightface": Rule(_distances, insightface_accuracy, True, "accuracy_sd"),
    "facexzoo": Rule(_scores, facexzoo_accuracy, True, "accuracy_se"),
}
"""By a protocol's option ``rule``; without it, "official"."""

for _method in METHODS:
    RULES[f"{_method}-norm"] = Rule(
        partial(normalised_pairs, method=_method), fold_accuracy, False, "accuracy_se"
    )


def rule_of(protocol: Protocol) -> Rule:
    return RULES[protocol.options.get("rule", "official")]


def lacking_pairs(protocol: Protocol, data: Embeddings) -> str:
    """Why ``data`` cannot be measured by a protocol over listed pairs in folds."""
    if data.pairs is None or len(data.pairs) == 0:
        return "it needs a pair list (--pairs pairs.txt)"
    if int(data.pairs.fold.max()) < 1 and not rule_of(protocol).contiguous:
        return "its pair list has one fold only; the threshold is chosen on other folds"
    return lacking_cohort(data) if "cohort" in protocol.needs else ""


def measure_pair_list(protocol: Protocol, context: Context) -> Evaluation:
    """``accuracy`` with its interval over folds, and its spread; 0 identities where unknown."""
    data, ordered, pairs, rule = context.data, context.ordered, context.data.pairs, rule_of(protocol)
    assert pairs is not None
    fold = _folds(protocol, rule, pairs)
    measured = rule.measure(rule.compare(context, pairs), pairs.same, fold)
    left, right = ordered.rows_of(pairs)
    people = ordered.labels[np.concatenate([left, right])]
    remarks = join(
        _unpublished(rule, measured, pairs),
        _other_folds(fold, pairs) if rule.contiguous else (),
        _shared_people(people, fold) if data.identities_known else (),
        _duplicates(ordered, left, right),
    )
    low, high = measured.interval() if context.replicates else (None, None)
    folds = len(measured.accuracy)
    row = partial(
        Metric,
        protocol=protocol.name,
        weighting="pair",
        n=len(pairs),
        n_identities=len(np.unique(people)) if data.identities_known else 0,
        conventions=protocol.label,
        protocol_version=protocol.version,
    )
    accuracy = row(
        metric="accuracy",
        value=measured.mean,
        ci_low=low,
        ci_high=high,
        ci_method=f"mean +- t({folds - 1}) x standard error over {folds} folds" if context.replicates else "",
        remarks=remarks,
    )
    spread = measured.sd if rule.spread == "accuracy_sd" else measured.standard_error
    evaluation = Evaluation(metrics=[accuracy, row(metric=rule.spread, value=spread)])
    if context.replicates:
        evaluation.replicates[f"{protocol.name}//accuracy//pair"] = measured.replicates(
            context.replicates, context.seed
        )
    return evaluation


def _folds(protocol: Protocol, rule: Rule, pairs: PairList) -> NDArray[np.int64]:
    """(P,) the fold of each pair; :class:`NothingLeft` where a fold lacks pairs that the rule needs, or all
    pairs are of one kind: a threshold that accepts everything, or nothing, would be right on all of them.
    """
    if rule.contiguous and len(pairs) < FOLDS:
        raise NothingLeft(protocol, f"{FOLDS} folds need as many pairs; the list has {len(pairs)}")
    if len(np.unique(pairs.same)) < 2:
        kind = "one person" if pairs.same[0] else "two people"
        raise NothingLeft(
            protocol, f"all {len(pairs):,} listed pairs show {kind}; an accuracy needs pairs of both kinds"
        )
    if not rule.contiguous:
        sizes = np.bincount(pairs.fold)
        if np.any(sizes == 0):
            raise NothingLeft(protocol, f"fold {int(np.argmin(sizes))} of the pair list is empty")
        return pairs.fold
    fold = contiguous_folds(len(pairs))
    for f in range(FOLDS):
        if len(np.unique(pairs.same[fold != f])) < 2:
            raise NothingLeft(protocol, f"the pairs outside fold {f} are all of one kind")
    return fold


def _unpublished(rule: Rule, measured: FoldAccuracy, pairs: PairList) -> Remarks:
    if rule.contiguous:
        known = len(pairs) in PRESET_PAIRS
        text = "" if known else f"not a list that this preset is published for: {counted(len(pairs), 'pair')}"
        return remark("other-list", text)
    if len(measured.accuracy) == OFFICIAL_FOLDS and len(pairs) == OFFICIAL_PAIRS:
        return ()
    text = f"not LFW's own list: {counted(len(pairs), 'pair')} in {len(measured.accuracy)} folds"
    return remark("other-list", text)


def _other_folds(fold: NDArray[np.int64], pairs: PairList) -> Remarks:
    same = int(pairs.fold.max()) == 0 or np.array_equal(fold, pairs.fold)
    return remark("other-list", "" if same else "the ten contiguous folds are not the list's own folds")


def _shared_people(people: NDArray[np.int32], fold: NDArray[np.int64]) -> Remarks:
    """A caution where ``people`` (2P,) occur in several folds: the interval takes folds as independent."""
    in_fold = np.unique(np.column_stack([people, np.tile(fold, 2)]), axis=0)[:, 0]
    shared = int(np.count_nonzero(np.bincount(in_fold) > 1))
    text = (
        f"{agreeing(shared, 'person', 'occurs')} in several folds, so the interval is too narrow"
        if shared
        else ""
    )
    return remark("shared-people", text)


def _duplicates(ordered: OrderedEmbeddings, left: NDArray[np.int64], right: NDArray[np.int64]) -> Remarks:
    if ordered.content is None:
        return ()
    n = int(np.count_nonzero(ordered.content[left] == ordered.content[right]))
    return remark("duplicates", f"{n:,} listed comparisons are between duplicates" if n else "")


KIND = Kind(
    figures=[("accuracy", "pair"), ("accuracy_se", "pair")],
    lacking=lacking_pairs,
    measure=measure_pair_list,
)
