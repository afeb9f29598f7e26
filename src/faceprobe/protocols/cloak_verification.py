"""Does a cloaked photo still match its person at a threshold that was set on clean photos?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.words import agreeing
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.remarks import Remarks, remark
from faceprobe.metrics.verification.figures import allowed_false_matches
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.metric_rows import add_metric
from faceprobe.protocols.person_rows import PerPerson, add_people
from faceprobe.protocols.photo_variants import CloakedPhotos, cloaked_photos, lacking_variants
from faceprobe.protocols.types import Evaluation, Protocol
from faceprobe.protocols.verification import MAX_TAIL
from faceprobe.results.result import Weighting
from faceprobe.scores import mated_scores, offsets, sweep_pairs

TARGETS = {f"fmr=1e-{k}": float(f"1e-{k}") for k in (2, 3, 4)}
RATES = ("tmr_clean", "tmr_cloaked", "self_match")


def lacking(protocol: Protocol, data: Embeddings) -> str:
    """As :func:`lacking_variants`; figures that need people are left out where these are not known."""
    return lacking_variants(data)


def measure(protocol: Protocol, context: Context) -> Evaluation:
    """All rows of verification with cloaked photos."""
    photos = cloaked_photos(context.data, context.ordered)
    evaluation, weights = Evaluation(), context.weights[:, photos.numbers]
    person = photos.labels[photos.source].astype(np.int64)
    scores = {"self_match": np.einsum("ij,ij->i", *_wide(photos.cloaked, photos.rows[photos.source]))}
    trials = {"self_match": PerPerson(person, weights)}
    source, mate = _mates(photos)
    for name, rows in (("tmr_clean", photos.rows[photos.source]), ("tmr_cloaked", photos.cloaked)):
        scores[name] = _scores(rows, photos.rows, source, mate)
        trials[name] = PerPerson(person[source], weights)
    limits = _limits(context, photos)
    for rate in RATES:
        for name, (limit, support) in limits.items():
            if limit is None or not len(scores[rate]):
                alone = "not measured: no person with cloaked photos has another clean photo"
                reason = support if limit is None else remark("not-measured", alone)
                add_metric(evaluation, protocol, f"{rate}@{name}", "identity", None, remarks=reason)
                continue
            values = trials[rate].means(scores[rate] > limit)
            add_people(evaluation, protocol, f"{rate}@{name}", trials[rate], values, remarks=support)
            evaluation.curves[f"{protocol.name}//{rate}@{name}"] = values
    itself, own = scores["self_match"], trials["self_match"]
    add_people(evaluation, protocol, "cosine_to_clean", own, own.means(itself), scale="difference")
    n, n_people = len(itself), len(own.people)
    add_metric(
        evaluation, protocol, "cosine_to_clean", "pair", float(np.mean(itself)), n=n, n_identities=n_people
    )
    evaluation.curves[f"{protocol.name}//cosine_to_clean"] = own.means(itself)
    evaluation.curves[f"{protocol.name}//people"] = photos.names[own.people]
    evaluation.curves[f"{protocol.name}//tmr_people"] = photos.names[trials["tmr_clean"].people]
    return evaluation


def _limits(context: Context, photos: CloakedPhotos) -> dict[str, tuple[float | None, Remarks]]:
    """For each FMR the score above which a pair matches (None: not known), and its remarks.

    It is the (k + 1)-th largest non-mated score of all clean pairs, duplicates left out, where the FMR
    allows k false matches.
    """
    reason = "" if context.data.identities_known else "which people the photos show is not known"
    reason = reason or ("all clean photos show one identity" if len(photos.names) < 2 else "")
    if reason:
        return dict.fromkeys(TARGETS, (None, remark("not-measured", f"not measured: {reason}")))
    bounds = np.diff(offsets(photos.labels)).astype(np.int64)
    n_pairs = (len(photos.rows) ** 2 - int((bounds**2).sum())) // 2
    deepest = max(
        (k for k in (allowed_false_matches(f, n_pairs) for f in TARGETS.values()) if k < MAX_TAIL), default=0
    )
    mated = mated_scores(photos.rows, photos.labels, photos.content)
    summary = sweep_pairs(photos.rows, photos.labels, mated, content=photos.content, tail_size=deepest + 1)
    found: dict[str, tuple[float | None, Remarks]] = {}
    for name, fmr in TARGETS.items():
        allowed = allowed_false_matches(fmr, summary.n_nonmated)
        if allowed < 1:
            few = f"{summary.n_nonmated:,} non-mated comparisons allow no false match at this FMR"
            found[name] = None, remark("not-supported", f"not supported: {few}")
        elif allowed >= len(summary.tail):
            many = f"not measured: {allowed:,} highest scores would have to be kept"
            found[name] = None, remark("not-measured", many)
        else:
            weak = "weak and unstable" if allowed < 30 else "unstable"
            text = f"{weak}: {agreeing(allowed, 'false match', 'supports')} T" if allowed < 100 else ""
            code = "weak-threshold" if allowed < 30 else "unstable-threshold"
            found[name] = float(summary.tail.score[allowed]), remark(code, text)
    return found


def _mates(photos: CloakedPhotos) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every comparison of a cloaked photo (its number) with another clean photo (its row) of the person."""
    bounds = offsets(photos.labels)
    which, mates = [], []
    for k, source in enumerate(photos.source):
        person = photos.labels[source]
        rows = np.arange(bounds[person], bounds[person + 1])
        keep = rows != source
        if photos.content is not None:
            keep &= photos.content[rows] != photos.content[source]
        mates.append(rows[keep])
        which.append(np.full(int(keep.sum()), k))
    return np.concatenate(which).astype(np.int64), np.concatenate(mates).astype(np.int64)


def _scores(
    left: NDArray[np.float32], right: NDArray[np.float32], a: NDArray[np.int64], b: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Exact scores of the pairs of row a[k] of ``left`` and row b[k] of ``right``."""
    step = 1 << 14
    parts = [
        np.einsum("ij,ij->i", *_wide(left[a[k : k + step]], right[b[k : k + step]]))
        for k in range(0, len(a), step)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _wide(*rows: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    return [r.astype(np.float64) for r in rows]


FIGURES: list[tuple[str, Weighting]] = [(f"{rate}@{name}", "identity") for rate in RATES for name in TARGETS]
FIGURES += [("cosine_to_clean", "identity"), ("cosine_to_clean", "pair")]

KIND = Kind(figures=FIGURES, lacking=lacking, measure=measure, cloaks=True)
