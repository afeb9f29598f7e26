"""Strips of a photo before and after cloaking, and their difference, as pictures inside the page."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.report.cloaks.rows import read_cloak
from faceprobe.results.run import Run

Pixels = NDArray[np.uint8]

AMPLIFIED = 8
"""Factor of the difference about mid-grey: a change of 15/255 (the widest that Fawkes allows) still fits."""

SIDES = (192, 144, 96, 64)
MOST_BYTES = 60_000
"""A picture that is larger as a PNG of one side is made with the next smaller one."""

MOST_STRIPS = 6


@dataclass(frozen=True)
class Strip:
    """A photo and its cloaked version: (H, W, 3) uint8 RGB of one size. ``model_note`` says what a model
    makes of the pair ("cosine to clean 0.31, bundled:clip-m"), "" for nothing.
    """

    dataset: str
    cloak: str
    model_note: str
    clean: Pixels
    cloaked: Pixels


@dataclass(frozen=True)
class StripView:
    """A strip for the page: three PNG data URIs, what they show, the widest change of a pixel (0..255)."""

    cloak: str
    note: str
    caption: str
    clean: str
    cloaked: str
    difference: str
    widest: int


def strip_views(run: Run, dataset: str, strips: Sequence[Strip]) -> list[StripView]:
    """The strips of ``dataset``, at most :data:`MOST_STRIPS`: different algorithms first, then one with other
    surrogates, then further photos of one cloak.

    Raises :class:`BadInput` for a pair of different sizes or of no RGB photos.
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
            raise BadInput(f"a strip of {strip.cloak} is no (H, W, 3) uint8 RGB photo")
    if strip.clean.shape != strip.cloaked.shape:
        raise BadInput(f"a strip of {strip.cloak} has photos of two sizes: {strip.clean.shape[:2]} and more")
    changed = difference(strip.clean, strip.cloaked)
    pictures = _uris((strip.clean, True), (strip.cloaked, True), (changed, False))
    widest = int(np.abs(strip.cloaked.astype(np.int32) - strip.clean.astype(np.int32)).max(initial=0))
    return StripView(
        strip.cloak,
        strip.model_note,
        "drawn person, built-in world" if _drawn(run, strip.dataset) else "real photo",
        *pictures,
        widest,
    )


def _drawn(run: Run, dataset: str) -> bool:
    about: Any = (run.manifest.get("datasets") or {}).get(dataset) or {}
    return about.get("evidence") == "synthetic" or dataset.partition(":")[0].partition("?")[0] == "synthetic"


def _uris(*pictures: tuple[Pixels, bool]) -> tuple[str, str, str]:
    """PNG data URIs of bounded size, all of one side. A picture that is not ``smooth`` (a difference) is
    thinned out instead of averaged, so that single changed pixels keep their contrast.
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
