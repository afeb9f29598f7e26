"""One mate among distractors: each photo of a person is enrolled in turn (MegaFace's identification).

For a probe p and an enrolled photo e of the same person, k is the number of distractors that score at or
above s(p, e) with p. Among n distractors drawn from all N, e is at rank 1 with the chance C(N - k, n) /
C(N, n): the exact mean over all subsets of that size, where MegaFace takes one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.kernels import count_reached
from faceprobe.metrics.verification.figures import allowed_false_matches
from faceprobe.metrics.weighting import Weighting
from faceprobe.scores.exact import set_copies
from faceprobe.scores.search.memory import UNBOUNDED, SearchLimits

BLOCK = 2048
"""Distractors, and probes, compared at a time, at most."""


@dataclass(frozen=True)
class Trials:
    """M ordered trials: ``probe`` and ``mate`` (M,) row numbers, ``label`` (M,) int32 the person and
    ``score`` (M,) float64 of the two. Sorted by probe, then by score.
    """

    probe: NDArray[np.int64]
    mate: NDArray[np.int64]
    label: NDArray[np.int32]
    score: NDArray[np.float64]


@dataclass
class Tail:
    """The highest scores of probes with distractors so far, ``size`` or more: ``score`` and ``label``, the
    probe's person.
    """

    size: int
    score: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    label: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    cutoff: float = -np.inf

    def add(self, scores: NDArray[np.float64], labels: NDArray[np.int32]) -> None:
        """Add a block's scores above the cutoff: ``scores`` (B, D) of probes of people ``labels`` (B,)."""
        probe, distractor = np.nonzero(scores > self.cutoff)
        self.score = np.concatenate([self.score, scores[probe, distractor]])
        self.label = np.concatenate([self.label, labels[probe]])
        if len(self.score) > 4 * self.size:
            self.score, self.label = self.sorted()
            self.score, self.label = self.score[: self.size], self.label[: self.size]
            self.cutoff = float(self.score[-1])

    def whole(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """As :meth:`sorted`, without scores that tie with one that may have been dropped, so that the result
        does not depend on the size of blocks.
        """
        score, label = self.sorted()
        if len(score) > self.size or self.cutoff > -np.inf:
            score = score[score > score[self.size - 1]]
        return score, label[: len(score)]

    def sorted(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Scores from the highest to the lowest, ties by person, and the people."""
        order = np.lexsort((self.label, -self.score))
        return self.score[order], self.label[order]


@dataclass(frozen=True)
class Snapshot:
    """After ``n`` distractors: the sorted tail, and ``compared`` (P,) int64 comparisons of each person's
    probes with them.
    """

    n: int
    score: NDArray[np.float64]
    label: NDArray[np.int32]
    compared: NDArray[np.int64]


def compare_with_distractors(
    rows: NDArray[np.float32],
    labels: NDArray[np.int32],
    trials: Trials,
    distractors: NDArray[np.int64],
    sizes: list[int],
    fmr: float,
    content: NDArray[np.int64] | None = None,
    tick: Callable[[int], None] | None = None,
    limits: SearchLimits = UNBOUNDED,
) -> tuple[NDArray[np.int64], list[Snapshot]]:
    """k (M,) of every trial over all ``distractors`` (row numbers of exact ``rows``), and a snapshot after
    each of ``sizes`` (ascending) of them, deep enough for ``fmr``. Distractors of the same ``content`` (N,)
    as the probe are skipped. ``limits`` say how many are compared at a time and by how many threads.
    """
    block = max(1, min(BLOCK, math.isqrt(limits.block_values // 2)))
    probes, starts = np.unique(trials.probe, return_index=True)
    starts = np.append(starts, len(trials.probe)).astype(np.int64)
    n_people = int(labels.max()) + 1
    tail = Tail(tail_size(fmr, len(probes) * len(distractors)))
    reached = np.zeros(len(trials.score), dtype=np.int64)
    compared = np.zeros(n_people, dtype=np.int64)
    snapshots = []
    with limits.applied():
        for first, last in _blocks(sizes, block):
            some = distractors[first:last]
            wide = rows[some].astype(np.float64).T
            for start in range(0, len(probes), block):
                part = probes[start : start + block]
                scores = rows[part].astype(np.float64) @ wide
                set_copies(scores, rows[part], rows[some])
                compared += len(some) * np.bincount(labels[part], minlength=n_people)
                if content is not None:
                    compared -= _skip_duplicates(scores, content[part], content[some], labels[part], n_people)
                tail.add(scores, labels[part])
                count_reached(scores, trials.score, starts[start : start + len(part) + 1], reached)
            if last in sizes:
                snapshots.append(Snapshot(last, *tail.whole(), compared.copy()))
            if tick is not None:
                tick(len(some))
    # A distractor that reaches a mate reaches all lower ones: sum from each probe's highest mate down.
    above = np.append(np.cumsum(reached[::-1])[::-1], 0)
    beaten = above[:-1] - np.repeat(above[starts[1:]], np.diff(starts))
    return beaten, snapshots


def tail_size(fmr: float, compared: int) -> int:
    """The least number of ``compared`` scores to keep: replicates of T need more of them than T itself."""
    return 20 * allowed_false_matches(fmr, compared) + 1000


def _skip_duplicates(
    scores: NDArray[np.float64],
    probes: NDArray[np.int64],
    distractors: NDArray[np.int64],
    labels: NDArray[np.int32],
    n_people: int,
) -> NDArray[np.int64]:
    """Set the ``scores`` of equal contents to -inf; (P,) how many there were by the probe's person."""
    columns = np.flatnonzero(np.isin(distractors, probes))
    if not len(columns):
        return np.zeros(n_people, dtype=np.int64)
    probe, which = np.nonzero(probes[:, None] == distractors[columns])
    scores[probe, columns[which]] = -np.inf
    return np.bincount(labels[probe], minlength=n_people)


def tail_tmr(
    snapshot: Snapshot,
    mated: NDArray[np.float64],
    label: NDArray[np.int32],
    fmr: float,
    weighting: Weighting,
    weights: NDArray[np.int64],
) -> NDArray[np.float64]:
    """TMR (R,) at the lowest T with FMR at most ``fmr`` among the snapshot's comparisons, for identity
    ``weights`` (R, P): comparisons, mated ones (M,) and those with distractors, weigh as the probe's person;
    T is set again. NaN where the tail is not deep enough for a replicate, or it drew no person with a trial.
    """
    order = np.argsort(-mated, kind="stable")
    label = label[order]
    own = np.bincount(label, minlength=weights.shape[1])
    each = np.ones(len(label)) if weighting == "pair" else 1.0 / own[label]
    above = np.searchsorted(-mated[order], -snapshot.score, side="left")
    found = np.full(len(weights), np.nan)
    for r, w in enumerate(weights):
        allowed = allowed_false_matches(fmr, int(w @ snapshot.compared))
        weighted = np.cumsum(w[snapshot.label])
        beyond = int(np.searchsorted(weighted, allowed, side="right"))
        total = float((w[label] * each).sum())
        if beyond < len(snapshot.score) and total > 0:
            n = int(above[beyond])
            found[r] = min(1.0, float((w[label[:n]] * each[:n]).sum()) / total)
    return found


def _blocks(sizes: list[int], block: int) -> Iterator[tuple[int, int]]:
    """Consecutive ranges of at most ``block`` that end at every one of ``sizes``."""
    first = 0
    for size in sizes:
        while first < size:
            last = min(first + block, size)
            yield first, last
            first = last
