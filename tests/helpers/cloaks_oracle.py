"""Protocols for cloaks again, as plain programs over small data, and worlds with cloaked photos."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from faceprobe.data.embeddings import Embeddings
from faceprobe.scores import exact_rows
from tests.helpers.pairs_oracle import small_world


def with_variant(
    data: Embeddings,
    rows: NDArray[np.int64],
    vectors: NDArray[np.floating],
    variant: str = "lowkey",
) -> Embeddings:
    """``data`` as clean photos, and a cloaked version with ``vectors`` of each of ``rows``; shuffled."""
    clean = [data.vectors, data.identities, data.paths, np.full(len(data), "clean", dtype="<U16"), data.paths]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    cloaked = [
        (vectors / lengths).astype(np.float32),
        data.identities[rows],
        np.char.add("cloaked/", data.paths[rows]),
        np.full(len(rows), variant, dtype="<U16"),
        data.paths[rows],
    ]
    joined = [np.concatenate([a, b]) for a, b in zip(clean, cloaked, strict=True)]
    events = None if data.events is None else np.concatenate([data.events, data.events[rows]])
    order = np.random.default_rng(len(data)).permutation(len(joined[0]))
    vectors, who, paths, variants, sources = (column[order] for column in joined)
    return Embeddings(
        vectors,
        who,
        paths,
        events=None if events is None else events[order],
        variants=variants,
        sources=sources,
    )


def cloaked_world(seed: int, *, n: int = 40, events: bool = False, levels: int = 2) -> Embeddings:
    """A small world with ties, duplicates and single photos; most photos of most people are cloaked."""
    data = small_world(seed, n=n, people=7, dim=5, levels=levels, events=events)
    rng = np.random.default_rng([seed, 1])
    people = rng.permutation(np.unique(data.identities))[:5]
    rows = np.flatnonzero(np.isin(data.identities, people) & (rng.random(len(data)) < 0.9))
    moved = data.vectors[rows] + rng.integers(-1, 2, size=(len(rows), data.vectors.shape[1])) * 0.4
    moved[np.all(moved == 0, axis=1)] = 1
    return with_variant(data, rows, moved)


class CloakOracle:
    """Rows as dictionaries by path; every figure from its definition."""

    def __init__(self, data: Embeddings, ridge: float = 1.0) -> None:
        assert data.variants is not None and data.sources is not None
        rows = exact_rows(data.vectors).astype(np.float64)
        self.ridge = ridge / rows.shape[1]
        clean = [k for k in range(len(data)) if data.variants[k] == "clean"]
        clean.sort(key=lambda k: (str(data.identities[k]), str(data.paths[k])))
        self.clean = {str(data.paths[k]): rows[k] for k in clean}
        self.who = {str(data.paths[k]): str(data.identities[k]) for k in clean}
        events = data.events
        self.event = {str(data.paths[k]): "" if events is None else str(events[k]) for k in clean}
        self.content = {
            str(data.paths[k]): rows[k].tobytes() if data.content is None else str(data.content[k])
            for k in clean
        }
        self.cloaked = {
            str(data.sources[k]): rows[k]
            for k in range(len(data))
            if data.variants[k] != "clean" and str(data.sources[k]) in self.clean
        }
        self.cloaked = {p: self.cloaked[p] for p in self.clean if p in self.cloaked}

    def halves(self, person: str, seed: int = 20) -> list[tuple[list[str], list[str]]]:
        """(enrolled, probes) both ways round; [] for a person with one unit."""
        paths = [p for p in self.clean if self.who[p] == person]
        unit = {p: k for k, p in enumerate(paths)}
        for key in (self.event, self.content):
            for a in paths:
                for b in paths:
                    if key[a] == key[b] and (key is self.content or key[a]):
                        low, high = sorted((unit[a], unit[b]))
                        unit = {p: low if u == high else u for p, u in unit.items()}
        units = sorted(set(unit.values()))
        if len(units) < 2:
            return []
        number = int.from_bytes(hashlib.sha256(person.encode()).digest()[:8], "big")
        order = np.random.default_rng([seed, number]).permutation(len(units))
        first: set[int] = set()
        for place in order[:-1]:
            first.add(units[place])
            if sum(unit[p] in first for p in paths) >= len(paths) / 2:
                break
        a = [p for p in paths if unit[p] in first]
        b = [p for p in paths if unit[p] not in first]
        return [(a, b), (b, a)]

    def foreign(self, path: str) -> bool:
        """The photo also stands under another name."""
        return any(
            self.content[p] == self.content[path] and self.who[p] != self.who[path] for p in self.clean
        )

    def trials(self, poisoned: bool) -> list[tuple[str, list[str], list[str]]]:
        found = []
        for person in sorted({self.who[p] for p in self.cloaked}):
            for enrolled, probes in self.halves(person):
                usable = [p for p in enrolled if p in self.cloaked or not poisoned]
                asked = [p for p in probes if (p in self.cloaked or poisoned) and not self.foreign(p)]
                if usable and asked:
                    found.append((person, usable, asked))
        return found

    def missed(self, recogniser: str, poisoned: bool, cloak: bool) -> dict[str, float]:
        """Each person's share of probes that are not given to the person."""
        misses: dict[str, list[bool]] = {}
        for person, enrolled, probes in self.trials(poisoned):
            gallery = {w: [] for w in sorted(set(self.who.values()))}
            for path, row in self.clean.items():
                gallery[self.who[path]].append(row)
            gallery[person] = [(self.cloaked if cloak and poisoned else self.clean)[p] for p in enrolled]
            for path in probes:
                probe = (self.cloaked if cloak and not poisoned else self.clean)[path]
                scores = self._scores(recogniser, probe, gallery)
                wrong = max(s for w, s in scores.items() if w != person)
                misses.setdefault(person, []).append(wrong >= scores[person] - 1e-9)
        return {who: float(np.mean(values)) for who, values in misses.items()}

    def _scores(
        self, recogniser: str, probe: NDArray[np.float64], gallery: dict[str, list[NDArray[np.float64]]]
    ) -> dict[str, float]:
        if recogniser == "1nn":
            return {w: max(float(row @ probe) for row in rows) for w, rows in gallery.items()}
        if recogniser == "centroid":
            means = {w: np.sum(rows, axis=0) for w, rows in gallery.items()}
            return {w: float(m @ probe / np.linalg.norm(m)) for w, m in means.items()}
        return self.ridge_scores(probe, gallery, self.ridge)

    @staticmethod
    def ridge_scores(
        probe: NDArray[np.float64], gallery: dict[str, list[NDArray[np.float64]]], ridge: float
    ) -> dict[str, float]:
        """Weighted ridge regression onto one-hot people, solved as it is written, the bias unpenalised."""
        names = list(gallery)
        x = np.concatenate([np.array(rows) for rows in gallery.values()])
        x = np.column_stack([x, np.ones(len(x))])
        y = np.repeat(np.eye(len(names)), [len(rows) for rows in gallery.values()], axis=0)
        weight = np.concatenate([np.full(len(r), 1 / len(r) / len(names)) for r in gallery.values()])
        penalty = ridge * np.eye(x.shape[1])
        penalty[-1, -1] = 0
        w = np.linalg.solve((x * weight[:, None]).T @ x + penalty, (x * weight[:, None]).T @ y)
        return dict(zip(names, (np.append(probe, 1.0) @ w).tolist(), strict=True))

    def retrieved(self, known: bool = True) -> dict[str, dict[str, list[bool]]]:
        """For each metric of self-retrieval the outcomes by person."""
        found: dict[str, dict[str, list[bool]]] = {}
        for path, cloaked in self.cloaked.items():
            person = self.who[path]
            rest = [p for p in self.clean if p != path and self.content[p] != self.content[path]]
            mates = [p for p in rest if self.who[p] == person]
            others = [p for p in rest if self.who[p] != person]

            def best(probe: NDArray[np.float64], paths: list[str]) -> float:
                return max((float(probe @ self.clean[p]) for p in paths), default=-np.inf)

            hits = {
                "self_rank1": best(cloaked, [path]) > best(cloaked, rest),
                "person_rank1": best(cloaked, [path, *mates]) > best(cloaked, others),
            }
            if mates:
                hits["person_rank1_other"] = best(cloaked, mates) > best(cloaked, others)
                clean = self.clean[path]
                hits["clean_person_rank1_other"] = best(clean, mates) > best(clean, others)
            for metric, hit in hits.items():
                found.setdefault(metric, {}).setdefault(person, []).append(hit)
        return found

    def verified(self, fmr: float | None) -> dict[str, dict[str, list[float]]]:
        """For each kind of comparison the outcomes (``fmr`` None: the cosines) by person; {} where the FMR
        is not supported.
        """
        paths = list(self.clean)
        nonmated = sorted(
            (
                float(self.clean[a] @ self.clean[b])
                for k, a in enumerate(paths)
                for b in paths[k + 1 :]
                if self.who[a] != self.who[b] and self.content[a] != self.content[b]
            ),
            reverse=True,
        )
        allowed = 0 if fmr is None else int(Fraction(repr(fmr)) * len(nonmated))
        if fmr is not None and allowed < 1:
            return {}
        found: dict[str, dict[str, list[float]]] = {}
        for path, cloaked in self.cloaked.items():
            mates = [
                p for p in paths if self.who[p] == self.who[path] and self.content[p] != self.content[path]
            ]
            scores = {
                "self_match": [float(cloaked @ self.clean[path])],
                "tmr_cloaked": [float(cloaked @ self.clean[p]) for p in mates],
                "tmr_clean": [float(self.clean[path] @ self.clean[p]) for p in mates],
            }
            for kind, values in scores.items():
                if values:
                    outcomes = [v if fmr is None else float(v > nonmated[allowed]) for v in values]
                    found.setdefault(kind, {}).setdefault(self.who[path], []).extend(outcomes)
        return found

    def missed_adaptively(self, cloak: bool) -> dict[str, dict[str, float]]:
        """``linear-seen`` and ``1nn-seen``: each person's share of probes given to somebody else."""
        people = sorted({self.who[p] for p in self.cloaked})
        number = np.random.default_rng(20).permutation(np.arange(len(people)) % min(5, len(people)))
        fold = dict(zip(people, number.tolist(), strict=True))
        misses: dict[str, dict[str, list[bool]]] = {"linear-seen": {}, "1nn-seen": {}}
        for person, enrolled, probes in self.trials(poisoned=True):
            own = [(self.cloaked if cloak else self.clean)[p] for p in enrolled]
            clean = {w: [] for w in sorted(set(self.who.values()))}
            for path, row in self.clean.items():
                clean[self.who[path]].append(row)
            both = {w: list(rows) for w, rows in clean.items()}
            for path, row in self.cloaked.items():
                both[self.who[path]].append(row)
            clean[person] = both[person] = own
            dim = len(own[0])
            learnt = [w for w in people if fold[w] != fold[person]]
            matrix = np.eye(dim) / dim
            for who in learnt:
                shifts = [self.cloaked[p] - self.clean[p] for p in self.cloaked if self.who[p] == who]
                matrix += sum(np.outer(d, d) for d in shifts) / len(shifts) / len(learnt)
            inner = np.linalg.inv(matrix)

            def near(a: NDArray[np.float64], b: NDArray[np.float64], inner: NDArray = inner) -> float:
                return float(a @ inner @ b / np.sqrt((a @ inner @ a) * (b @ inner @ b)))

            for path in probes:
                probe = self.clean[path]
                scores = {
                    "linear-seen": self.ridge_scores(probe, both, self.ridge),
                    "1nn-seen": {w: max(near(probe, row) for row in rows) for w, rows in clean.items()},
                }
                for name, answer in scores.items():
                    wrong = max(s for w, s in answer.items() if w != person)
                    misses[name].setdefault(person, []).append(wrong >= answer[person] - 1e-9)
        return {n: {w: float(np.mean(v)) for w, v in by.items()} for n, by in misses.items()}


def shuffled_rows(data: Embeddings, seed: int) -> Embeddings:
    """The same rows in another order."""
    order = np.random.default_rng(seed).permutation(len(data))
    assert data.variants is not None and data.sources is not None
    return replace(
        data,
        vectors=data.vectors[order],
        identities=data.identities[order],
        paths=data.paths[order],
        events=None if data.events is None else data.events[order],
        variants=data.variants[order],
        sources=data.sources[order],
        content=None if data.content is None else data.content[order],
    )
