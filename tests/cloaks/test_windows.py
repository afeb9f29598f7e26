"""Windows: where they lie, how large they are, and that their change comes back within its bound."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.cloak_faces import drawn

pytest.importorskip("cv2")

from faceprobe.cloaks.attacks.differentiable_crop import face_map, footprint
from faceprobe.cloaks.attacks.face_windows import LARGEST, STEP, Window, paste, plan_windows, read_window
from faceprobe.data.photo import Face, Photo
from faceprobe.faces.align import TEMPLATE_112


def test_a_small_photo_is_one_window_with_all_its_pixels() -> None:
    photo = drawn(250, 300, [(10, 10, 0.5), (150, 90, 0.9)])
    (window,) = plan_windows(photo, whole=False).windows
    assert window.box == (0, 0, 300, 250) and window.size == (250, 300) and window.faces == (0, 1)
    np.testing.assert_array_equal(
        np.rint(read_window(photo.pixels, window) * 255), photo.pixels.transpose(2, 0, 1)
    )


def test_a_large_photo_gets_a_window_around_each_face() -> None:
    photo = drawn(1400, 2000, [(100, 100, 1.0), (1500, 900, 2.0)])
    windows = plan_windows(photo, whole=False).windows
    assert [w.faces for w in windows] == [(0,), (1,)]
    for window, face in zip(windows, photo.faces or (), strict=True):
        x0, y0, x1, y1 = window.box
        corners = footprint(face_map(np.asarray(face.landmarks)))
        assert x0 <= corners[:, 0].min() and corners[:, 0].max() <= x1
        assert y0 <= corners[:, 1].min() and corners[:, 1].max() <= y1
        assert (x1 - x0) % STEP == (y1 - y0) % STEP == 0
        assert window.size == (y1 - y0, x1 - x0)  # neither face needs shrinking


def test_a_large_face_is_worked_on_shrunk_and_seen_the_same() -> None:
    photo = drawn(3000, 4000, [(900, 300, 20.0)])
    (window,) = plan_windows(photo, whole=False).windows
    assert max(window.size) == LARGEST and max(window.box[2] - window.box[0], 0) > 2240
    assert window.maps[0] is not None and photo.faces
    # a landmark of the photo, in working coordinates, still lands on the template
    x0, y0, x1, y1 = window.box
    scale = np.array([window.size[1] / (x1 - x0), window.size[0] / (y1 - y0)])
    points = (np.asarray(photo.faces[0].landmarks) + 0.5 - (x0, y0)) * scale - 0.5
    matrix = window.maps[0]
    np.testing.assert_allclose(points @ matrix[:, :2].T + matrix[:, 2], TEMPLATE_112, atol=1e-3)


def test_overlapping_faces_share_a_window_while_it_stays_small() -> None:
    photo = drawn(900, 900, [(100, 100, 1.0), (180, 120, 1.0), (600, 600, 1.0)])
    assert [w.faces for w in plan_windows(photo, whole=False).windows] == [(0, 1), (2,)]


def test_whole_photos_and_what_cannot_be_cloaked() -> None:
    photo = drawn(600, 1200, [(100, 100, 1.0)])
    (window,) = plan_windows(photo, whole=True).windows
    assert window.box == (0, 0, 1200, 600) and window.size == (256, 512)
    bare = Photo(photo.pixels, "", (Face((10, 10, 60, 60)),))
    assert plan_windows(bare, whole=False).windows == () and plan_windows(bare, whole=False).skipped == {
        0: "no landmarks known"
    }
    assert plan_windows(bare, whole=True).windows[0].maps == (None,)
    stuck = Photo(photo.pixels, "", (Face((10, 10, 60, 60), np.full((5, 2), 30, np.float32)),))
    assert plan_windows(stuck, whole=False).skipped == {0: "landmarks coincide"}
    outside = drawn(600, 1200, [(-900, -900, 1.0)])
    assert plan_windows(outside, whole=False).skipped == {0: "landmarks outside the photo"}
    assert plan_windows(drawn(12, 40, [(0, 0, 0.1)]), whole=False).skipped == {0: "photo smaller than 16 px"}
    with pytest.raises(ValueError, match="run a detector first"):
        plan_windows(Photo(photo.pixels, "", None), whole=False)


def test_a_difference_comes_back_bit_for_bit_or_enlarged_within_its_bound() -> None:
    pixels = drawn(700, 900, []).pixels
    window = Window((100, 50, 420, 370), (320, 320), (0,), (None,))
    levels = np.random.default_rng(1).integers(-8, 9, (3, 320, 320))
    changed = paste(pixels, [(window, (levels / 255).astype(np.float32))], 8 / 255)
    difference = changed.astype(int) - pixels
    np.testing.assert_array_equal(difference[50:370, 100:420], levels.transpose(1, 2, 0))
    difference[50:370, 100:420] = 0
    assert not difference.any()

    large = Window((0, 0, 900, 700), (398, 512), (0,), (None,))
    small = np.sign(np.random.default_rng(2).standard_normal((3, 398, 512))) * np.float32(8 / 255)
    changed = paste(pixels, [(large, small.astype(np.float32))], 8 / 255)
    assert np.abs(changed.astype(int) - pixels).max() == 8
    import cv2

    wanted = cv2.resize(small.transpose(1, 2, 0).astype(np.float32) * 255, (900, 700))
    assert np.abs(changed.astype(int) - pixels - wanted).max() <= 0.51


def test_overlapping_windows_add_up_within_the_bound() -> None:
    pixels = np.full((600, 600, 3), 128, dtype=np.uint8)
    ones = np.full((3, 400, 400), 6 / 255, dtype=np.float32)
    first, second = (Window((a, a, a + 400, a + 400), (400, 400), (0,), (None,)) for a in (0, 200))
    changed = paste(pixels, [(first, ones), (second, ones)], 8 / 255).astype(int) - 128
    assert changed[100, 100, 0] == 6 and changed[500, 500, 0] == 6 and changed[300, 300, 0] == 8
    assert changed[100, 500, 0] == 0
