"""Closed-set identification: each searched person is enrolled. Rankings, rows and curves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.words import agreeing, counted
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.remarks import Remarks, remark
from faceprobe.metrics.identification.closed_set import (
    Identification,
    cmc,
    identification_estimates,
    mean_outcome,
)
from faceprobe.metrics.weighting import WEIGHTINGS, Weighting
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.metric_rows import SEARCH_HOW, add_metric
from faceprobe.protocols.ordering import OrderedEmbeddings, lacking_people
from faceprobe.protocols.types import Evaluation, NothingLeft, Protocol
from faceprobe.scores import MatedScores, Ranking

METRICS = ("rank1", "rank5", "rank10", "rank50", "mrr")
CMC_RANKS = 100


def lacking(protocol: Protocol, data: Embeddings) -> str:
    """As :func:`lacking_people`; one person must have a photo more than are enrolled."""
    photos = int(protocol.options.get("photos", 1))
    reason = lacking_people(protocol, data)
    if not reason and np.unique(data.identities, return_counts=True)[1].max() <= photos:
        reason = f"no person has more than {counted(photos, 'photo')}, so no photo is left to search with"
    return reason


def ranking(protocol: Protocol, ordered: OrderedEmbeddings, mated: MatedScores) -> Ranking:
    """Each probe's best mate (duplicates and, across events, the same event skipped) and the gallery."""
    best = np.full(len(ordered.rows), -np.inf)
    keep = ordered.across_events(mated) if protocol.cross_event else np.ones(len(mated), dtype=np.bool_)
    gallery = None
    if protocol.options.get("enrol") == "first":
        # Rows are sorted by person and path, and a pair's left row comes first.
        enrolled = ordered.photo_numbers < int(protocol.options.get("photos", 1))
        gallery = np.flatnonzero(enrolled)
        keep &= enrolled[mated.left] & ~enrolled[mated.right]
    else:
        np.maximum.at(best, mated.left[keep], mated.score[keep])
    np.maximum.at(best, mated.right[keep], mated.score[keep])
    return Ranking(np.where(np.isneginf(best), np.nan, best), gallery)


def measure_identification(protocol: Protocol, context: Context) -> Evaluation:
    """All rows of an identification protocol, from the ranks of all rows (0: no probe)."""
    ranks, gallery = context.ranks[protocol.name], context.rankings[protocol.name].gallery
    n_gallery = len(ranks) - 1 if gallery is None else len(gallery)
    return identification_outcome(protocol, context, ranks, gallery, n_gallery)


def identification_outcome(
    protocol: Protocol,
    context: Context,
    ranks: NDArray[np.int64],
    gallery: NDArray[np.int64] | None,
    n_gallery: int,
) -> Evaluation:
    """Rows and curves from the ``ranks`` (N,) of all rows, 0 marking those that are no probes, among
    ``n_gallery`` entries; ``gallery`` are the rows enrolled (None: all of them).
    """
    ordered, weights = context.ordered, context.weights
    found = Identification.of(ranks, ordered.labels)
    n_probes, n_people = len(found.rank), int(np.count_nonzero(found.per_person()))
    if n_probes == 0:
        raise NothingLeft(protocol, "no photo has a mate that is not its duplicate; see --keep-duplicates")
    evaluation = Evaluation()
    estimates = identification_estimates(found, weights, METRICS)
    entries = "people" if protocol.kind == "centroid" else "photos"
    once = n_people == n_probes  # each person gives one trial
    for metric in METRICS:
        trivial = metric != "mrr" and int(metric[4:]) >= n_gallery
        for weighting in WEIGHTINGS:
            add_metric(
                evaluation,
                protocol,
                metric,
                weighting,
                mean_outcome(found, metric, weighting),
                estimate=estimates[metric, weighting],
                how=SEARCH_HOW,
                n=n_probes,
                n_identities=n_people,
                remarks=remark(
                    "trivial", f"trivial: the gallery holds {n_gallery:,} {entries}" if trivial else ""
                ),
                trials=n_probes if once and metric != "mrr" else 0,
            )
    unsearched = _without_mate(ordered, ranks, gallery)
    add_metric(
        evaluation,
        protocol,
        "n_probes",
        "none",
        float(n_probes),
        n=n_probes,
        n_identities=n_people,
        remarks=unsearched,
    )
    if gallery is not None:
        enrolled = len(ordered.names)
        add_metric(
            evaluation, protocol, "n_enrolled", "none", float(n_gallery), n=n_gallery, n_identities=enrolled
        )
    steps = np.arange(1, min(CMC_RANKS, n_gallery) + 1)
    evaluation.curves[f"{protocol.name}//cmc_rank"] = steps
    for weighting in WEIGHTINGS:
        evaluation.curves[f"{protocol.name}//cmc_{weighting}"] = cmc(found, steps, weighting)
    return evaluation


def _without_mate(
    ordered: OrderedEmbeddings, ranks: NDArray[np.int64], gallery: NDArray[np.int64] | None
) -> Remarks:
    """A remark on photos of people with several photos that have no mate left, and so are no probes."""
    photos = np.bincount(ordered.labels)
    candidates = photos[ordered.labels] > 1
    if gallery is not None:
        candidates[gallery] = False
    n = int(np.count_nonzero(candidates & (ranks == 0)))
    text = f"{agreeing(n, 'photo', 'has')} no mate left (duplicates or same event): not searched with"
    text = text if n else ""
    return remark("left-out", text)


FIGURES: list[tuple[str, Weighting]] = [(metric, weighting) for metric in METRICS for weighting in WEIGHTINGS]

KIND = Kind(
    figures=FIGURES,
    lacking=lacking,
    measure=measure_identification,
    sweeps=True,
    ranking=ranking,
)
