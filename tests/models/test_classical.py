"""The classical descriptors against plain-Python loops written from the papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from faceprobe.core.errors import WrongUsage
from faceprobe.models import load_model, model_card
from faceprobe.models.floors import hog, lbp
from faceprobe.models.floors.descriptors import CHUNK


def photos(count: int, side: int, seed: int = 0) -> NDArray[np.float32]:
    """Smooth coloured noise in [0, 1], (B, 3, S, S)."""
    rng = np.random.default_rng(seed)
    rough = rng.random((count, 3, side, side)).astype(np.float32)
    return (rough + np.roll(rough, 1, 2) + np.roll(rough, 1, 3)) / 3


def slow_hog(grey: NDArray[np.float32], cell: int = 8) -> list[float]:
    side, n = len(grey), len(grey) // cell
    histograms = [[[0.0] * 9 for _ in range(n)] for _ in range(n)]
    for y in range(side):
        for x in range(side):
            dx = float(grey[y][min(x + 1, side - 1)]) - float(grey[y][max(x - 1, 0)])
            dy = float(grey[min(y + 1, side - 1)][x]) - float(grey[max(y - 1, 0)][x])
            size, degrees = math.hypot(dx, dy), math.degrees(math.atan2(dy, dx)) % 180
            for k in range(9):
                apart = abs(degrees - (20 * k + 10))
                apart = min(apart, 180 - apart)
                histograms[y // cell][x // cell][k] += size * max(0.0, 1 - apart / 20)
    found: list[float] = []
    for r in range(n - 1):
        for c in range(n - 1):
            block = [v for i in (0, 1) for j in (0, 1) for v in histograms[r + i][c + j]]
            norm = math.sqrt(sum(v * v for v in block) + 1e-12)
            block = [min(v / norm, 0.2) for v in block]
            norm = math.sqrt(sum(v * v for v in block) + 1e-12)
            found += [v / norm for v in block]
    return found


def slow_lbp(grey: NDArray[np.float32]) -> list[float]:
    side = len(grey)

    def at(y: int, x: int) -> float:
        return float(round(float(grey[min(max(y, 0), side - 1)][min(max(x, 0), side - 1)])))

    uniform = [c for c in range(256) if sum((c >> k & 1) != (c >> (k + 1) % 8 & 1) for k in range(8)) <= 2]
    step = side // 7
    histograms = [[0.0] * 59 for _ in range(49)]
    for y in range(side):
        for x in range(side):
            code = 0
            for k in range(8):
                fy, fx = -math.sin(k * math.pi / 4), math.cos(k * math.pi / 4)
                y0, x0 = math.floor(fy + 1e-9), math.floor(fx + 1e-9)
                v, u = max(fy - y0, 0.0), max(fx - x0, 0.0)
                value = (1 - v) * ((1 - u) * at(y + y0, x + x0) + u * at(y + y0, x + x0 + 1)) + v * (
                    (1 - u) * at(y + y0 + 1, x + x0) + u * at(y + y0 + 1, x + x0 + 1)
                )
                code |= (value >= at(y, x) - 1e-3) << k
            where = uniform.index(code) if code in uniform else 58
            histograms[y // step * 7 + x // step][where] += 1
    return [math.sqrt(v / step**2) for h in histograms for v in h]


def grey_of(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    return (batch * np.array([0.299, 0.587, 0.114], np.float32)[:, None, None]).sum(1) * np.float32(255)


def test_hog_equals_a_plain_loop() -> None:
    grey = grey_of(photos(2, 24))
    fast = hog.describe(grey)
    for row, photo in zip(fast, grey, strict=True):
        np.testing.assert_allclose(row, slow_hog(photo), atol=2e-5)


def test_lbp_equals_a_plain_loop() -> None:
    grey = grey_of(photos(2, 14))
    grey[1, :7] = 100  # an even area: every neighbour equals its centre
    fast = lbp.describe(grey)
    for row, photo in zip(fast, grey, strict=True):
        np.testing.assert_allclose(row, slow_lbp(photo), atol=1e-6)


def test_there_are_58_uniform_patterns() -> None:
    assert sorted(set(lbp.BINS.tolist())) == list(range(59))
    assert (lbp.BINS == 58).sum() == 256 - 58


@pytest.mark.parametrize(("name", "dim"), [("hog:112", 13 * 13 * 36), ("hog:64", 1764), ("lbp:112", 2891)])
def test_rows_are_unit_and_do_not_depend_on_the_batch(name: str, dim: int) -> None:
    encoder = load_model(name)
    side = encoder.preprocess.size[0]
    batch = photos(CHUNK + 3, side)
    rows = encoder.encode_images(batch)
    assert rows.shape == (CHUNK + 3, dim) and rows.dtype == np.float32
    assert model_card(name).dim == dim == encoder.dim and "floor" in model_card(name).notes
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(rows[-2:], encoder.encode_images(batch[-2:]))
    assert encoder.encode_images(batch[:0]).shape == (0, dim)


@pytest.mark.parametrize("kind", ["hog", "lbp"])
def test_flip_makes_a_photo_and_its_mirror_the_same(kind: str) -> None:
    batch = photos(1, 56)
    mirror = np.ascontiguousarray(batch[..., ::-1])
    plain, summed = load_model(f"{kind}:56"), load_model(f"{kind}:56?flip=sum")
    assert float((plain.encode_images(batch) @ plain.encode_images(mirror).T)[0, 0]) < 0.999
    np.testing.assert_allclose(summed.encode_images(batch), summed.encode_images(mirror), atol=1e-6)
    assert plain.preprocess.fingerprint() != summed.preprocess.fingerprint()


@pytest.mark.parametrize("kind", ["hog", "lbp"])
def test_an_even_photo_still_has_a_unit_row(kind: str) -> None:
    row = load_model(f"{kind}:56").encode_images(np.full((1, 3, 56, 56), 0.5, np.float32))
    assert np.isfinite(row).all() and np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "name", ["hog:50", "hog:8", "hog:x", "lbp:100", "lbp:512", "hog:64?cell=4", "lbp:56?flip=1"]
)
def test_a_wrong_name_says_what_to_write(name: str) -> None:
    with pytest.raises(WrongUsage, match=r"write|known options|flip is"):
        load_model(name)
