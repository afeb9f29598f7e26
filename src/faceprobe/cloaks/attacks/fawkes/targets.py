"""Whom a targeted Fawkes makes a face look like: another person, far away in feature space."""

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
"""The target is drawn from so many candidates, the farthest ones."""

REACH = 2.0
"""The goal lies so many times the way from the person's mean feature to the target's."""

_AT_ONCE = 8


@dataclass(frozen=True)
class Candidate:
    """A person that may become a target: ``mean`` (D,) float32 over its photos' features."""

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
    features: NDArray[np.float32], candidates: Sequence[Candidate], who: str, draw: np.random.Generator
) -> NDArray[np.float32]:
    """(D,) float32: what is added to each of a person's features (N, D) to get its goal.

    Candidates are ranked by their least distance to any of the person's features, descending, and one of the
    first 20 is drawn; the person itself, ``who``, is none. Raises :class:`WrongUsage` where nobody is left.
    """
    others = [c for c in candidates if c.identity != who]
    if not others:
        raise WrongUsage(f"all target photos show {who}; give clean photos of other people as targets")
    means = np.stack([c.mean for c in others])
    least = np.linalg.norm(features[:, None, :] - means[None, :, :], axis=2).min(axis=0)
    ranked = np.argsort(-least, kind="stable")[:FARTHEST]
    chosen = means[int(ranked[draw.integers(len(ranked))])]
    away: NDArray[np.float32] = (REACH * (chosen - features.mean(axis=0))).astype(np.float32)
    return away


def _crop(target: Subject) -> NDArray[np.float32]:
    """The square of the target's largest qualifying face; of a photo without one, the whole photo."""
    pixels = target.photo.pixels
    height, width = pixels.shape[:2]
    squares = [square_of(face, height, width) for face in target.photo.faces or ()]
    usable = [s for s in squares if s is not None]
    if usable:
        return take(pixels, max(usable, key=lambda s: (s.x1 - s.x0) * (s.y1 - s.y0)))
    return take(pixels, Square(0, 0, width, height))
