"""Fairness by group: false matches and misses at one threshold for all people."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.words import agreeing, counted
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.remarks import Remarks, join, remark
from faceprobe.metrics.fairness.group_counts import FalseMatches, false_matches_by_group
from faceprobe.metrics.fairness.group_rates import GroupRate, group_fmr, group_fnmr, ratios
from faceprobe.metrics.small_samples import coverage_caution
from faceprobe.metrics.verification.figures import Verification, allowed_false_matches
from faceprobe.metrics.weighting import WEIGHTINGS, Weighting
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.metric_rows import add_metric
from faceprobe.protocols.ordering import lacking_people
from faceprobe.protocols.types import Evaluation, NothingLeft, Protocol

FMRS = (1e-3, 1e-4)
"""Pair-weighted FMR over all people that sets T; rows without a suffix are those of the first."""

MOST_GROUPS = 40
"""Most groups; every two of them have a figure."""

LEAST_PEOPLE = 5
"""Least number of people with mated comparisons for which a group has an FNMR."""

HOW = "identity bootstrap of jackknife values, T held fixed, t-widened"
RATIOS = {"max_min": "highest / lowest", "max_geomean": "highest / geometric mean"}

Groups = dict[str, GroupRate]


def measure_fairness(protocol: Protocol, context: Context) -> Evaluation:
    """All rows: FMR within and across groups, FNMR by group, and how far apart groups are."""
    ordered, summary = context.ordered, context.summary
    assert summary is not None and context.data.groups is not None
    v = Verification.of(summary)
    if len(v.score) == 0 or v.n_nonmated == 0:
        raise NothingLeft(protocol, "all comparisons of one kind are duplicates; see --keep-duplicates")
    names, group = _group_of_people(
        context.data.groups[ordered.order], summary.labels.astype(np.int64), ordered.names
    )
    if len(names) > MOST_GROUPS:
        raise BadInput(
            f"the column group names {len(names):,} groups, more than {MOST_GROUPS}; is it the right column?"
        )
    evaluation = Evaluation()
    for fmr in FMRS:
        allowed = allowed_false_matches(fmr, v.n_nonmated)
        suffix = "" if fmr == FMRS[0] else f",T@fmr=1e-{round(-np.log10(fmr))}"
        if allowed < 1:
            few = f"not supported: {v.n_nonmated:,} non-mated comparisons allow no false match at FMR {fmr}"
            unsupported = remark("not-supported", few)
            add_metric(evaluation, protocol, f"fmr_max_min{suffix}", "pair", None, remarks=unsupported)
            continue
        found = false_matches_by_group(summary, ordered.rows, allowed, group, len(names))
        _add_fmr(evaluation, protocol, context, found, names, group, fmr, suffix)
        for weighting in WEIGHTINGS:
            _add_fnmr(evaluation, protocol, context, v, found.above, names, group, weighting, suffix)
    unknown = int(np.count_nonzero(group < 0))
    ungrouped = remark(
        "scope", f"{counted(unknown, 'person')} of no known group: for T alone" if unknown else ""
    )
    add_metric(evaluation, protocol, "n_groups", "none", float(len(names)), n=len(names), remarks=ungrouped)
    return evaluation


def lacking_groups(protocol: Protocol, data: Embeddings) -> str:
    """Why ``data`` cannot be measured by group, or "" where it can."""
    lacking = lacking_people(protocol, data)
    if lacking:
        return lacking
    if data.groups is None or not np.any(data.groups != ""):
        return "the photos' groups are not known (a column group in the table of labels)"
    if len(np.unique(data.groups[data.groups != ""])) < 2:
        return "all photos are of one group; without a second one there is nothing to compare"
    return ""


def _group_of_people(
    groups: NDArray[np.str_], labels: NDArray[np.int64], people: NDArray[np.str_]
) -> tuple[list[str], NDArray[np.int64]]:
    """The sorted names of groups and each person's number among them (P,), -1 where none is known.

    Raises :class:`BadInput` where photos of one person name two groups.
    """
    names = np.unique(groups[groups != ""])
    group = np.full(len(people), -1, dtype=np.int64)
    known = groups != ""
    number = np.searchsorted(names, groups[known])
    group[labels[known]] = number
    torn = np.flatnonzero(group[labels[known]] != number)
    if len(torn):
        person = labels[known][torn[0]]
        a, b = names[number[torn[0]]], names[group[person]]
        raise BadInput(
            f"identity {str(people[person])!r} has photos of the groups {str(a)!r} and {str(b)!r}; "
            "give each person one group"
        )
    return [str(n) for n in names], group


def _add_fmr(
    evaluation: Evaluation,
    protocol: Protocol,
    context: Context,
    found: FalseMatches,
    names: list[str],
    group: NDArray[np.int64],
    fmr: float,
    suffix: str,
) -> None:
    assert context.summary is not None
    within: Groups = {}
    numbers = range(len(names))
    for g, h in [*((k, k) for k in numbers), *combinations(numbers, 2)]:
        rate = group_fmr(context.summary, found, group, (g, h), context.weights)
        metric = f"fmr@group={names[g]}" if g == h else f"fmr@groups={names[g]}|{names[h]}"
        expected = rate.n * fmr if rate else 0.0
        reason = ""
        if rate is None or expected < 1:
            n = rate.n if rate else 0
            reason = f"{agreeing(n, 'comparison', 'lets')} expect no false match at T"
        weak = f"weak and unstable: {counted(round(expected), 'false match')} expected at T, below 30"
        support = remark("weak-threshold", weak if expected < 30 else "")
        _add_rate(evaluation, protocol, metric + suffix, "pair", rate, reason, support)
        if rate and not reason and g == h:
            within[names[g]] = rate
    _add_ratios(evaluation, protocol, "fmr", "pair", within, names, suffix)


def _add_fnmr(
    evaluation: Evaluation,
    protocol: Protocol,
    context: Context,
    v: Verification,
    threshold: float,
    names: list[str],
    group: NDArray[np.int64],
    weighting: Weighting,
    suffix: str,
) -> None:
    shown: Groups = {}
    for g, name in enumerate(names):
        rate = group_fnmr(v, threshold, group == g, weighting, context.weights)
        people = rate.n_people if rate else 0
        reason = f"{counted(people, 'person')} with mated comparisons, below {LEAST_PEOPLE}"
        reason = reason if people < LEAST_PEOPLE else ""
        _add_rate(evaluation, protocol, f"fnmr@group={name}{suffix}", weighting, rate, reason, ())
        if rate and not reason:
            shown[name] = rate
    _add_ratios(evaluation, protocol, "fnmr", weighting, shown, names, suffix)


def _add_rate(
    evaluation: Evaluation,
    protocol: Protocol,
    metric: str,
    weighting: Weighting,
    rate: GroupRate | None,
    reason: str,
    support: Remarks,
) -> None:
    if rate is None or reason:
        n = rate.n if rate else 0
        add_metric(
            evaluation,
            protocol,
            metric,
            weighting,
            None,
            n=n,
            remarks=remark("not-supported", f"not supported: {reason}"),
        )
        return
    flawless = rate.errors in (0, rate.n)
    caution = coverage_caution(rate.n_people, rate.effective_people, flawless) if len(rate.replicates) else ()
    add_metric(
        evaluation,
        protocol,
        metric,
        weighting,
        rate.value,
        replicates=rate.replicates,
        how=HOW,
        n=rate.n,
        n_identities=rate.n_people,
        remarks=join(
            support,
            remark("errors", f"{rate.errors:,} errors"),
            caution,
        ),
    )


def _add_ratios(
    evaluation: Evaluation,
    protocol: Protocol,
    which: str,
    weighting: Weighting,
    rates: Groups,
    names: list[str],
    suffix: str,
) -> None:
    left_out = [n for n in names if n not in rates]
    without = remark("left-out", f"without {', '.join(left_out)}: too small" if left_out else "")
    for name, found in ratios(list(rates.values())).items():
        if found is None:
            few = len(rates) < 2
            reason = "fewer than two groups have a rate" if few else "a group has no error"
            undefined = join(remark("not-defined", f"not defined: {reason}"), without)
            add_metric(evaluation, protocol, f"{which}_{name}{suffix}", weighting, None, remarks=undefined)
            continue
        highest = max(rates, key=lambda n: rates[n].value)
        lowest = min(rates, key=lambda n: rates[n].value)
        add_metric(
            evaluation,
            protocol,
            f"{which}_{name}{suffix}",
            weighting,
            found[0],
            replicates=found[1],
            how=HOW,
            n=sum(r.n for r in rates.values()),
            n_identities=sum(r.n_people for r in rates.values()),
            remarks=join(
                remark("scope", RATIOS[name]),
                remark("extremes", f"highest {highest}, lowest {lowest}"),
                remark("above-one-by-chance", "chance alone lifts it above 1"),
                without,
            ),
        )


FIGURES: list[tuple[str, Weighting]] = [
    ("fmr_max_min", "pair"),
    ("fmr_max_geomean", "pair"),
    *((f"fnmr_{name}", weighting) for weighting in WEIGHTINGS for name in RATIOS),
]

KIND = Kind(figures=FIGURES, lacking=lacking_groups, measure=measure_fairness, sweeps=True)
