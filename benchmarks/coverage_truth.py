"""True figures of simulated worlds, computed without any of the code under test."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from worlds import WorldKind, draw, draw_people

Truth = dict[tuple[str, str], float]
"""The figure of the population by metric and weighting ("identity" or "pair")."""

TARGETS = {"tmr@fmr=1e-2": 1e-2, "tmr@fmr=1e-3": 1e-3, "tmr@fmr=1e-4": 1e-4}
CHUNK = 200_000
BOTH: tuple[Literal["identity"], Literal["pair"]] = ("identity", "pair")


def verification_truth(kind: WorldKind, rng: np.random.Generator, chunks: int = 12) -> Truth:
    """From millions of people drawn once each. A person with m photos has m (m - 1) / 2 mated comparisons,
    two people have m n non-mated ones, and with siblings one in P - 1 comparisons of a person is with the
    sibling.
    """
    mated, nonmated, by_pair, by_person, met = [], [], [], [], []
    for _ in range(chunks):
        one, other = (draw_people(kind, rng, CHUNK) for _ in range(2))
        photo = one.photo(rng)
        mated.append((photo * one.photo(rng)).sum(axis=1))
        by_pair.append(one.photos * (one.photos - 1) / 2)
        by_person.append((one.photos > 1).astype(float))
        against, also = other.photo(rng), other.photos
        if kind.siblings:
            related = rng.random(CHUNK) < 1 / (kind.people - 1)
            swapped = np.arange(CHUNK) ^ 1
            against = np.where(related[:, None], one.photo(rng)[swapped], against)
            also = np.where(related, one.photos[swapped], also)
        nonmated.append((photo * against).sum(axis=1))
        met.append(one.photos * also * 1.0)
    order = np.argsort(-np.concatenate(nonmated))
    low, mass = np.concatenate(nonmated)[order], np.concatenate(met)[order]
    fmr = np.cumsum(mass) / mass.sum()
    high = np.concatenate(mated)
    found: Truth = {}
    for weighting, weights in zip(BOTH, (np.concatenate(by_person), np.concatenate(by_pair)), strict=True):
        place = np.argsort(-high)
        score, share = high[place], np.cumsum(weights[place]) / weights.sum()

        kept = np.concatenate([[0.0], share])
        tmr = kept[np.searchsorted(-score, -low, side="left")]
        for name, f in TARGETS.items():
            found[name, weighting] = float(tmr[np.searchsorted(fmr, f)])
        found["eer", weighting] = float(fmr[np.argmax(fmr >= 1 - tmr)])
        found["auc", weighting] = float((tmr * mass).sum() / mass.sum())
        m1, m0 = np.average(high, weights=weights), np.average(low, weights=mass)
        v1, v0 = np.average((high - m1) ** 2, weights=weights), np.average((low - m0) ** 2, weights=mass)
        found["d_prime", weighting] = float((m1 - m0) / np.sqrt((v1 + v0) / 2))
    return found


class _Means:
    """Sums over worlds of outcomes by probe, in both weightings."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, str], list[float]] = {}

    def add(self, metric: str, values: NDArray[np.float64], labels: NDArray[np.int32]) -> None:
        probes = np.bincount(labels)
        for weighting, each in (("identity", 1 / probes[labels]), ("pair", np.ones(len(labels)))):
            entry = self.sums.setdefault((metric, weighting), [0.0, 0.0])
            entry[0] += float((values * each).sum())
            entry[1] += float(each.sum())

    def truth(self) -> Truth:
        return {key: total / weight for key, (total, weight) in self.sums.items()}


def search_truth(kind: WorldKind, rng: np.random.Generator, worlds: int) -> Truth:
    """The figures of searches in a gallery of ``kind.people`` people: pooled over ``worlds`` worlds.

    Keys are ``<protocol>//<metric>``. In the open set T is the one at which the pooled FPIR is the target.
    """
    means = _Means()
    hits, owners, alarms = [], [], []
    for world in range(worlds):
        rows, labels = draw(kind, rng, kind.people)
        wide = rows.astype(np.float64)
        scores = wide @ wide.T
        own = labels[:, None] == labels
        itself = np.eye(len(labels), dtype=bool)
        starts = np.flatnonzero(np.diff(labels, prepend=-1))
        first = np.zeros(len(labels), dtype=bool)
        first[starts] = True
        _add_ranks(means, "identification/leave-one-out", scores, own, own & ~itself, labels)
        others, mates = scores[~first][:, first], own[~first][:, first]
        _add_ranks(means, "identification/enrol-1", others, mates, mates, labels[~first])
        mate = np.where(own & ~itself, scores, -np.inf).max(axis=1)
        has = ~np.isneginf(mate)
        best = np.maximum.reduceat(np.where(own, -np.inf, scores), starts, axis=1)
        k = (best >= mate[:, None]).sum(axis=1)[has]
        n = kind.people - 1
        for size in (10, kind.people):
            none = np.array([_chance(int(x), n, size - 1) for x in range(n + 1)])
            name = "all" if size == kind.people else str(size)
            means.add(f"identification/gallery-size//rank1@people={name}", none[k], labels[has])
        enrolled = np.isin(labels, rng.permutation(kind.people)[: kind.people // 2])
        probes = enrolled & has
        outside = np.where(own[probes], -np.inf, scores[probes])[:, enrolled].max(axis=1)
        hits.append(np.where(outside >= mate[probes], -np.inf, mate[probes]))
        owners.append(labels[probes] + world * kind.people)
        alarms.append(scores[~enrolled][:, enrolled].max(axis=1))
    hit, owner, alarm = np.concatenate(hits), np.concatenate(owners), np.sort(np.concatenate(alarms))[::-1]
    _, owner = np.unique(owner, return_inverse=True)
    name = "identification/open-set-all-but-one"
    for target in (1e-1, 1e-2):
        limit = alarm[int(target * len(alarm))]
        text = f"1e-{round(-np.log10(target))}"
        means.add(f"{name}//fnir@fpir={text}", (hit <= limit).astype(float), owner.astype(np.int32))
    means.add(f"{name}//rank1", np.isfinite(hit).astype(float), owner.astype(np.int32))
    return means.truth()


def _add_ranks(
    means: _Means,
    protocol: str,
    scores: NDArray[np.float64],
    own: NDArray[np.bool_],
    mates: NDArray[np.bool_],
    labels: NDArray[np.int32],
) -> None:
    best = np.where(mates, scores, -np.inf).max(axis=1)
    has = ~np.isneginf(best)
    rank = 1 + (~own & (scores >= best[:, None])).sum(axis=1)[has]
    for k in (1, 5):
        means.add(f"{protocol}//rank{k}", (rank <= k).astype(float), labels[has])
    means.add(f"{protocol}//mrr", 1 / rank, labels[has])


def _chance(k: int, n: int, drawn: int) -> float:
    """That none of ``k`` of ``n`` is among ``drawn`` of them."""
    from math import comb

    return comb(n - k, drawn) / comb(n, drawn)
