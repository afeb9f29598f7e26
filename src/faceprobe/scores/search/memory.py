"""The number of threads of a search, and the number of scores that it holds at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from threadpoolctl import ThreadpoolController

from faceprobe.core.errors import WrongUsage

BLOCK_VALUES = 8_000_000
"""Scores held at a time (32 MB) where nothing bounds them."""

_LEAST_VALUES = 100_000
_OVERHEAD = 2**22


@dataclass(frozen=True)
class SearchLimits:
    """``threads`` (None: as many as the libraries take) and ``block_values``, float32 scores held at a time.
    No result depends on them.
    """

    threads: int | None = None
    block_values: int = BLOCK_VALUES

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the BLAS and the compiled loops of this thread use no more than ``threads``."""
        if self.threads is None:
            yield
            return
        import numba

        before = numba.get_num_threads()
        with ThreadpoolController().limit(limits=self.threads, user_api="blas"):
            numba.set_num_threads(min(self.threads, int(numba.config.NUMBA_NUM_THREADS)))
            try:
                yield
            finally:
                numba.set_num_threads(before)


UNBOUNDED = SearchLimits()
"""All cores, blocks of the usual size."""


def plan_search(
    held: int, what: str, threads: int | None = None, max_memory: int | None = None
) -> SearchLimits:
    """Limits that keep a search below ``max_memory`` bytes (None: no bound), of which ``held`` are taken
    whatever the size of a block. :class:`WrongUsage` names ``what`` and the smallest bound that is enough.
    """
    if max_memory is None:
        return SearchLimits(threads)
    least = held + _OVERHEAD + 4 * _LEAST_VALUES
    if least > max_memory:
        raise WrongUsage(
            f"{max_memory / 1e6:,.0f} MB are not enough for {what}; at least {-(-least // 10**6):,} MB "
            "beyond the vectors are needed"
        )
    return SearchLimits(threads, min(BLOCK_VALUES, (max_memory - held - _OVERHEAD) // 4))
