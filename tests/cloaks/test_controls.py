"""The controls: noise at equal PSNR, JPEG, resizing, blur; and the measures of visibility."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from faceprobe.cloaks.base import Subject
from faceprobe.cloaks.names import parse_cloak
from faceprobe.cloaks.photos.visibility import changed_box, dssim, photo_quality, psnr, ssim
from faceprobe.cloaks.purifiers import PURIFIERS, parse_purifier
from faceprobe.cloaks.registry import cloak_card, load_cloak
from faceprobe.core.errors import BadInput, UnknownName, WrongUsage
from faceprobe.data.photo import Photo

Pixels = NDArray[np.uint8]


@pytest.fixture
def clean() -> Pixels:
    """A smooth picture with dark and bright corners, so that clipping counts."""
    y, x = np.mgrid[0:90, 0:70]
    planes = [128 + 127 * np.sin(x / 9), 255 * y / 89, 128 + 127 * np.cos((x + y) / 15)]
    return np.stack(planes, axis=-1).clip(0, 255).astype(np.uint8)


def subject(clean: Pixels, reference: Pixels | None = None, name: str = "a") -> Subject:
    return Subject(name, Photo(clean, "hash"), noise_reference=reference)


@pytest.mark.parametrize("strength", [1, 4, 25])
def test_noise_has_the_psnr_of_the_other_cloak_and_stays_in_its_region(clean: Pixels, strength: int) -> None:
    rng = np.random.default_rng(0)
    reference = clean.copy()
    change = rng.integers(-strength, strength + 1, (30, 20, 3))
    reference[20:50, 10:30] = (reference[20:50, 10:30] + change).clip(0, 255)
    assert changed_box(clean, reference) == (20, 50, 10, 30)
    noisy = load_cloak("noise[jpeg-75]").apply([subject(clean, reference)], seed=0)[0].pixels
    assert abs(psnr(clean, noisy) - psnr(clean, reference)) <= 0.1
    outside = np.ones(clean.shape[:2], dtype=bool)
    outside[20:50, 10:30] = False
    assert np.array_equal(noisy[outside], clean[outside])
    assert not np.array_equal(noisy, reference)


def test_noise_at_a_stated_psnr_covers_the_whole_photo(clean: Pixels) -> None:
    for decibels in (20, 30, 42.5):
        noisy = load_cloak(f"noise-{decibels}").apply([subject(clean)], seed=0)[0].pixels
        assert abs(psnr(clean, noisy) - decibels) <= 0.1
        assert changed_box(clean, noisy) == (0, 90, 0, 70)


def test_noise_in_strips_drawn_again_is_the_same(clean: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    cloak = load_cloak("noise-30")
    kept = cloak.apply([subject(clean)], seed=0)[0].pixels
    monkeypatch.setattr("faceprobe.cloaks.noise.KEPT_VALUES", 0)
    assert np.array_equal(cloak.apply([subject(clean)], seed=0)[0].pixels, kept)


def test_noise_follows_seed_and_name_and_not_the_neighbours(clean: Pixels) -> None:
    cloak = load_cloak("noise-30")
    alone = cloak.apply([subject(clean, name="b")], seed=3)[0].pixels
    together = cloak.apply([subject(clean, name="a"), subject(clean, name="b")], seed=3)
    assert np.array_equal(together[1].pixels, alone)
    assert not np.array_equal(together[0].pixels, alone)
    assert not np.array_equal(cloak.apply([subject(clean, name="b")], seed=4)[0].pixels, alone)


def test_noise_that_eight_bits_cannot_express_is_said() -> None:
    black = np.zeros((4, 4, 3), dtype=np.uint8)
    reference = black.copy()
    reference[0, 0, 0] = 1  # a region of one pixel: its noise is 0 or 1 or more in three channels
    for seed in range(8):
        done = load_cloak("noise[blur]").apply([subject(black, reference)], seed=seed)[0]
        reached = psnr(black, done.pixels)
        assert abs(reached - psnr(black, reference)) <= 0.1 or (reached == math.inf and "8 bits" in done.note)
    same = load_cloak("noise[blur]").apply([subject(black, black)], seed=0)[0]
    assert np.array_equal(same.pixels, black) and "changed nothing" in same.note


def test_noise_without_the_other_version_is_refused(clean: Pixels) -> None:
    with pytest.raises(BadInput, match="make that one first"):
        load_cloak("noise[jpeg]").apply([subject(clean)], seed=0)


def test_names_of_controls() -> None:
    assert cloak_card("noise[jpeg]").id == "noise[jpeg-75]"
    assert cloak_card("noise[fawkes]").id == "noise[fawkes]"  # the authors' own files
    assert cloak_card("noise[resize-0.25]").noise_reference == "resize-0.25"
    assert cloak_card("noise-30").noise_reference == ""
    inside = "pgd[(onnx:/data/m.onnx?size=112)]"
    card = cloak_card(f"noise[{inside}]")
    assert (card.id, card.noise_reference) == ("noise[pgd[onnx:m.onnx]]", inside)
    assert "/data" not in str(card.to_dict())
    nested = parse_cloak("noise[lowkey[bundled:face+bundled:clip-s;dssim]?fidelity=fixed]")
    assert nested.inside == "lowkey[bundled:face+bundled:clip-s;dssim]?fidelity=fixed"
    assert not nested.surrogates and not nested.options
    assert cloak_card("blur").id == "blur-1" and cloak_card("resize-0.25").id == "resize-0.25"
    for name in ("noise-30", "noise[jpeg]", "jpeg-60", "resize-0.5", "blur-2"):
        assert cloak_card(name).control


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("noise", "needs the cloak"),
        ("noise-300", "from 5 to 60 dB"),
        ("jpeg-0", "from 1 to 100"),
        ("jpeg-7.5", "whole number"),
        ("blur[bundled:face]", "neither surrogates"),
        ("resize-0.5?a=b", "nor options"),
        ("noise-30?a=b", "no options"),
    ],
)
def test_wrong_names_of_controls(name: str, said: str) -> None:
    with pytest.raises(WrongUsage, match=said):
        cloak_card(name)


def test_a_mistyped_cloak_in_brackets_is_named() -> None:
    with pytest.raises(UnknownName, match="jpeg"):
        cloak_card("noise[jpog-75]")


@pytest.mark.parametrize("name", PURIFIERS)
def test_purifiers_keep_size_and_repeat_themselves(clean: Pixels, name: str) -> None:
    purifier = parse_purifier(name)
    assert purifier.name == name
    before = clean.copy()
    once, twice = purifier.apply(clean), purifier.apply(clean)
    assert once.shape == clean.shape and once.dtype == np.uint8
    assert np.array_equal(once, twice) and np.array_equal(clean, before)
    assert np.array_equal(once, clean) == (name == "none")
    assert psnr(clean, once) > 25  # a photo that one would still call the same


@pytest.mark.parametrize("name", ["jpeg-75", "resize-0.5", "blur-1", "tv-0.1", "bilateral"])
def test_purifiers_take_noise_out(clean: Pixels, name: str) -> None:
    noisy = load_cloak("noise-28").apply([subject(clean)], seed=0)[0].pixels
    assert psnr(clean, parse_purifier(name).apply(noisy)) > psnr(clean, noisy) + 1


def test_purifiers_by_other_names() -> None:
    assert parse_purifier("jpeg").name == "jpeg-75"
    assert parse_purifier("tv-0.20").name == "tv-0.2"
    with pytest.raises(UnknownName, match="bilateral"):
        parse_purifier("bilatral")
    for wrong in ("bilateral-3", "jpeg-101", "resize-2"):
        with pytest.raises(WrongUsage):
            parse_purifier(wrong)


def test_control_and_purifier_are_one(clean: Pixels) -> None:
    for name in ("jpeg-60", "resize-0.5", "blur-2"):
        control = load_cloak(name).apply([subject(clean)], seed=0)[0].pixels
        assert np.array_equal(control, parse_purifier(name).apply(clean))


def test_ssim_is_that_of_the_differentiable_term(clean: Pixels) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("pytorch_msssim")
    from faceprobe.cloaks.attacks.perceptual import dssim as differentiable

    noisy = load_cloak("noise-25").apply([subject(clean)], seed=0)[0].pixels
    batch = [torch.from_numpy(p.copy()).permute(2, 0, 1)[None].float() / 255 for p in (noisy, clean)]
    assert dssim(clean, noisy) == pytest.approx(float(differentiable(*batch)), abs=1e-5)


def test_ssim_of_strips_is_that_of_the_whole(clean: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = load_cloak("noise-25").apply([subject(clean)], seed=0)[0].pixels
    whole = ssim(clean, noisy)
    monkeypatch.setattr("faceprobe.cloaks.photos.visibility.STRIP_PIXELS", 490)
    assert ssim(clean, noisy) == pytest.approx(whole, abs=1e-12)


def test_ssim_where_little_changed_is_that_of_the_whole_photo(clean: Pixels) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    for y, x in [(0, 0), (40, 30), (84, 64), (3, 55)]:
        changed = clean.copy()
        changed[y : y + 6, x : x + 4] ^= 31
        whole = metrics.structural_similarity(
            clean,
            changed,
            channel_axis=-1,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        assert ssim(clean, changed) == pytest.approx(whole, abs=1e-12)


def test_quality_of_equal_tiny_and_unequal_photos(clean: Pixels) -> None:
    same = photo_quality(clean, clean)
    assert same.psnr == math.inf and same.ssim == 1 and same.dssim == 0 and same.lpips is None
    assert same.to_dict()["psnr"] is None
    tiny = clean[:5, :3]
    assert photo_quality(tiny, tiny).ssim == 1
    assert photo_quality(tiny, 255 - tiny).ssim < 0.5
    one = np.zeros((1, 1, 3), dtype=np.uint8)
    assert photo_quality(one, one + 255).psnr == 0
    with pytest.raises(BadInput, match="cannot be compared"):
        photo_quality(clean, tiny)
    assert photo_quality(clean, clean, lpips=lambda a, b: 0.25).lpips == 0.25
