"""Paired differences between two models or cloaks, and Holm's correction for several comparisons.

With one seed and one sorted list of people, replicate r draws the same people for every model
(``protocols.evaluate``), so the chance that two models have in common cancels out in the difference of their
replicates. A run has one seed; the caller checks that two runs have the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from faceprobe.core.words import counted
from faceprobe.results.cells import Cell
from faceprobe.results.result import Weighting

PERSON_REPLICATES = 2000
"""Bootstrap replicates of :func:`paired_by_person`."""


@dataclass(frozen=True)
class Paired:
    """``difference`` is second minus first (a fraction), ``low`` and ``high`` its 95 % percentile interval,
    ``p`` its two-sided bootstrap p-value, at least 1/(R+1) a side (Davison and Hinkley 1997, section 4.4).

    Where no comparison is possible, ``reason`` says why and the numbers are NaN.
    """

    difference: float
    low: float
    high: float
    p: float
    reason: str = ""

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return not self.reason


def paired_difference(
    first: Cell | None,
    second: Cell | None,
    values: tuple[float | None, float | None],
    protocol: str,
    metric: str,
    weighting: Weighting = "identity",
) -> Paired:
    """Compare ``values`` (of the first and of the second cell) by the replicates stored in both."""
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
    return from_replicates(values[1] - values[0], b - a)


def from_replicates(difference: float, replicates: np.ndarray[Any, np.dtype[np.float64]]) -> Paired:
    """Interval and p-value of ``difference`` from its (R,) paired ``replicates``."""
    if not np.all(np.isfinite(replicates)):
        return _unknown("some replicates have no value")
    low, high = np.quantile(replicates, (0.025, 0.975))
    at_most = (1 + np.count_nonzero(replicates <= 0)) / (len(replicates) + 1)
    at_least = (1 + np.count_nonzero(replicates >= 0)) / (len(replicates) + 1)
    return Paired(difference, float(low), float(high), min(1.0, 2 * float(min(at_most, at_least))))


def paired_by_person(first: Mapping[str, float], second: Mapping[str, float], fewest: int) -> Paired | None:
    """Mean over people of ``second`` minus ``first``, with a bootstrap over people; None if no person is in
    both.

    Fewer than ``fewest`` people in both, or people in one of the two only, are a reason for no interval.
    """
    shared = sorted(set(first) & set(second))
    if not shared:
        return None
    if len(shared) < fewest or len(shared) < max(len(first), len(second)):
        return _unknown(f"{counted(len(shared), 'person')} in both: no spread claimed")
    change = np.array([second[p] - first[p] for p in shared], dtype=np.float64)
    draws = np.random.default_rng(0).integers(0, len(change), (PERSON_REPLICATES, len(change)))
    return from_replicates(float(change.mean()), change[draws].mean(axis=1))


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
