"""Windows around faces, the parts of a photo that a cloak works on, and adding their change to the photo.

A photo of at most :data:`LARGEST` pixels a side is one window with all its faces, so the result equals that
of an algorithm on the whole photo. A larger photo gets a window around each face. A window larger than
:data:`LARGEST` is shrunk to it, and the *difference* is enlarged (bilinear, so no value grows) and added: the
photo keeps its own detail and its resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.attacks.differentiable_crop import face_map, footprint
from faceprobe.core.extras import require
from faceprobe.data.photo import Photo

LARGEST = 512
"""Longer side of a window at most, in pixels."""
SMALLEST = 16
"""Shorter side, in pixels, below which a photo or window is left unchanged."""
MARGIN = 0.25
"""Margin around the aligned face on each side, as a share of its footprint: context for blur and warp."""
STEP = 32
"""Sides of windows are multiples of this where the photo allows, so that windows of one size form a batch."""
BAND = 256
"""Rows of a photo that are changed at once, to bound the memory."""

NOTE = (
    f"works on windows of at most {LARGEST} px a side; where a face needs a larger one it is optimised shrunk"
    ", and the difference is enlarged and added to the photo, which keeps its resolution"
)

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Window:
    """One window of a photo.

    ``box`` (x0, y0, x1, y1) in whole pixels of the photo; ``size`` (height, width) is what it is resized to.
    ``faces`` are the numbers of the faces in it. ``maps`` holds for each face the similarity (2, 3) from
    coordinates of the resized window to the template, or None where its landmarks are unknown.
    """

    box: Box
    size: tuple[int, int]
    faces: tuple[int, ...]
    maps: tuple[NDArray[np.float64] | None, ...]


@dataclass(frozen=True)
class WindowPlan:
    """The ``windows`` of one photo, and the faces left unchanged: ``skipped`` {face: reason}."""

    windows: tuple[Window, ...]
    skipped: dict[int, str]


def plan_windows(photo: Photo, *, whole: bool) -> WindowPlan:
    """Windows for all faces of ``photo``.

    ``whole`` asks for one window over the whole photo, for surrogates that use whole photos; it also holds
    faces without landmarks. Raises :class:`ValueError` where the photo's faces are unknown.
    """
    if photo.faces is None:
        raise ValueError("a cloak needs the photo's faces; run a detector first")
    height, width = photo.pixels.shape[:2]
    if not photo.faces:
        return WindowPlan((), {})
    if min(height, width) < SMALLEST:
        return WindowPlan((), dict.fromkeys(range(len(photo.faces)), f"photo smaller than {SMALLEST} px"))
    maps: dict[int, NDArray[np.float64]] = {}
    skipped: dict[int, str] = {}
    for number, face in enumerate(photo.faces):
        try:
            if face.landmarks is None:
                raise ValueError("no landmarks known")
            maps[number] = _check_inside(face_map(face.landmarks), width, height)
        except ValueError as error:
            skipped[number] = str(error)
    if whole:
        every = tuple(range(len(photo.faces)))
        return WindowPlan((_window((0, 0, width, height), every, maps),), {})
    if not maps:
        return WindowPlan((), skipped)
    if max(height, width) <= LARGEST:
        return WindowPlan((_window((0, 0, width, height), tuple(maps), maps),), skipped)
    boxes = _merged([(_box_around(matrix, width, height), (n,)) for n, matrix in maps.items()])
    return WindowPlan(tuple(_window(box, faces, maps) for box, faces in boxes), skipped)


def read_window(pixels: NDArray[np.uint8], window: Window) -> NDArray[np.float32]:
    """(H, W, 3) uint8 -> (3, h, w) float32 in [0, 1] of ``window.size``; shrunk by area averaging."""
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
    width = x1 - x0
    across = _lerp(difference, np.arange(width), width, axis=1)
    for top in range(y0, y1, BAND):
        rows = np.arange(top, min(top + BAND, y1))
        here = (slice(top, rows[-1] + 1), slice(x0, x1))
        added = _lerp(across, rows - y0, y1 - y0, axis=0)
        clean = pixels[here].astype(np.float32)
        value = np.clip(changed[here] + added, clean - bound, clean + bound)
        changed[here] = np.rint(np.clip(value, 0, 255)).astype(np.uint8)


def _lerp(values: NDArray[np.float32], at: NDArray[np.int64], size: int, axis: int) -> NDArray[np.float32]:
    """Rows or columns ``at`` of ``values`` enlarged linearly to ``size``; pixel centres lie at 0.5."""
    have = values.shape[axis]
    if have == size:
        return np.take(values, at, axis=axis)
    place = np.clip((at + 0.5) * have / size - 0.5, 0, have - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, have - 1)
    share = (place - low).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(values.ndim)])
    near, far = np.take(values, low, axis=axis), np.take(values, high, axis=axis)
    return np.asarray(near + share * (far - near), dtype=np.float32)


def _check_inside(matrix: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """``matrix``; :class:`ValueError` where the aligned face would show nothing of the photo."""
    corners = footprint(matrix)
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    if left >= width or top >= height or right <= 0 or bottom <= 0:
        raise ValueError("landmarks outside the photo")
    return matrix


def _box_around(matrix: NDArray[np.float64], width: int, height: int) -> Box:
    corners = footprint(matrix)
    low, high = corners.min(axis=0), corners.max(axis=0)
    side = float((high - low).max()) * (1 + 2 * MARGIN)
    side = int(np.ceil(side / STEP)) * STEP
    x0, x1 = _span(float(low[0] + high[0]) / 2, side, width)
    y0, y1 = _span(float(low[1] + high[1]) / 2, side, height)
    return x0, y0, x1, y1


def _span(centre: float, side: int, limit: int) -> tuple[int, int]:
    """``side`` pixels around ``centre``, moved into 0..``limit`` where they stick out."""
    side = min(side, limit)
    first = min(max(round(centre - side / 2), 0), limit - side)
    return first, first + side


def _merged(parts: list[tuple[Box, tuple[int, ...]]]) -> list[tuple[Box, tuple[int, ...]]]:
    """Join boxes that overlap where the joint box is no larger than :data:`LARGEST`."""
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
    """``matrix`` for coordinates of the resized window instead of the photo's."""
    if matrix is None:
        return None
    wide, high = (box[2] - box[0]) / size[1], (box[3] - box[1]) / size[0]
    back = np.array([[wide, 0, box[0] + wide / 2 - 0.5], [0, high, box[1] + high / 2 - 0.5], [0, 0, 1]])
    return np.asarray(matrix @ back)
