"""The bins whose scores are kept: the tail, and windows around thresholds that a figure depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores.row_kernels import TAIL, WINDOW
from faceprobe.scores.sweep.score_bins import ScoreBins


@dataclass(frozen=True)
class Windows:
    """Bins from ``tail`` on belong to the tail; ``spans`` are disjoint ascending [start, stop) of bins
    whose scores are kept without their pairs; the error of scores widens them on either side.
    """

    tail: int
    spans: tuple[tuple[int, int], ...]

    def flags(self, bins: ScoreBins) -> NDArray[np.uint8]:
        """(bins,) uint8 the kernel's flags, spans widened by the guard."""
        flags = np.zeros(bins.size, dtype=np.uint8)
        flags[max(0, self.tail - bins.guard) :] |= TAIL
        for start, stop in self.spans:
            flags[max(0, start - bins.guard) : stop + bins.guard] |= WINDOW
        return flags


def all_bins(bins: ScoreBins, tail: int) -> Windows:
    """Keep every score."""
    return Windows(tail, ((0, bins.size),))


def tail_bin(reached: NDArray[np.int64], wanted: float) -> int:
    """The highest bin at or above which ``wanted`` scores lie; 0 where there are not so many."""
    return max(0, int(np.searchsorted(-reached[:-1], -wanted, side="right")) - 1)


Crossing = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Descending mated scores (M,) and their weights (M,): FMR = FNMR somewhere among them."""


def choose_windows(
    bins: ScoreBins,
    reached: NDArray[np.int64],
    total: int,
    tail: int,
    allowed: Sequence[int],
    crossings: Sequence[Crossing],
    slack: float,
    window_size: int,
) -> Windows:
    """Windows around the ranks ``allowed`` of the non-mated scores and around the ``crossings``.

    ``reached`` (bins + 1,) is what is known so far, ``total`` how many scores there are; a rank may lie
    off by the share ``slack`` (0: only by the error of scores). ``window_size`` bounds the scores kept;
    windows that would not fit are left out, those about crossings first.
    """
    estimate = reached * (total / max(1, int(reached[0])))
    sought = [_about(a, total, slack) for a in allowed if a + 1 <= total]
    found = [_crossing(bins, estimate, total, *crossing) for crossing in crossings]
    sought += [(c * (1 - slack / 2), c * (1 + slack / 2)) for c in found]
    margin = 0 if slack else bins.guard + bins.coarse
    spans: list[tuple[int, int]] = []
    left = float(window_size)
    for low, high in sought:
        if estimate[tail] >= high and not margin:  # the tail knows
            continue
        start = max(0, int(np.searchsorted(-estimate[:-1], -high, side="right")) - 1 - margin)
        stop = min(bins.size, int(np.searchsorted(-estimate[:-1], -low, side="right")) + 1 + margin)
        cost = float(estimate[max(0, start - bins.guard)] - estimate[min(bins.size, stop + bins.guard)])
        if cost <= left:
            left -= cost
            spans.append((start, stop))
    return Windows(tail, tuple(_merged(spans, 4 * bins.guard)))


def _about(allowed: int, total: int, slack: float) -> tuple[float, float]:
    """Ranks around ``allowed``: the rarer a false match, the fewer people it is due to, and the more a pilot
    errs.
    """
    wide = min(0.5, slack * max(1.0, min(4.0, (0.01 * total / max(1, allowed)) ** 0.5)))
    return allowed * (1 - wide) - 1, allowed * (1 + wide) + 1


def _crossing(
    bins: ScoreBins,
    estimate: NDArray[np.floating],
    total: int,
    scores: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> float:
    """About how many non-mated scores lie at or above the threshold where FMR = FNMR."""
    place = np.clip(bins.index_of(scores), 0, bins.size - 1)
    below = np.cumsum(np.bincount(place, weights, bins.size))
    missed = np.concatenate([[0.0], below / below[-1]])
    crossed = int(np.argmax(missed >= estimate / total))
    return float(estimate[max(0, crossed - 1)] + estimate[crossed]) / 2


def _merged(spans: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    """Join spans nearer than ``gap``, so that widened spans are disjoint and each score belongs to one."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1] + gap:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged
