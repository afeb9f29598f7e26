"""Failure pairs: the photos that a model confuses most, shown only on request as they show people."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.report.scenes import Scene, leaders
from faceprobe.results.cells import Cell
from faceprobe.results.run import ALL_PAIRS, Run

Photos = Callable[[str, str], NDArray[np.uint8]]
"""``photos(dataset, image)`` gives a photo as (H, W, 3) uint8 RGB."""

PAIRS_SHOWN = 6
THUMBNAIL = 96


@dataclass(frozen=True)
class FailurePair:
    """Two photos as data URIs with their names, and the score between them."""

    left: str
    right: str
    left_name: str
    right_name: str
    score: str


@dataclass(frozen=True)
class Failures:
    """``nonmated`` are the most similar photos of different people, ``mated`` the least similar of one
    person.
    """

    model: str
    nonmated: tuple[FailurePair, ...]
    mated: tuple[FailurePair, ...]


def failures(run: Run, scene: Scene, photos: Photos) -> list[Failures]:
    """Failure pairs of the best model of each role in ``scene``."""
    found = []
    protocol = run.headline_protocol(scene, ALL_PAIRS)
    for model in leaders(run, scene).values():
        cell = run.cell(model, scene)
        if cell is None:
            continue
        groups = [_pairs(cell, protocol, name, photos) for name in ("nonmated", "mated")]
        if any(groups):
            found.append(Failures(model, groups[0], groups[1]))
    return found


def thumbnail(pixels: NDArray[np.uint8], side: int = THUMBNAIL) -> str:
    """A JPEG data URI of (H, W, 3) uint8 RGB, scaled so that its longer side is ``side``."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _pairs(cell: Cell, protocol: str, name: str, photos: Photos) -> tuple[FailurePair, ...]:
    rows, scores = cell.curve(protocol, f"failures_{name}"), cell.curve(protocol, f"failures_{name}_scores")
    images = cell.arrays.get("images")
    if rows is None or scores is None or images is None:
        return ()
    return tuple(
        _pair(cell.dataset, str(images[a]), str(images[b]), float(score), photos)
        for (a, b), score in list(zip(rows, scores, strict=True))[:PAIRS_SHOWN]
    )


def _pair(dataset: str, left: str, right: str, score: float, photos: Photos) -> FailurePair:
    thumbnails = [thumbnail(photos(dataset, image)) for image in (left, right)]
    return FailurePair(thumbnails[0], thumbnails[1], left, right, f"{score:.3f}".replace("-", "−"))
