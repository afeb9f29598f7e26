"""The colour difference of faces: known values, which face counts, and the tint that SSIM does not see."""

from __future__ import annotations

import numpy as np
import pytest

from faceprobe.cloaks.photos import colour_difference
from faceprobe.cloaks.photos.colour_difference import VISIBLE_TINT, face_difference, is_tinted
from faceprobe.cloaks.photos.in_memory import cloak_images
from faceprobe.cloaks.photos.visibility import photo_quality
from faceprobe.data.photo import Face, Photo
from tests.helpers.cloak_photos import textured

pytest.importorskip("skimage")

LEFT, RIGHT = Face((10, 10, 50, 60)), Face((60.4, 10, 100, 60))


def plain(*colour: int) -> np.ndarray:
    return np.full((70, 110, 3), colour, dtype=np.uint8)


@pytest.mark.parametrize(
    ("clean", "changed", "wanted"),
    [
        ((255, 255, 255), (0, 0, 0), 100.0),
        ((119, 119, 119), (119, 119, 119), 0.0),
        ((255, 0, 0), (0, 255, 0), 86.61),  # Lindbloom's calculator
        ((255, 0, 0), (0, 0, 255), 52.88),
    ],
)
def test_known_values(clean: tuple[int, ...], changed: tuple[int, ...], wanted: float) -> None:
    found = face_difference(plain(*clean), plain(*changed), [LEFT])
    assert found is not None
    assert found.mean == pytest.approx(wanted, abs=0.02) and found.p95 == pytest.approx(wanted, abs=0.02)
    assert is_tinted(found.mean) == (wanted > VISIBLE_TINT)


def test_the_face_that_changed_most_counts_and_nothing_outside_of_it() -> None:
    clean = textured(70, 110)
    changed = clean.copy()
    changed[:, :5] = 255 - changed[:, :5]
    changed[12:30, 62:90, 1] += 20
    alone = face_difference(clean, changed, [RIGHT])
    assert alone is not None and 0 < alone.mean < alone.p95
    assert face_difference(clean, changed, [LEFT, RIGHT]) == alone
    nothing = face_difference(clean, changed, [LEFT])
    assert nothing is not None and (nothing.mean, nothing.p95, is_tinted(nothing.mean)) == (0, 0, False)
    over_the_edge = face_difference(clean, changed, [Face((60.4, -40, 400, 60))])
    assert over_the_edge is not None and 0 < over_the_edge.mean < alone.mean
    for unknown in (None, (), [Face((200, 10, 240, 60))]):
        assert face_difference(clean, changed, unknown) is None


def test_a_tint_that_ssim_takes_for_invisible() -> None:
    clean = textured(160, 160)
    tinted = clean.copy()
    y, x = np.mgrid[0:160, 0:160]
    bump = 12 * np.exp(-((y - 80) ** 2 + (x - 80) ** 2) / 3000)
    tinted = (clean + np.stack([bump, -bump, bump], axis=-1)).round().clip(0, 255).astype(np.uint8)
    found = photo_quality(clean, tinted, faces=[Face((40, 40, 120, 120))])
    assert found.ssim > 0.98 and found.delta_e is not None and found.delta_e > 2 * VISIBLE_TINT
    assert found.delta_e_p95 is not None and found.delta_e_p95 > found.delta_e
    assert photo_quality(clean, tinted).delta_e is None


def test_a_large_face_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    clean, face = textured(300, 300), [Face((0, 0, 300, 300))]
    changed = (clean.astype(int) + np.array([4, -4, 4])).clip(0, 255).astype(np.uint8)
    whole = face_difference(clean, changed, face)
    monkeypatch.setattr(
        colour_difference, "MOST_PIXELS", 9_999
    )  # one pixel less: every fourth row and column
    sampled = face_difference(clean, changed, face)
    assert whole is not None and sampled is not None
    assert whole != sampled and sampled.mean == pytest.approx(whole.mean, rel=0.01)


def test_measures_of_a_cloaked_photo_hold_it() -> None:
    photo = Photo(textured(120, 120), "hash", (Face((20, 20, 100, 100)),))
    (done,) = cloak_images(photo, "blur-3")
    wanted = face_difference(photo.pixels, done.pixels, photo.faces)
    assert wanted is not None and (done.delta_e, done.delta_e_p95) == (wanted.mean, wanted.p95)
    (unknown,) = cloak_images(photo.pixels, "blur-3")
    assert unknown.delta_e is None and unknown.delta_e_p95 is None
