"""Cut the crop ``aligned-112`` out of a photo so that gradients flow back to the photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceprobe.faces.align import TEMPLATE_112, similarity

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SIDE = 112
"""Side of the aligned face, in pixels."""


def face_map(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """The similarity (2, 3) from a photo's pixel coordinates to the template's, as in ``faces/align.py``.

    ``landmarks`` (5, 2) in pixels; the centres of pixels have whole numbers. Raises :class:`ValueError` where
    the points define no transform.
    """
    return similarity(landmarks, TEMPLATE_112)


def inverted(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse (2, 3) of an affine map (2, 3)."""
    rotation = np.linalg.inv(matrix[:, :2])
    return np.column_stack([rotation, -rotation @ matrix[:, 2]])


def footprint(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The four corners (4, 2) of the template in the photo; ``matrix`` maps photo to template."""
    edge = SIDE - 0.5
    corners = np.array([(-0.5, -0.5), (edge, -0.5), (-0.5, edge), (edge, edge)])
    inverse = inverted(matrix)
    return np.asarray(corners @ inverse[:, :2].T + inverse[:, 2])


def sampling_grid(
    matrix: NDArray[np.float64], source: tuple[int, int], target: tuple[int, int], device: torch.device
) -> Tensor:
    """The grid (h, w, 2) for ``grid_sample`` that reads each pixel of a ``target`` image in a ``source``
    image.

    ``matrix`` (2, 3) maps target coordinates to source coordinates; sizes are (height, width). Computed in
    float64, returned in float32, with the convention ``align_corners=False``.
    """
    import torch

    rows, columns = np.mgrid[: target[0], : target[1]].astype(np.float64)
    x = matrix[0, 0] * columns + matrix[0, 1] * rows + matrix[0, 2]
    y = matrix[1, 0] * columns + matrix[1, 1] * rows + matrix[1, 2]
    grid = np.stack([(2 * x + 1) / source[1] - 1, (2 * y + 1) / source[0] - 1], axis=-1)
    return torch.from_numpy(grid.astype(np.float32)).to(device)


def face_grid(matrix: NDArray[np.float64], source: tuple[int, int], device: torch.device) -> Tensor:
    """The grid (112, 112, 2) that reads the aligned face; ``matrix`` maps photo to template."""
    return sampling_grid(inverted(matrix), source, (SIDE, SIDE), device)


def read_grid(photos: Tensor, grid: Tensor) -> Tensor:
    """``photos`` (B, C, H, W) read at ``grid`` (B, h, w, 2) -> (B, C, h, w).

    Bilinear, 0 outside the photo, differentiable in ``photos``.

    With :func:`face_grid` it equals :func:`faceprobe.faces.align.align_112`, except that OpenCV rounds its
    interpolation weights to steps of 1/32 of a pixel.
    """
    from torch.nn.functional import grid_sample

    return grid_sample(photos, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
