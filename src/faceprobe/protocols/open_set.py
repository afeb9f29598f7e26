"""Open-set identification: half of the people are enrolled, everybody is searched."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.progress import progress
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.remarks import Remarks, remark
from faceprobe.metrics.identification.open_set import (
    OpenSet,
    allowed_alarms,
    dir_curve,
    fnir,
    open_set_replicates,
    rank1,
    threshold,
)
from faceprobe.metrics.weighting import WEIGHTINGS
from faceprobe.protocols.galleries import enrolled_half, place_within_person, side
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.ordering import Arranged, lacking_people
from faceprobe.protocols.rows import add_metric
from faceprobe.protocols.types import NothingLeft, Outcome, Protocol
from faceprobe.scores.search.gallery import best_mates, search_gallery

TARGETS = {"fnir@fpir=1e-1": 0.1, "fnir@fpir=1e-2": 0.01, "fnir@fpir=3e-3": 0.003, "fnir@fpir=1e-3": 0.001}
METRICS = (*TARGETS, "rank1")


def measure(protocol: Protocol, context: Context) -> Outcome:
    """All rows of an open-set protocol, and its DIR curve."""
    arranged = context.arranged
    found, n_gallery, unsearched = _searched(protocol, context)
    outcome = Outcome()
    supported = [f for f in TARGETS.values() if allowed_alarms(found, f) >= 1]
    replicates = open_set_replicates(found, context.weights, supported) if context.replicates else {}
    n_mated, n_people = len(found.hit), len(np.unique(found.label))
    for name, fpir in TARGETS.items():
        allowed = allowed_alarms(found, fpir)
        for weighting in WEIGHTINGS:
            add_metric(
                outcome,
                protocol,
                name,
                weighting,
                fnir(found, allowed, weighting) if allowed >= 1 else None,
                replicates=replicates.get((repr(fpir), weighting)),
                how="identity bootstrap, T set anew, gallery held fixed",
                n=n_mated,
                n_identities=n_people,
                remarks=_support(allowed, len(found.alarm)),
            )
    for weighting in WEIGHTINGS:
        add_metric(
            outcome,
            protocol,
            "rank1",
            weighting,
            rank1(found, weighting),
            replicates=replicates.get(("rank1", weighting)),
            how="identity bootstrap, gallery held fixed",
            n=n_mated,
            n_identities=n_people,
            remarks=remark("scope", "mated searches only, whatever the score"),
        )
    strangers = len(np.unique(found.stranger))
    for metric, count, people, remarks in (
        ("n_mated_searches", n_mated, n_people, unsearched),
        ("n_nonmated_searches", len(found.alarm), strangers, ()),
        ("n_enrolled", n_gallery, len(arranged.names) // 2, remark("scope", "photos in the gallery")),
    ):
        add_metric(
            outcome, protocol, metric, "none", float(count), n=count, n_identities=people, remarks=remarks
        )
    _add_curves(outcome, protocol, found)
    return outcome


def _searched(protocol: Protocol, context: Context) -> tuple[OpenSet, int, Remarks]:
    """Both kinds of searches, the photos in the gallery, and a remark on photos that are no probes."""
    arranged, options = context.arranged, protocol.options
    enrolled = enrolled_half(len(arranged.names), int(options["split_seed"]))[arranged.labels]
    if options["enrol"] == "first":
        in_gallery = enrolled & (place_within_person(arranged.labels) == 0)
        candidates = enrolled & ~in_gallery
    else:
        in_gallery = candidates = enrolled
    limits = context.limits[protocol.name]
    gallery, probes = side(arranged, in_gallery), side(arranged, candidates)
    mate = best_mates(probes, gallery, limits)
    has_mate = ~np.isnan(mate)
    if not has_mate.any() or enrolled.all():
        raise NothingLeft(protocol, "nobody of the enrolled half has a second photo to search with")
    probes = probes.take(has_mate)
    strangers = side(arranged, ~enrolled)
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
        len(arranged.names),
    )
    return found, len(gallery), _without_mate(arranged, candidates, has_mate)


def _without_mate(arranged: Arranged, candidates: NDArray[np.bool_], has_mate: NDArray[np.bool_]) -> Remarks:
    several = np.bincount(arranged.labels)[arranged.labels[candidates]] > 1
    n = int(np.count_nonzero(several & ~has_mate))
    return remark("left-out", f"{n:,} photos have no mate left (duplicates) and are no probes" if n else "")


def _support(allowed: int, n_searches: int) -> Remarks:
    if allowed < 1:
        few = f"not supported: {n_searches:,} non-mated searches allow no false alarm at this FPIR"
        return remark("not-supported", few)
    if allowed < 30:
        return remark("weak-threshold", f"weak and unstable: {allowed} false alarms support T, below 30")
    unstable = f"unstable: {allowed} false alarms support T, below 100" if allowed < 100 else ""
    return remark("unstable-threshold", unstable)


def _holds(data: Embeddings, arranged: Arranged) -> int:
    """The arranged rows, gallery, probes and strangers, and what is counted of each search."""
    n, dim = len(arranged.rows), int(arranged.rows.shape[1])
    return n * (3 * 4 * dim + 200)


def _add_curves(outcome: Outcome, protocol: Protocol, found: OpenSet) -> None:
    fpir = np.array([float(f"{f:.6g}") for f in np.logspace(-4, 0, 81)])
    fpir = fpir[fpir * len(found.alarm) >= 1]
    limits = [threshold(found, allowed_alarms(found, float(f))) for f in fpir]
    curves = {"dir_fpir": fpir, "dir_threshold": np.array(limits)}
    for weighting in WEIGHTINGS:
        curves[f"dir_{weighting}"] = dir_curve(found, fpir, weighting)
    outcome.curves |= {f"{protocol.name}//{name}": curve for name, curve in curves.items()}


KIND = Kind(
    figures=[(metric, weighting) for metric in METRICS for weighting in WEIGHTINGS],
    lacking=lacking_people,
    measure=measure,
    holds=_holds,
)
