"""Accuracy in galleries larger than the data: a band from several models, never one line.

Every model reads the same :class:`SearchSample` searches among N impostor identities and says what share of
searches would be *undisturbed* by n > N of them, that is have no impostor at or above a score: the mate's
(rank-1 accuracy) or a fixed threshold (1 - FPIR). The models disagree, and that is the point; how wrong
the band was where it could be checked is printed with it (:class:`BackTest`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.extrapolation.curves import log_linear, pitman_yor, power_law, probit_linear
from faceprobe.metrics.extrapolation.tails import binomial_pooled, pareto_by_probe
from faceprobe.metrics.identification.gallery_size import chance_of_none

FIT_SPAN = 10
"""Curves are fitted between N / FIT_SPAN and N impostors. (Ten rather than thirty: the power law bends. Two
draws of LFW and three small made-up worlds were looked at to choose, so their back-test is not blind to it.)
"""

FIT_POINTS = 24


@dataclass(frozen=True)
class SearchSample:
    """Q searches among ``n_impostors`` (N) identities.

    ``weight`` (Q,) adds up to 1. ``score`` (Q,) is what an impostor must reach, ``k`` (Q,) int64 how many
    do. ``top`` (Q, M) are the scores of the M nearest identities, descending. ``grid`` (K,) ascending
    scores and ``pooled`` (K,) the share of all comparisons of a probe with an impostor identity at or above
    each.
    """

    weight: NDArray[np.float64]
    score: NDArray[np.float64]
    k: NDArray[np.int64]
    top: NDArray[np.float64]
    grid: NDArray[np.float64]
    pooled: NDArray[np.float64]
    n_impostors: int

    def exact(self, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
        """(S,) the share of undisturbed searches among n <= N impostors, exactly."""
        return np.asarray(self.weight @ chance_of_none(self.k, self.n_impostors, sizes), dtype=np.float64)

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The exact curve near its end, to fit: numbers of impostors and shares (FIT_POINTS,)."""
        low = max(1.0, self.n_impostors / FIT_SPAN)
        sizes = np.unique(np.rint(np.geomspace(low, self.n_impostors, FIT_POINTS)).astype(np.int64))
        return sizes.astype(np.float64), self.exact(sizes)


def _by_curve(
    fit: Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
) -> Callable[[SearchSample, NDArray[np.float64]], NDArray[np.float64]]:
    return lambda seen, sizes: fit(*seen.curve(), sizes)


def _binomial(seen: SearchSample, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    return binomial_pooled(seen.weight, seen.score, seen.grid, seen.pooled, sizes)


def _pareto(seen: SearchSample, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    return pareto_by_probe(seen.weight, seen.score, seen.k, seen.top, seen.n_impostors, sizes)


MODELS: dict[str, Callable[[SearchSample, NDArray[np.float64]], NDArray[np.float64]]] = {
    "iid binomial": _binomial,
    "per-probe Pareto tail": _pareto,
    "log-linear": _by_curve(log_linear),
    "probit-linear": _by_curve(probit_linear),
    "power law": _by_curve(power_law),
    "Pitman-Yor": _by_curve(pitman_yor),
}
"""Each model's share of undisturbed searches (S,) at each number of impostors (S,)."""

ALARM_MODELS = ("iid binomial", "per-probe Pareto tail", "probit-linear", "power law")
"""Those that can say something of 1 - FPIR at a fixed threshold, which falls with n itself, not log n."""


@dataclass(frozen=True)
class Band:
    """What the models say of S sizes: ``predicted`` maps their names to (S,) shares in [0, 1]."""

    sizes: NDArray[np.int64]
    predicted: dict[str, NDArray[np.float64]]

    @property
    def low(self) -> NDArray[np.float64]:
        return np.asarray(np.min(list(self.predicted.values()), axis=0), dtype=np.float64)

    @property
    def high(self) -> NDArray[np.float64]:
        return np.asarray(np.max(list(self.predicted.values()), axis=0), dtype=np.float64)

    @property
    def middle(self) -> NDArray[np.float64]:
        """The median of the models."""
        return np.asarray(np.median(list(self.predicted.values()), axis=0), dtype=np.float64)

    def widened(
        self, tests: Sequence[BackTest], sampling: tuple[float, float], reach: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper ends (S,): the band, moved out by the half-widths ``sampling`` of the interval at N
        and by the worst miss of ``tests`` (one at least) on each side, the miss growing with the logarithm
        of ``reach`` (S,), the factor past N, where that exceeds the reach of the tests.
        """
        tested = np.log(tests[0].size / tests[0].fitted)
        wider = np.maximum(1.0, np.log(reach) / tested)
        low = self.low - sampling[0] - wider * max(t.below for t in tests)
        high = self.high + sampling[1] + wider * max(t.above for t in tests)
        return np.maximum(low, 0.0), np.minimum(high, 1.0)


def extrapolate(seen: SearchSample, sizes: NDArray[np.int64], models: Sequence[str] = tuple(MODELS)) -> Band:
    """What each of ``models`` says about ``sizes`` (S,) impostors, from searches among N of them.

    All models describe the same share at N; each is shifted there onto the exact one, so that they differ
    only in how they go on.
    """
    reached = seen.exact(np.array([seen.n_impostors]))[0]
    asked = np.concatenate([[seen.n_impostors], sizes]).astype(np.float64)
    predicted = {}
    for name in models:
        shares = MODELS[name](seen, asked)
        predicted[name] = np.clip(shares[1:] + (reached - shares[0]), 0.0, reached)
    return Band(sizes, predicted)


@dataclass(frozen=True)
class BackTest:
    """A band fitted to ``fitted`` impostors and compared with the exact share at ``size``: ``errors`` of each
    model (predicted - exact), and how far below (above) the band the exact share lay, 0 where inside.
    """

    fitted: int
    size: int
    exact: float
    errors: dict[str, float]
    below: float
    above: float

    @property
    def inside(self) -> bool:
        return self.below == 0.0 and self.above == 0.0


def back_test(seen: SearchSample, size: int, exact: float, models: Sequence[str] = tuple(MODELS)) -> BackTest:
    """Extrapolate ``seen`` to ``size`` impostors, where the share is known to be ``exact``."""
    band = extrapolate(seen, np.array([size]), models)
    errors = {name: float(shares[0]) - exact for name, shares in band.predicted.items()}
    return BackTest(
        fitted=seen.n_impostors,
        size=size,
        exact=exact,
        errors=errors,
        below=max(0.0, float(band.low[0]) - exact),
        above=max(0.0, exact - float(band.high[0])),
    )
