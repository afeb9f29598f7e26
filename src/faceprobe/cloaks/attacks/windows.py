"""Where in a photo a cloak works: windows around faces, bounded in size, and how their change comes back.

A photo of at most :data:`LARGEST` pixels a side is one window, all faces together, so nothing differs from
an algorithm on the whole photo. A larger photo gets a window around each face. A window that is larger
still is worked on shrunk to :data:`LARGEST`, and the *difference* is enlarged (bilinear, so no value grows)
and added: the photo keeps its own detail and its resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.attacks.face_warp import face_map, footprint
from faceprobe.core.extras import require
from faceprobe.data.photo import Photo

LARGEST = 512
"""Longer side, in pixels, of what is optimised at once."""
SMALLEST = 16
"""Shorter side, in pixels, below which a photo or window is left alone."""
MARGIN = 0.25
"""Room around the aligned face on each side, as a share of its footprint: context for blur and warp."""
STEP = 32
"""Sides of windows are whole multiples of this where the photo allows, so that equal ones form a batch."""
BAND = 256
"""Rows of a photo that are changed at once."""

NOTE = (
    f"works on windows of at most {LARGEST} px a side; where a face needs a larger one it is optimised shrunk"
    ", and the difference is enlarged and added to the photo, which keeps its resolution"
)

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Window:
    """``box`` (x0, y0, x1, y1) in whole pixels of the photo, worked on at ``size`` (height, width). ``faces``
    are numbers of the photo's faces in it, ``maps`` for each its similarity (2, 3) from the window's working
    coordinates to the template, or None where its landmarks are unknown.
    """

    box: Box
    size: tuple[int, int]
    faces: tuple[int, ...]
    maps: tuple[NDArray[np.float64] | None, ...]


@dataclass(frozen=True)
class Plan:
    """``windows`` of one photo, and why some of its faces are left alone: ``skipped`` {face: reason}."""

    windows: tuple[Window, ...]
    skipped: dict[int, str]


def plan(photo: Photo, *, whole: bool) -> Plan:
    """Windows for all faces of ``photo``.

    ``whole`` asks for one window over the whole photo, for surrogates that see photos as they are; faces
    without landmarks count there too. Raises :class:`ValueError` where the photo's faces are unknown.
    """
    if photo.faces is None:
        raise ValueError("a cloak needs the photo's faces; run a detector first")
    height, width = photo.pixels.shape[:2]
    if not photo.faces:
        return Plan((), {})
    if min(height, width) < SMALLEST:
        return Plan((), dict.fromkeys(range(len(photo.faces)), f"photo smaller than {SMALLEST} px"))
    maps: dict[int, NDArray[np.float64]] = {}
    skipped: dict[int, str] = {}
    for number, face in enumerate(photo.faces):
        try:
            if face.landmarks is None:
                raise ValueError("no landmarks known")
            maps[number] = _inside(face_map(face.landmarks), width, height)
        except ValueError as error:
            skipped[number] = str(error)
    if whole:
        every = tuple(range(len(photo.faces)))
        return Plan((_window((0, 0, width, height), every, maps),), {})
    if not maps:
        return Plan((), skipped)
    if max(height, width) <= LARGEST:
        return Plan((_window((0, 0, width, height), tuple(maps), maps),), skipped)
    boxes = _merged([(_around(matrix, width, height), (n,)) for n, matrix in maps.items()])
    return Plan(tuple(_window(box, faces, maps) for box, faces in boxes), skipped)


def read_window(pixels: NDArray[np.uint8], window: Window) -> NDArray[np.float32]:
    """(H, W, 3) uint8 -> (3, h, w) float32 in [0, 1]; shrunk by area averaging where the window is large."""
    x0, y0, x1, y1 = window.box
    part = pixels[y0:y1, x0:x1]
    if part.shape[:2] != window.size:
        cv2 = require("cv2", "encode", "shrinking a window of a large photo")
        part = cv2.resize(part, window.size[::-1], interpolation=cv2.INTER_AREA)
    scaled = part.astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))


def paste(
    pixels: NDArray[np.uint8], changes: Sequence[tuple[Window, NDArray[np.float32]]], bound: float
) -> NDArray[np.uint8]:
    """The photo with each window's change (3, h, w) added: (H, W, 3) uint8.

    Where windows overlap their changes add up; the sum stays within ``bound`` (in units of the range [0, 1])
    of the photo. Values are clipped to the range and rounded to the nearest of 256.
    """
    changed = pixels.copy()
    for window, difference in changes:
        _paste(pixels, changed, window, difference.transpose(1, 2, 0) * np.float32(255), bound * 255)
    return changed


def _paste(
    pixels: NDArray[np.uint8],
    changed: NDArray[np.uint8],
    window: Window,
    difference: NDArray[np.float32],
    bound: float,
) -> None:
    x0, y0, x1, y1 = window.box
    across = _enlarged(difference, x1 - x0, axis=1)
    for top in range(y0, y1, BAND):
        rows = np.arange(top, min(top + BAND, y1))
        here = (slice(top, rows[-1] + 1), slice(x0, x1))
        added = _lerp(across, rows - y0, y1 - y0, axis=0)
        clean = pixels[here].astype(np.float32)
        value = np.clip(changed[here] + added, clean - bound, clean + bound)
        changed[here] = np.rint(np.clip(value, 0, 255)).astype(np.uint8)


def _enlarged(values: NDArray[np.float32], size: int, axis: int) -> NDArray[np.float32]:
    return values if values.shape[axis] == size else _lerp(values, np.arange(size), size, axis)


def _lerp(values: NDArray[np.float32], at: NDArray[np.int64], size: int, axis: int) -> NDArray[np.float32]:
    """Rows or columns ``at`` of ``values`` enlarged linearly to ``size``, pixel centres at one half."""
    have = values.shape[axis]
    if have == size:
        return np.take(values, at, axis=axis)
    place = np.clip((at + 0.5) * have / size - 0.5, 0, have - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, have - 1)
    share = (place - low).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(values.ndim)])
    near, far = np.take(values, low, axis=axis), np.take(values, high, axis=axis)
    return np.asarray(near + share * (far - near), dtype=np.float32)


def _inside(matrix: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """``matrix``, or an error where the aligned face would see nothing of the photo."""
    corners = footprint(matrix)
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    if left >= width or top >= height or right <= 0 or bottom <= 0:
        raise ValueError("landmarks outside the photo")
    return matrix


def _around(matrix: NDArray[np.float64], width: int, height: int) -> Box:
    corners = footprint(matrix)
    low, high = corners.min(axis=0), corners.max(axis=0)
    side = float((high - low).max()) * (1 + 2 * MARGIN)
    side = int(np.ceil(side / STEP)) * STEP
    x0, x1 = _span(float(low[0] + high[0]) / 2, side, width)
    y0, y1 = _span(float(low[1] + high[1]) / 2, side, height)
    return x0, y0, x1, y1


def _span(centre: float, side: int, limit: int) -> tuple[int, int]:
    """``side`` pixels around ``centre``, moved into the photo rather than cut."""
    side = min(side, limit)
    first = min(max(round(centre - side / 2), 0), limit - side)
    return first, first + side


def _merged(parts: list[tuple[Box, tuple[int, ...]]]) -> list[tuple[Box, tuple[int, ...]]]:
    """Join windows that overlap, as long as the joint one is no larger than :data:`LARGEST`."""
    done: list[tuple[Box, tuple[int, ...]]] = []
    for box, faces in parts:
        for k, (other, others) in enumerate(done):
            joint = (
                min(box[0], other[0]),
                min(box[1], other[1]),
                max(box[2], other[2]),
                max(box[3], other[3]),
            )
            overlap = box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
            if overlap and max(joint[2] - joint[0], joint[3] - joint[1]) <= LARGEST:
                done[k] = (joint, others + faces)
                break
        else:
            done.append((box, faces))
    return done


def _window(box: Box, faces: tuple[int, ...], maps: dict[int, NDArray[np.float64]]) -> Window:
    height, width = box[3] - box[1], box[2] - box[0]
    scale = min(1.0, LARGEST / max(height, width))
    size = (max(SMALLEST, round(height * scale)), max(SMALLEST, round(width * scale)))
    if scale == 1.0:
        size = (height, width)
    return Window(box, size, faces, tuple(_moved(maps.get(n), box, size) for n in faces))


def _moved(matrix: NDArray[np.float64] | None, box: Box, size: tuple[int, int]) -> NDArray[np.float64] | None:
    """``matrix`` for the window's working coordinates instead of the photo's."""
    if matrix is None:
        return None
    wide, high = (box[2] - box[0]) / size[1], (box[3] - box[1]) / size[0]
    back = np.array([[wide, 0, box[0] + wide / 2 - 0.5], [0, high, box[1] + high / 2 - 0.5], [0, 0, 1]])
    return np.asarray(matrix @ back)
