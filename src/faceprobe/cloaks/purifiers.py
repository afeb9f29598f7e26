"""Purifiers: image operations that a collector applies to every photo before embedding, against cloaks.

The controls of :mod:`faceprobe.cloaks.controls` are the same functions, applied to a user's own photos.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.core.extras import require
from faceprobe.core.files import sha256_json
from faceprobe.core.names import split_amount
from faceprobe.data.face_table import FaceTable, PhotoSource
from faceprobe.data.photo import Photo, PhotoDigest

Pixels = NDArray[np.uint8]

VERSION = 1
"""Part of every content hash of a purified photo: raised when its pixels change under the same name."""

BILATERAL = (9, 75.0, 75.0)
"""Diameter (px) and the two sigmas (grey levels, px): the values of OpenCV's own tutorial on smoothing."""


@dataclass(frozen=True)
class PurifierKind:
    """One kind of purifier: its ``default`` amount (None: it takes none), the lowest and highest amount,
    whether it must be a ``whole`` number, and what the amount ``means``.
    """

    about: str
    default: float | None = None
    low: float = 0.0
    high: float = math.inf
    whole: bool = False
    means: str = ""

    @property
    def allowed(self) -> str:
        """The amounts it takes, in words."""
        number = "a whole number" if self.whole else "a number"
        return f"{number} from {self.low:g} to {self.high:g}"


KINDS: dict[str, PurifierKind] = {
    "none": PurifierKind("the photo as it is"),
    "jpeg": PurifierKind(
        "saved as JPEG and read back", 75, 1, 100, True, "Pillow's quality, chroma at half resolution"
    ),
    "resize": PurifierKind("made smaller and enlarged again, bicubic", 0.5, 0.01, 0.99, means="the scale"),
    "blur": PurifierKind("Gaussian blur", 1.0, 0.1, 50.0, means="sigma in pixels"),
    "tv": PurifierKind("total-variation denoising (Chambolle 2004)", 0.1, 0.001, 10.0, means="the weight"),
    "bilateral": PurifierKind("bilateral filter (Tomasi and Manduchi 1998), diameter 9, sigmas 75"),
}

PURIFIERS: tuple[str, ...] = ("none", "jpeg-75", "resize-0.5", "blur-1", "tv-0.1", "bilateral")
"""The usual purifiers; other amounts are written the same way (``jpeg-50``)."""


@dataclass(frozen=True)
class Purifier:
    """A purifier that is ready to run; picklable. ``amount`` is None for a kind that takes none."""

    kind: str
    amount: float | None = None

    @property
    def name(self) -> str:
        """The value of the column ``purifier`` in result rows."""
        return self.kind if self.amount is None else f"{self.kind}-{self.amount:g}"

    @property
    def about(self) -> str:
        """What it does, in words."""
        return KINDS[self.kind].about

    def apply(self, pixels: Pixels) -> Pixels:
        """(H, W, 3) uint8 RGB -> the same shape; the same bytes for the same photo and libraries."""
        if self.amount is None:
            return pixels if self.kind == "none" else _bilateral(pixels)
        return _AMOUNTS[self.kind](pixels, self.amount)

    def derived_hash(self, content_hash: str) -> str:
        """The content hash of a photo that had ``content_hash`` before."""
        return sha256_json(["purified", VERSION, self.name, content_hash])


def parse_purifier(text: str) -> Purifier:
    """``"jpeg-75"`` -> its :class:`Purifier`; a kind alone (``"jpeg"``) takes the usual amount.

    Raises :class:`UnknownName` for an unknown kind, :class:`WrongUsage` for an amount out of range.
    """
    name, number = split_amount(text.strip())
    if name not in KINDS:
        raise UnknownName("purifier", text, PURIFIERS)
    kind = KINDS[name]
    if kind.default is None:
        if number:
            raise WrongUsage(f"the purifier {name} takes no amount; write {name}")
        return Purifier(name)
    amount = float(number) if number else kind.default
    if not kind.low <= amount <= kind.high or (kind.whole and amount != int(amount)):
        raise WrongUsage(
            f"{text!r}: {name}-<{kind.means}> takes {kind.allowed}, as in {name}-{kind.default:g}"
        )
    return Purifier(name, amount)


def purified(table: FaceTable, purifier: Purifier) -> FaceTable:
    """``table`` with every photo, clean and cloaked, passed through ``purifier`` when it is read.

    Faces that the dataset knows are kept; where it knows none, a detector gets the purified photo.
    """
    if purifier.kind == "none":
        return table
    return replace(table, source=PurifiedSource(table.source, purifier))


@dataclass(frozen=True)
class PurifiedSource(PhotoSource):
    """Reads photos of ``inner`` through ``purifier``."""

    inner: PhotoSource
    purifier: Purifier

    def read(self, image: str) -> Photo:
        photo = self.inner.read(image)
        content = self.purifier.derived_hash(photo.content_hash)
        return replace(photo, pixels=self.purifier.apply(photo.pixels), content_hash=content)

    def digest(self, image: str) -> PhotoDigest:
        content, faces = self.inner.digest(image)
        return PhotoDigest(self.purifier.derived_hash(content), faces)

    @property
    def drawn(self) -> bool:
        return self.inner.drawn

    @property
    def faces_hash(self) -> str:
        return self.inner.faces_hash


def jpeg(pixels: Pixels, quality: float) -> Pixels:
    """Saved as JPEG of ``quality`` 1..100 (Pillow's default tables, 4:2:0 chroma) and read back."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=int(quality), subsampling="4:2:0")
    return np.asarray(Image.open(buffer).convert("RGB"), dtype=np.uint8)


def resize(pixels: Pixels, scale: float) -> Pixels:
    """Resized by ``scale`` (below 1) and back, bicubic, antialiased (Pillow), at least one pixel a side."""
    from PIL import Image

    image = Image.fromarray(pixels)
    small = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    back = image.resize(small, Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC)
    return np.asarray(back, dtype=np.uint8)


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian blur of ``sigma`` pixels, by OpenCV; Pillow's blur only approximates a Gaussian by boxes."""
    cv2: Any = require("cv2", "encode", "the blur")
    blurred: Pixels = cv2.GaussianBlur(pixels, (0, 0), sigma)
    return blurred


def total_variation(pixels: Pixels, weight: float) -> Pixels:
    """Chambolle's algorithm over the colour photo in [0, 1], from scikit-image.

    OpenCV's ``denoise_TVL1`` would save a dependency, but it works on each channel alone, is twice as slow
    and restores less: 32.6 dB at its best setting, against 34.0 dB at weight .1, on a 250-px photo with
    Gaussian noise of 10 grey levels.
    """
    restoration: Any = require("skimage.restoration", "cloak", "total-variation denoising")
    smooth = restoration.denoise_tv_chambolle(pixels.astype(np.float32) / 255, weight=weight, channel_axis=-1)
    return np.asarray(np.rint(smooth.clip(0, 1) * 255), dtype=np.uint8)


def _bilateral(pixels: Pixels) -> Pixels:
    cv2: Any = require("cv2", "encode", "the bilateral filter")
    return np.asarray(cv2.bilateralFilter(pixels, *BILATERAL), dtype=np.uint8)


_AMOUNTS: dict[str, Callable[[Pixels, float], Pixels]] = {
    "jpeg": jpeg,
    "resize": resize,
    "blur": blur,
    "tv": total_variation,
}
