"""How much is kept, within a bound on memory."""

from __future__ import annotations

from dataclasses import dataclass

from faceprobe.core.cores import usable_cores
from faceprobe.core.errors import WrongUsage
from faceprobe.scores.sweep import ALL_PAIRS, HEIGHT, ROOM, WIDTH

_GRID = 224
_TAIL_BYTES, _ROOM_BYTES = 56, 24
_LEAST_TAIL, _LEAST_ROOM = 20_000, 100_000


@dataclass(frozen=True)
class Limits:
    """``tail_size``, ``room`` and ``threads`` for :func:`faceprobe.scores.sweep`, and about how many bytes
    beyond the vectors they need at most.
    """

    tail_size: int
    room: int
    threads: int
    bytes: int


def plan_memory(
    shape: tuple[int, int],
    people: int,
    tail_size: int,
    threads: int | None = None,
    block_rows: int | None = None,
    max_memory: int | None = None,
) -> Limits:
    """Limits for (N, D) rows of ``people`` people that stay below ``max_memory`` bytes (None: no bound).

    A tighter bound shortens the tail, then the room about thresholds, then the number of threads;
    figures stay exact, some after a second pass, and intervals of rare errors use row sums earlier.
    :class:`WrongUsage` names the least that will do.
    """
    n, dim = shape
    cores = threads or usable_cores()
    side = (block_rows or HEIGHT) * (block_rows or WIDTH)
    each = 12 * side + 16 * side + 4 * people * _GRID + 8 * n + 2**22
    shared = 4 * n * dim + 16 * people * _GRID + 40 * n + 2**24
    small = n * (n - 1) // 2 <= ALL_PAIRS
    least_room = 3 * ALL_PAIRS if small else _LEAST_ROOM
    if max_memory is None:
        room = ROOM
    else:
        while cores > 1 and shared + cores * each > max_memory // 2:
            cores -= 1
        left = max_memory - shared - cores * each
        tail_size = min(tail_size, max(_LEAST_TAIL, left // 2 // _TAIL_BYTES))
        room = min(ROOM, max(least_room, (left - tail_size * _TAIL_BYTES) // _ROOM_BYTES))
    needed = shared + cores * each + tail_size * _TAIL_BYTES + room * _ROOM_BYTES
    if max_memory is not None and needed > max_memory:
        raise WrongUsage(
            f"{max_memory / 1e6:,.0f} MB are not enough to compare {n:,} photos; at least "
            f"{needed / 1e6:,.0f} MB beyond the vectors are needed"
        )
    return Limits(tail_size, room, cores, needed)
