"""Accuracy by gallery size: exact up to the number of people in the data, an estimated band beyond."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.progress import Tick, progress
from faceprobe.core.words import agreeing
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.remarks import remark
from faceprobe.metrics.extrapolation.bands import ALARM_MODELS, MODELS, BackTest, SearchSample, extrapolate
from faceprobe.metrics.extrapolation.search_sample import (
    TOP,
    back_tests,
    sample_of_search,
    sampling_error,
    score_grid,
)
from faceprobe.metrics.identification.gallery_size import chance_within, mean_over_probes, probe_means
from faceprobe.metrics.verification.figures import allowed_false_matches
from faceprobe.metrics.weighting import WEIGHTINGS, Weighting
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.metric_rows import SEARCH_HOW, add_metric
from faceprobe.protocols.ordering import OrderedEmbeddings, lacking_people
from faceprobe.protocols.types import Evaluation, NothingLeft, Protocol
from faceprobe.scores.search.probes_against_gallery import (
    SearchCounts,
    SearchRows,
    best_mates,
    search_gallery,
)

RANKS = (1, 10)
ALARM_TARGETS = {"1e-1": 0.1, "1e-2": 0.01}
"""T is fixed where FPIR among all people is at most this."""

REACH = 200
"""A band reaches up to this many times the people of the data."""

FEWEST = 100
"""People that a band needs, so that its back-test has ten to fit to."""

FRACTION, DRAWS = 10, 3
"""The back-test is fitted to one in FRACTION of the people, drawn DRAWS times."""

_CURVE_POINTS = 60


@dataclass(frozen=True)
class _Searches:
    """Searches of ``probes`` among ``n`` impostors: ``score`` (Q,) that an impostor must reach, ``k`` (Q,)
    how many do so. ``extra`` counts the people in the gallery besides the impostors: 1 with the mate, else 0.
    """

    probes: SearchRows
    score: NDArray[np.float64]
    k: NDArray[np.int64]
    n: int
    extra: int
    sample: dict[Weighting, SearchSample]


def measure(protocol: Protocol, context: Context) -> Evaluation:
    """Rank-1 and rank-10 accuracy and FPIR by gallery size, with bands beyond the people of the data."""
    ordered = context.ordered
    limits = context.limits[protocol.name]
    every = ordered.search_rows(np.arange(len(ordered.rows)))
    mate = best_mates(every, every, limits)
    if np.isnan(mate).all():
        raise NothingLeft(protocol, "no photo has a mate that is not its duplicate; see --keep-duplicates")
    n = len(ordered.names) - 1
    grid = score_grid(mate[~np.isnan(mate)], every, every)
    evaluation = Evaluation()
    total = len(every) * (2 if n + 1 >= FEWEST else 1)
    with progress("searching", total, context.quiet) as tick:
        found = search_gallery(every, every, mate=mate, thresholds=grid, top=TOP, limits=limits, tick=tick)
        mated = _mated(every, found, grid, n)
        for rank in RANKS:
            _add_within(evaluation, protocol, context, mated, f"rank{rank}", rank, False)
        _add_beyond(evaluation, protocol, context, every, mated, "rank1", False, tick)
        for name, fpir in ALARM_TARGETS.items():
            _add_alarms(evaluation, protocol, context, every, found, name, fpir, n)
    _add_curves(evaluation, protocol, mated)
    return evaluation


def _mated(every: SearchRows, found: SearchCounts, grid: NDArray[np.float64], n: int) -> _Searches:
    has = ~np.isnan(found.mate)
    probes = every.take(has)
    kept = SearchCounts(
        found.mate[has],
        found.photos[has],
        found.people[has],
        found.reached[has],
        found.top[has],
        found.n_people[has],
    )
    return _Searches(probes, kept.mate, kept.people, n, 1, sample_of_search(kept, grid, probes.labels, n))


def _add_alarms(
    evaluation: Evaluation,
    protocol: Protocol,
    context: Context,
    every: SearchRows,
    found: SearchCounts,
    name: str,
    fpir: float,
    n: int,
) -> None:
    """FPIR at a fixed T: every photo is searched without its own person."""
    metric = f"fpir[{name}]"
    allowed = allowed_false_matches(fpir, len(every))
    ordered = np.sort(found.best_other)[::-1]
    if allowed < 1 or allowed >= len(ordered) or np.isneginf(ordered[allowed]):
        few = f"not supported: {agreeing(len(every), 'search', 'allows')} no false alarm at an FPIR of {name}"
        unsupported = remark("not-supported", few)
        for weighting in WEIGHTINGS:
            add_metric(evaluation, protocol, f"{metric}@people=all", weighting, None, remarks=unsupported)
        return
    limit = float(np.nextafter(ordered[allowed], np.inf))
    grid = np.array([limit])
    k = (found.top >= limit).sum(axis=1)
    more = np.flatnonzero(k == found.top.shape[1])
    if len(more):
        unmated = np.full(len(more), np.nan)
        limits = context.limits[protocol.name]
        again = search_gallery(every.take(more), every, mate=unmated, thresholds=grid, limits=limits)
        k[more] = again.reached[:, 0]
    score = np.full(len(every), limit)
    fixed = SearchCounts(score, k, k, k[:, None], found.top, found.n_people)
    alarms = _Searches(every, score, k, n, 0, sample_of_search(fixed, grid, every.labels, n))
    _add_within(evaluation, protocol, context, alarms, metric, 1, True)
    _add_beyond(evaluation, protocol, context, every, alarms, metric, True, None)


def _add_within(
    evaluation: Evaluation,
    protocol: Protocol,
    context: Context,
    searches: _Searches,
    metric: str,
    rank: int,
    complement: bool,
) -> None:
    """Exact rows at 10, 100, 1,000, ... people and at all of them; ``complement``: 1 - the share."""
    people = [10**j for j in range(1, 9) if 10**j < searches.n + searches.extra]
    sizes = np.array([*(p - searches.extra for p in people), searches.n])
    chance = chance_within(searches.k, searches.n, sizes, rank)
    values = 1 - chance if complement else chance
    label, weights = searches.probes.labels, context.weights
    for weighting in WEIGHTINGS:
        means = mean_over_probes(values, label, weighting)
        estimates = probe_means(values, label, weights, weighting)
        for s, size in enumerate([*people, "all"]):
            trivial = rank > sizes[s]
            add_metric(
                evaluation,
                protocol,
                f"{metric}@people={size}",
                weighting,
                min(1.0, max(0.0, float(means[s]))),
                estimate=estimates[s],
                how=SEARCH_HOW,
                n=len(label),
                n_identities=len(np.unique(label)),
                remarks=remark("trivial", "trivial: the gallery holds no more people than the rank")
                if trivial
                else remark("exact", "exact"),
            )


def _add_beyond(
    evaluation: Evaluation,
    protocol: Protocol,
    context: Context,
    every: SearchRows,
    searches: _Searches,
    metric: str,
    complement: bool,
    tick: Tick | None,
) -> None:
    """Rows at powers of ten beyond the people of the data: the models' median and a widened band."""
    there = searches.n + searches.extra
    people = [10**j for j in range(1, 12) if there < 10**j <= REACH * there]
    row = partial(add_metric, evaluation, protocol)
    label = searches.probes.labels
    models = ALARM_MODELS if complement else tuple(MODELS)
    tests: list[BackTest] = []
    if there >= FEWEST:
        by_weighting = back_tests(
            searches.probes,
            every,
            searches.score,
            searches.k,
            searches.n + 1,
            fraction=FRACTION,
            draws=DRAWS,
            seed=int(protocol.options["split_seed"]),
            models=models,
            limits=context.limits[protocol.name],
        )
        tests = by_weighting["pair"]
        if tick is not None:
            tick(len(every))
    if not tests:
        few = f"{agreeing(there, 'person', 'is')} too few for a band with a back-test ({FEWEST} needed)"
        alone = "all searches are of people that the back-test drew as impostors"
        for weighting in WEIGHTINGS:
            for size in people[:1]:
                reason = f"not supported: {few if there < FEWEST else alone}"
                row(f"{metric}@people={size}", weighting, None, remarks=remark("not-supported", reason))
        return
    for weighting in WEIGHTINGS:
        own = by_weighting[weighting]
        sampling = sampling_error(searches.k == 0, label, context.weights, weighting)
        band = extrapolate(searches.sample[weighting], np.array([p - searches.extra for p in people]), models)
        reach = np.array(people) / there
        lows, highs = band.widened(own, sampling, reach)
        for s, size in enumerate(people):
            middle = float(band.middle[s])
            ends = (float(lows[s]), float(highs[s]))
            row(f"{metric}@people={size}", weighting, 1 - middle if complement else middle)
            _as_band(evaluation, ends, complement, len(models), float(reach[s]), own, label)
        if not complement:
            _add_band_curves(evaluation, protocol, searches, weighting, own, sampling)


