"""Simulated worlds of people whose true figures can be known, for the coverage of intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores import ScoreSummary, exact_rows, mated_scores, sweep_pairs


@dataclass(frozen=True)
class WorldKind:
    """How people and their photos are drawn. ``sizes``: "equal" (4 photos each) or "skewed" (1 to
    60, most people have one or two). ``scatter`` is the typical distance of a photo from its person, as a
    factor ``exp(N(log scatter, uneven))`` of each person; ``lambs`` the share of people whose
    faces lie close to the common face, and so are confused with many.
    """

    people: int = 100
    sizes: str = "equal"
    scatter: float = 0.55
    uneven: float = 0.35
    lambs: float = 0.0
    dim: int = 12


KINDS = {
    "balanced, 100 people": WorldKind(),
    "balanced, 400 people": WorldKind(people=400),
    "weak model, 100 people": WorldKind(scatter=1.3, uneven=0.1),
    "goats and lambs, 200 people": WorldKind(people=200, uneven=0.6, lambs=0.1),
    "skewed sizes, 300 people": WorldKind(people=300, sizes="skewed"),
}


def draw_people(
    kind: WorldKind, rng: np.random.Generator, people: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre (P, D) and scatter (P,) of ``people`` people."""
    centres = rng.standard_normal((people, kind.dim))
    common = np.zeros(kind.dim)
    common[0] = 3.0
    lamb = rng.random(people) < kind.lambs
    centres[lamb] = 0.7 * centres[lamb] + common
    return centres, kind.scatter * np.exp(kind.uneven * rng.standard_normal(people))


def draw(
    kind: WorldKind, rng: np.random.Generator, people: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Unit rows and labels of ``people`` people drawn anew, sorted by person."""
    photos = np.full(people, 4)
    if kind.sizes == "skewed":
        photos = np.minimum(60, np.floor(rng.pareto(1.3, people) + 1)).astype(np.int64)
    photos[:2] = np.maximum(photos[:2], 2)
    centres, scatter = draw_people(kind, rng, people)
    labels = np.repeat(np.arange(people, dtype=np.int32), photos)
    rows = centres[labels] + scatter[labels, None] * rng.standard_normal((len(labels), kind.dim))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), labels


def summary_of(
    kind: WorldKind, rng: np.random.Generator, people: int | None = None, tail_size: int = 300_000
) -> ScoreSummary:
    """One world of ``kind`` with ``people`` (default: the kind's own number), scored."""
    vectors, labels = draw(kind, rng, people or kind.people)
    rows = exact_rows(vectors)
    return sweep_pairs(rows, labels, mated_scores(rows, labels), tail_size=tail_size)
