"""Open-set identification: half of the people are enrolled, all people are searched."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.progress import progress
from faceprobe.core.words import agreeing
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.remarks import Remarks, remark
from faceprobe.metrics.identification.open_set import (
    OpenSet,
    allowed_alarms,
    dir_curve,
    fnir,
    open_set_estimates,
    rank1,
    threshold,
)
from faceprobe.metrics.weighting import WEIGHTINGS
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.metric_rows import SEARCH_HOW, add_metric
from faceprobe.protocols.ordering import OrderedEmbeddings, lacking_people
from faceprobe.protocols.types import Evaluation, NothingLeft, Protocol
from faceprobe.scores.search.probes_against_gallery import best_mates, search_gallery

TARGETS = {"fnir@fpir=1e-1": 0.1, "fnir@fpir=1e-2": 0.01, "fnir@fpir=3e-3": 0.003, "fnir@fpir=1e-3": 0.001}
METRICS = (*TARGETS, "rank1")


def measure(protocol: Protocol, context: Context) -> Evaluation:
    """All rows of an open-set protocol, and its DIR curve."""
    ordered = context.ordered
    found, n_gallery, unsearched = _searched(protocol, context)
    evaluation = Evaluation()
    supported = [f for f in TARGETS.values() if allowed_alarms(found, f) >= 1]
    estimates = open_set_estimates(found, context.weights, supported)
    n_mated, n_people = len(found.hit), len(np.unique(found.label))
    for name, fpir in TARGETS.items():
        allowed = allowed_alarms(found, fpir)
        for weighting in WEIGHTINGS:
            add_metric(
                evaluation,
                protocol,
                name,
                weighting,
                fnir(found, allowed, weighting) if allowed >= 1 else None,
                estimate=estimates.get((repr(fpir), weighting)),
                how=f"{SEARCH_HOW}, T set again",
                n=n_mated,
                n_identities=n_people,
                remarks=_support(allowed, len(found.alarm)),
            )
    for weighting in WEIGHTINGS:
        add_metric(
            evaluation,
            protocol,
            "rank1",
            weighting,
            rank1(found, weighting),
            estimate=estimates["rank1", weighting],
            how=SEARCH_HOW,
            n=n_mated,
            n_identities=n_people,
            remarks=remark("scope", "mated searches only, whatever the score"),
        )
    strangers = len(np.unique(found.stranger))
    for metric, count, people, remarks in (
        ("n_mated_searches", n_mated, n_people, unsearched),
        ("n_nonmated_searches", len(found.alarm), strangers, ()),
        ("n_enrolled", n_gallery, len(ordered.names) // 2, remark("scope", "photos in the gallery")),
    ):
        add_metric(
            evaluation, protocol, metric, "none", float(count), n=count, n_identities=people, remarks=remarks
        )
    _add_curves(evaluation, protocol, found)
    return evaluation


def _searched(protocol: Protocol, context: Context) -> tuple[OpenSet, int, Remarks]:
    """Both kinds of searches, the photos in the gallery, and a remark on photos that are no probes."""
    ordered, options = context.ordered, protocol.options
    enrolled = enrolled_half(len(ordered.names), int(options["split_seed"]))[ordered.labels]
    if options["enrol"] == "first":
        in_gallery = enrolled & (ordered.photo_numbers == 0)
        candidates = enrolled & ~in_gallery
    else:
        in_gallery = candidates = enrolled
    limits = context.limits[protocol.name]
    gallery, probes = ordered.search_rows(in_gallery), ordered.search_rows(candidates)
    mate = best_mates(probes, gallery, limits)
    has_mate = ~np.isnan(mate)
    if not has_mate.any() or enrolled.all():
        raise NothingLeft(protocol, "no person of the enrolled half has a second photo to search with")
    probes = probes.take(has_mate)
    strangers = ordered.search_rows(~enrolled)
    with progress("searching", len(probes) + len(strangers), context.quiet) as tick:
        mated = search_gallery(probes, gallery, mate=mate[has_mate], limits=limits, tick=tick)
        unmated = np.full(len(strangers), np.nan)
        alarms = search_gallery(strangers, gallery, mate=unmated, limits=limits, tick=tick)
    found = OpenSet.of(
        mated.mate,
        mated.photos,
        probes.labels,
        alarms.best_other,
        strangers.labels,
        len(ordered.names),
    )
    return found, len(gallery), _without_mate(ordered, candidates, has_mate)


def enrolled_half(n_people: int, seed: int) -> NDArray[np.bool_]:
    """(P,) a seeded half of the people, the smaller one where their number is odd."""
    chosen = np.zeros(n_people, dtype=np.bool_)
    chosen[np.random.default_rng(seed).permutation(n_people)[: n_people // 2]] = True
    return chosen


def _without_mate(
    ordered: OrderedEmbeddings, candidates: NDArray[np.bool_], has_mate: NDArray[np.bool_]
) -> Remarks:
    several = np.bincount(ordered.labels)[ordered.labels[candidates]] > 1
    n = int(np.count_nonzero(several & ~has_mate))
    return remark(
        "left-out", f"{agreeing(n, 'photo', 'has')} no mate left (duplicates): not searched with" if n else ""
    )


def _support(allowed: int, n_searches: int) -> Remarks:
    if allowed < 1:
        few = f"not supported: {n_searches:,} non-mated searches allow no false alarm at this FPIR"
        return remark("not-supported", few)
    if allowed < 30:
        return remark(
            "weak-threshold", f"weak and unstable: {agreeing(allowed, 'false alarm', 'supports')} T, below 30"
        )
    unstable = (
        f"unstable: {agreeing(allowed, 'false alarm', 'supports')} T, below 100" if allowed < 100 else ""
    )
    return remark("unstable-threshold", unstable)


def _memory(data: Embeddings, ordered: OrderedEmbeddings) -> int:
    """Bytes for the ordered rows, gallery, probes and strangers, and the counts of each search."""
    n, dim = len(ordered.rows), int(ordered.rows.shape[1])
    return n * (3 * 4 * dim + 200)


def _add_curves(evaluation: Evaluation, protocol: Protocol, found: OpenSet) -> None:
    fpir = np.array([float(f"{f:.6g}") for f in np.logspace(-4, 0, 81)])
    fpir = fpir[fpir * len(found.alarm) >= 1]
    limits = [threshold(found, allowed_alarms(found, float(f))) for f in fpir]
    curves = {"dir_fpir": fpir, "dir_threshold": np.array(limits)}
    for weighting in WEIGHTINGS:
        curves[f"dir_{weighting}"] = dir_curve(found, fpir, weighting)
    evaluation.curves |= {f"{protocol.name}//{name}": curve for name, curve in curves.items()}


KIND = Kind(
    figures=[(metric, weighting) for metric in METRICS for weighting in WEIGHTINGS],
    lacking=lacking_people,
    measure=measure,
    memory=_memory,
)
