"""Template protocols in plain Python, one loop a definition, and small random worlds with ties."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np

from faceprobe.data.embeddings import Embeddings, unit_rows
from faceprobe.data.templates import TemplateList


def template_world(seed: int, n_people: int = 6, n_templates: int = 24, coarse: bool = True) -> Embeddings:
    """People with templates of one to five photos; ``coarse`` vectors repeat, so that many scores tie."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((n_people, 6))
    rows, template, media, weight, vectors = [], [], [], [], []
    people = np.concatenate([np.arange(n_people), rng.integers(0, n_people, n_templates - n_people)])
    for t, person in enumerate(people):
        for _ in range(int(rng.integers(1, 6))):
            rows.append(len(vectors))
            template.append(t)
            media.append(int(rng.integers(0, 3)))
            weight.append(float(rng.choice([0.25, 0.5, 1.0])) if coarse else float(rng.random() + 0.01))
            noisy = centres[person] + rng.standard_normal(6)
            vectors.append(np.sign(noisy) if coarse else noisy)
    pairs = [(i, j) for i in range(n_templates) for j in range(i + 1, n_templates) if rng.random() < 0.7]
    left, right = (np.array(side, dtype=np.int32) for side in zip(*pairs, strict=True))
    half = n_people // 2
    first = {int(p): int(np.flatnonzero(people == p)[0]) for p in range(n_people)}
    galleries = {
        "G1": np.array([first[p] for p in range(half)], dtype=np.int64),
        "G2": np.array([first[p] for p in range(half, n_people)], dtype=np.int64),
    }
    names = np.array([str(100 + t) for t in range(n_templates)])
    identities = np.array([f"s{p}" for p in people])
    templates = TemplateList(
        row=np.array(rows, dtype=np.int64),
        template=np.array(template, dtype=np.int32),
        media=np.array(media, dtype=np.int64),
        weight=np.array(weight, dtype=np.float32),
        names=names,
        identities=identities,
        left=left,
        right=right,
        same=people[left] == people[right],
        galleries=galleries,
        probes=np.array(sorted(set(range(n_templates)) - set(first.values())), dtype=np.int64),
    )
    return Embeddings(
        vectors=unit_rows(np.array(vectors, dtype=np.float32)),
        identities=identities[template],
        paths=np.array([f"{k:04d}.jpg" for k in range(len(vectors))]),
        templates=templates,
    )


def shuffle_photos(data: Embeddings, seed: int) -> Embeddings:
    """The same photos and memberships in another order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(data))
    place = np.argsort(order)
    t = data.templates
    assert t is not None
    members = rng.permutation(len(t.row))
    moved = replace(
        t,
        row=place[t.row][members],
        template=t.template[members],
        media=t.media[members],
        weight=None if t.weight is None else t.weight[members],
    )
    return replace(
        data,
        vectors=data.vectors[order],
        identities=data.identities[order],
        paths=data.paths[order],
        templates=moved,
    )


def pooled(data: Embeddings, preset: str) -> list[list[float]]:
    """Every template's vector, by the words of the preset."""
    t = data.templates
    assert t is not None
    out = []
    for k in range(len(t)):
        members = [m for m in range(len(t.row)) if t.template[m] == k]
        photos = []
        for m in members:
            score = float(t.weight[m]) if t.weight is not None and preset.startswith("score") else 1.0
            photos.append((int(t.media[m]), [float(x) * score for x in data.vectors[t.row[m]]]))
        if preset.endswith("media"):
            sums = [0.0] * len(photos[0][1])
            for medium in sorted({m for m, _ in photos}):
                own = [v for m, v in photos if m == medium]
                for d in range(len(sums)):
                    sums[d] += sum(v[d] for v in own) / len(own)
        else:
            sums = [sum(v[d] for _, v in photos) / len(photos) for d in range(len(photos[0][1]))]
        length = math.sqrt(sum(x * x for x in sums))
        out.append([x / length for x in sums])
    return out


def tmr_at(mated: list[tuple[float, str]], nonmated: list[float], fmr: float, weighting: str) -> float | None:
    """Try every threshold from the highest down; the last with FMR at most the target counts."""
    if int(Fraction(repr(fmr)) * len(nonmated)) < 1:
        return None
    best = 0.0
    for threshold in sorted({s for s, _ in mated} | set(nonmated), reverse=True):
        false = sum(s >= threshold for s in nonmated)
        if Fraction(false, len(nonmated)) <= Fraction(repr(fmr)):
            best = share([(s >= threshold, who) for s, who in mated], weighting)
    return best


def share(hits: list[tuple[bool, str]], weighting: str) -> float:
    """Share of hits, or the mean over people of their own share."""
    if weighting == "pair":
        return sum(h for h, _ in hits) / len(hits)
    people = sorted({who for _, who in hits})
    own = [[h for h, w in hits if w == who] for who in people]
    return sum(sum(h) / len(h) for h in own) / len(own)


def open_set(
    scores: list[list[float]],
    identities: list[str],
    probes: list[int],
    gallery: list[int],
    fpir: float,
    weighting: str,
) -> float | None:
    """FNIR at the lowest threshold whose share of non-mated searches with a candidate is at most ``fpir``."""
    mated = [p for p in probes if any(identities[g] == identities[p] for g in gallery)]
    nonmated = [p for p in probes if p not in mated]
    if int(Fraction(repr(fpir)) * len(nonmated)) < 1:
        return None
    lowest = None
    for threshold in sorted({scores[p][g] for p in probes for g in gallery} | {2.0}, reverse=True):
        false = sum(any(scores[p][g] >= threshold for g in gallery) for p in nonmated)
        if Fraction(false, len(nonmated)) <= Fraction(repr(fpir)):
            lowest = threshold
    assert lowest is not None
    hits = []
    for p in mated:
        own = max(scores[p][g] for g in gallery if identities[g] == identities[p])
        better = sum(scores[p][g] >= own for g in gallery if identities[g] != identities[p])
        hits.append((better == 0 and own >= lowest, identities[p]))
    return 1 - share(hits, weighting)


def equal_error(mated: list[tuple[float, str]], nonmated: list[float], weighting: str) -> float:
    """Where FMR and FNMR cross, walking through every threshold from above the highest score down."""
    before = (0.0, 1.0)
    for threshold in sorted({s for s, _ in mated} | set(nonmated), reverse=True):
        fmr = sum(s >= threshold for s in nonmated) / len(nonmated)
        fnmr = 1 - share([(s >= threshold, who) for s, who in mated], weighting)
        if fmr >= fnmr - 1e-15:
            gap = before[1] - before[0]
            return before[0] + (fmr - before[0]) * gap / (gap + fmr - fnmr)
        before = (fmr, fnmr)
    raise AssertionError("at the lowest threshold everything matches")
