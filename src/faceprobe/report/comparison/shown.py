"""When the report calls a difference shown: one rule for models, floors and cloaks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics import paired
from faceprobe.metrics.paired import EXACT_UP_TO

LEVEL = 0.05
"""A difference is shown where its p-value, corrected over the questions asked together, is below this."""

LEAST_PEOPLE = 6
"""Fewer people who differ show nothing: a sign-flip test of five cannot go below p = 2 / 2**5 = .0625."""

FLIPS = 20_000
"""Sign patterns that are drawn where more than :data:`EXACT_UP_TO` people differ."""


def is_shown(low: float | None, p: float | None, people: int) -> bool:
    """Whether a difference is shown to exceed 0: its 95 % interval lies above 0 (``low``), ``p`` is below
    :data:`LEVEL` after correction, and at least :data:`LEAST_PEOPLE` people stand behind it.
    """
    return low is not None and low > 0 and p is not None and p < LEVEL and people >= LEAST_PEOPLE


def sign_flip_p(differences: Sequence[float] | NDArray[np.float64]) -> float:
    """Two-sided p-value of the mean of ``differences`` (one a person) under random signs (Fisher 1935).

    Exact for up to :data:`EXACT_UP_TO` people who differ; above, from :data:`FLIPS` draws with a fixed seed,
    at least 1 / (draws + 1).

    >>> sign_flip_p([0.5, 0.25, 1.0, 0.5, 0.0, 0.0])
    0.125
    """
    changed = np.asarray(differences, dtype=np.float64)
    changed = changed[changed != 0]
    n = len(changed)
    if n == 0:
        return 1.0
    observed = abs(math.fsum(changed)) - 1e-12 * float(np.abs(changed).sum())
    if n <= EXACT_UP_TO:
        return paired.sign_flip_p(changed)
    signs = 1 - 2 * np.random.default_rng(0).integers(0, 2, (FLIPS, n))
    return float((1 + np.count_nonzero(np.abs(signs @ changed) >= observed)) / (FLIPS + 1))


def people_who_differ(differences: Sequence[float] | NDArray[np.float64]) -> int:
    """How many ``differences`` (one a person) are not 0."""
    return int(np.count_nonzero(np.asarray(differences)))
