"""The similarity transform against the textbook form, and alignment on drawn landmarks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceprobe.faces.align import TEMPLATE_112, align_112, similarity


def umeyama(src: np.ndarray, dst: np.ndarray) -> np.ndarray:
    """Umeyama 1991, eq. 40-43, by singular value decomposition."""
    src_mean, dst_mean = src.mean(0), dst.mean(0)
    covariance = (dst - dst_mean).T @ (src - src_mean) / len(src)
    u, d, vt = np.linalg.svd(covariance)
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ np.diag(sign) @ vt
    scale = (d * sign).sum() / src.var(0).sum()
    return np.column_stack([scale * rotation, dst_mean - scale * rotation @ src_mean])


@given(seed=st.integers(0, 10_000))
def test_equals_umeyama(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = TEMPLATE_112 * rng.uniform(0.3, 3) + rng.normal(0, 6, (5, 2)) + rng.uniform(-50, 50, 2)
    np.testing.assert_allclose(similarity(points, TEMPLATE_112), umeyama(points, TEMPLATE_112), atol=1e-8)


def test_recovers_a_known_transform() -> None:
    angle, scale = 0.4, 1.7
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (TEMPLATE_112 - (3, 8)) @ np.linalg.inv(turn).T
    expected = np.column_stack([turn, (3, 8)])
    np.testing.assert_allclose(similarity(points, TEMPLATE_112), expected, atol=1e-9)


@pytest.mark.parametrize("points", [np.full((5, 2), 7.0), np.full((5, 2), np.nan)])
def test_points_without_extent_are_an_error(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="landmarks coincide"):
        similarity(points, TEMPLATE_112)


def test_a_photo_in_template_position_is_copied() -> None:
    pytest.importorskip("cv2")
    pixels = np.random.default_rng(0).integers(0, 256, (130, 120, 3), dtype=np.uint8)
    aligned = align_112(pixels, TEMPLATE_112.astype(np.float32))
    assert np.abs(aligned.astype(int) - pixels[:112, :112]).max() <= 1


def test_landmarks_land_on_the_template_and_the_outside_is_black() -> None:
    pytest.importorskip("cv2")
    pixels = np.full((200, 200, 3), 90, dtype=np.uint8)
    landmarks = (TEMPLATE_112 * 2 - 30).round()
    for x, y in landmarks.astype(int):
        pixels[y - 2 : y + 3, x - 2 : x + 3] = 255
    aligned = align_112(pixels, landmarks)
    for x, y in TEMPLATE_112.round().astype(int):
        assert aligned[y, x].min() > 200
    shifted = align_112(pixels, landmarks - 120)
    assert shifted[0, 0].max() == 0
