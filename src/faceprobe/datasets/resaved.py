"""Controls for cloaked photos: the clean photos saved again, or put into the border that Fawkes 1.0 adds."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import WrongUsage
from faceprobe.core.names import Name
from faceprobe.data.photo import decode_image
from faceprobe.datasets.files import EncodedSource

JPEG_QUALITY = 95
CONTROLS = {"png": ("clean-png", ".clean-png.png"), "jpeg": ("clean-jpeg", ".clean-jpeg.jpg")}
"""For each format the variant's name, and the ending added to the name of a clean photo. Such photos exist in
memory only."""

FRAMED = ("clean-framed", ".clean-framed.png")
FRAME = 30
"""Pixels by which Fawkes 1.0 makes the square larger than the longer side of the face crop."""


@dataclass(frozen=True)
class ControlledSource(EncodedSource):
    """The photos of ``inner``, and its clean photos saved again where a name ends as in :data:`CONTROLS`.

    ``framed`` maps the name of a framed control to its clean photo and to the cloaked photo with the frame.
    """

    inner: EncodedSource
    framed: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def encoded(self, image: str) -> bytes:
        if image in self.framed:
            clean, cloaked = self.framed[image]
            return framed_as(self.inner.encoded(clean), self.inner.encoded(cloaked), image)
        for control, (_, ending) in CONTROLS.items():
            if image.endswith(ending):
                return saved_again(self.inner.encoded(image.removesuffix(ending)), image, control)
        return self.inner.encoded(image)

    def check(self, image: str) -> None:
        made = image in self.framed or any(image.endswith(ending) for _, ending in CONTROLS.values())
        if not made:  # of those that are made the clean photo is in the set, too
            self.inner.check(image)


def saved_again(data: bytes, where: str, control: str) -> bytes:
    """The encoded photo ``data``, decoded and encoded again as ``png`` or ``jpeg``, unchanged otherwise."""
    from PIL import Image

    buffer = io.BytesIO()
    photo = Image.fromarray(decode_image(data, where))
    if control == "png":
        photo.save(buffer, format="PNG")
    else:
        photo.save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def framed_as(clean: bytes, cloaked: bytes, where: str) -> bytes:
    """The clean photo in the frame of its Fawkes 1.0 version, as PNG of the size of that version.

    Fawkes puts the crop into the middle of a square of its longer side + 30 pixels, filled with the crop's
    mean colour, and scales the square down. (On all of 185 published files this frame fits the cloaked file
    better than none, or one with 20 or 40 pixels.)
    """
    from PIL import Image

    size = decode_image(cloaked, where).shape[:2]
    pixels = in_frame(decode_image(clean, where))
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BILINEAR).save(buffer, format="PNG")
    return buffer.getvalue()


def in_frame(pixels: NDArray[np.uint8], border: int = FRAME) -> NDArray[np.uint8]:
    """(H, W, 3) in the middle of a square of the longer side + ``border``, filled with the mean colour."""
    height, width = pixels.shape[:2]
    side = max(height, width) + border
    frame = np.empty((side, side, 3), dtype=np.uint8)
    frame[:] = np.rint(pixels.reshape(-1, 3).mean(axis=0))
    top, left = (side - height) // 2, (side - width) // 2
    frame[top : top + height, left : left + width] = pixels
    return frame


def asked_controls(name: Name, known: Sequence[str]) -> list[str]:
    """The option ``control`` of a dataset's name; :class:`WrongUsage` for one that is not ``known``."""
    controls = [c for c in name.option("control", "").split(",") if c]
    for control in controls:
        if control not in known:
            raise WrongUsage(f"{name}: unknown control {control!r}; known: {', '.join(known)}")
    return list(dict.fromkeys(controls))


def control_note(control: str) -> str:
    """The note of a dataset to which ``control`` added photos."""
    quality = f", quality {JPEG_QUALITY}" if control == "jpeg" else ""
    return f"{CONTROLS[control][0]}: each clean photo saved again as {control.upper()}{quality}, in memory"


def chosen_variants(name: Name, rows: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The rows (image, clean photo, variant) that the option ``variant`` asks for; all without it."""
    wanted = [v for v in name.option("variant", "").split(",") if v]
    known = {variant for _, _, variant in rows}
    for variant in wanted:
        if variant not in known:
            raise WrongUsage(f"{name}: it has no variant {variant!r}; it has {', '.join(sorted(known))}")
    return [row for row in rows if not wanted or row[2] in wanted]
