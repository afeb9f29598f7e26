"""Crop policies: the part of a photo that an encoder gets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.core.names import split_amount
from faceprobe.data.photo import Face, Photo, UnreadablePhoto
from faceprobe.faces.align import align_112
from faceprobe.faces.random_mask import random_region

Kind = Literal["as-is", "aligned-112", "margin", "face-only", "context-only", "random-mask"]

PLAIN: tuple[Kind, ...] = ("as-is", "aligned-112", "face-only", "context-only", "random-mask")
KNOWN = ("as-is", "aligned-112", "margin-<m>", "face-only", "context-only", "random-mask-<seed>")
VERSION = 1
"""Part of every cache key: raised when a crop of the same name gives other pixels."""

MAX_MARGIN = 10.0
ELLIPSE_SCALE = 1.2


class NoFace(UnreadablePhoto):
    """A photo without a face that a crop can use; ``reason`` says why."""

    def __init__(self, where: str = "a photo", reason: str = "no face found") -> None:
        super().__init__(where, reason)

    def __reduce__(self) -> tuple[type[NoFace], tuple[str, str]]:
        return (NoFace, (self.where, self.reason))


@dataclass(frozen=True)
class CropPolicy:
    """One of :data:`KNOWN`; ``margin`` counts for the kind ``margin`` only, ``seed`` for ``random-mask``."""

    kind: Kind
    margin: float = 0.0
    seed: int = 0

    @staticmethod
    def parse(text: str) -> CropPolicy:
        """``"margin-0.3"`` -> ``CropPolicy("margin", 0.3)``; :class:`UnknownName` for an unknown crop."""
        for plain in PLAIN:
            if text == plain:
                return CropPolicy(plain)
        kind, amount = split_amount(text)
        if text.startswith("random-mask"):
            if kind != "random-mask" or not amount.isdecimal() or len(amount) > 9:
                raise WrongUsage(
                    f"unknown crop {text!r}; write random-mask or random-mask-<seed>, as in random-mask-1"
                )
            return CropPolicy("random-mask", seed=int(amount))
        if not text.startswith("margin"):
            raise UnknownName("crop", text, KNOWN)
        if kind != "margin" or not amount or float(amount) > MAX_MARGIN:
            raise WrongUsage(
                f"unknown crop {text!r}; write margin-<m> with m from 0 to {MAX_MARGIN:g}, as in margin-0.3"
            )
        return CropPolicy("margin", float(amount))

    @property
    def name(self) -> str:
        if self.kind == "random-mask" and self.seed:
            return f"random-mask-{self.seed}"
        return f"margin-{self.margin:g}" if self.kind == "margin" else self.kind

    @property
    def needs_faces(self) -> bool:
        return self.kind != "as-is"

    def apply(self, photo: Photo, fill: tuple[int, int, int]) -> NDArray[np.uint8]:
        """The pixels (H, W, 3) uint8 RGB that the encoder's preprocessing gets.

        ``fill`` is the encoder's mean colour: it replaces the part that ``face-only``, ``context-only`` or
        ``random-mask`` removes. Of several faces the one nearest the centre is used. Raises :class:`NoFace`.
        """
        if not self.needs_faces:
            return photo.pixels
        if photo.faces is None:
            raise ValueError(f"the crop {self.name} needs the photo's faces; run a detector first")
        height, width = photo.pixels.shape[:2]
        face = nearest_the_centre(photo.faces, height, width)
        if self.kind == "aligned-112":
            return _aligned(photo.pixels, face)
        if self.kind == "margin":
            return margin_square(photo.pixels, face.box, self.margin)
        region = face_region(face, height, width)
        if self.kind == "random-mask":
            removed = random_region(region, photo.content_hash, self.seed)
        else:
            removed = region if self.kind == "context-only" else ~region
        masked = photo.pixels.copy()
        masked[removed] = fill
        return masked


def nearest_the_centre(faces: tuple[Face, ...], height: int, width: int) -> Face:
    """The face whose box centre lies nearest the photo's centre; of equally near ones that of higher score.

    Raises :class:`NoFace` where no face has a box of positive size that overlaps the photo.
    """

    def usable(face: Face) -> bool:
        x0, y0, x1, y1 = face.box
        finite = all(map(math.isfinite, face.box))
        return finite and x1 > x0 and y1 > y0 and x1 > 0 and y1 > 0 and x0 < width and y0 < height

    def distance(face: Face) -> tuple[float, float]:
        x0, y0, x1, y1 = face.box
        return math.hypot((x0 + x1 - width) / 2, (y0 + y1 - height) / 2), -face.score

    if not any(map(usable, faces)):
        raise NoFace
    return min(filter(usable, faces), key=distance)


def margin_square(
    pixels: NDArray[np.uint8], box: tuple[float, float, float, float], margin: float
) -> NDArray[np.uint8]:
    """The square of side ``(1 + 2 margin) * max(w, h)`` around the centre of ``box``, (S, S, 3) uint8.

    Side and corner are rounded to whole pixels (half up), so that pixels are copied, not resampled;
    outside the photo its edge pixels are repeated.
    """
    x0, y0, x1, y1 = box
    exact = (1 + 2 * margin) * max(x1 - x0, y1 - y0)
    side = max(1, math.floor(exact + 0.5))
    left = math.floor((x0 + x1) / 2 - side / 2 + 0.5)
    top = math.floor((y0 + y1) / 2 - side / 2 + 0.5)
    rows = np.clip(np.arange(top, top + side), 0, pixels.shape[0] - 1)
    columns = np.clip(np.arange(left, left + side), 0, pixels.shape[1] - 1)
    return pixels[rows[:, None], columns[None, :]]


def face_region(face: Face, height: int, width: int) -> NDArray[np.bool_]:
    """The dataset's own mask, else the ellipse in the box scaled by 1.2 about its centre: (H, W) bool.

    A pixel belongs to the ellipse when its centre (column + 0.5, row + 0.5) does.
    """
    if face.mask is not None:
        if face.mask.shape != (height, width):
            raise ValueError(f"a face mask of {face.mask.shape} does not fit a photo of {(height, width)}")
        return face.mask
    x0, y0, x1, y1 = face.box
    across = (np.arange(width) + 0.5 - (x0 + x1) / 2) / (ELLIPSE_SCALE * (x1 - x0) / 2)
    down = (np.arange(height) + 0.5 - (y0 + y1) / 2) / (ELLIPSE_SCALE * (y1 - y0) / 2)
    inside: NDArray[np.bool_] = across[None, :] ** 2 + down[:, None] ** 2 <= 1
    return inside


def _aligned(pixels: NDArray[np.uint8], face: Face) -> NDArray[np.uint8]:
    if face.landmarks is None:
        raise NoFace(reason="no landmarks known")
    try:
        return align_112(pixels, face.landmarks)
    except ValueError as error:
        raise NoFace(reason=str(error)) from error