def _as_band(
    evaluation: Evaluation,
    ends: tuple[float, float],
    complement: bool,
    models: int,
    reach: float,
    tests: list[BackTest],
    label: NDArray[np.int64],
) -> None:
    """Give the row added last a band of models instead of a bootstrap interval."""
    low, high = (1 - ends[1], 1 - ends[0]) if complement else ends
    sign = -1 if complement else 1
    errors = [sign * e for t in tests for e in t.errors.values()]
    missed = max(max(t.below, t.above) for t in tests)
    held = f"held in {sum(t.inside for t in tests)} of {len(tests)} draws"
    held += f", off by {missed:.4f}" if missed else ""
    reached = (
        f"extrapolated {reach:.3g} times past the people there are (back-test from {tests[0].fitted:,} to "
        f"{tests[0].size:,} people: models off by {min(errors):+.3f} to {max(errors):+.3f}, band {held})"
    )
    evaluation.metrics[-1] = replace(
        evaluation.metrics[-1],
        ci_low=low,
        ci_high=high,
        ci_method=f"band of {models} models, widened by the interval at all people and the back-test's miss",
        n=len(label),
        n_identities=len(np.unique(label)),
        remarks=remark("extrapolated", reached),
    )


def _add_curves(evaluation: Evaluation, protocol: Protocol, mated: _Searches) -> None:
    """Exact rank-1 by gallery size."""
    inside = np.unique(np.rint(np.geomspace(1, mated.n, _CURVE_POINTS)).astype(np.int64))
    curves: dict[str, NDArray[np.generic]] = {"size_people": inside + 1}
    for weighting in WEIGHTINGS:
        curves[f"size_rank1_{weighting}"] = mated.sample[weighting].exact(inside)
    evaluation.curves |= {f"{protocol.name}//{name}": curve for name, curve in curves.items()}


