"""Alignment: five landmarks mapped onto the template of face recognisers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.extras import require

TEMPLATE_112 = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ],
    dtype=np.float64,
)
"""Left eye, right eye, nose tip, left and right mouth corner as seen in the photo, (x, y) in a 112 x 112
photo: the square template that public face recognisers are trained with (DESIGN.md)."""


def similarity(points: NDArray[np.floating], onto: NDArray[np.floating]) -> NDArray[np.float64]:
    """The similarity transform (2, 3) that maps ``points`` (N, 2) onto ``onto`` (N, 2) best.

    Least squares over rotation, one scale and translation, without reflection (Umeyama, IEEE TPAMI
    13(4), 1991). In two dimensions it has a closed form: with points as complex numbers the map is
    ``z -> a z + b``. Raises :class:`ValueError` where all points coincide or a value is not finite.
    """
    z = np.asarray(points, dtype=np.float64) @ np.array([1, 1j])
    w = np.asarray(onto, dtype=np.float64) @ np.array([1, 1j])
    z_mean, w_mean = z.mean(), w.mean()
    spread = float(np.sum(np.abs(z - z_mean) ** 2))
    if not np.isfinite(spread) or spread < 1e-9:
        raise ValueError("landmarks coincide")
    a = np.sum((z - z_mean).conj() * (w - w_mean)) / spread
    b = w_mean - a * z_mean
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align_112(pixels: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 and landmarks (5, 2) -> (112, 112, 3) uint8, bilinear, black outside the photo.

    Raises :class:`ValueError` where the landmarks give no transform.
    """
    cv2 = require("cv2", "encode", "the crop aligned-112")
    matrix = similarity(landmarks, TEMPLATE_112)
    warped: NDArray[np.uint8] = cv2.warpAffine(pixels, matrix, (112, 112), flags=cv2.INTER_LINEAR)
    return warped
