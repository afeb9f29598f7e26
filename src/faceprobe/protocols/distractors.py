"""Identification among distractors, by their number (MegaFace style)."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.progress import progress
from faceprobe.core.words import agreeing, counted
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.remarks import Remarks, join, remark
from faceprobe.metrics.bootstrap import identity_weights, ratio, weighted_sums
from faceprobe.metrics.identification.distractors import (
    Snapshot,
    Trials,
    compare_with_distractors,
    tail_size,
    tail_tmr,
)
from faceprobe.metrics.identification.gallery_size import chance_of_none
from faceprobe.metrics.verification.figures import allowed_false_matches
from faceprobe.metrics.weighting import WEIGHTINGS, Weighting
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.metric_rows import add_metric
from faceprobe.protocols.ordering import OrderedEmbeddings
from faceprobe.protocols.template_pooling import PooledTemplates, lacking_templates, pooled_templates
from faceprobe.protocols.types import Evaluation, NothingLeft, Protocol
from faceprobe.scores import pair_scores

GALLERY = "distractors"
FMR = 1e-6
HOW = "identity bootstrap over the probes' people, distractors held fixed"


def lacking(protocol: Protocol, data: Embeddings) -> str:
    """Why ``data`` has no distractors and probes of known people."""
    reason = lacking_templates(data)
    if reason:
        return reason
    listed = data.templates
    assert listed is not None
    if not len(listed.galleries.get(GALLERY, ())) or not len(listed.probes):
        return "it needs distractors and probes: distractors:PATH?of=DATASET"
    return (
        "" if np.all(listed.identities[listed.probes] != "") else "which people the probes show is not known"
    )


def measure(protocol: Protocol, context: Context) -> Evaluation:
    """Rank-1 rate and TMR at FMR 1e-6 among 10, 100, ... and all distractors."""
    pool = pooled_templates(protocol, context)
    content = _content(pool, context)
    trials, labels, left_out = _trials(pool, content)
    if not len(trials.score):
        raise NothingLeft(protocol, "no probe has a mate that is not its duplicate; see --keep-duplicates")
    distractors = _in_order(pool, context.data)
    n, people = len(distractors), int(labels.max()) + 1
    sizes = [10**k for k in range(1, 10) if 10**k < n] + [n]
    with progress("comparing with distractors", n, context.quiet) as tick:
        beaten, snapshots = compare_with_distractors(
            pool.rows,
            labels,
            trials,
            distractors,
            sizes,
            FMR,
            content,
            tick,
            context.limits[protocol.name],
        )
    evaluation = Evaluation()
    weights = identity_weights(people, pool.replicates, pool.seed)
    about = join(
        pool.remarks,
        remark("left-out", f"{counted(left_out, 'trial')} with a duplicate left out" if left_out else ""),
        _known(distractors, trials, content),
    )
    for snapshot in snapshots:
        name = "all" if snapshot.n == n else str(snapshot.n)
        chance = chance_of_none(beaten, n, np.array([snapshot.n]))[:, 0]
        size = "" if snapshot.n == n else f"the mean over all subsets of {snapshot.n:,}"
        for weighting in WEIGHTINGS:
            add_metric(
                evaluation,
                protocol,
                f"rank1@distractors={name}",
                weighting,
                _mean(chance, trials.label, weighting),
                replicates=_means(chance, trials.label, weighting, weights) if len(weights) else None,
                how=HOW,
                n=len(trials.score),
                n_identities=people,
                remarks=join(remark("scope", size), remark("scope", f"{n:,} distractors in all"), about),
            )
        metric = f"tmr@fmr=1e-6@distractors={name}"
        for weighting in WEIGHTINGS:
            _add_tmr(evaluation, protocol, trials, snapshot, metric, weighting, weights)
    for metric, count in (("n_trials", len(trials.score)), ("n_distractors", n)):
        add_metric(
            evaluation, protocol, metric, "none", float(count), n=count, n_identities=people, remarks=about
        )
    return evaluation


def _known(distractors: NDArray[np.int64], trials: Trials, content: NDArray[np.int64] | None) -> Remarks:
    """A caution where distractors are copies of searched photos: these show people who are searched for."""
    if content is None:
        return ()
    searched = np.unique(content[np.concatenate([trials.probe, trials.mate])])
    n = int(np.count_nonzero(np.isin(content[distractors], searched)))
    text = f"warning: {n:,} distractors are copies of searched photos, so they are no strangers" if n else ""
    return remark("copied-distractors", text)


def _add_tmr(
    evaluation: Evaluation,
    protocol: Protocol,
    trials: Trials,
    snapshot: Snapshot,
    name: str,
    weighting: Weighting,
    weights: NDArray[np.int64],
) -> None:
    """TMR over each pair of mates once, T from the probes' comparisons with the snapshot's distractors."""
    once = trials.probe < trials.mate
    mated, label = trials.score[once], trials.label[once]
    compared = int(snapshot.compared.sum())
    allowed = allowed_false_matches(FMR, compared)
    value, replicates = None, None
    if allowed < 1:
        few = f"not supported: {counted(compared, 'comparison')} with distractors: no false match at this FMR"
        support = remark("not-supported", few)
    else:
        ones = np.ones((1, weights.shape[1]), dtype=np.int64)
        value = float(tail_tmr(snapshot, mated, label, FMR, weighting, ones)[0])
        weak = (
            f"weak and unstable: {agreeing(allowed, 'false match', 'supports')} T, below 30"
            if allowed < 30
            else ""
        )
        support = remark("weak-threshold", weak)
        if len(weights):
            replicates = tail_tmr(snapshot, mated, label, FMR, weighting, weights)
    add_metric(
        evaluation,
        protocol,
        name,
        weighting,
        value,
        replicates=replicates,
        how=f"{HOW}, T set again",
        n=len(mated),
        n_identities=len(np.unique(label)),
        remarks=support,
    )


def _trials(
    pool: PooledTemplates, content: NDArray[np.int64] | None
) -> tuple[Trials, NDArray[np.int32], int]:
    """Every ordered pair of two probes of one person, without duplicates; (T,) numbers of the people who have
    any, -1 for all others; and how many duplicates were left out.
    """
    probes = np.sort(pool.templates.probes)
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    for person in np.unique(pool.labels[probes]):
        own = probes[pool.labels[probes] == person]
        a, b = np.meshgrid(own, own, indexing="ij")
        pairs.append(np.column_stack([a.ravel(), b.ravel()])[(a != b).ravel()])
    every = np.concatenate(pairs)
    kept = every if content is None else every[content[every[:, 0]] != content[every[:, 1]]]
    probe, mate = kept[:, 0], kept[:, 1]
    score = pair_scores(pool.rows, probe, mate)
    order = np.lexsort((mate, score, probe))
    labels = np.full(len(pool.templates), -1, dtype=np.int32)
    labels[probe] = np.unique(pool.labels[probe], return_inverse=True)[1]
    trials = Trials(probe[order], mate[order], labels[probe[order]], score[order])
    return trials, labels, len(every) - len(kept)


def _content(pool: PooledTemplates, context: Context) -> NDArray[np.int64] | None:
    """(T,) equal numbers for templates of photos with equal content; None where duplicates are kept."""
    ordered = context.ordered
    if ordered.content is None:
        return None
    by_photo = np.empty(len(ordered.order), dtype=np.int64)
    by_photo[ordered.order] = ordered.content
    by_template = np.empty(len(pool.templates), dtype=np.int64)
    by_template[pool.templates.template] = by_photo[pool.templates.row]
    return by_template


def _in_order(pool: PooledTemplates, data: Embeddings) -> NDArray[np.int64]:
    """The distractors in the order of a hash of their paths: the first n are a fixed sample."""
    distractors = pool.templates.galleries[GALLERY]
    photo = np.empty(len(pool.templates), dtype=np.int64)
    photo[pool.templates.template] = pool.templates.row
    paths = data.paths[photo[distractors]].tolist()
    keys = [hashlib.blake2b(path.encode(), digest_size=16).digest() for path in paths]
    return distractors[sorted(range(len(keys)), key=keys.__getitem__)]


def _mean(values: NDArray[np.float64], label: NDArray[np.int32], weighting: Weighting) -> float:
    if weighting == "pair":
        return float(values.mean())
    counts = np.bincount(label)
    present = counts > 0
    return float(np.mean(np.bincount(label, values)[present] / counts[present]))


def _means(
    values: NDArray[np.float64], label: NDArray[np.int32], weighting: Weighting, weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Replicates (R,) of :func:`_mean`."""
    n_people = weights.shape[1]
    counts = np.bincount(label, minlength=n_people)
    each = np.ones(len(label)) if weighting == "pair" else 1.0 / counts[label]
    sums, totals = (np.bincount(label, w, n_people) for w in (each * values, each))
    return np.minimum(ratio(weighted_sums(weights, sums), weighted_sums(weights, totals)), 1.0)


def _memory(data: Embeddings, ordered: OrderedEmbeddings) -> int:
    """Bytes for the ordered rows, the pooled rows and their sources, the trials and the tail of scores."""
    listed = data.templates
    assert listed is not None
    n, dim = len(ordered.rows), int(ordered.rows.shape[1])
    probes = len(listed.probes)
    photos = np.unique(listed.identities[listed.probes], return_counts=True)[1]
    trials = int((photos * (photos - 1)).sum())
    tail = tail_size(FMR, probes * len(listed.galleries[GALLERY]))
    return n * (4 * 4 * dim + 400) + 100 * trials + 100 * tail


KIND = Kind(
    figures=[("rank1@distractors=all", weighting) for weighting in WEIGHTINGS],
    lacking=lacking,
    measure=measure,
    memory=_memory,
)
