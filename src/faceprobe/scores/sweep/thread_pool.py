"""The threads that share the tiles of a pass, and the sum of their counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from itertools import groupby
from threading import Event, Lock

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.sweep.counts_above import Kept, NonmatedCounts
from faceprobe.scores.sweep.kept_bins import Windows
from faceprobe.scores.sweep.score_bins import ScoreBins
from faceprobe.scores.sweep.score_buffer import ScoreBuffer
from faceprobe.scores.sweep.tile_worker import Bounds, Tiles, Worker, highest
from faceprobe.scores.types import Tail

_PILOT_SEED = 2301

_MANY_TILES = 64
"""Tiles for each thread, from which on they are handed out in groups."""


class PassResult:
    """The counts of all workers of one pass. ``tail_whole`` says whether the tail is as long as asked for."""

    def __init__(
        self,
        workers: list[Worker],
        bins: ScoreBins,
        windows: Windows,
        buffer: ScoreBuffer,
        tail_size: int,
        n_nonmated: int,
    ) -> None:
        histogram = np.sum([w.histogram for w in workers], axis=0)
        histogram[0] -= int(histogram.sum()) - n_nonmated  # duplicates fell into the lowest bin
        reached = _reached(histogram)
        places = np.stack([w.by_person for w in workers]).sum(axis=0, dtype=np.int64)
        # Place 0 lies below the grid, place k between its thresholds k - 1 and k.
        self.by_person = np.ascontiguousarray(np.cumsum(places[:, :0:-1], axis=1)[:, ::-1])
        self.ranks: NDArray[np.int64] = np.sum([w.counts for w in workers], axis=0, dtype=np.int64)
        tails = [w.kept_tail() for w in workers]
        score = np.concatenate([t[0] for t in tails])
        left, right = (np.concatenate([t[k] for t in tails]) for k in (1, 2))
        order = highest(score, left, right, tail_size)
        self.tail = Tail(score[order], left[order], right[order])
        kept = _spans(buffer, bins, windows, reached)
        low = -np.inf if windows.tail <= 0 else float(bins.edge(windows.tail))
        floor = max(w.floor for w in workers)
        if floor >= low:  # a worker cut its tail: what equals the lowest one kept may be missing
            low = float(np.nextafter(floor, np.inf))
        values = score[score >= low]
        values.sort()
        # Just below ``low`` only some of the scores were kept.
        self.tail_whole = floor > -np.inf or len(values) >= min(tail_size, n_nonmated)
        if len(values):
            kept.append(Kept(low, np.inf, values, 0))
        self.counts = NonmatedCounts(bins, reached, tuple(kept))


class TilePool:
    """``threads`` workers over the ``tiles`` of one set. ``tick`` is called with the number of rows done."""

    def __init__(
        self,
        bins: ScoreBins,
        rows: NDArray[np.float32],
        labels: NDArray[np.int32],
        tiles: Tiles,
        threads: int,
        tick: Callable[[int], None],
    ) -> None:
        self.bins, self.rows, self.labels, self.tiles = bins, rows, labels, tiles
        self.corners = tiles.corners()
        self.threads, self.tick = max(1, min(threads, len(self.corners))), tick
        self._ticked = 0

    def pilot(self, at_least: int) -> tuple[NDArray[np.int64], float]:
        """(bins + 1,) scores in each bin and above over ``at_least`` tiles (all, where there are fewer),
        and the share by which a rank in them may be wrong.

        The rows of people who resemble many others hold several times the usual false matches; six such
        standard errors (each 3 / sqrt(rows looked at)) are allowed for.
        """
        n = min(len(self.corners), max(at_least, len(self.corners) // 128))
        chosen = np.random.default_rng(_PILOT_SEED).choice(len(self.corners), n, replace=False)
        none = Bounds.of([], self.bins)
        workers = [Worker(self.bins, self.rows, self.labels, self.tiles, none) for _ in range(self.threads)]
        self._share(workers, [self.corners[k] for k in sorted(chosen)], quiet=True)
        rows_read = min(len(self.rows), n * (self.tiles.height + self.tiles.width))
        whole = n == len(self.corners)
        slack = 0.0 if whole else min(0.5, 18 / rows_read**0.5)
        return _reached(np.sum([w.histogram for w in workers], axis=0)), slack

    def measure(
        self, windows: Windows, bounds: Bounds, tail_size: int, window_size: int, n_nonmated: int
    ) -> PassResult:
        """Pass over all tiles, keeping about ``window_size`` scores in windows at most."""
        flags = windows.flags(self.bins)
        # The pilot's estimate may be wrong by a quarter; all scores of a small set fit in any case.
        shared = ScoreBuffer(int(1.25 * window_size) if windows.spans else 0, self.tiles.width, self.threads)
        hint = int(1.5 * min(tail_size, n_nonmated)) // self.threads
        workers = [
            Worker(self.bins, self.rows, self.labels, self.tiles, bounds, flags, tail_size, hint, shared)
            for _ in range(self.threads)
        ]
        self._share(workers, self.corners)
        return PassResult(workers, self.bins, windows, shared, tail_size, n_nonmated)

    def _share(self, workers: list[Worker], corners: list[tuple[int, int]], quiet: bool = False) -> None:
        """Let ``workers`` take tiles one by one; an interrupt stops them at their next tile."""
        source, lock, stop = iter(self._groups(corners)), Lock(), Event()
        done = 0

        def next_groups() -> Iterator[list[tuple[int, int]]]:
            while not stop.is_set():
                with lock:
                    group = next(source, None)
                if group is None:
                    return
                yield group

        def work(worker: Worker) -> None:
            nonlocal done
            for _ in worker.run(next_groups()):
                with lock:
                    done += 1
                    if not quiet:
                        self._advance(done / len(corners))

        with ThreadPoolExecutor(len(workers)) as executor:
            futures = [executor.submit(work, worker) for worker in workers]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                stop.set()  # no effect where all are done
            for future in futures:
                future.result()

    def _groups(self, corners: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
        """Groups of tiles with the same right rows, which one thread multiplies one after the other; groups
        of one tile where there would be too few groups to share out evenly.
        """
        if len(corners) < _MANY_TILES * self.threads:
            return [[corner] for corner in corners]
        by_column = groupby(corners, key=lambda corner: (corner[0] // self.tiles.stripe, corner[1]))
        return [list(group) for _, group in by_column]

    def _advance(self, share: float) -> None:
        """Report the rows done; a second pass reports nothing."""
        rows = int(share * len(self.rows))
        if rows > self._ticked:
            self.tick(rows - self._ticked)
            self._ticked = rows


def _spans(buffer: ScoreBuffer, bins: ScoreBins, windows: Windows, reached: NDArray[np.int64]) -> list[Kept]:
    """The scores kept of each window: all within its span, and the number of those in its upper guard."""
    if not windows.spans or buffer.overfull:
        return []
    values = buffer.sorted()
    found = []
    for start, stop in windows.spans:
        low = -np.inf if start <= 0 else float(bins.edge(start))
        high = np.inf if stop >= bins.size else float(bins.edge(stop))
        past = float(bins.edge(stop + 2 * bins.guard)) if stop + bins.guard < bins.size else np.inf
        a, b, c = np.searchsorted(values, [low, high, max(high, past)], side="left")
        surely_above = int(reached[min(bins.size, stop + bins.guard)])
        found.append(Kept(low, high, values[a:b], surely_above + int(c - b)))
    return found


def _reached(histogram: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.cumsum(histogram[::-1])[::-1], [0]])
