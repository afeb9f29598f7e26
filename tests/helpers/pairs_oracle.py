"""Every metric again, written as slowly and plainly as its definition: the judge of the fast ones."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from faceprobe.data.embeddings import Embeddings
from faceprobe.scores import exact_rows


def small_world(
    seed: int,
    n: int = 24,
    people: int = 6,
    dim: int = 4,
    levels: int = 3,
    twins: int = 2,
    events: bool = False,
) -> Embeddings:
    """Random rows on a coarse lattice, so that ties abound; with duplicates and single photos."""
    rng = np.random.default_rng(seed)
    who = np.concatenate([[0, 0, 1], rng.integers(people, size=n - 3)])
    centres = rng.integers(-levels, levels + 1, size=(people, dim))
    raw = centres[who] + rng.integers(-1, 2, size=(n, dim))
    raw[np.all(raw == 0, axis=1)] = 1
    # Equal directions would be equal rows, and so duplicates; the last column keeps rows apart.
    vectors = np.column_stack([raw, 0.01 * (1 + np.arange(n))]).astype(np.float64)
    for _ in range(twins):
        a, b = rng.choice(n, size=2, replace=False)
        vectors[a] = vectors[b]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = rng.permutation(n)
    return Embeddings(
        vectors=vectors[order].astype(np.float32),
        identities=np.array([f"p{w}" for w in who])[order],
        paths=np.array([f"{k:03d}.jpg" for k in range(n)])[order],
        events=rng.choice(["", "a", "b", "c"], size=n) if events else None,
    )


class Oracle:
    """All comparisons of a small set in plain Python; identities are weighed by ``weights``."""

    def __init__(
        self,
        data: Embeddings,
        keep_duplicates: bool = False,
        cross_event: bool = False,
        weights: dict[str, int] | None = None,
    ) -> None:
        self.data = data
        rows = exact_rows(data.vectors).tolist()
        self.who = data.identities.tolist()
        self.weights = weights or dict.fromkeys(self.who, 1)
        self.score = [
            [1.0 if x == y else sum(a * b for a, b in zip(x, y, strict=True)) for y in rows] for x in rows
        ]
        content = rows if data.content is None else data.content.tolist()
        n = len(rows)
        self.n = n
        self.twin = [[not keep_duplicates and content[i] == content[j] for j in range(n)] for i in range(n)]
        events = [""] * n if data.events is None else data.events.tolist()
        self.skip = [
            [cross_event and self.who[i] == self.who[j] and events[i] == events[j] != "" for j in range(n)]
            for i in range(n)
        ]
        self.mated, self.nonmated, self.n_duplicates = [], [], 0
        for i in range(n):
            for j in range(i + 1, n):
                if self.twin[i][j]:
                    self.n_duplicates += 1
                elif self.who[i] != self.who[j]:
                    weight = self.weights[self.who[i]] * self.weights[self.who[j]]
                    self.nonmated.append((self.score[i][j], weight))
                elif not self.skip[i][j]:
                    self.mated.append((self.score[i][j], self.who[i]))
        self.nonmated.sort(reverse=True)

    def rate(self, accepted: list[float], weighting: str) -> float:
        """Weighted mean of ``accepted`` (one value a mated comparison)."""
        own: dict[str, int] = {}
        for _, who in self.mated:
            own[who] = own.get(who, 0) + 1
        each = [self.weights[w] * (1.0 if weighting == "pair" else 1.0 / own[w]) for _, w in self.mated]
        total = math.fsum(each)
        if total == 0:
            return math.nan
        return math.fsum(e * a for e, a in zip(each, accepted, strict=True)) / total

    def tmr(self, fmr: float, weighting: str) -> float | None:
        """Accept strictly above the non-mated score at which the weighted count passes k."""
        total = sum(w for _, w in self.nonmated)
        k = math.floor(Fraction(str(fmr)) * total)
        if total == 0:
            return math.nan
        if k < 1 and all(w == 1 for w in self.weights.values()):
            return None
        passed = 0
        for score, weight in self.nonmated:
            passed += weight
            if passed > k:
                return self.rate([float(s > score) for s, _ in self.mated], weighting)
        raise AssertionError("k never reaches the total")

    def fmr(self, threshold: float) -> float:
        total = sum(w for _, w in self.nonmated)
        return sum(w for s, w in self.nonmated if s >= threshold) / total

    def fnmr(self, threshold: float, weighting: str) -> float:
        return self.rate([float(s < threshold) for s, _ in self.mated], weighting)

    def eer(self, weighting: str) -> float:
        """Walk down all distinct scores; cross on the line between neighbouring operating points."""
        x0, y0 = 0.0, 1.0
        for t in sorted({s for s, _ in self.mated} | {s for s, _ in self.nonmated}, reverse=True):
            x1, y1 = self.fmr(t), self.fnmr(t, weighting)
            if x1 >= y1:
                share = (y0 - x0) / ((y0 - x0) + (x1 - y1))
                return x0 + share * (x1 - x0)
            x0, y0 = x1, y1
        raise AssertionError("FMR ends at 1, FNMR at 0")

    def auc(self, weighting: str) -> float:
        total = sum(w for _, w in self.nonmated)
        beaten = []
        for s, _ in self.mated:
            won = sum(w * (1.0 if s > t else 0.5 if s == t else 0.0) for t, w in self.nonmated)
            beaten.append(won / total)
        return self.rate(beaten, weighting)

    def d_prime(self, weighting: str) -> float:
        m1 = self.rate([s for s, _ in self.mated], weighting)
        v1 = self.rate([(s - m1) ** 2 for s, _ in self.mated], weighting)
        total = sum(w for _, w in self.nonmated)
        m0 = math.fsum(s * w for s, w in self.nonmated) / total
        v0 = math.fsum(w * (s - m0) ** 2 for s, w in self.nonmated) / total
        return abs(m1 - m0) / math.sqrt((v1 + v0) / 2)

    def largest_share(self) -> float:
        people = [who for _, who in self.mated]
        return max(people.count(who) for who in set(people)) / len(people)

    def ranks(self, enrol_first: bool = False) -> dict[int, int]:
        """Probe row -> rank; probes without a mate to find are absent."""
        first: dict[str, int] = {}
        for i in sorted(range(self.n), key=lambda row: str(self.data.paths[row])):
            first.setdefault(self.who[i], i)
        gallery = sorted(first.values()) if enrol_first else list(range(self.n))
        found = {}
        for i in range(self.n):
            if enrol_first and i in gallery:
                continue
            others = [j for j in gallery if j != i and not self.twin[i][j]]
            mates = [j for j in others if self.who[j] == self.who[i] and not self.skip[i][j]]
            if mates:
                best = max(self.score[i][j] for j in mates)
                strangers = [j for j in others if self.who[j] != self.who[i]]
                found[i] = 1 + sum(self.score[i][j] >= best for j in strangers)
        return found

    def mean_over_probes(self, values: dict[int, float], weighting: str) -> float:
        """``values`` maps probe rows to numbers."""
        people: dict[str, list[float]] = {}
        for i, value in values.items():
            people.setdefault(self.who[i], []).append(value)
        if weighting == "pair":
            top = math.fsum(self.weights[p] * math.fsum(v) for p, v in people.items())
            return top / sum(self.weights[p] * len(v) for p, v in people.items())
        top = math.fsum(self.weights[p] * math.fsum(v) / len(v) for p, v in people.items())
        return top / sum(self.weights[p] for p in people)


def view2(score: list[float], same: list[bool], fold: list[int]) -> list[float]:
    """Fold accuracies by trying every training score as threshold, the lowest best one first."""
    found = []
    for f in range(max(fold) + 1):
        train = [(s, y) for s, y, g in zip(score, same, fold, strict=True) if g != f]
        best = max(sorted({s for s, _ in train}), key=lambda t: (sum((s >= t) == y for s, y in train), -t))
        test = [(s >= best) == y for s, y, g in zip(score, same, fold, strict=True) if g == f]
        found.append(sum(test) / len(test))
    return found


def shuffled(data: Embeddings, order: NDArray[np.int64]) -> Embeddings:
    """The same photos in another order."""
    return Embeddings(
        vectors=data.vectors[order],
        identities=data.identities[order],
        paths=data.paths[order],
        events=None if data.events is None else data.events[order],
        content=None if data.content is None else data.content[order],
    )
