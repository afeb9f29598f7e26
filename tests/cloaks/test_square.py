"""Fawkes' square: where a face goes, and how its change comes back."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from faceprobe.cloaks.attacks.fawkes.square import (
    PADDING,
    SIDE,
    Square,
    paste,
    paste_rescaled,
    square_of,
    take,
)
from faceprobe.data.photo import Face
from tests.helpers.cloak_photos import textured


def test_boxes_are_rounded_and_cut_at_the_photos_edge() -> None:
    assert square_of(Face((10.4, 20.6, 60.5, 90.4)), 100, 100) == Square(10, 21, 60, 90)
    assert square_of(Face((-15.0, -3.0, 60.0, 130.0)), 100, 100) == Square(0, 0, 60, 100)


@pytest.mark.parametrize(
    "face",
    [
        Face((10, 10, 39.4, 90)),  # 29 px wide
        Face((-40, 10, 20, 90)),  # 20 px of it inside the photo
        Face((10, 10, 90, 90), score=0.899),
        Face((10, 10, float("nan"), 90)),
        Face((200, 200, 300, 300)),
    ],
)
def test_faces_that_fawkes_leaves_alone(face: Face) -> None:
    assert square_of(face, 100, 100) is None


def test_a_face_of_exactly_30_px_and_score_09_counts() -> None:
    assert square_of(Face((10, 10, 40, 40), score=0.9), 100, 100) == Square(10, 10, 40, 40)


def test_the_square_is_the_box_in_its_mean_colour() -> None:
    """A box of 82 x 52 gives a square of 112: no scaling, so every pixel can be told."""
    pixels = textured(100, 100)
    square = Square(5, 7, 57, 89)
    assert square.side == 82 + PADDING == SIDE
    seen = np.rint(take(pixels, square) * 255).astype(int).transpose(1, 2, 0)
    box = pixels[7:89, 5:57]
    assert np.array_equal(seen[15:97, 30:82], box)
    outside = np.ones((112, 112), dtype=bool)
    outside[15:97, 30:82] = False
    assert (seen[outside] == np.rint(box.mean(axis=(0, 1)))).all()


def test_an_unscaled_change_comes_back_exactly_and_stays_in_the_box() -> None:
    pixels = textured(100, 100)
    square = Square(5, 7, 57, 89)
    change = np.random.default_rng(1).integers(-15, 16, (3, SIDE, SIDE)).astype(np.float32) / 255
    changed = pixels.copy()
    paste(changed, square, change)
    wanted = pixels.astype(int)
    wanted[7:89, 5:57] += np.rint(change * 255).astype(int).transpose(1, 2, 0)[15:97, 30:82]
    assert np.array_equal(changed, wanted.clip(0, 255))


@pytest.mark.parametrize("height", [60, 700, 1300])
def test_bands_give_what_scaling_the_whole_square_gives(height: int) -> None:
    pixels = np.full((height, 400, 3), 128, dtype=np.uint8)
    square = Square(10, 0, 390, height)
    change = np.random.default_rng(2).uniform(-0.05, 0.05, (3, SIDE, SIDE)).astype(np.float32)
    changed = pixels.copy()
    paste(changed, square, change)
    for channel in range(3):
        whole = Image.fromarray(change[channel] * 255).resize((square.side,) * 2, Image.Resampling.BICUBIC)
        largest = np.abs(change).max() * 255
        part = np.asarray(whole)[square.top :, square.left :][:height, :380].clip(-largest, largest)
        assert np.abs(changed[:, 10:390, channel] - (128 + part)).max() <= 0.5 + 1e-3


def test_values_are_clipped_not_wrapped() -> None:
    pixels = np.full((112, 112, 3), 250, dtype=np.uint8)
    paste(pixels, Square(10, 10, 92, 92), np.full((3, SIDE, SIDE), 15 / 255, np.float32))
    assert pixels[50, 50].tolist() == [255] * 3 and pixels[0, 0].tolist() == [250] * 3


def test_the_originals_gain_is_wrong_by_the_spread() -> None:
    """A face of values 100 to 150 is spread by 255/50, so a change of 2 is pasted as about 10."""
    draw = np.random.default_rng(3)
    pixels = draw.integers(100, 151, (112, 112, 3)).astype(np.uint8)
    square = Square(10, 10, 92, 92)
    clean = take(pixels, square)
    change = draw.choice([-2, 0, 2], clean.shape).astype(np.float32) / 255
    change[(clean <= 102 / 255) | (clean >= 148 / 255)] = 0  # the range itself stays
    fixed, original = pixels.copy(), pixels.copy()
    paste(fixed, square, change)
    paste_rescaled(original, square, clean, clean + change)
    small, large = fixed.astype(int) - pixels, original.astype(int) - pixels
    assert np.abs(small).max() == 2
    gain = (small * large).sum() / (small**2).sum()
    assert gain == pytest.approx(255 / 50, rel=0.05)


def test_the_originals_crop_is_spread_over_the_whole_range() -> None:
    pixels = np.random.default_rng(4).integers(100, 151, (112, 112, 3)).astype(np.uint8)
    seen = take(pixels, Square(10, 10, 92, 92), stretch=True)
    assert seen.min() == 0 and seen.max() == 1
    assert take(pixels, Square(10, 10, 92, 92)).max() == pytest.approx(150 / 255)
