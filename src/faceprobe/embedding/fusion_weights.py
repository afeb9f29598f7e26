"""The weights of a fusion, fitted on people who are not tested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, WrongUsage

STEPS = 20
"""Weights are multiples of 1/20."""

TARGET_FMR = 1e-3
"""The operating point at which the weights are chosen."""

MOST_PHOTOS, MOST_EACH = 3000, 30
"""Photos that a fit looks at, in all and of one person."""

MOST_PARTS = 3
"""Parts whose weights can be searched on the whole grid."""


def fit_weights(
    parts: Sequence[NDArray[np.float32]], identities: NDArray[np.str_], name: str, seed: int = 0
) -> tuple[float, ...]:
    """The weights on the grid of 1/20 with the best TMR at FMR 1e-3; people weigh equally. Among equally good
    weights the most even ones are taken.

    ``parts`` are (N, D_k) unit rows of the same photos. T is the lowest threshold with FMR at most the
    target over all pairs (s > the (k+1)-th largest non-mated score, k = floor(FMR * pairs)). Beyond 3,000
    photos people are drawn from ``seed``. Raises :class:`BadInput` where the pairs cannot support the FMR.
    """
    if len(parts) > MOST_PARTS:
        raise WrongUsage(f"{name}: weights are fitted for two or three parts; give weights= for more")
    rows = _sample(identities, seed)
    people = np.unique(identities[rows], return_inverse=True)[1].reshape(-1)
    left, right = np.triu_indices(len(rows), 1)
    same = people[left] == people[right]
    allowed = int(TARGET_FMR * (~same).sum())
    if not same.any() or allowed < 30:
        raise BadInput(
            f"{name}: the fit has {same.sum():,} mated and {(~same).sum():,} non-mated pairs, too few for FMR"
            f" {TARGET_FMR:g}; fit on more people"
        )
    scores = [(p[rows] @ p[rows].T)[left, right] for p in parts]
    mated = np.stack([s[same] for s in scores])
    other = np.stack([s[~same] for s in scores])
    owner = people[left[same]]
    share = 1 / np.bincount(owner)[owner]
    share /= share.sum()
    best: tuple[tuple[float, float], tuple[float, ...]] | None = None
    for weights in _grid(len(parts)):
        w = np.asarray(weights, dtype=np.float32)
        negative = w @ other
        threshold = np.partition(negative, len(negative) - 1 - allowed)[len(negative) - 1 - allowed]
        tmr = float(share[(w @ mated) > threshold].sum())
        rank = (round(tmr, 9), -max(weights))
        if best is None or rank > best[0]:
            best = (rank, weights)
    assert best is not None
    return best[1]


def _grid(count: int) -> Iterator[tuple[float, ...]]:
    if count == 2:
        for k in range(STEPS + 1):
            yield k / STEPS, (STEPS - k) / STEPS
        return
    for i in range(STEPS + 1):
        for j in range(STEPS + 1 - i):
            yield i / STEPS, j / STEPS, (STEPS - i - j) / STEPS


def _sample(identities: NDArray[np.str_], seed: int) -> NDArray[np.int64]:
    """The rows to fit on: of each person the first :data:`MOST_EACH`, so that no person dominates. Beyond
    :data:`MOST_PHOTOS` photos, people are taken in a seeded order until that number is reached.
    """
    people, number = np.unique(identities, return_inverse=True)
    number = number.reshape(-1)
    by_person = np.argsort(number, kind="stable")
    starts = np.searchsorted(number[by_person], np.arange(len(people)))
    place = np.empty(len(number), dtype=np.int64)
    place[by_person] = np.arange(len(number)) - starts[number[by_person]]
    kept = place < MOST_EACH
    order = np.random.default_rng(seed).permutation(len(people))
    counts = np.bincount(number[kept], minlength=len(people))
    chosen = order[np.cumsum(counts[order]) <= MOST_PHOTOS]
    return np.flatnonzero(kept & np.isin(number, chosen))
