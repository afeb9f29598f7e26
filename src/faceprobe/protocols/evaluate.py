"""Measure labelled embeddings by one or more protocols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from faceprobe.core.embeddings import LabelledEmbeddings
from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.progress import progress
from faceprobe.core.result import Weighting
from faceprobe.metrics.bootstrap import identity_weights
from faceprobe.metrics.verification import WEIGHTINGS
from faceprobe.metrics.verification_bootstrap import TAIL_SIZE
from faceprobe.protocols import identification, verification
from faceprobe.protocols.arrange import Arranged, arrange, lacking
from faceprobe.protocols.catalog import PROTOCOLS
from faceprobe.protocols.identification import measure_identification, ranking
from faceprobe.protocols.pair_list import measure_pair_list
from faceprobe.protocols.rows import add_metric
from faceprobe.protocols.types import NothingLeft, Outcome, Protocol
from faceprobe.protocols.verification import measure_verification
from faceprobe.scores import mated_scores, sweep

_KINDS = ("pair-list", "verification", "identification")

_FIGURES: dict[str, list[tuple[str, Weighting]]] = {
    "pair-list": [("accuracy", "pair"), ("accuracy_se", "pair")],
    "verification": [(m, w) for m in verification.METRICS for w in WEIGHTINGS],
    "identification": [(m, w) for m in identification.METRICS for w in WEIGHTINGS],
}


def evaluate(
    data: LabelledEmbeddings,
    protocols: Sequence[str] | None = None,
    *,
    seed: int = 0,
    replicates: int = 1000,
    keep_duplicates: bool = False,
    quiet: bool = True,
    block_rows: int | None = None,
) -> Outcome:
    """Every metric of ``protocols`` (None: of all that ``data`` allows), with intervals.

    ``replicates`` = 0 leaves the intervals out. ``block_rows`` sets the height of the blocks and
    with it the memory; no result depends on it. Raises :class:`UnknownName` for an unknown
    protocol, :class:`WrongUsage` where one needs what ``data`` lacks, :class:`BadInput` where the
    data allow no protocol at all or are damaged, or leave a protocol named in ``protocols`` without
    trials (all duplicates, say). With None, such a protocol gives rows without values that say why.
    """
    if replicates < 0:
        raise WrongUsage(f"replicates must be 0 or more, not {replicates}")
    chosen = _choose(data, protocols)
    outcome = Outcome(identities=np.unique(data.identities))
    arranged = arrange(data, keep_duplicates)
    empty: dict[str, NothingLeft] = {}
    for protocol in chosen:
        if protocol.kind == "pair-list":
            measure = partial(measure_pair_list, protocol, data, arranged, replicates, seed)
            outcome.add(_measured(protocol, measure, empty))
    swept = [p for p in chosen if p.kind != "pair-list"]
    if swept:
        outcome.add(_sweep_all(swept, arranged, replicates, seed, quiet, block_rows, empty))
    if empty and (protocols or len(empty) == len(chosen)):
        raise next(iter(empty.values()))
    return outcome


def _choose(data: LabelledEmbeddings, protocols: Sequence[str] | None) -> list[Protocol]:
    chosen = [PROTOCOLS.get(name) for name in dict.fromkeys(protocols or PROTOCOLS.names())]
    chosen.sort(key=lambda p: _KINDS.index(p.kind))
    reasons = {p.name: lacking(p, data) for p in chosen}
    if protocols:
        for name, reason in reasons.items():
            if reason:
                kind = WrongUsage if PROTOCOLS.get(name).kind == "pair-list" else BadInput
                raise kind(f"{name} cannot be measured here: {reason}")
    allowed = [p for p in chosen if not reasons[p.name]]
    if not allowed:
        raise BadInput(f"nothing can be measured here: {reasons['verification/all-pairs']}")
    return allowed


def _sweep_all(
    protocols: list[Protocol],
    arranged: Arranged,
    replicates: int,
    seed: int,
    quiet: bool,
    block_rows: int | None,
    empty: dict[str, NothingLeft],
) -> Outcome:
    """One pass over all pairs for all protocols that need one, then their metrics."""
    mated = mated_scores(arranged.rows, arranged.labels, arranged.content)
    rankings = {p.name: ranking(p, arranged, mated) for p in protocols if p.kind == "identification"}
    with progress("comparing photos", len(arranged.rows), quiet) as tick:
        summary = sweep(
            arranged.rows,
            arranged.labels,
            mated,
            content=arranged.content,
            rankings=list(rankings.values()),
            tail_size=TAIL_SIZE,
            block_rows=block_rows,
            tick=tick,
        )
    weights = identity_weights(len(arranged.names), replicates, seed)
    ranks = dict(zip(rankings, summary.ranks, strict=True))
    outcome = Outcome()
    for protocol in protocols:
        if protocol.kind == "verification":
            measure = partial(measure_verification, protocol, arranged, summary, weights)
        else:
            found, gallery = ranks[protocol.name], rankings[protocol.name].gallery
            measure = partial(measure_identification, protocol, arranged, found, gallery, weights)
        outcome.add(_measured(protocol, measure, empty))
    return outcome


def _measured(protocol: Protocol, measure: Callable[[], Outcome], empty: dict[str, NothingLeft]) -> Outcome:
    """What ``measure`` gives; where nothing is left, a note of it in ``empty`` and rows without values."""
    try:
        return measure()
    except NothingLeft as error:
        empty[protocol.name] = error
        outcome = Outcome()
        for metric, weighting in _FIGURES[protocol.kind]:
            add_metric(outcome, protocol, metric, weighting, None, note=f"not measured: {error.reason}")
        return outcome