def _add_band_curves(
    evaluation: Evaluation,
    protocol: Protocol,
    mated: _Searches,
    weighting: Weighting,
    tests: list[BackTest],
    sampling: tuple[float, float],
) -> None:
    """Each model's rank-1 beyond the people of the data, and the band's widened ends (2, S)."""
    beyond = np.unique(np.rint(np.geomspace(mated.n, REACH * mated.n, _CURVE_POINTS)).astype(np.int64))
    band = extrapolate(mated.sample[weighting], beyond)
    reach = (beyond + mated.extra) / (mated.n + mated.extra)
    curves: dict[str, NDArray[np.generic]] = {
        "size_people_beyond": beyond + 1,
        f"size_models_{weighting}": np.stack(list(band.predicted.values())),
        f"size_band_{weighting}": np.stack(band.widened(tests, sampling, reach)),
    }
    evaluation.curves |= {f"{protocol.name}//{name}": curve for name, curve in curves.items()}


def _memory(data: Embeddings, ordered: OrderedEmbeddings) -> int:
    """Bytes for the ordered rows, probes, the back-test's part of both, and the counts of each search."""
    n, dim = len(ordered.rows), int(ordered.rows.shape[1])
    return n * (4 * 4 * dim + 4_000)


KIND = Kind(
    figures=[("rank1@people=all", weighting) for weighting in WEIGHTINGS],
    lacking=lacking_people,
    measure=measure,
    memory=_memory,
)
