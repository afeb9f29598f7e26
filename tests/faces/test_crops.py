"""Crops against pixel-by-pixel definitions."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.data.photo import Face, Photo
from faceprobe.faces.align import TEMPLATE_112
from faceprobe.faces.crops import CropPolicy, NoFace, margin_square, nearest_the_centre

FILL = (1, 2, 3)


def photo(height: int = 24, width: int = 30, *faces: Face, known: bool = True) -> Photo:
    pixels = np.random.default_rng(height * width).integers(4, 256, (height, width, 3), dtype=np.uint8)
    return Photo(pixels, "hash", faces if known else None)


@pytest.mark.parametrize(
    "text",
    [
        "as-is",
        "aligned-112",
        "margin-0",
        "margin-0.3",
        "face-only",
        "context-only",
        "random-mask",
        "random-mask-7",
    ],
)
def test_names_survive_a_round_trip(text: str) -> None:
    policy = CropPolicy.parse(text)
    assert policy.name == text
    assert policy.needs_faces == (text != "as-is")


def test_equal_margins_have_one_name() -> None:
    assert CropPolicy.parse("margin-0.50") == CropPolicy.parse("margin-0.5")


@pytest.mark.parametrize("text", ["", "aligned", "face_only", "AS-IS", "none"])
def test_an_unknown_crop_is_wrong_usage(text: str) -> None:
    with pytest.raises(UnknownName, match="unknown crop") as caught:
        CropPolicy.parse(text)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text", ["margin", "margin-", "margin--1", "margin-x", "margin-1e3", "margin-99", "margin-nan"]
)
def test_a_bad_margin_says_how_to_write_it(text: str) -> None:
    with pytest.raises(WrongUsage, match="margin-<m>"):
        CropPolicy.parse(text)


def test_as_is_gives_the_pixels_without_faces() -> None:
    shown = photo(known=False)
    assert CropPolicy.parse("as-is").apply(shown, FILL) is shown.pixels


def test_unknown_faces_are_a_programming_error() -> None:
    with pytest.raises(ValueError, match="run a detector first"):
        CropPolicy.parse("face-only").apply(photo(known=False), FILL)


@pytest.mark.parametrize("crop", ["aligned-112", "margin-0.2", "face-only", "context-only", "random-mask"])
def test_no_face_is_named(crop: str) -> None:
    for faces in [(), (Face((5, 5, 5, 9)),), (Face((-9, -9, -1, -1)),), (Face((math.nan, 0, 3, 3)),)]:
        with pytest.raises(NoFace) as caught:
            CropPolicy.parse(crop).apply(photo(24, 30, *faces), FILL)
        assert caught.value.reason == "no face found"


def test_a_face_without_landmarks_cannot_be_aligned() -> None:
    with pytest.raises(NoFace, match="no landmarks known"):
        CropPolicy.parse("aligned-112").apply(photo(24, 30, Face((4, 4, 20, 20))), FILL)


def test_coinciding_landmarks_exclude_the_photo() -> None:
    pytest.importorskip("cv2")
    face = Face((4, 4, 20, 20), np.full((5, 2), 9, dtype=np.float32))
    with pytest.raises(NoFace, match="landmarks coincide"):
        CropPolicy.parse("aligned-112").apply(photo(24, 30, face), FILL)


def test_aligned_is_112_square() -> None:
    pytest.importorskip("cv2")
    face = Face((30, 30, 90, 100), TEMPLATE_112.astype(np.float32))
    assert CropPolicy.parse("aligned-112").apply(photo(130, 140, face), FILL).shape == (112, 112, 3)


def test_no_face_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(NoFace("a.jpg", "no landmarks known")))  # noqa: S301
    assert (type(error), error.where, error.reason) == (NoFace, "a.jpg", "no landmarks known")


boxes = st.tuples(st.floats(-20, 40), st.floats(-20, 40), st.floats(0.5, 30), st.floats(0.5, 30)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@settings(max_examples=60, deadline=None)
@given(box=boxes, margin=st.floats(0, 2))
def test_margin_square_by_brute_force(box: tuple[float, float, float, float], margin: float) -> None:
    pixels = photo().pixels
    x0, y0, x1, y1 = box
    side = max(1, math.floor((1 + 2 * margin) * max(x1 - x0, y1 - y0) + 0.5))
    left = math.floor((x0 + x1) / 2 - side / 2 + 0.5)
    top = math.floor((y0 + y1) / 2 - side / 2 + 0.5)
    found = margin_square(pixels, box, margin)
    assert found.shape == (side, side, 3)
    for i in range(0, side, 3):
        for j in range(0, side, 3):
            row, column = min(max(top + i, 0), 23), min(max(left + j, 0), 29)
            assert (found[i, j] == pixels[row, column]).all()


def test_margin_square_inside_the_photo_is_a_plain_slice() -> None:
    pixels = photo(50, 60).pixels
    np.testing.assert_array_equal(margin_square(pixels, (20, 10, 30, 20), 0.5), pixels[5:25, 15:35])
    np.testing.assert_array_equal(margin_square(pixels, (20, 10, 30, 18), 0), pixels[9:19, 20:30])


@settings(max_examples=40, deadline=None)
@given(box=boxes)
def test_masks_by_brute_force(box: tuple[float, float, float, float]) -> None:
    x0, y0, x1, y1 = box
    shown = photo(24, 30, Face(box))
    if not (x1 > 0 and y1 > 0 and x0 < 30 and y0 < 24):
        return
    only = CropPolicy.parse("face-only").apply(shown, FILL)
    context = CropPolicy.parse("context-only").apply(shown, FILL)
    for row in range(24):
        for column in range(30):
            across = (column + 0.5 - (x0 + x1) / 2) / (1.2 * (x1 - x0) / 2)
            down = (row + 0.5 - (y0 + y1) / 2) / (1.2 * (y1 - y0) / 2)
            if abs(across**2 + down**2 - 1) < 1e-9:
                continue
            inside = across**2 + down**2 < 1
            kept, removed = (only, context) if inside else (context, only)
            assert (kept[row, column] == shown.pixels[row, column]).all()
            assert tuple(removed[row, column]) == FILL


def test_the_datasets_own_mask_wins() -> None:
    mask = np.zeros((24, 30), dtype=np.bool_)
    mask[3:6, 4:9] = True
    shown = photo(24, 30, Face((10, 10, 20, 20), mask=mask))
    context = CropPolicy.parse("context-only").apply(shown, FILL)
    only = CropPolicy.parse("face-only").apply(shown, FILL)
    assert (context[mask] == FILL).all() and (context[~mask] == shown.pixels[~mask]).all()
    assert (only[~mask] == FILL).all() and (only[mask] == shown.pixels[mask]).all()


def test_the_photo_itself_is_not_changed() -> None:
    shown = photo(24, 30, Face((5, 5, 20, 20)))
    before = shown.pixels.copy()
    CropPolicy.parse("context-only").apply(shown, FILL)
    np.testing.assert_array_equal(shown.pixels, before)


def test_of_several_faces_the_one_nearest_the_centre() -> None:
    corner, middle = Face((0, 0, 8, 8), score=1.0), Face((11, 9, 19, 17), score=0.6)
    assert nearest_the_centre((corner, middle), 24, 30) is middle
    same_place = Face((11, 9, 19, 17), score=0.9)
    assert nearest_the_centre((middle, same_place), 24, 30) is same_place
