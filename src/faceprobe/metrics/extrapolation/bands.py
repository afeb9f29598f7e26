"""Accuracy in galleries larger than the data: a band from several models, never one line.

Every model takes the same :class:`SearchSample` of searches among N impostor identities and predicts the
share of searches that would be *undisturbed* by n > N of them: no impostor scores at or above a limit, which
is the mate's score (rank-1 accuracy) or a fixed threshold (1 - FPIR). The band is the range of their
predictions. :class:`BackTest` measures its error where the true share is known, and that error is printed
with the band.
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
"""Curves are fitted between N / FIT_SPAN and N impostors. (Ten rather than thirty, because the power law
bends. The choice was made on two draws of LFW and three small synthetic sets, so their back-tests are not
independent of it.)
"""

FIT_POINTS = 24


@dataclass(frozen=True)
class SearchSample:
    """Q searches among ``n_impostors`` (N) identities: the input of every extrapolation model.

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
    return lambda sample, sizes: fit(*sample.curve(), sizes)


def _binomial(sample: SearchSample, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    return binomial_pooled(sample.weight, sample.score, sample.grid, sample.pooled, sizes)


def _pareto(sample: SearchSample, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    return pareto_by_probe(sample.weight, sample.score, sample.k, sample.top, sample.n_impostors, sizes)


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
"""Models that fit 1 - FPIR at a fixed threshold, which falls with n itself, not with log n."""


@dataclass(frozen=True)
class Band:
    """Predictions for S sizes: ``predicted`` maps each model's name to (S,) shares in [0, 1]."""

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


def extrapolate(
    sample: SearchSample, sizes: NDArray[np.int64], models: Sequence[str] = tuple(MODELS)
) -> Band:
    """Predictions of each of ``models`` for ``sizes`` (S,) impostors, from searches among N of them.

    Each model's curve is shifted so that it passes through the exact share at N; the models differ only in
    how they continue from there.
    """
    reached = sample.exact(np.array([sample.n_impostors]))[0]
    asked = np.concatenate([[sample.n_impostors], sizes]).astype(np.float64)
    predicted = {}
    for name in models:
        shares = MODELS[name](sample, asked)
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


def back_test(
    sample: SearchSample, size: int, exact: float, models: Sequence[str] = tuple(MODELS)
) -> BackTest:
    """Extrapolate ``sample`` to ``size`` impostors, where the share is known to be ``exact``."""
    band = extrapolate(sample, np.array([size]), models)
    errors = {name: float(shares[0]) - exact for name, shares in band.predicted.items()}
    return BackTest(
        fitted=sample.n_impostors,
        size=size,
        exact=exact,
        errors=errors,
        below=max(0.0, float(band.low[0]) - exact),
        above=max(0.0, exact - float(band.high[0])),
    )
