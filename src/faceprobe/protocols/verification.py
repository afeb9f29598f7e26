"""Verification over all pairs: rows, curves and replicates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.words import agreeing, counted
from faceprobe.data.remarks import Remarks, join, remark
from faceprobe.metrics.verification.figures import (
    EqualError,
    Verification,
    allowed_false_matches,
    auc,
    auc_bracket,
    d_prime,
    eer,
    nonmated_moments,
    roc,
    tmr,
)
from faceprobe.metrics.verification.intervals import TAIL_SIZE, Intervals, deep_enough, verification_intervals
from faceprobe.metrics.weighting import WEIGHTINGS, Weighting
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.metric_rows import add_metric
from faceprobe.protocols.ordering import OrderedEmbeddings, lacking_people
from faceprobe.protocols.types import Evaluation, NothingLeft, Protocol
from faceprobe.scores import ScoreSummary

TARGETS = {f"tmr@fmr=1e-{k}": float(f"1e-{k}") for k in range(2, 7)}
METRICS = (*TARGETS, "eer", "auc", "d_prime")

N_FAILURES = 24
"""Worst comparisons of each kind that are kept for the report."""

HOW = "identity bootstrap of jackknife values, t-widened"

_LARGEST_SHARE = 0.10

_CLOSE = 1e-7
"""Brackets narrower than this are not worth a remark."""

MAX_TAIL = 2_200_000
"""Somewhat more than the false matches at FMR 1e-4 among CelebA's 20.5 billion pairs."""


def allowed_at_targets(n_nonmated: int) -> list[int]:
    """False matches that each target FMR allows, where it allows one."""
    allowed = [allowed_false_matches(f, n_nonmated) for f in TARGETS.values()]
    return [k for k in allowed if k >= 1]


def tail_size(n_nonmated: int) -> int:
    """Non-mated scores to keep with their pairs: enough for all people in a false match at FMR 1e-4."""
    return max(TAIL_SIZE, min(MAX_TAIL, allowed_false_matches(1e-4, n_nonmated) + 1000))


def measure_verification(protocol: Protocol, context: Context) -> Evaluation:
    """All rows of a verification protocol."""
    ordered, summary, weights = context.ordered, context.summary, context.weights
    assert summary is not None
    keep = ordered.across_events(summary.mated) if protocol.cross_event else None
    v = Verification.of(summary, keep)
    if len(v.score) == 0 or v.n_nonmated == 0:
        raise NothingLeft(protocol, "all comparisons of one kind are duplicates; see --keep-duplicates")
    evaluation = Evaluation()
    supported = [f for f in TARGETS.values() if allowed_false_matches(f, v.n_nonmated) >= 1]
    found = verification_intervals(summary, v, weights, supported)
    for name, fmr in TARGETS.items():
        for weighting in WEIGHTINGS:
            _add_tmr(evaluation, protocol, summary, v, name, fmr, weighting, found)
    for weighting in WEIGHTINGS:
        _add_equal_error(evaluation, protocol, v, weighting, found)
    for weighting in WEIGHTINGS:
        low, high = auc_bracket(v, weighting)
        bracket = remark("bracket", "" if high - low < _CLOSE else f"bracket: {low:.7f} to {high:.7f}")
        _add_whole(evaluation, protocol, v, "auc", auc(v, weighting), weighting, found, bracket)
    for weighting in WEIGHTINGS:
        apart = d_prime(v, nonmated_moments(summary), weighting)
        _add_whole(evaluation, protocol, v, "d_prime", apart, weighting, found)
    _add_counts(evaluation, protocol, ordered, summary, v)
    order = ordered.order if context.kept is None else context.kept[ordered.order]
    _add_curves(evaluation, protocol, order, summary, v, keep)
    return evaluation


def _add_tmr(
    evaluation: Evaluation,
    protocol: Protocol,
    summary: ScoreSummary,
    v: Verification,
    name: str,
    fmr: float,
    weighting: Weighting,
    found: Intervals,
) -> None:
    allowed = allowed_false_matches(fmr, v.n_nonmated)
    value, remarks = None, threshold_support(allowed, v.n_nonmated)
    if allowed >= 1:
        value = tmr(v, allowed, weighting)
        if not summary.counts.resolved(allowed):
            text = "a lower bound: too many comparisons share T's score to tell them apart"
            remarks = join(remarks, remark("lower-bound", text))
    form = "exact tail" if deep_enough(summary, fmr) else "row sums"
    add_metric(
        evaluation,
        protocol,
        name,
        weighting,
        value,
        estimate=found.estimates.get((repr(fmr), weighting)),
        how=f"{HOW}, T set again ({form})",
        n=len(v.score),
        n_identities=v.n_mated_people,
        remarks=remarks,
    )


