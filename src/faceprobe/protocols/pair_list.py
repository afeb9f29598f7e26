"""Listed pairs in folds: accuracy with the threshold from the other folds."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.embeddings import LabelledEmbeddings, PairList
from faceprobe.core.result import Metric
from faceprobe.metrics.folds import FoldAccuracy, fold_accuracy
from faceprobe.protocols.arrange import Arranged
from faceprobe.protocols.rows import join
from faceprobe.protocols.types import Context, Kind, NothingLeft, Outcome, Protocol
from faceprobe.scores import pair_scores

OFFICIAL_FOLDS, OFFICIAL_PAIRS = 10, 6000
"""LFW View 2: ten folds of 300 + 300 pairs."""


def lacking_pairs(protocol: Protocol, data: LabelledEmbeddings) -> str:
    """Why ``data`` cannot be measured by a protocol over listed pairs in folds."""
    if data.pairs is None or len(data.pairs) == 0:
        return "it needs a pair list (--pairs pairs.txt)"
    if int(data.pairs.fold.max()) < 1:
        return "its pair list has one fold only; the threshold is chosen on other folds"
    return ""


def measure_pair_list(protocol: Protocol, context: Context) -> Outcome:
    """``accuracy`` with its interval over folds, and ``accuracy_se``; 0 identities where unknown."""
    data, arranged, pairs = context.data, context.arranged, context.data.pairs
    assert pairs is not None
    place = np.empty(len(arranged.order), dtype=np.int64)
    place[arranged.order] = np.arange(len(place))
    left, right = place[pairs.left], place[pairs.right]
    _check_folds(protocol, pairs)
    measured = fold_accuracy(pair_scores(arranged.rows, left, right), pairs.same, pairs.fold)
    people = arranged.labels[np.concatenate([left, right])]
    note = join(
        _unofficial(measured, pairs),
        _shared_people(people, pairs) if data.identities_known else "",
        _duplicates(arranged, left, right),
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
    )
    accuracy = row(
        metric="accuracy",
        value=measured.mean,
        ci_low=low,
        ci_high=high,
        ci_method=f"mean +- t({folds - 1}) x standard error over {folds} folds" if context.replicates else "",
        note=note,
    )
    outcome = Outcome(metrics=[accuracy, row(metric="accuracy_se", value=measured.standard_error)])
    if context.replicates:
        outcome.replicates[f"{protocol.name}//accuracy//pair"] = measured.replicates(
            context.replicates, context.seed
        )
    return outcome


def _check_folds(protocol: Protocol, pairs: PairList) -> None:
    sizes = np.bincount(pairs.fold)
    if np.any(sizes == 0):
        raise NothingLeft(protocol, f"fold {int(np.argmin(sizes))} of the pair list is empty")


def _unofficial(measured: FoldAccuracy, pairs: PairList) -> str:
    if len(measured.accuracy) == OFFICIAL_FOLDS and len(pairs) == OFFICIAL_PAIRS:
        return ""
    return f"not LFW's own list: {len(pairs):,} pairs in {len(measured.accuracy)} folds"


def _shared_people(people: NDArray[np.int32], pairs: PairList) -> str:
    """The interval takes folds as independent, which ``people`` (2P,) in two of them would spoil."""
    seen = np.unique(np.column_stack([people, np.tile(pairs.fold, 2)]), axis=0)[:, 0]
    shared = int(np.count_nonzero(np.bincount(seen) > 1))
    return f"{shared:,} people occur in several folds, so the interval is too narrow" if shared else ""


def _duplicates(arranged: Arranged, left: NDArray[np.int64], right: NDArray[np.int64]) -> str:
    if arranged.content is None:
        return ""
    n = int(np.count_nonzero(arranged.content[left] == arranged.content[right]))
    return f"{n:,} listed comparisons are between duplicates" if n else ""


KIND = Kind(
    figures=[("accuracy", "pair"), ("accuracy_se", "pair")],
    lacking=lacking_pairs,
    measure=measure_pair_list,
)
