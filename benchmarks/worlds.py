"""Simulated worlds of people whose true figures can be known, for the coverage of intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.data.embeddings import Embeddings
from faceprobe.scores import ScoreSummary, exact_rows, mated_scores, sweep_pairs

MOST_PHOTOS = 60


@dataclass(frozen=True)
class WorldKind:
    """How people and their photos are drawn. ``sizes``: "equal" (4 photos each) or "skewed" (1 to
    60, most people have one or two). ``scatter`` is the typical distance of a photo from its person, as a
    factor ``exp(N(log scatter, uneven))`` of each person, and times ``photos ** -ease``: with ``ease`` > 0
    those with many photos are the easy ones. ``lambs`` is the share of people whose faces lie close to the
    common face, and so are confused with each other; ``wolves`` the share that scores high with everybody.
    With ``siblings`` people come in pairs whose faces are alike.
    """

    people: int = 100
    sizes: str = "equal"
    scatter: float = 0.55
    uneven: float = 0.35
    lambs: float = 0.0
    wolves: float = 0.0
    siblings: float = 0.0
    ease: float = 0.0
    dim: int = 12


KINDS = {
    "12 people": WorldKind(people=12, scatter=0.7),
    "25 people": WorldKind(people=25, scatter=0.7),
    "near 1, 12 people": WorldKind(people=12, scatter=0.4),
    "near 1, 25 people": WorldKind(people=25, scatter=0.42),
    "near 1, 60 people": WorldKind(people=60, scatter=0.4),
    "lambs and wolves, 60 people": WorldKind(people=60, lambs=0.1, wolves=0.05, uneven=0.5),
    "siblings, 60 people": WorldKind(people=60, siblings=0.7),
    "heavy tails tied to ease, 100 people": WorldKind(people=100, sizes="skewed", scatter=0.9, ease=0.2),
    "balanced, 100 people": WorldKind(),
    "balanced, 400 people": WorldKind(people=400),
    "weak model, 100 people": WorldKind(scatter=1.3, uneven=0.1),
    "goats and lambs, 200 people": WorldKind(people=200, uneven=0.6, lambs=0.1),
    "skewed sizes, 300 people": WorldKind(people=300, sizes="skewed"),
}


@dataclass(frozen=True)
class People:
    """``centre`` (P, D), ``scatter`` (P,) and number of ``photos`` (P,) of some people."""

    centre: NDArray[np.float64]
    scatter: NDArray[np.float64]
    photos: NDArray[np.int64]

    def photo(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """(P, D) one photo of each, of length 1."""
        photo = self.centre + self.scatter[:, None] * rng.standard_normal(self.centre.shape)
        unit: NDArray[np.float64] = photo / np.linalg.norm(photo, axis=1, keepdims=True)
        return unit


def draw_people(kind: WorldKind, rng: np.random.Generator, people: int) -> People:
    """``people`` people; with siblings, person 2k and 2k + 1 are alike."""
    centres = rng.standard_normal((people, kind.dim))
    if kind.siblings:
        family = np.repeat(rng.standard_normal(((people + 1) // 2, kind.dim)), 2, axis=0)[:people]
        centres = np.sqrt(kind.siblings) * family + np.sqrt(1 - kind.siblings) * centres
    common = np.zeros(kind.dim)
    common[0] = 3.0
    if kind.wolves:
        centres += common / 3
        wolf = rng.random(people) < kind.wolves
        centres[wolf] = 0.5 * (centres[wolf] - common / 3) + common
    lamb = rng.random(people) < kind.lambs
    centres[lamb] = 0.7 * centres[lamb] + common
    scatter = kind.scatter * np.exp(kind.uneven * rng.standard_normal(people))
    photos = np.full(people, 4)
    if kind.sizes == "skewed":
        photos = np.minimum(MOST_PHOTOS, np.floor(rng.pareto(1.3, people) + 1)).astype(np.int64)
    return People(centres, scatter * photos ** (-kind.ease), photos.astype(np.int64))


def draw(
    kind: WorldKind, rng: np.random.Generator, people: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Unit rows and labels of ``people`` people drawn anew, sorted by person."""
    drawn = draw_people(kind, rng, people)
    photos = drawn.photos.copy()
    photos[:2] = np.maximum(photos[:2], 2)
    return photos_of(drawn, photos, rng)


def photos_of(
    drawn: People, photos: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """``photos`` (P,) new photos of each of the people, and their labels."""
    labels = np.repeat(np.arange(len(photos), dtype=np.int32), photos)
    noise = rng.standard_normal((len(labels), drawn.centre.shape[1]))
    rows = drawn.centre[labels] + drawn.scatter[labels, None] * noise
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), labels


def embeddings(rows: NDArray[np.float32], labels: NDArray[np.int32]) -> Embeddings:
    """The rows with names of people in an order that has nothing to do with families."""
    name = np.random.default_rng(0).permutation(int(labels[-1]) + 1)
    identities = np.array([f"p{name[k]:06d}" for k in labels])
    return Embeddings(rows, identities, np.array([f"{i}/{k:06d}" for k, i in enumerate(identities)]))


def summary_of(
    kind: WorldKind, rng: np.random.Generator, people: int | None = None, tail_size: int = 300_000
) -> ScoreSummary:
    """One world of ``kind`` with ``people`` (default: the kind's own number), scored."""
    vectors, labels = draw(kind, rng, people or kind.people)
    rows = exact_rows(vectors)
    return sweep_pairs(rows, labels, mated_scores(rows, labels), tail_size=tail_size)
