"""Open-set identification of templates in several galleries, each by itself (IJB's 1:N protocol)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.progress import progress
from faceprobe.core.words import agreeing
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.remarks import Remarks, join, remark
from faceprobe.metrics.identification.template_search import (
    Searches,
    allowed_false_searches,
    fnir,
    found_by,
    search_replicates,
    search_templates,
)
from faceprobe.metrics.weighting import WEIGHTINGS, Weighting
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.metric_rows import add_metric
from faceprobe.protocols.template_pooling import PooledTemplates, lacking_templates, pooled_templates
from faceprobe.protocols.types import Evaluation, NothingLeft, Protocol

FPIRS = {"fnir@fpir=0.1": 0.1, "fnir@fpir=0.01": 0.01, "fnir@fpir=0.001": 0.001}
RANKS = {"rank1": 1, "rank5": 5, "rank10": 10}
HOW = "identity bootstrap over the probes' people, gallery held fixed, T set again"


def lacking(protocol: Protocol, data: Embeddings) -> str:
    """Why ``data`` has no galleries and probes of known people."""
    reason = lacking_templates(data)
    if reason:
        return reason
    listed = data.templates
    assert listed is not None
    if not listed.galleries or not len(listed.probes):
        return "its templates come without galleries and probes"
    searched = np.concatenate([listed.probes, *listed.galleries.values()])
    return "" if np.all(listed.identities[searched] != "") else "which people its templates show is not known"


def measure(protocol: Protocol, context: Context) -> Evaluation:
    """FNIR at each FPIR and closed-set ranks: each gallery's own, and the mean over the galleries."""
    pool = pooled_templates(protocol, context)
    listed = pool.templates
    searches: dict[str, Searches] = {}
    with progress("searching galleries", len(listed.probes) * len(listed.galleries), context.quiet) as tick:
        for name in sorted(listed.galleries):
            gallery = listed.galleries[name]
            searches[name] = search_templates(
                pool.rows, pool.labels, listed.probes, gallery, len(pool.names), tick
            )
    for name, s in searches.items():
        if not len(s.mated):
            raise NothingLeft(protocol, f"no probe has a mate in the gallery {name}")
    evaluation = Evaluation()
    for weighting in WEIGHTINGS:
        _add_figures(evaluation, protocol, pool, searches, weighting)
    for name, s in searches.items():
        for metric, which in ((f"n_mated/{name}", s.mated), (f"n_nonmated/{name}", s.nonmated)):
            people = len(np.unique(s.label[which]))
            add_metric(
                evaluation, protocol, metric, "none", float(len(which)), n=len(which), n_identities=people
            )
    return evaluation


def _add_figures(
    evaluation: Evaluation,
    protocol: Protocol,
    pool: PooledTemplates,
    searches: dict[str, Searches],
    weighting: Weighting,
) -> None:
    """Every metric of every gallery, and the mean over galleries where all of them support it."""
    draws = {
        name: search_replicates(s, pool.weights, list(FPIRS.values()), list(RANKS.values()), weighting)
        if len(pool.weights)
        else {}
        for name, s in searches.items()
    }
    for metric in (*FPIRS, *RANKS):
        values: list[float | None] = []
        replicates: list[NDArray[np.float64] | None] = []
        told: list[Remarks] = []
        for name, s in searches.items():
            value, support = _figure(s, metric, weighting)
            values.append(value)
            replicates.append(draws[name].get(repr(FPIRS[metric]) if metric in FPIRS else metric))
            told.append(tuple(replace(one, text=f"gallery {name}: {one.text}") for one in support))
            add_metric(
                evaluation,
                protocol,
                f"{metric}/{name}",
                weighting,
                value,
                replicates=replicates[-1] if value is not None else None,
                how=HOW,
                n=len(s.mated),
                n_identities=int(np.count_nonzero(s.per_person)),
                remarks=join(support, pool.remarks),
            )
        known = [v for v in values if v is not None]
        whole = len(known) == len(values)
        drawn = [r for r in replicates if r is not None]
        add_metric(
            evaluation,
            protocol,
            metric,
            weighting,
            float(np.mean(known)) if whole else None,
            replicates=np.mean(drawn, axis=0) if whole and drawn else None,
            how=HOW,
            n=sum(len(s.mated) for s in searches.values()),
            n_identities=len(np.unique(np.concatenate([s.label[s.mated] for s in searches.values()]))),
            remarks=join(*told, pool.remarks),
        )


def _figure(s: Searches, metric: str, weighting: Weighting) -> tuple[float | None, Remarks]:
    if metric in RANKS:
        return found_by(s, RANKS[metric], weighting), ()
    allowed, n = allowed_false_searches(s, FPIRS[metric]), len(s.nonmated)
    if allowed < 1:
        few = f"not supported: {n:,} non-mated searches allow no false positive at this FPIR"
        return None, remark("not-supported", few)
    weak = (
        f"weak: {agreeing(allowed, 'false positive search', 'supports')} T, below 30" if allowed < 30 else ""
    )
    return fnir(s, FPIRS[metric], weighting), remark("few-false-positives", weak)


KIND = Kind(
    figures=[(metric, weighting) for weighting in WEIGHTINGS for metric in (*FPIRS, *RANKS)],
    lacking=lacking,
    measure=measure,
)
