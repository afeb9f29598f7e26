"""Turn search results into extrapolation input; back-test it on a part of the people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.bootstrap import percentile_interval
from faceprobe.metrics.extrapolation.bands import MODELS, BackTest, SearchSample, back_test
from faceprobe.metrics.identification.gallery_size import mean_over_probes, probe_means, probe_weights
from faceprobe.metrics.weighting import Weighting
from faceprobe.scores.exact import block_scores
from faceprobe.scores.search.memory import UNBOUNDED, SearchLimits
from faceprobe.scores.search.probes_against_gallery import SearchCounts, SearchRows, search_gallery

TOP = 32
"""Nearest impostor identities of each probe that are kept for its tail."""

GRID = 65
"""Scores at which the pooled share of impostors is counted."""


_SAMPLE = 512

_BULK = 0.97
"""Scores below this quantile of the comparisons are not counted: a probe that one impostor in thirty disturbs
is disturbed in every gallery that is large enough to be extrapolated to.
"""


def score_grid(score: NDArray[np.float64], probes: SearchRows, gallery: SearchRows) -> NDArray[np.float64]:
    """Up to GRID of the scores (Q,), evenly spread over the ranks of those above the bulk, ascending."""
    some, others = (
        side.rows[np.unique(np.linspace(0, len(side) - 1, _SAMPLE).astype(np.int64))]
        for side in (probes, gallery)
    )
    joined = np.concatenate([some, others])
    bulk = float(np.quantile(block_scores(joined, 0, len(some))[:, len(some) :], _BULK))
    ordered = np.sort(score)
    ordered = np.maximum(ordered, min(bulk, float(ordered[-1])))
    return np.unique(ordered[np.linspace(0, len(ordered) - 1, GRID).astype(np.int64)])


def sample_searches(
    probes: SearchRows,
    gallery: SearchRows,
    score: NDArray[np.float64],
    label: NDArray[np.int64],
    n_impostors: int,
    limits: SearchLimits = UNBOUNDED,
) -> dict[Weighting, SearchSample]:
    """Search ``probes`` for impostors at or above ``score`` (Q,): each probe's best mate, or one
    threshold for all. Each must be searched among ``n_impostors`` identities. ``limits`` are the search's.
    """
    grid = score_grid(score, probes, gallery)
    found = search_gallery(probes, gallery, mate=score, thresholds=grid, top=TOP, limits=limits)
    return sample_of_search(found, grid, label, n_impostors)


def sample_of_search(
    found: SearchCounts, grid: NDArray[np.float64], label: NDArray[np.int64], n_impostors: int
) -> dict[Weighting, SearchSample]:
    """As :func:`sample_searches`, from the result of a search with thresholds ``grid``; ``label`` (Q,) are
    the probes' people.
    """
    samples: dict[Weighting, SearchSample] = {}
    weightings: tuple[Weighting, ...] = ("identity", "pair")
    for weighting in weightings:
        weight = probe_weights(label, weighting)
        samples[weighting] = SearchSample(
            weight=weight,
            score=found.mate,
            k=found.people,
            top=found.top,
            grid=grid,
            pooled=np.asarray(weight @ found.reached / n_impostors, dtype=np.float64),
            n_impostors=n_impostors,
        )
    return samples


def sampling_error(
    kept: NDArray[np.bool_], label: NDArray[np.int64], weights: NDArray[np.int64], weighting: Weighting
) -> tuple[float, float]:
    """Distance of the ends of the identity bootstrap's interval below and above the share of ``kept`` (Q,)
    searches; 0 where ``weights`` (R, P) are too few.
    """
    if len(weights) < 2:
        return 0.0, 0.0
    share = kept.astype(np.float64)[:, None]
    interval = percentile_interval(probe_means(share, label, weights, weighting)[0].replicates)
    value = float(mean_over_probes(share, label, weighting)[0])
    return (0.0, 0.0) if interval is None else (max(0.0, value - interval[0]), max(0.0, interval[1] - value))


def back_tests(
    probes: SearchRows,
    gallery: SearchRows,
    score: NDArray[np.float64],
    k: NDArray[np.int64],
    n_people: int,
    *,
    fraction: int,
    draws: int,
    seed: int,
    models: Sequence[str] = tuple(MODELS),
    outside: bool = False,
    limits: SearchLimits = UNBOUNDED,
) -> dict[Weighting, list[BackTest]]:
    """Fit to one in ``fraction`` of the people, as impostors, and predict all of them; ``draws`` times.

    ``k`` (Q,) are the impostor identities at or above ``score`` among all of the ``n_people`` in the gallery
    but the probe's own. In each draw the probes are those of the other people, so that all have the same
    number of impostors. ``outside``: no probe's person is in the gallery. ``limits`` are the searches'.
    """
    found: dict[Weighting, list[BackTest]] = {"identity": [], "pair": []}
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        drawn = np.zeros(n_people, dtype=np.bool_)
        drawn[rng.permutation(n_people)[: n_people // fraction]] = True
        searched = outside | ~np.isin(probes.labels, np.flatnonzero(drawn))
        if not searched.any():
            continue
        chosen = probes.take(searched)
        samples = sample_searches(
            chosen,
            gallery.take(drawn[gallery.labels]),
            score[searched],
            chosen.labels,
            int(drawn.sum()),
            limits,
        )
        for weighting, part in samples.items():
            whole = float(part.weight @ (k[searched] == 0))
            size = n_people if outside else n_people - 1
            found[weighting].append(back_test(part, size, whole, models))
    return found
