"""Measure labelled embeddings by one or more protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.progress import progress
from faceprobe.core.words import counted
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.remarks import join, remark
from faceprobe.metrics.verification.normalisation import Method
from faceprobe.protocols.kinds import KINDS, Context, check_kind
from faceprobe.protocols.metric_rows import add_unmeasured
from faceprobe.protocols.normalised import against_cohort, method_of, normalised_names
from faceprobe.protocols.ordering import order_embeddings
from faceprobe.protocols.photo_variants import clean_rows
from faceprobe.protocols.registry import PROTOCOLS
from faceprobe.protocols.types import Evaluation, NothingLeft, Protocol
from faceprobe.protocols.verification import allowed_at_targets, tail_size
from faceprobe.scores import mated_scores, plan_memory, sweep_pairs
from faceprobe.scores.search.memory import plan_search


def evaluate(
    data: Embeddings,
    protocols: Sequence[str] | None = None,
    *,
    seed: int = 0,
    replicates: int = 1000,
    keep_duplicates: bool = False,
    quiet: bool = True,
    block_rows: int | None = None,
    threads: int | None = None,
    max_memory: int | None = None,
    int8: bool = False,
    normalise: Method | None = None,
) -> Evaluation:
    """Every metric of ``protocols``, with intervals.

    None means the default protocol of the data and every usual one (not on request) that the data allow, in
    every call and command. ``normalise`` adds the protocols that normalise scores by this method with
    the cohort of ``data``. Where ``data`` hold variants, protocols for cloaks get all photos, and every other
    protocol the clean photos only.

    ``replicates`` = 0 leaves the intervals out. ``block_rows`` is the side of a block of scores, ``threads``
    (None: all cores) how many work on them, and ``max_memory`` bounds the bytes beyond the vectors; no
    exact figure depends on them. ``int8`` forms scores from 8-bit codes where that suffices, which is quicker
    in large sets of long vectors. Raises :class:`UnknownName` for an unknown
    protocol, :class:`BadInput` where one needs what ``data`` lacks, where the
    data allow no protocol at all or are damaged, or leave a protocol named in ``protocols`` without
    trials (all duplicates, say). With None, such a protocol gives rows without values that say why.
    A wrong cohort or too small a ``max_memory`` is an error before anything is compared. Photos of unknown
    people (identity "") are left out and counted: two of them need not show one person.
    """
    if replicates < 0:
        raise WrongUsage(f"replicates must be 0 or more, not {replicates}")
    everything = data
    named = _rows_of_known_people(everything)
    data = everything.take(named)
    clean_among_named = clean_rows(data)
    clean, kept = data.take(clean_among_named), named[clean_among_named]
    chosen = _choose(data, clean, protocols)
    asked = {PROTOCOLS.get(name).name for name in protocols or ()}
    if normalise is not None:
        added = [p for p in map(PROTOCOLS.get, normalised_names(clean, normalise)) if p not in chosen]
        chosen, asked = chosen + added, asked | {p.name for p in added}
    evaluation = Evaluation(identities=np.unique(data.identities), n_unknown=len(everything) - len(data))
    empty: dict[str, NothingLeft] = {}
    usual = [p for p in chosen if not KINDS[p.kind].cloaks]
    if usual:
        ordered = order_embeddings(clean, keep_duplicates)
        context = Context(clean, ordered, replicates, seed, quiet, kept=kept)
        _prepare(usual, context, threads, max_memory)
        swept = [p for p in usual if KINDS[p.kind].sweeps]
        if swept:
            _sweep(swept, context, block_rows, threads, max_memory, int8)
        for protocol in usual:
            evaluation.add(_measured(protocol, context, empty))
    cloaked = [p for p in chosen if KINDS[p.kind].cloaks]
    if cloaked:
        ordered = order_embeddings(data, keep_duplicates)
        context = Context(data, ordered, replicates, seed, quiet, kept=named)
        for protocol in cloaked:
            evaluation.add(_measured(protocol, context, empty))
    for name, error in empty.items():
        if name in asked or len(empty) == len(chosen):
            raise error
    _add_left_out_remark(evaluation, everything, data)
    return evaluation


def _rows_of_known_people(data: Embeddings) -> NDArray[np.int64]:
    """The rows of photos whose person is known; all rows where identities only separate listed pairs.

    :class:`BadInput` where nobody is known.
    """
    if not data.identities_known:
        return np.arange(len(data))
    named = np.flatnonzero(data.identities != "")
    if not len(named):
        raise BadInput(f"none of the {len(data):,} photos has an identity; give labels that name the people")
    return named


def _add_left_out_remark(evaluation: Evaluation, everything: Embeddings, named: Embeddings) -> None:
    """Add a remark to every row where photos of unknown people, or listed pairs with them, are left out."""
    if not evaluation.n_unknown:
        return
    text = f"{counted(evaluation.n_unknown, 'photo')} without an identity left out"
    if lost := len(everything.pairs or ()) - len(named.pairs or ()):
        text += f", and {counted(lost, 'listed pair')} with them"
    left_out = remark("left-out", text)
    evaluation.metrics = [replace(m, remarks=join(m.remarks, left_out)) for m in evaluation.metrics]


def _prepare(
    protocols: list[Protocol], context: Context, threads: int | None, max_memory: int | None
) -> None:
    """Check memory and cohorts before the long work begins."""
    data, ordered = context.data, context.ordered
    for protocol in protocols:
        memory = KINDS[protocol.kind].memory
        if memory is not None:
            context.limits[protocol.name] = plan_search(
                memory(data, ordered), protocol.name, threads, max_memory
            )
        if "cohort" in protocol.needs and (method := method_of(protocol)) not in context.cohorts:
            context.cohorts[method] = against_cohort(data, ordered, method)


def _choose(data: Embeddings, clean: Embeddings, protocols: Sequence[str] | None) -> list[Protocol]:
    """The protocols that ``protocols`` names; None: the data's default and the usual ones that they allow."""
    every = [PROTOCOLS.get(name) for name in dict.fromkeys(protocols or PROTOCOLS.names())]
    missing = {"variants"} if data.variants is None else set()
    own = data.default_protocol
    usual = [p for p in every if (p.name == own or not p.on_request) and not missing & set(p.needs)]
    chosen = every if protocols else usual
    for protocol in chosen:
        check_kind(protocol)
    chosen.sort(key=lambda p: list(KINDS).index(p.kind))
    reasons = {p.name: KINDS[p.kind].lacking(p, data if KINDS[p.kind].cloaks else clean) for p in chosen}
    if protocols:
        for name, reason in reasons.items():
            if reason:
                raise BadInput(f"{name} cannot be measured here: {reason}")
    allowed = [p for p in chosen if not reasons[p.name]]
    if not allowed:
        raise BadInput(f"nothing can be measured here: {reasons['verification/all-pairs']}")
    return allowed


