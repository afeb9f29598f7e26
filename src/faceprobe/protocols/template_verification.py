"""Verification over listed pairs of templates (IJB's 1:1 protocol)."""

from __future__ import annotations

from functools import partial

import numpy as np

from faceprobe.core.progress import progress
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.remarks import Remarks, join, remark
from faceprobe.metrics.verification.figures import Verification, allowed_false_matches, auc, eer, roc, tmr
from faceprobe.metrics.verification.pair_list import PairScores, Replicates, nearest_tmr, pair_replicates
from faceprobe.metrics.weighting import WEIGHTINGS, Weighting
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.metric_rows import add_metric
from faceprobe.protocols.template_pooling import PooledTemplates, lacking_templates, pooled_templates
from faceprobe.protocols.types import Evaluation, NothingLeft, Protocol
from faceprobe.protocols.verification import eer_bracket, threshold_support
from faceprobe.scores import pair_scores

TARGETS = {f"tmr@fmr=1e-{k}": float(f"1e-{k}") for k in range(1, 7)}
HOW = "identity bootstrap, every listed comparison weighted, T set again"


def lacking(protocol: Protocol, data: Embeddings) -> str:
    """Why ``data`` has no listed pairs of templates."""
    reason = lacking_templates(data)
    if reason:
        return reason
    assert data.templates is not None
    return "" if len(data.templates.left) else "its templates come without a list of pairs"


def measure(protocol: Protocol, context: Context) -> Evaluation:
    """TMR at each FMR, EER and AUC over the listed pairs, in both weightings."""
    pool = pooled_templates(protocol, context)
    scores = _scores(pool, context.quiet)
    v = scores.verification
    if len(v.score) == 0 or v.n_nonmated == 0:
        raise NothingLeft(protocol, "the listed pairs of templates are all of one kind")
    evaluation = Evaluation()
    people = v.n_mated_people if pool.known else 0
    row = partial(add_metric, evaluation, protocol, how=HOW, n=len(v.score), n_identities=people)
    if protocol.options["threshold"] == "nearest":
        _add_nearest(row, scores, join(pool.remarks, _about(pool)))
        return evaluation
    supported = [f for f in TARGETS.values() if allowed_false_matches(f, v.n_nonmated) >= 1]
    found = pair_replicates(scores, pool.weights, supported) if len(pool.weights) else {}
    for weighting in WEIGHTINGS:
        _add_figures(row, pool, v, weighting, found)
    row("n_mated", "none", float(len(v.score)))
    everybody = len(pool.names) if pool.known else 0
    row = partial(row, n=v.n_nonmated, n_identities=everybody)
    row("n_nonmated", "none", float(v.n_nonmated), remarks=_about(pool))
    fmr = np.array([float(f"{f:.6g}") for f in np.logspace(-6, 0, 121)])
    fmr = fmr[fmr * v.n_nonmated >= 1]
    evaluation.curves[f"{protocol.name}//roc_fmr"] = fmr
    for weighting in WEIGHTINGS:
        if weighting == "pair" or pool.known:
            evaluation.curves[f"{protocol.name}//roc_tmr_{weighting}"] = roc(v, fmr, weighting)
    return evaluation


def _add_figures(
    row: partial[None], pool: PooledTemplates, v: Verification, weighting: Weighting, found: Replicates
) -> None:
    """TMR at each FMR, EER and AUC in one weighting; no value by people where people are not known."""
    defined = weighting == "pair" or pool.known
    text = (
        "" if pool.known else "which people the templates show is not known: no interval, no figure by people"
    )
    unknown = remark("no-interval" if defined else "not-measured", text)
    for name, f in TARGETS.items():
        allowed = allowed_false_matches(f, v.n_nonmated)
        value = tmr(v, allowed, weighting) if allowed and defined else None
        remarks = join(threshold_support(allowed, v.n_nonmated), pool.remarks, unknown)
        row(name, weighting, value, replicates=found.get((repr(f), weighting)), remarks=remarks)
    exact = eer(v, weighting)
    for name, value, bracket in (("eer", exact.value, eer_bracket(exact)), ("auc", auc(v, weighting), ())):
        row(
            name,
            weighting,
            value if defined else None,
            replicates=found.get((name, weighting)),
            remarks=join(bracket if defined else (), unknown),
        )


def _scores(pool: PooledTemplates, quiet: bool) -> PairScores:
    listed = pool.templates
    with progress("comparing templates", len(listed.left), quiet) as tick:
        score = pair_scores(pool.rows, listed.left, listed.right, tick)
    left, right = pool.labels[listed.left], pool.labels[listed.right]
    return PairScores(score, listed.same, left, right, len(pool.names))


def _add_nearest(row: partial[None], scores: PairScores, remarks: Remarks) -> None:
    """Pair-weighted TMR at the FMR nearest to each target, which the row's remark gives."""
    for (name, _), (value, fmr) in zip(
        TARGETS.items(), nearest_tmr(scores, list(TARGETS.values())), strict=True
    ):
        used = f"at FMR {fmr:.6g}, the nearest that there is; no interval by this rule"
        row(name, "pair", value, remarks=join(remark("used-fmr", used), remarks))


def _about(pool: PooledTemplates) -> Remarks:
    """Remarks on the list of pairs."""
    listed = pool.templates
    wrong = 0
    if pool.known:
        one = pool.labels[listed.left] == pool.labels[listed.right]
        wrong = int(np.count_nonzero(one != listed.same))
    itself = int(np.count_nonzero(listed.left == listed.right))
    lost = listed.lost_pairs
    against = f"{wrong:,} listed pairs are labelled against the templates' own identities" if wrong else ""
    return join(
        remark("left-out", f"{lost:,} listed pairs are left out with their templates" if lost else ""),
        remark("labels-disagree", against),
        remark("duplicates", f"{itself:,} listed pairs compare a template with itself" if itself else ""),
    )


KIND = Kind(
    figures=[(m, weighting) for weighting in WEIGHTINGS for m in (*TARGETS, "eer", "auc")],
    lacking=lacking,
    measure=measure,
)
