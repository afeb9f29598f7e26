"""Strips: a photo before and after cloaking and the difference of the two, as pictures inside the page."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.report.cloaks.cloak_id import read_cloak
from faceprobe.report.scenes import is_synthetic
from faceprobe.results.run import Run

Pixels = NDArray[np.uint8]

AMPLIFIED = 8
"""Factor of the difference around mid-grey; a change of 15/255, the largest that Fawkes allows, still fits.
"""

SIDES = (192, 144, 96, 64)
MOST_BYTES = 60_000
"""Largest PNG; a picture above this is made with the next smaller side of :data:`SIDES`."""

MOST_STRIPS = 6


@dataclass(frozen=True)
class Strip:
    """A photo and its cloaked version, (H, W, 3) uint8 RGB of the same size.

    ``model_note`` says how similar the two are to a model ("cosine to clean 0.31, bundled:clip-m"), or is "".
    """

    dataset: str
    cloak: str
    model_note: str
    clean: Pixels
    cloaked: Pixels


@dataclass(frozen=True)
class StripView:
    """A strip for the page: three PNG data URIs, their captions, and the largest change of a pixel
    (0..255).
    """

    cloak: str
    note: str
    caption: str
    clean: str
    cloaked: str
    difference: str
    widest: int


def strip_views(run: Run, dataset: str, strips: Sequence[Strip]) -> list[StripView]:
    """The strips of ``dataset``, at most :data:`MOST_STRIPS`: different algorithms first, then the same with
    other surrogates, then further photos of one cloak.

    Raises :class:`BadInput` where the two photos of a strip differ in size or are not RGB photos.
    """
    own = [s for s in strips if s.dataset == dataset]
    turns: Counter[str] = Counter()
    ranked = []
    for strip in own:
        stem = read_cloak(strip.cloak).stem
        turns[strip.cloak] += 1
        turns[f"{stem} {turns[strip.cloak]}"] += 1
        ranked.append((turns[strip.cloak], turns[f"{stem} {turns[strip.cloak]}"], strip))
    ranked.sort(key=lambda entry: entry[:2])
    return [_view(run, strip) for _, _, strip in ranked[:MOST_STRIPS]]


def difference(clean: Pixels, cloaked: Pixels, factor: int = AMPLIFIED) -> Pixels:
    """``128 + factor * (cloaked - clean)``, clipped to 0..255: grey where nothing changed."""
    change = cloaked.astype(np.int32) - clean.astype(np.int32)
    return np.clip(128 + factor * change, 0, 255).astype(np.uint8)


def _view(run: Run, strip: Strip) -> StripView:
    for pixels in (strip.clean, strip.cloaked):
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise BadInput(f"a strip of {strip.cloak} is not a (H, W, 3) uint8 RGB photo; convert it first")
    if strip.clean.shape != strip.cloaked.shape:
        sizes = f"{strip.clean.shape[:2]} and {strip.cloaked.shape[:2]}"
        raise BadInput(f"a strip of {strip.cloak} has photos of two sizes, {sizes}; pass equal sizes")
    changed = difference(strip.clean, strip.cloaked)
    pictures = picture_uris((strip.clean, True), (strip.cloaked, True), (changed, False))
    widest = int(np.abs(strip.cloaked.astype(np.int32) - strip.clean.astype(np.int32)).max(initial=0))
    return StripView(
        strip.cloak,
        strip.model_note,
        "drawn person, built-in world" if is_synthetic(run, strip.dataset) else "real photo",
        *pictures,
        widest,
    )


def picture_uris(*pictures: tuple[Pixels, bool]) -> tuple[str, str, str]:
    """PNG data URIs of bounded size, all with the same longer side.

    A picture that is not ``smooth`` (a difference) is subsampled and not averaged, so that single changed
    pixels keep their contrast.
    """
    found: list[bytes] = []
    for side in SIDES:
        found = [_png(pixels, side, smooth) for pixels, smooth in pictures]
        if max(map(len, found)) <= MOST_BYTES:
            break
    a, b, c = ("data:image/png;base64," + base64.b64encode(data).decode("ascii") for data in found)
    return a, b, c


def _png(pixels: Pixels, side: int, smooth: bool) -> bytes:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((side, side), Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
