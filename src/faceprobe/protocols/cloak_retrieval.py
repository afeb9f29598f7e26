"""Does a cloaked photo still find its own clean photo, or its person, among all clean photos?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.words import agreeing
from faceprobe.data.embeddings import CLEAN, Embeddings
from faceprobe.data.remarks import remark
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.metric_rows import add_unmeasured
from faceprobe.protocols.person_rows import PerPerson, add_people
from faceprobe.protocols.photo_variants import CloakedPhotos, cloaked_photos, lacking_variants
from faceprobe.protocols.types import Evaluation, Protocol
from faceprobe.results.result import Weighting

METRICS = ("self_rank1", "person_rank1", "person_rank1_other", "clean_person_rank1_other")
BLOCK_VALUES = 8_000_000
"""Scores held at a time (64 MB)."""


def lacking(protocol: Protocol, data: Embeddings) -> str:
    """As :func:`lacking_variants`; the search needs a second clean photo."""
    reason = lacking_variants(data)
    if not reason and data.variants is not None and np.count_nonzero(data.variants == CLEAN) < 2:
        reason = "there is one clean photo, so nothing can be confused"
    return reason


def measure(protocol: Protocol, context: Context) -> Evaluation:
    """All rows of self-retrieval; figures about people need data that name people."""
    photos = cloaked_photos(context.data, context.ordered)
    found = _search(photos)
    evaluation, weights = Evaluation(), context.weights[:, photos.numbers]
    person = photos.labels[photos.source].astype(np.int64)
    for metric in METRICS:
        if metric != "self_rank1" and not context.data.identities_known:
            reason = "which people the photos show is not known"
            add_unmeasured(evaluation, protocol, [(metric, "identity")], reason)
            continue
        hits, usable = found[metric]
        if not usable.any():
            reason = "no person with cloaked photos has another clean photo"
            add_unmeasured(evaluation, protocol, [(metric, "identity")], reason)
            continue
        trials = PerPerson(person[usable], weights)
        lone = int(np.count_nonzero(~usable))
        text = f"{agreeing(lone, 'photo', 'is')} alone for a person: not searched with" if lone else ""
        values = trials.means(hits[usable])
        add_people(evaluation, protocol, metric, trials, values, remarks=remark("left-out", text))
        evaluation.curves[f"{protocol.name}//{metric}"] = values
        evaluation.curves[f"{protocol.name}//{metric}_people"] = photos.names[trials.people]
    return evaluation


def _search(photos: CloakedPhotos) -> dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """For each metric, (M,) whether a cloaked photo finds its target, and whether it has one."""
    rows = photos.rows.astype(np.float64)
    n = len(photos.source)
    found = {metric: (np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)) for metric in METRICS}
    step = max(1, BLOCK_VALUES // len(rows))
    for start in range(0, n, step):
        part = slice(start, start + step)
        source = photos.source[part]
        here = np.arange(len(source))
        own = photos.labels[source][:, None] == photos.labels
        # A copy of the clean photo is neither a target nor a competitor.
        skip = (
            np.zeros_like(own)
            if photos.content is None
            else photos.content[source][:, None] == photos.content
        )
        skip[here, source] = True
        cloaked = photos.cloaked[part].astype(np.float64) @ rows.T
        itself = cloaked[here, source]
        others, mates = _best(cloaked, skip | own), _best(cloaked, skip | ~own)
        asked = np.any(own & ~skip, axis=1)
        clean = rows[source] @ rows.T
        hits = {
            "self_rank1": itself > np.maximum(others, mates),
            "person_rank1": np.maximum(itself, mates) > others,
            "person_rank1_other": mates > others,
            "clean_person_rank1_other": _best(clean, skip | ~own) > _best(clean, skip | own),
        }
        for metric, hit in hits.items():
            found[metric][0][part] = hit
            found[metric][1][part] = asked if metric.endswith("_other") else True
    return found


def _best(scores: NDArray[np.float64], left_out: NDArray[np.bool_]) -> NDArray[np.float64]:
    best: NDArray[np.float64] = np.where(left_out, -np.inf, scores).max(axis=1)
    return best


FIGURES: list[tuple[str, Weighting]] = [(metric, "identity") for metric in METRICS]

KIND = Kind(figures=FIGURES, lacking=lacking, measure=measure, cloaks=True)
