"""Targets of Fawkes: another person, far away in feature space, that a face is moved towards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.attacks.fawkes.square import Square, square_of, take
from faceprobe.cloaks.base import Subject
from faceprobe.core.errors import WrongUsage

if TYPE_CHECKING:
    from torch import Tensor

FARTHEST = 20
"""The target is drawn from this many candidates, the farthest ones."""

REACH = 2.0
"""Distance of the goal, in units of the distance from the person's mean feature to the target's."""

_AT_ONCE = 8


@dataclass(frozen=True)
class Candidate:
    """A person that may become a target; ``mean`` (D,) float32 is the mean feature of their photos."""

    identity: str
    mean: NDArray[np.float32]


def candidates_of(targets: Sequence[Subject], features: Callable[[Tensor], Tensor]) -> list[Candidate]:
    """The people of ``targets``, ordered by name. ``features`` maps (B, 3, 112, 112) to (B, D)."""
    import torch

    people: dict[str, list[NDArray[np.float32]]] = {}
    for target in targets:
        people.setdefault(target.identity or target.name, []).append(_crop(target))
    found = []
    for identity in sorted(people):
        crops = people[identity]
        parts = [
            features(torch.from_numpy(np.stack(crops[i : i + _AT_ONCE]))).cpu().numpy()
            for i in range(0, len(crops), _AT_ONCE)
        ]
        found.append(Candidate(identity, np.concatenate(parts).mean(axis=0)))
    return found


def drawn_direction(
    features: NDArray[np.float32], candidates: Sequence[Candidate], person: str, draw: np.random.Generator
) -> NDArray[np.float32]:
    """The vector (D,) float32 that is added to each feature (N, D) of ``person`` to get its goal.

    Candidates, without ``person``, are ranked by their smallest distance to any of the features, descending,
    and one of the first 20 is drawn. Raises :class:`WrongUsage` where there is no other person.
    """
    others = [c for c in candidates if c.identity != person]
    if not others:
        raise WrongUsage(f"all target photos show {person}; give clean photos of other people as targets")
    means = np.stack([c.mean for c in others])
    least = np.linalg.norm(features[:, None, :] - means[None, :, :], axis=2).min(axis=0)
    ranked = np.argsort(-least, kind="stable")[:FARTHEST]
    chosen = means[int(ranked[draw.integers(len(ranked))])]
    away: NDArray[np.float32] = (REACH * (chosen - features.mean(axis=0))).astype(np.float32)
    return away


def _crop(target: Subject) -> NDArray[np.float32]:
    """The square of the largest qualifying face of ``target``; the whole photo where there is none."""
    pixels = target.photo.pixels
    height, width = pixels.shape[:2]
    squares = [square_of(face, height, width) for face in target.photo.faces or ()]
    usable = [s for s in squares if s is not None]
    if usable:
        return take(pixels, max(usable, key=lambda s: (s.x1 - s.x0) * (s.y1 - s.y0)))
    return take(pixels, Square(0, 0, width, height))
