"""Open-set identification: searches of probes, with and without a mate, in one gallery.

A search of a probe without a mate is a false positive at T when at least one candidate scores T or more;
FPIR(T) is the share of such *searches*. A search of a probe with a mate is missed at T unless its mate is
at rank 1 and scores T or more; FNIR(T) is the share of missed searches. T at a target FPIR is the lowest
with FPIR at most the target (ISO/IEC 19795-1:2021; IJB-C: Maze et al., ICB 2018).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.bootstrap import ratio
from faceprobe.metrics.verification.figures import allowed_false_matches
from faceprobe.metrics.weighting import Weighting

BLOCK = 512
"""Probes searched at a time."""


@dataclass(frozen=True)
class Searches:
    """Q searches in one gallery, ``label`` (Q,) int32 the probe's person. ``best`` (Q,) float64 is the
    score of the best mate, NaN where there is none; ``top`` (Q,) float64 that of the best candidate who is
    no mate (-inf where there is none) and ``rank`` (Q,) int64 is 1 + the non-mated candidates that score at
    or above the best mate, 0 without a mate.
    """

    label: NDArray[np.int32]
    best: NDArray[np.float64]
    top: NDArray[np.float64]
    rank: NDArray[np.int64]
    n_people: int

    @cached_property
    def mated(self) -> NDArray[np.int64]:
        """Searches whose probe has a mate in the gallery."""
        return np.flatnonzero(self.rank)

    @cached_property
    def nonmated(self) -> NDArray[np.int64]:
        """The others, from the highest candidate to the lowest."""
        nonmated = np.flatnonzero(self.rank == 0)
        return nonmated[np.argsort(-self.top[nonmated], kind="stable")]

    @cached_property
    def per_person(self) -> NDArray[np.int64]:
        """(P,) mated searches of each person."""
        return np.bincount(self.label[self.mated], minlength=self.n_people)


def search_templates(
    rows: NDArray[np.float32],
    labels: NDArray[np.int32],
    probes: NDArray[np.int64],
    gallery: NDArray[np.int64],
    n_people: int,
    tick: Callable[[int], None] | None = None,
) -> Searches:
    """Search every one of ``probes`` among ``gallery`` (row numbers of exact ``rows``); a probe that is
    itself in the gallery is skipped as a candidate there.
    """
    best = np.full(len(probes), np.nan)
    top = np.full(len(probes), -np.inf)
    rank = np.zeros(len(probes), dtype=np.int64)
    wide = rows[gallery].astype(np.float64).T
    for start in range(0, len(probes), BLOCK):
        part = probes[start : start + BLOCK]
        scores = rows[part].astype(np.float64) @ wide
        itself = part[:, None] == gallery
        mates = (labels[part][:, None] == labels[gallery]) & ~itself
        others = np.where(mates | itself, -np.inf, scores)
        has = mates.any(axis=1)
        own = np.where(mates, scores, -np.inf).max(axis=1, initial=-np.inf)
        block = slice(start, start + len(part))
        top[block] = others.max(axis=1, initial=-np.inf)
        best[block] = np.where(has, own, np.nan)
        rank[block] = np.where(has, 1 + (others >= own[:, None]).sum(axis=1), 0)
        if tick is not None:
            tick(len(part))
    return Searches(labels[probes], best, top, rank, n_people)


def allowed_false_searches(s: Searches, fpir: float) -> int:
    """k = floor(fpir * non-mated searches)."""
    return allowed_false_matches(fpir, len(s.nonmated))


def fnir(s: Searches, fpir: float, weighting: Weighting) -> float:
    """Share of mated searches that are missed at the lowest T with FPIR at most ``fpir``."""
    return 1.0 - _share(s, _hits(s, _limit(s, allowed_false_searches(s, fpir))), weighting)


def found_by(s: Searches, rank: int, weighting: Weighting) -> float:
    """Share of mated searches whose mate is at ``rank`` or better, whatever its score."""
    return _share(s, s.rank[s.mated] <= rank, weighting)


def search_replicates(
    s: Searches, weights: NDArray[np.int64], fpirs: list[float], ranks: list[int], weighting: Weighting
) -> dict[str, NDArray[np.float64]]:
    """Replicates (R,) for identity ``weights`` (R, P): the people of the probes are drawn again, the gallery
    is held fixed, T is set again. Keys are the repr of each FPIR and ``rank<k>``.
    """
    label = s.label[s.mated]
    # Each person's share of a search, in whole steps of 2**-40: sums of them are exact.
    steps = np.rint(np.ldexp(1.0 / np.maximum(s.per_person, 1), 40)).astype(np.int64)
    steps = np.ones_like(steps) if weighting == "pair" else steps
    totals = weights @ (steps * s.per_person)
    found: dict[str, NDArray[np.float64]] = {}
    for rank in ranks:
        hits = np.bincount(label[s.rank[s.mated] <= rank], minlength=s.n_people)
        found[f"rank{rank}"] = ratio((weights @ (steps * hits)).astype(np.float64), totals.astype(np.float64))
    # Mated searches at rank 1, from the highest score: what lies strictly above a limit is a prefix.
    first = s.mated[s.rank[s.mated] == 1]
    first = first[np.argsort(-s.best[first], kind="stable")]
    above = np.searchsorted(-s.best[first], -s.top[s.nonmated], side="left")
    for fpir in fpirs:
        values = np.full(len(weights), np.nan)
        for r, w in enumerate(weights):
            false = np.cumsum(w[s.label[s.nonmated]])
            if totals[r] == 0 or len(false) == 0 or false[-1] == 0:
                continue
            beyond = int(np.searchsorted(false, allowed_false_matches(fpir, int(false[-1])), side="right"))
            n = len(first) if beyond == len(false) else int(above[beyond])
            matched = int((w * steps)[s.label[first[:n]]].sum())
            values[r] = (int(totals[r]) - matched) / int(totals[r])
        found[repr(fpir)] = values
    return found


def _limit(s: Searches, allowed: int) -> float:
    """The score that an accepted candidate exceeds, so that ``allowed`` non-mated searches at most are
    positive.
    """
    return float(s.top[s.nonmated[allowed]]) if allowed < len(s.nonmated) else -np.inf


def _hits(s: Searches, limit: float) -> NDArray[np.bool_]:
    hits: NDArray[np.bool_] = (s.rank[s.mated] == 1) & (s.best[s.mated] > limit)
    return hits


def _share(s: Searches, hits: NDArray[np.bool_], weighting: Weighting) -> float:
    if weighting == "pair":
        return float(hits.mean())
    label, has = s.label[s.mated], s.per_person > 0
    return float(np.mean(np.bincount(label, hits, s.n_people)[has] / s.per_person[has]))
