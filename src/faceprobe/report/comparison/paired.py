"""Paired differences between two models or cloaks, and Holm's correction for several comparisons.

Both were measured on the same people, so the chance that they have in common cancels out: in the difference
of each person's influence on both figures (:mod:`faceprobe.metrics.paired`) or, for figures and runs that
store no influences, in the difference of their replicates. With one seed and one sorted list of people,
replicate r draws the same people for every model (``protocols.evaluate``); the caller checks that two runs
have the same seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.words import counted
from faceprobe.metrics.paired import paired_test
from faceprobe.metrics.small_samples import people_estimate
from faceprobe.metrics.table import metric_info
from faceprobe.results.cells import Cell
from faceprobe.results.result import Weighting

NOBODY = "nobody differs between the two, so there is no spread to judge by"


@dataclass(frozen=True)
class Paired:
    """``difference`` is second minus first (a fraction), ``low`` and ``high`` its 95 % interval, ``p`` its
    two-sided p-value, and ``least`` the smallest p-value that the test could give.

    ``n_differ`` people differ between the two; None where that is not known. Then interval and p-value come
    from bootstrap replicates, and p is at least 1/(R+1) a side (Davison and Hinkley 1997, section 4.4).
    Where no comparison is possible, ``reason`` says why and the numbers are NaN.
    """

    difference: float
    low: float
    high: float
    p: float
    reason: str = ""
    n_differ: int | None = None
    least: float = 0.0

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return not self.reason

    @property
    def at_floor(self) -> bool:
        """Whether ``p`` is the least that the replicates can show, so that the true one may be smaller."""
        return self.known and self.n_differ is None and self.p <= self.least * (1 + 1e-9)


def paired_difference(
    first: Cell | None,
    second: Cell | None,
    values: tuple[float | None, float | None],
    protocol: str,
    metric: str,
    weighting: Weighting = "identity",
) -> Paired:
    """Compare ``values`` (of the first and of the second cell) by what is stored in both."""
    if values[0] is None or values[1] is None:
        return _unknown("one of the two has no value")
    if first is None or second is None:
        return _unknown("the run has no such cell")
    a, b = (c.replicates(protocol, metric, weighting) for c in (first, second))
    if a is None or b is None:
        return _unknown("no bootstrap replicates are stored")
    people = [c.arrays.get("identities") for c in (first, second)]
    if people[0] is None or people[1] is None or not np.array_equal(people[0], people[1]):
        return _unknown("the two were not measured on the same people")
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        return _unknown("the two have different numbers of replicates")
    own, other = (c.influence(protocol, metric, weighting) for c in (first, second))
    return from_stored((values[0], values[1]), (a, b), (own, other), metric)


def from_stored(
    values: tuple[float, float],
    replicates: tuple[NDArray[np.float64], NDArray[np.float64]],
    influences: tuple[NDArray[np.float64] | None, NDArray[np.float64] | None],
    metric: str,
) -> Paired:
    """Compare ``values`` by the (2, P) ``influences`` stored with both, else by their (R,) ``replicates``."""
    first, second = influences
    if first is None or second is None or first.shape != second.shape:
        return from_replicates(values[1] - values[0], replicates[1] - replicates[0])
    bounded = metric_info(metric).unit == "fraction"
    return _tested(values, (first[0], second[0]), (first[1], second[1]), bounded)


def from_replicates(difference: float, replicates: np.ndarray[Any, np.dtype[np.float64]]) -> Paired:
    """Interval and p-value of ``difference`` from its (R,) paired ``replicates``."""
    if not np.all(np.isfinite(replicates)):
        return _unknown("some replicates have no value")
    if difference == 0 and not replicates.any():
        return _unknown(NOBODY)
    low, high = np.quantile(replicates, (0.025, 0.975))
    least = 1 / (len(replicates) + 1)
    at_most = least * (1 + np.count_nonzero(replicates <= 0))
    at_least = least * (1 + np.count_nonzero(replicates >= 0))
    p = min(1.0, 2 * float(min(at_most, at_least)))
    return Paired(difference, float(low), float(high), p, least=2 * least)


def against_zero(difference: float, influence: NDArray[np.float64]) -> Paired:
    """Test a figure that is itself a difference in [-1, 1], such as added protection, from the (2, P)
    ``influence`` stored with it.
    """
    own, share = influence
    return _tested((0.0, difference), (np.zeros_like(own), own), (share, share), True)


def paired_by_person(first: Mapping[str, float], second: Mapping[str, float], fewest: int) -> Paired | None:
    """Mean over people of ``second`` minus ``first``, both in [0, 1]; None if no person is in both.

    Fewer than ``fewest`` people in both, or people in one of the two only, are a reason for no interval.
    """
    shared = sorted(set(first) & set(second))
    if not shared:
        return None
    if len(shared) < fewest or len(shared) < max(len(first), len(second)):
        return _unknown(f"{counted(len(shared), 'person')} in both: no spread claimed")
    every, none = np.ones(len(shared), dtype=np.bool_), np.zeros((0, len(shared)), dtype=np.int64)
    a, b = (
        people_estimate(np.array([side[p] for p in shared], dtype=np.float64), every, none, "rate")
        for side in (first, second)
    )
    return _tested((a.value, b.value), (a.influence, b.influence), (a.share, b.share), True)


def _tested(
    values: tuple[float, float],
    influences: tuple[NDArray[np.float64], NDArray[np.float64]],
    shares: tuple[NDArray[np.float64], NDArray[np.float64]],
    bounded: bool,
) -> Paired:
    found = paired_test(values, influences, shares, bounded)
    if found is None:
        return _unknown(NOBODY)
    return Paired(
        values[1] - values[0], found.low, found.high, found.p, n_differ=found.n_differ, least=found.least
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Scandinavian Journal of Statistics 6, 1979), in the given order."""
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    corrected = [0.0] * len(p_values)
    running = 0.0
    for rank, k in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[k]))
        corrected[k] = running
    return corrected


def family_corrected(family: Sequence[Paired | None]) -> list[float | None]:
    """Holm-corrected p-value of each known comparison of ``family``, in order; None for the others."""
    known = [k for k, paired in enumerate(family) if paired is not None and paired.known]
    p_values = [paired.p for paired in family if paired is not None and paired.known]
    corrected: list[float | None] = [None] * len(family)
    for k, p in zip(known, holm(p_values), strict=True):
        corrected[k] = p
    return corrected


def _unknown(reason: str) -> Paired:
    nan = float("nan")
    return Paired(nan, nan, nan, nan, reason)
