"""Photos that a cloak hardly changed: the rule for them, and another start for each.

A cloak starts from random noise and may end in a poor place: Fawkes keeps the best iterate within its
bound, which for some photos is one of the first. Another start often helps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from faceprobe.cloaks.base import Cloak, Cloaked, Pixels, Subject, photo_seed
from faceprobe.data.photo import Photo
from faceprobe.faces.crops import CropPolicy, NoFace

if TYPE_CHECKING:
    from faceprobe.cloaks.attacks.surrogate import Surrogate

SMALL_CHANGE = 2
"""Largest change of a pixel, in levels of 0..255, up to which a photo is barely changed."""

HIGH_COSINE = 0.98
"""Cosine to its clean face under the surrogate above which a face is barely changed. Two photos of one
person rarely reach it, so such a face is as good as the clean one even for the network that the cloak was
made for.
"""

STARTS = 3
"""Starts of a photo at most: the usual one, and others while it is barely changed."""


@dataclass(frozen=True)
class Change:
    """``largest`` is the largest change of a pixel (0..255). ``cosines`` hold, for every face that a
    surrogate can use, the cosine in [-1, 1] to the clean face, as the mean over surrogates; a surrogate
    that gets whole photos adds one value for the photo.
    """

    largest: int
    cosines: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        """The mean of ``cosines``; None where there are none."""
        return float(np.mean(self.cosines)) if self.cosines else None

    @property
    def weak(self) -> int:
        """The number of faces (or whole photos) that are barely changed under the surrogates."""
        return sum(cosine > HIGH_COSINE for cosine in self.cosines)

    @property
    def reason(self) -> str:
        """Why a changed photo counts as barely changed, "" for one that does not."""
        if self.largest <= SMALL_CHANGE:
            return f"largest change {self.largest} of 255"
        if not self.weak:
            return ""
        highest = f"cosine {max(self.cosines):.3f} under the surrogate"
        return highest if len(self.cosines) == 1 else f"{self.weak} of {len(self.cosines)} faces, {highest}"


def change_of(surrogates: Sequence[Surrogate], photo: Photo, cloaked: Pixels) -> Change:
    """How much ``cloaked`` (H, W, 3) uint8 differs from ``photo``, whose faces are known."""
    by_view: dict[int | None, list[float]] = {}
    for surrogate in surrogates:
        policy = CropPolicy.parse(surrogate.encoder.card.default_crop)
        for number, face in enumerate((photo.faces or ())[: None if policy.needs_faces else 1]):
            cosine = _cosine(surrogate, policy, replace(photo, faces=(face,)), cloaked)
            if cosine is not None:
                by_view.setdefault(number if policy.needs_faces else None, []).append(cosine)
    return Change(largest_change(photo.pixels, cloaked), tuple(float(np.mean(v)) for v in by_view.values()))


def largest_change(clean: Pixels, changed: Pixels) -> int:
    """The largest difference of two channels, 0..255."""
    return int((np.maximum(clean, changed) - np.minimum(clean, changed)).max(initial=0))


def apply_with_starts(
    cloak: Cloak, subjects: Sequence[Subject], *, seed: int, tick: Callable[[], None]
) -> list[Cloaked]:
    """Cloak ``subjects``; those that are barely changed get other random starts, and the best one is kept.

    The best one has the lowest cosine of the face that is most like its clean one. Controls, and cloaks
    that work on all photos of a person at once, start once. Faces that the cloak left alone (too small,
    say) are no reason to start again.
    """
    done = cloak.apply(subjects, seed=seed, tick=tick)
    if cloak.card.control or cloak.card.scope == "person" or not cloak.surrogates:
        return done
    changes = [change_of(cloak.surrogates, s.photo, d.pixels) for s, d in zip(subjects, done, strict=True)]
    for start in range(1, STARTS):
        weak = [k for k, one in enumerate(done) if _may_gain(one, changes[k])]
        if not weak:
            break
        again = cloak.apply([subjects[k] for k in weak], seed=photo_seed(seed, f"start {start}"))
        for k, other in zip(weak, again, strict=True):
            change = change_of(cloak.surrogates, subjects[k].photo, other.pixels)
            better = _rank(change) < _rank(changes[k])
            kept = other if better else done[k]
            changes[k] = change if better else changes[k]
            done[k] = replace(kept, starts=start + 1, seconds=done[k].seconds + other.seconds)
    return done


def _may_gain(done: Cloaked, change: Change) -> bool:
    """Whether a face that the cloak worked on is barely changed."""
    left_alone = sum(report.steps == 0 for report in done.faces)
    if left_alone == len(done.faces):
        return False
    return change.largest <= SMALL_CHANGE or change.weak > left_alone


def _rank(change: Change) -> tuple[bool, float]:
    return change.largest <= SMALL_CHANGE, max(change.cosines, default=1.0)


def _cosine(surrogate: Surrogate, policy: CropPolicy, photo: Photo, cloaked: Pixels) -> float | None:
    encoder = surrogate.encoder
    preprocess = encoder.preprocess
    fill = preprocess.mean_color()
    try:
        crops = [policy.apply(p, fill) for p in (photo, replace(photo, pixels=cloaked))]
    except NoFace:
        return None
    inputs = preprocess.normalise(np.stack([preprocess.prepare(crop) for crop in crops]))
    clean, changed = encoder.encode_images(inputs).astype(np.float64)
    return float(clean @ changed)