def _sweep(
    protocols: list[Protocol],
    context: Context,
    block_rows: int | None,
    threads: int | None,
    max_memory: int | None,
    int8: bool,
) -> None:
    """One pass over all pairs for all protocols that need one."""
    ordered = context.ordered
    # Duplicates are few: a tail for all pairs is deep enough for those that are left.
    photos = np.bincount(ordered.labels)
    n_pairs = int((photos.sum() ** 2 - (photos**2).sum()) // 2)
    limits = plan_memory(
        ordered.labels, ordered.rows.shape[1], tail_size(n_pairs), threads, block_rows, max_memory
    )
    mated = mated_scores(ordered.rows, ordered.labels, ordered.content)
    for protocol in protocols:
        ask = KINDS[protocol.kind].ranking
        if ask is not None:
            context.rankings[protocol.name] = ask(protocol, ordered, mated)
    with progress("comparing photos", len(ordered.rows), context.quiet) as tick:
        context.summary = sweep_pairs(
            ordered.rows,
            ordered.labels,
            mated,
            content=ordered.content,
            rankings=list(context.rankings.values()),
            allowed=allowed_at_targets,
            subsets=[ordered.across_events(mated)] if any(p.cross_event for p in protocols) else (),
            tail_size=limits.tail_size,
            window_size=limits.window_size,
            block_rows=block_rows,
            threads=limits.threads,
            coded=int8,
            tick=tick,
        )
    context.ranks = dict(zip(context.rankings, context.summary.ranks, strict=True))


def _measured(protocol: Protocol, context: Context, empty: dict[str, NothingLeft]) -> Evaluation:
    """The protocol's rows. Where no trial is left, they have no values, and ``empty`` gets the reason."""
    kind = KINDS[protocol.kind]
    try:
        return kind.measure(protocol, context)
    except NothingLeft as error:
        empty[protocol.name] = error
        evaluation = Evaluation()
        add_unmeasured(evaluation, protocol, kind.figures, error.reason)
        return evaluation
