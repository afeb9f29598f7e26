"""Gaussian noise as a control: ``noise[OTHER]`` at the PSNR of another cloak, ``noise-30`` at 30 dB."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.base import CloakCard, Cloaked, Subject, no_tick, one_by_one, photo_seed
from faceprobe.cloaks.names import CloakName, parse_cloak
from faceprobe.cloaks.photos.quality import changed_box, squared_error
from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.files import sha256_json

VERSION = 1
TOLERANCE_DB = 0.1
ROUNDS = 60
STRIP_ROWS = 256
"""Noise is drawn a strip of rows at a time, each with a seed of its own, so that a photo of any size needs
the memory of a strip."""
KEPT_VALUES = 30_000_000
"""Regions of at most this many values keep their noise between the rounds of the bisection (120 MB)."""
AUTHORS_OWN = ("fawkes", "lowkey", "fawkes-v1", "fawkes-v0.3-high")
"""Variants of datasets that bear no brackets: the authors' own files, never made here."""

Pixels = NDArray[np.uint8]


def like_of(text: str) -> str | None:
    """The cloak whose PSNR ``text`` copies: ``"fawkes[bundled:face]"`` of ``"noise[fawkes[bundled:face]]"``;
    None for every other cloak.
    """
    name = parse_cloak(text)
    return name.inside if name.stem == "noise" and name.inside else None


@dataclass(frozen=True)
class Noise:
    """Noise over the bounding box of the pixels that ``subject.like`` changed, at the PSNR of that
    change; or, with ``decibels``, over the whole photo. The PSNR is that of the whole photo after
    rounding to 8 bits and is hit to within .1 dB; where 8 bits cannot express it, the photo is left alone
    and its note says so.
    """

    card: CloakCard
    decibels: float | None = None
    batch: int = 1

    @property
    def fingerprint(self) -> str:
        """``subject.like`` decides the output too; a cache adds its hash by itself."""
        return sha256_json(["noise", VERSION, self.card.id])

    def apply(
        self, subjects: Sequence[Subject], *, seed: int, tick: Callable[[], None] = no_tick
    ) -> list[Cloaked]:
        """Raises :class:`BadInput` where ``like`` is needed and absent or of another size."""
        return one_by_one(subjects, lambda s: self._one(s, photo_seed(seed, s.name)), tick)

    def _one(self, subject: Subject, seed: int) -> tuple[Pixels, str]:
        clean = subject.photo.pixels
        if self.decibels is not None:
            error = 255.0**2 / 10 ** (self.decibels / 10) * clean.size
            box = (0, clean.shape[0], 0, clean.shape[1])
        else:
            if subject.like is None or subject.like.shape != clean.shape:
                raise BadInput(
                    f"{self.card.id}: the photo {subject.name} has no version of equal size by the cloak in "
                    "brackets; make that one first"
                )
            found = changed_box(clean, subject.like)
            if found is None:
                return clean, "the cloak in brackets changed nothing"
            box = found
            error = squared_error(clean, subject.like)
        noisy = noise_at(clean, box, error, seed)
        return (clean, "8 bits cannot express this PSNR") if noisy is None else (noisy, "")


def noise_at(clean: Pixels, box: tuple[int, int, int, int], error: float, seed: int) -> Pixels | None:
    """``clean`` with Gaussian noise in ``box``, whose squared error (a sum) is ``error`` to within
    :data:`TOLERANCE_DB` after rounding and clipping to 8 bits; None where that cannot be.

    The error never falls when sigma grows, pixel by pixel, so a bracketed search finds it. The next
    sigma is the one that would do if the error were a square law, which it nearly is, else the middle.
    """
    strips = _Strips(clean, box, seed)
    values = (box[1] - box[0]) * (box[3] - box[2]) * 3
    low, high, sigma = 0.0, math.inf, math.sqrt(error / values)
    for _ in range(ROUNDS):
        reached = strips.error(sigma)
        if reached and abs(10 * math.log10(reached / error)) <= TOLERANCE_DB / 2:
            return strips.noisy(sigma)
        low, high = (sigma, high) if reached < error else (low, sigma)
        guess = sigma * math.sqrt(error / reached) if reached else 2 * sigma
        middle = (low + high) / 2 if high < math.inf else 2 * low
        sigma = guess if low < guess < high else middle
        if sigma > 1e5:
            return None
    return strips.noisy(sigma) if _close(strips.error(sigma), error) else None


def _close(reached: float, error: float) -> bool:
    return reached > 0 and abs(10 * math.log10(reached / error)) <= TOLERANCE_DB


class _Strips:
    """The noise of one photo: standard normal, float32, a strip of rows at a time."""

    def __init__(self, clean: Pixels, box: tuple[int, int, int, int], seed: int) -> None:
        self.clean, self.box, self.seed = clean, box, seed
        small = (box[1] - box[0]) * (box[3] - box[2]) * 3 <= KEPT_VALUES
        self._kept = list(self._drawn()) if small else None

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
        return iter(self._kept) if self._kept is not None else self._drawn()

    def _drawn(self) -> Iterator[tuple[tuple[slice, slice], NDArray[np.float32]]]:
        y0, y1, x0, x1 = self.box
        for k, start in enumerate(range(y0, y1, STRIP_ROWS)):
            part = (slice(start, min(start + STRIP_ROWS, y1)), slice(x0, x1))
            shape = (part[0].stop - start, x1 - x0, 3)
            yield part, np.random.default_rng([self.seed, k]).standard_normal(shape, dtype=np.float32)


class NoiseFamily:
    """``noise[OTHER CLOAK]`` and ``noise-<dB>``."""

    stems: Sequence[str] = ("noise", "noise-30")

    def card(self, name: CloakName) -> CloakCard:
        """Raises :class:`WrongUsage` for ``noise`` without a cloak in brackets or with a bad number."""
        if name.options:
            raise WrongUsage(f"{name.stem} takes no options; write noise[CLOAK] or noise-30")
        if name.stem == "noise":
            if not name.inside:
                raise WrongUsage(
                    "noise needs the cloak whose PSNR it copies: noise[fawkes-1.0.2-mid]; or noise-30"
                )
            other = _id_of(name.inside)
            about = f"control: Gaussian noise at the PSNR of {other}, photo by photo, over what that changed"
            return CloakCard(f"noise[{other}]", about, control=True, constants={"tolerance dB": TOLERANCE_DB})
        decibels = _decibels(name)
        about = f"control: Gaussian noise over the whole photo at a PSNR of {decibels:g} dB"
        constants = {"PSNR dB": decibels, "tolerance dB": TOLERANCE_DB}
        return CloakCard(f"noise-{decibels:g}", about, control=True, constants=constants)

    def load(
        self, name: CloakName, *, device: str = "cpu", offline: bool = False, targets: Sequence[Subject] = ()
    ) -> Noise:
        return Noise(self.card(name), None if name.stem == "noise" else _decibels(name))


def _decibels(name: CloakName) -> float:
    found = re.fullmatch(r"noise-(\d+(?:\.\d+)?)", name.stem)
    if found is None or name.inside or not 5 <= float(found[1]) <= 60:
        raise WrongUsage(f"{name.stem}: write noise-<dB> with a PSNR from 5 to 60 dB, as in noise-30")
    return float(found[1])


def _id_of(text: str) -> str:
    """The id of the cloak in the brackets; a bare name of the authors' own files stands for itself."""
    from faceprobe.cloaks.registry import cloak_card

    return text if text in AUTHORS_OWN else cloak_card(text).id


FAMILY = NoiseFamily()
