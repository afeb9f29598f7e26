"""The random mask: the same area, anywhere, from the photo's content."""

from __future__ import annotations

import numpy as np
import pytest

from faceprobe.core.errors import WrongUsage
from faceprobe.data.photo import Face, Photo
from faceprobe.faces.crops import CropPolicy
from faceprobe.faces.random_mask import random_region

FILL = (1, 2, 3)


def photo(content: str, box: tuple[float, float, float, float] = (8, 4, 20, 18)) -> Photo:
    pixels = np.random.default_rng(3).integers(4, 256, (24, 30, 3), dtype=np.uint8)
    return Photo(pixels, content, (Face(box),))


def removed(shown: Photo, crop: str) -> np.ndarray:
    return (CropPolicy.parse(crop).apply(shown, FILL) == FILL).all(axis=2)


@pytest.mark.parametrize("box", [(8, 4, 20, 18), (-6, -4, 9, 10), (0, 0, 30, 24)])
def test_as_many_pixels_go_as_without_the_face(box: tuple[float, float, float, float]) -> None:
    for k in range(5):
        shown = photo(f"photo {k}", box)
        assert removed(shown, "random-mask").sum() == removed(shown, "context-only").sum() > 0


def test_what_is_not_removed_is_untouched() -> None:
    shown = photo("a")
    kept = ~removed(shown, "random-mask")
    masked = CropPolicy.parse("random-mask").apply(shown, FILL)
    assert np.array_equal(masked[kept], shown.pixels[kept])


def test_the_place_follows_content_and_seed_only() -> None:
    first = removed(photo("a"), "random-mask")
    assert np.array_equal(first, removed(photo("a"), "random-mask-0"))
    assert not np.array_equal(first, removed(photo("b"), "random-mask"))
    assert not np.array_equal(first, removed(photo("a"), "random-mask-1"))


def test_every_pixel_is_covered_as_often_and_the_face_no_more_than_by_chance() -> None:
    region = np.zeros((12, 10), dtype=np.bool_)
    region[2:8, 3:7] = True
    share, draws = region.mean(), 4000
    found = np.stack([random_region(region, f"photo {k}", 0) for k in range(draws)])
    error = np.sqrt(share * (1 - share) / draws)
    assert np.abs(found.mean(axis=0) - share).max() < 4.5 * error
    overlap = found[:, region].mean(axis=1)
    assert abs(overlap.mean() - share) < 4 * overlap.std() / np.sqrt(draws)


@pytest.mark.parametrize("text", ["random-mask-", "random-mask-x", "random-mask--1", "random-masks"])
def test_a_bad_seed_says_how_to_write_it(text: str) -> None:
    with pytest.raises(WrongUsage, match="random-mask-<seed>"):
        CropPolicy.parse(text)