def _add_equal_error(
    evaluation: Evaluation, protocol: Protocol, v: Verification, weighting: Weighting, found: Intervals
) -> None:
    exact = eer(v, weighting)
    remarks = eer_bracket(exact)
    if not exact.exact:
        ends = sorted((*exact.before, *exact.after))
        text = f"known to lie between {ends[0]:.6f} and {ends[-1]:.6f} only"
        remarks = join(remarks, remark("bracket-only", text))
    _add_whole(evaluation, protocol, v, "eer", exact.value, weighting, found, remarks)


def eer_bracket(exact: EqualError) -> Remarks:
    """FMR and FNMR just before and just after the two cross."""
    text = (
        f"bracket: FMR {exact.before[0]:.6f}, FNMR {exact.before[1]:.6f} to "
        f"FMR {exact.after[0]:.6f}, FNMR {exact.after[1]:.6f}"
    )
    return remark("bracket", text)


def threshold_support(allowed: int, n_nonmated: int) -> Remarks:
    """Whether the ``allowed`` false matches among so many non-mated comparisons support a threshold."""
    if allowed < 1:
        few = f"not supported: {n_nonmated:,} non-mated comparisons allow no false match at this FMR"
        return remark("not-supported", few)
    if allowed < 30:
        return remark(
            "weak-threshold", f"weak and unstable: {agreeing(allowed, 'false match', 'supports')} T, below 30"
        )
    unstable = (
        f"unstable: {agreeing(allowed, 'false match', 'supports')} T, below 100" if allowed < 100 else ""
    )
    return remark("unstable-threshold", unstable)


def _add_whole(
    evaluation: Evaluation,
    protocol: Protocol,
    v: Verification,
    metric: str,
    value: float | None,
    weighting: Weighting,
    found: Intervals,
    remarks: Remarks = (),
) -> None:
    if value is None:
        equal = remark("not-defined", "not defined: the scores of each kind are equal to within rounding")
        remarks = join(remarks, equal)
    add_metric(
        evaluation,
        protocol,
        metric,
        weighting,
        value,
        estimate=found.estimates.get((metric, weighting)),
        how=f"{HOW} (row sums)",
        n=len(v.score),
        n_identities=v.n_mated_people,
        remarks=remarks,
    )


def _add_counts(
    evaluation: Evaluation,
    protocol: Protocol,
    ordered: OrderedEmbeddings,
    summary: ScoreSummary,
    v: Verification,
) -> None:
    n_mated, n_people = len(v.score), v.n_mated_people
    within = len(summary.mated) - n_mated
    left_out = remark(
        "left-out", f"{counted(within, 'mated comparison')} within one event left out" if within else ""
    )
    n_duplicates = summary.duplicates.n_mated + summary.duplicates.n_nonmated
    kept = remark("duplicates-kept", "duplicates were kept on request" if ordered.content is None else "")
    share = float(v.per_person.max()) / n_mated
    warning = ""
    if share > _LARGEST_SHARE:
        warning = (
            f"warning: one person makes up {100 * share:.0f} % of the mated comparisons; "
            "trust the identity-weighted figures"
        )
    for metric, count, people, remarks in (
        ("n_mated", n_mated, n_people, left_out),
        ("n_nonmated", v.n_nonmated, v.n_people, ()),
        ("n_duplicate_pairs", n_duplicates, v.n_people, kept),
    ):
        add_metric(
            evaluation, protocol, metric, "none", float(count), n=count, n_identities=people, remarks=remarks
        )
    add_metric(
        evaluation,
        protocol,
        "largest_identity_share",
        "none",
        share,
        n=n_mated,
        n_identities=n_people,
        remarks=remark("largest-person", warning),
    )


def _add_curves(
    evaluation: Evaluation,
    protocol: Protocol,
    order: NDArray[np.int64],
    summary: ScoreSummary,
    v: Verification,
    keep: NDArray[np.bool_] | None,
) -> None:
    fmr = np.array([float(f"{f:.6g}") for f in np.logspace(-6, 0, 121)])
    fmr = fmr[fmr * v.n_nonmated >= 1]
    every = np.arange(len(summary.mated)) if keep is None else np.flatnonzero(keep)
    worst = every[::-1][:N_FAILURES]
    tail, mated = summary.tail, summary.mated
    curves = {
        "roc_fmr": fmr,
        "roc_tmr_identity": roc(v, fmr, "identity"),
        "roc_tmr_pair": roc(v, fmr, "pair"),
        "hist_edges": summary.histogram_edges,
        "hist_mated": np.histogram(v.score, summary.histogram_edges)[0],
        "hist_nonmated": summary.histogram,
        "failures_nonmated": order[np.column_stack([tail.left, tail.right])[:N_FAILURES]],
        "failures_nonmated_scores": tail.score[:N_FAILURES],
        "failures_mated": order[np.column_stack([mated.left[worst], mated.right[worst]])],
        "failures_mated_scores": mated.score[worst],
    }
    evaluation.curves |= {f"{protocol.name}//{name}": curve for name, curve in curves.items()}


KIND = Kind(
    figures=[(metric, weighting) for metric in METRICS for weighting in WEIGHTINGS],
    lacking=lacking_people,
    measure=measure_verification,
    sweeps=True,
)
