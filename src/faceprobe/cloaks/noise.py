"""Gaussian noise as a control: ``noise[OTHER]`` at the PSNR of another cloak, ``noise-30`` at 30 dB."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.base import (
    Cloak,
    CloakCard,
    Cloaked,
    CloakFamily,
    Pixels,
    Subject,
    no_tick,
    one_by_one,
    photo_seed,
)
from faceprobe.cloaks.names import CloakName
from faceprobe.cloaks.photos.visibility import changed_box, squared_error
from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.files import sha256_json

VERSION = 1
TOLERANCE_DB = 0.1
ROUNDS = 60
"""Rounds of the search for sigma."""
STRIP_ROWS = 256
"""Noise is drawn for this many rows at a time, each strip with its own seed, to bound the memory."""
KEPT_VALUES = 30_000_000
"""Regions of at most this many values keep their noise between the rounds of the search (120 MB)."""


@dataclass(frozen=True)
class Noise(Cloak):
    """Noise over the bounding box of the pixels that differ in ``subject.noise_reference``, at the PSNR of
    that change; or, with ``decibels``, over the whole photo.

    The PSNR is that of the whole photo after rounding to 8 bits, and is reached to within 0.1 dB. Where 8
    bits cannot express it, the photo is left unchanged and its note says so.
    """

    card: CloakCard
    decibels: float | None = None
    batch: int = 1

    @property
    def fingerprint(self) -> str:
        """Does not cover ``subject.noise_reference``: a cache adds the key of that photo."""
        return sha256_json(["noise", VERSION, self.card.id])

    def apply(
        self, subjects: Sequence[Subject], *, seed: int, tick: Callable[[], None] = no_tick
    ) -> list[Cloaked]:
        """See :class:`Cloak`; :class:`BadInput` where a photo has no reference of equal size."""
        return one_by_one(subjects, lambda s: self._one(s, photo_seed(seed, s.name)), tick)

    def _one(self, subject: Subject, seed: int) -> tuple[Pixels, str]:
        clean = subject.photo.pixels
        if self.decibels is not None:
            error = 255.0**2 / 10 ** (self.decibels / 10) * clean.size
            box = (0, clean.shape[0], 0, clean.shape[1])
        else:
            if subject.noise_reference is None or subject.noise_reference.shape != clean.shape:
                raise BadInput(
                    f"{self.card.id}: the photo {subject.name} has no version of equal size by the cloak in "
                    "brackets; make that one first"
                )
            changed = changed_box(clean, subject.noise_reference)
            if changed is None:
                return clean, "the cloak in brackets changed nothing"
            box = changed
            error = squared_error(clean, subject.noise_reference)
        noisy = noise_at(clean, box, error, seed)
        return (clean, "8 bits cannot express this PSNR") if noisy is None else (noisy, "")


def noise_at(clean: Pixels, box: tuple[int, int, int, int], error: float, seed: int) -> Pixels | None:
    """``clean`` with Gaussian noise in ``box`` (y0, y1, x0, x1) whose sum of squared errors is ``error``.

    It holds after rounding and clipping to 8 bits, to within :data:`TOLERANCE_DB`; None where it cannot. The
    error of a pixel never falls when sigma grows, so a bracketed search finds sigma: the next guess assumes
    that the error grows with sigma squared, and is the middle of the bracket where that guess lies outside.
    """
    strips = _Strips(clean, box, seed)
    values = (box[1] - box[0]) * (box[3] - box[2]) * 3
    low, high, sigma = 0.0, math.inf, math.sqrt(error / values)
    for _ in range(ROUNDS):
        reached = strips.error(sigma)
        if _decibels_apart(reached, error) <= TOLERANCE_DB / 2:
            return strips.noisy(sigma)
        low, high = (sigma, high) if reached < error else (low, sigma)
        guess = sigma * math.sqrt(error / reached) if reached else 2 * sigma
        middle = (low + high) / 2 if high < math.inf else 2 * low
        sigma = guess if low < guess < high else middle
        if sigma > 1e5:
            return None
    return strips.noisy(sigma) if _decibels_apart(strips.error(sigma), error) <= TOLERANCE_DB else None


def _decibels_apart(reached: float, error: float) -> float:
    return abs(10 * math.log10(reached / error)) if reached > 0 else math.inf


class _Strips:
    """The standard normal noise (float32) of one region, drawn in strips of :data:`STRIP_ROWS` rows."""

    def __init__(self, clean: Pixels, box: tuple[int, int, int, int], seed: int) -> None:
        self.clean, self.box, self.seed = clean, box, seed
        small = (box[1] - box[0]) * (box[3] - box[2]) * 3 <= KEPT_VALUES
        self._kept = list(self._draw()) if small else None

    def error(self, sigma: float) -> float:
        total = 0
        for part, noise in self._strips():
            own = self.clean[part].astype(np.float32)
            difference = np.rint(own + np.float32(sigma) * noise).clip(0, 255) - own
            total += int(np.sum(difference * difference, dtype=np.float64))
        return float(total)

    def noisy(self, sigma: float) -> Pixels:
        changed = self.clean.copy()
        for part, noise in self._strips():
            own = self.clean[part].astype(np.float32)
            changed[part] = np.rint(own + np.float32(sigma) * noise).clip(0, 255).astype(np.uint8)
        return changed

    def _strips(self) -> Iterator[tuple[tuple[slice, slice], NDArray[np.float32]]]:
        return iter(self._kept) if self._kept is not None else self._draw()

    def _draw(self) -> Iterator[tuple[tuple[slice, slice], NDArray[np.float32]]]:
        y0, y1, x0, x1 = self.box
        for k, start in enumerate(range(y0, y1, STRIP_ROWS)):
            part = (slice(start, min(start + STRIP_ROWS, y1)), slice(x0, x1))
            shape = (part[0].stop - start, x1 - x0, 3)
            yield part, np.random.default_rng([self.seed, k]).standard_normal(shape, dtype=np.float32)


class NoiseFamily(CloakFamily):
    """``noise[OTHER CLOAK]`` and ``noise-<dB>``."""

    stems: Sequence[str] = ("noise", "noise-30")
    examples: Mapping[str, str] = {"noise": "noise[jpeg-75]"}
    modules = ("cv2", "skimage")

    def card(self, name: CloakName) -> CloakCard:
        """Raises :class:`WrongUsage` for ``noise`` without a cloak in brackets or with a bad number."""
        from faceprobe.cloaks.registry import cloak_card, file_card

        if name.options:
            raise WrongUsage(f"{name.stem} takes no options; write noise[CLOAK] or noise-30")
        if name.stem != "noise":
            decibels = _decibels(name)
            return CloakCard(
                f"noise-{decibels:g}",
                f"control: Gaussian noise over the whole photo at a PSNR of {decibels:g} dB",
                control=True,
                constants={"PSNR dB": decibels, "tolerance dB": TOLERANCE_DB},
            )
        if not name.inside:
            raise WrongUsage(
                "noise needs the cloak whose PSNR it copies: noise[fawkes-1.0.2-mid]; or noise-30"
            )
        other = (file_card(name.inside) or cloak_card(name.inside)).id
        return CloakCard(
            f"noise[{other}]",
            f"control: Gaussian noise at the PSNR of {other}, photo by photo, over what that changed",
            control=True,
            constants={"tolerance dB": TOLERANCE_DB},
            noise_reference=name.inside,
        )

    def load(
        self, name: CloakName, *, device: str = "cpu", offline: bool = False, targets: Sequence[Subject] = ()
    ) -> Noise:
        return Noise(self.card(name), None if name.stem == "noise" else _decibels(name))


def _decibels(name: CloakName) -> float:
    found = re.fullmatch(r"noise-(\d+(?:\.\d+)?)", name.stem)
    if found is None or name.inside or not 5 <= float(found[1]) <= 60:
        raise WrongUsage(f"{name.stem}: write noise-<dB> with a PSNR from 5 to 60 dB, as in noise-30")
    return float(found[1])


FAMILY = NoiseFamily()
