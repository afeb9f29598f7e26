"""How many scores a pass keeps, within a bound on memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import WrongUsage
from faceprobe.core.machine import usable_cores
from faceprobe.scores.sweep.all_pairs import ALL_PAIRS, HEIGHT, WIDTH, WINDOW_SIZE
from faceprobe.scores.sweep.tile_worker import STRIPE_TILES

_GRID = 224
_TAIL_BYTES, _WINDOW_BYTES, _MATED_BYTES = 56, 12, 90
_LEAST_TAIL, _LEAST_WINDOW = 20_000, 100_000


@dataclass(frozen=True)
class Limits:
    """``tail_size``, ``window_size`` and ``threads`` for :func:`faceprobe.scores.sweep_pairs`, and about how
    many ``bytes`` beyond the vectors they need at most.
    """

    tail_size: int
    window_size: int
    threads: int
    bytes: int


def plan_memory(
    labels: NDArray[np.int32],
    dim: int,
    tail_size: int,
    threads: int | None = None,
    block_rows: int | None = None,
    max_memory: int | None = None,
) -> Limits:
    """Limits for N rows of ``dim`` dimensions, ``labels`` (N,), that stay below ``max_memory`` bytes (None:
    no bound).

    A tighter bound shortens the tail, then the windows around thresholds, then the number of threads. Exact
    figures stay exact, some after a second pass; the people of false matches are known less often.
    :class:`WrongUsage` names the smallest bound that is enough.
    """
    n, photos = len(labels), np.bincount(labels)
    people, n_mated = len(photos), int((photos * (photos - 1) // 2).sum())
    cores = threads or usable_cores()
    height, width = min(n, block_rows or HEIGHT), min(n, block_rows or WIDTH)
    # A tile and the rows of its sides; the people's counts, and two numbers a row for each of two rankings.
    each = 8 * height * width + 8 * (STRIPE_TILES * height + width) * dim
    each += 4 * people * _GRID + 16 * n + 2**22
    shared = 4 * n * dim + 16 * people * _GRID + 40 * n + 2**24 + _MATED_BYTES * n_mated
    least_window = 3 * ALL_PAIRS if n * (n - 1) // 2 <= ALL_PAIRS else _LEAST_WINDOW
    window_size = WINDOW_SIZE
    if max_memory is not None:
        least = shared + each + min(tail_size, _LEAST_TAIL) * _TAIL_BYTES + least_window * _WINDOW_BYTES
        if least > max_memory:
            raise WrongUsage(
                f"{max_memory / 1e6:,.0f} MB are not enough to compare {n:,} photos; at least "
                f"{-(-least // 10**6):,} MB beyond the vectors are needed"
            )
        while cores > 1 and least + (cores - 1) * each > max_memory:
            cores -= 1
        left = max_memory - least - (cores - 1) * each
        tail_size = min(tail_size, _LEAST_TAIL + left // 2 // _TAIL_BYTES)
        window_size = min(WINDOW_SIZE, least_window + left // 2 // _WINDOW_BYTES)
    needed = shared + cores * each + tail_size * _TAIL_BYTES + window_size * _WINDOW_BYTES
    return Limits(tail_size, window_size, cores, needed)
