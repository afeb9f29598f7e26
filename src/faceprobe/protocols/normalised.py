"""Verification with normalised scores: over all pairs of a small set, and over listed pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.words import agreeing, counted
from faceprobe.data.embeddings import Cohort, Embeddings
from faceprobe.data.pairs import PairList
from faceprobe.data.remarks import remark
from faceprobe.metrics.verification.figures import allowed_false_matches
from faceprobe.metrics.verification.normalisation import (
    AllPairs,
    CohortScores,
    Method,
    cohort_scores,
    normalise,
)
from faceprobe.metrics.weighting import WEIGHTINGS
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.metric_rows import add_metric
from faceprobe.protocols.ordering import OrderedEmbeddings, lacking_people
from faceprobe.protocols.types import Evaluation, NothingLeft, Protocol
from faceprobe.protocols.verification import threshold_support
from faceprobe.scores import exact_rows, find_duplicates, pair_scores

TARGETS = {f"tmr@fmr=1e-{k}": float(f"1e-{k}") for k in range(2, 7)}

LIMIT = 6_000
"""Photos whose pairs are compared by brute force: 18 million pairs, some 600 MB."""

TOP = 200
"""Cohort scores of each side that the adaptive method takes."""


def lacking_cohort(data: Embeddings) -> str:
    """Why scores of ``data`` cannot be normalised, or "" where they can."""
    cohort = data.cohort
    if cohort is None:
        return "it needs a cohort of other people (--normalise with --cohort)"
    if cohort.vectors.shape[1] != data.vectors.shape[1]:
        return (
            f"the cohort has {cohort.vectors.shape[1]} dimensions, the embeddings {data.vectors.shape[1]}; "
            "both must come from one model"
        )
    return ""


def lacking(protocol: Protocol, data: Embeddings) -> str:
    """As :func:`lacking_people`; all pairs also need a cohort, and not too many photos."""
    return lacking_people(protocol, data) or _lacking_for_all(data)


def _lacking_for_all(data: Embeddings) -> str:
    reason = lacking_cohort(data)
    if not reason and not data.identities_known:
        return "the photos' identities are not known, only which listed pairs show one person"
    if not reason and len(data) > LIMIT:
        reason = (
            f"all pairs of {len(data):,} photos are too many to normalise one by one (at most {LIMIT:,} "
            "photos); give a part of the photos, or a pair list"
        )
    return reason


def against_cohort(data: Embeddings, ordered: OrderedEmbeddings, method: Method) -> CohortScores:
    """Each ordered row's scores with the cohort. :class:`BadInput` where the cohort shares people or photos
    with the data, or cannot tell a photo's scores apart.
    """
    cohort = data.cohort
    assert cohort is not None
    _check_disjoint(data, cohort)
    found = cohort_scores(ordered.rows, exact_rows(cohort.vectors), TOP if method == "as" else None)
    flat = int(np.count_nonzero(found.sd < 1e-9))
    if flat:
        raise BadInput(
            f"{agreeing(flat, 'photo', 'scores')} the same with the whole cohort; give more and others"
        )
    return found


def method_of(protocol: Protocol) -> Method:
    """The method of a protocol that needs a cohort."""
    method: Method = protocol.options.get("normalise") or protocol.options["rule"].removesuffix("-norm")
    return method


def normalised_pairs(context: Context, pairs: PairList, method: Method) -> NDArray[np.float64]:
    """(P,) normalised scores of the listed pairs, the first photo of a line being the enrolled one."""
    ordered = context.ordered
    left, right = ordered.rows_of(pairs)
    return normalise(pair_scores(ordered.rows, left, right), left, right, context.cohorts[method], method)


def normalised_names(data: Embeddings, method: str) -> list[str]:
    """The protocols of ``method`` that ``data`` allow. :class:`BadInput` where there is none."""
    names = [f"verification/all-pairs-{method}-norm"] if not (reason := _lacking_for_all(data)) else []
    if data.pairs and int(data.pairs.fold.max()) >= 1 and not lacking_cohort(data):
        names.append(f"lfw/official-{method}-norm")
    if not names:
        raise BadInput(f"no scores can be normalised here: {reason}")
    return names


def measure(protocol: Protocol, context: Context) -> Evaluation:
    """TMR at each target FMR over all pairs, normalised by the protocol's method."""
    ordered, weights = context.ordered, context.weights
    method = method_of(protocol)
    against = context.cohorts[method]
    found = AllPairs.of(ordered.rows, ordered.labels, ordered.content, against, method)
    if not len(found.mated) or not len(found.nonmated):
        raise NothingLeft(protocol, "all comparisons of one kind are duplicates; see --keep-duplicates")
    evaluation = Evaluation()
    duplicates, photos = find_duplicates(ordered.labels, ordered.content), np.bincount(ordered.labels)
    for name, fmr in TARGETS.items():
        allowed = allowed_false_matches(fmr, len(found.nonmated))
        drawn = found.replicates(weights, duplicates, photos, fmr) if allowed >= 1 and len(weights) else {}
        for weighting in WEIGHTINGS:
            add_metric(
                evaluation,
                protocol,
                name,
                weighting,
                found.tmr(allowed, weighting) if allowed >= 1 else None,
                replicates=drawn.get(weighting),
                how="identity bootstrap, T set again, the cohort as it is",
                n=len(found.mated),
                n_identities=len(np.unique(found.label)),
                remarks=threshold_support(allowed, len(found.nonmated)),
            )
    cohort = context.data.cohort
    assert cohort is not None
    size = len(cohort.vectors)
    people, unnamed = 0, size
    if cohort.identities is not None:
        people = len(np.unique(cohort.identities[cohort.identities != ""]))
        unnamed = int(np.count_nonzero(cohort.identities == ""))
    unknown = "" if not unnamed else "its people are not known: that they are others is unchecked"
    if 0 < unnamed < size:
        unknown = (
            f"the people of {counted(unnamed, 'photo')} are not known: that they are others is unchecked"
        )
    add_metric(
        evaluation,
        protocol,
        "n_cohort",
        "none",
        float(size),
        n=size,
        n_identities=people,
        remarks=remark("cohort-unchecked", unknown),
    )
    return evaluation


def _check_disjoint(data: Embeddings, cohort: Cohort) -> None:
    if cohort.identities is not None and data.identities_known:
        named = cohort.identities[cohort.identities != ""]
        shared = np.intersect1d(data.identities, named)
        if len(shared):
            raise BadInput(
                f"{agreeing(len(shared), 'person', 'is')} in both the cohort and the embeddings "
                f"(first: {shared[0]}); "
                "a cohort must show other people"
            )
    own = {row.tobytes() for row in data.vectors}
    n = sum(row.tobytes() in own for row in cohort.vectors)
    if n:
        raise BadInput(
            f"{agreeing(n, 'photo', 'is')} in both the cohort and the embeddings; "
            "a cohort must show other people"
        )


KIND = Kind(
    figures=[(metric, weighting) for metric in TARGETS for weighting in WEIGHTINGS],
    lacking=lacking,
    measure=measure,
)
