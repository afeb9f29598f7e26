"""Decoding photos: ranges of samples, transparency in 16 bits, large texts, HEIC."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from faceprobe.cloaks.photos.files import read_original
from faceprobe.core.errors import BadInput
from faceprobe.data.photo import UnreadablePhoto, check_header, decode_image
from faceprobe.datasets.own import photo_of
from tests.helpers.photo_files import HEIC, png8, png16, tiff

RAMP = np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6)
SMAX, MAX, PHOTOMETRIC = 341, 281, 262


def grey(data: bytes) -> NDArray[np.uint8]:
    pixels = decode_image(data, "x")
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0]


@pytest.mark.parametrize(
    ("samples", "tags"),
    [
        (RAMP, {}),
        (RAMP * 255, {SMAX: 255.0}),
        (np.rint(RAMP * 255).astype(np.int32), {SMAX: 255}),
        (np.rint(RAMP * 4095).astype(np.uint16), {MAX: 4095}),
        (np.rint(RAMP * 65535).astype(np.uint16), {}),
        (np.rint(RAMP * 65535).astype(np.uint16), {MAX: 61234}),  # the brightest sample of the photo
    ],
)
def test_samples_of_a_known_range_are_scaled_by_it(samples: NDArray[np.generic], tags: dict) -> None:
    assert np.abs(grey(tiff(samples, tags)).astype(float) - RAMP * 255).max() <= 1


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (RAMP * 255, "float samples outside 0 to 1, of unknown range"),
        (RAMP - np.float32(0.5), "float samples outside 0 to 1, of unknown range"),
        (RAMP * np.float32(np.nan), "float samples outside 0 to 1, of unknown range"),
        (np.rint(RAMP * 255).astype(np.int32), "32-bit integers of unknown range"),
    ],
)
def test_samples_of_an_unknown_range_are_refused(samples: NDArray[np.generic], reason: str) -> None:
    with pytest.raises(UnreadablePhoto) as caught:
        decode_image(tiff(samples), "x")
    assert caught.value.reason == reason
    with pytest.raises(BadInput, match=reason):
        photo_of(Image.fromarray(samples), "photo 0")


def test_a_tiff_whose_white_is_zero_is_no_negative() -> None:
    samples = np.rint(RAMP * 65535).astype(np.uint16)
    data = bytearray(tiff(samples))
    at = data.index(struct.pack("<HHIHH", PHOTOMETRIC, 3, 1, 1, 0))
    data[at + 8] = 0
    assert np.array_equal(grey(bytes(data)), 255 - grey(tiff(samples)))


def test_colours_of_16_bits_with_a_smaller_maximum_are_refused() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (9, 9, 9)).save(buffer, "TIFF", tiffinfo={MAX: 4095})
    assert decode_image(buffer.getvalue(), "x").max() == 9  # of 8 bits: the tag says nothing
    cv2 = pytest.importorskip("cv2")
    encoded = cv2.imencode(".tif", np.full((4, 4, 3), 4000, np.uint16))[1].tobytes()
    assert decode_image(encoded, "x").max() == 15
    image = Image.open(io.BytesIO(encoded))
    image.tag_v2[MAX] = 4095
    from faceprobe.data.sample_range import UnknownRange, check_colours

    with pytest.raises(UnknownRange, match="16-bit colours that end at 4095"):
        check_colours(image)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("orientation", [1, 6])
def test_both_readers_know_the_transparent_colour_of_16_bits(
    tmp_path, channels: int, orientation: int
) -> None:
    planes = np.full((3, 2, 3), 1000, dtype=np.uint16)
    planes[0, 1] += 1  # differs in the lower 8 bits only
    planes[2] = 40_000
    exif = Image.Exif()
    exif[0x0112] = orientation
    key = struct.pack(f">{channels}H", *[1000] * channels)
    more = [(b"tRNS", key), (b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))]
    data = png16(planes[..., 0] if channels == 1 else planes, more)
    expected = np.array([[255, 3], [255, 255], [156, 156]], dtype=np.uint8)
    if orientation == 6:
        expected = np.rot90(expected, -1)
    assert np.array_equal(grey(data), expected)
    (tmp_path / "a.png").write_bytes(data)
    original = read_original(tmp_path / "a.png", "a.png")
    assert original.alpha and original.bits == 16 and original.planes is not None
    assert np.array_equal(original.photo.pixels[..., 0], expected)
    assert np.array_equal(original.planes[..., 3] == 0, expected == 255)


LARGE = b"x" * (2**20 + 1)
TEXTS = {
    "zTXt": b"note\0\0" + zlib.compress(LARGE),
    "iTXt": b"note\0\1\0en\0note\0" + zlib.compress(LARGE),
    "iTXt, plain": b"note\0\0\0en\0note\0" + LARGE,
    "iCCP": b"profile\0\0" + zlib.compress(LARGE),
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("late", [False, True])
def test_a_large_text_does_not_make_a_photo_damaged(tmp_path: Path, kind: str, late: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    chunks = [(b"gAMA", struct.pack(">I", 45455)), (kind[:4].encode(), TEXTS[kind])]
    data = png8(pixels, [] if late else chunks)
    if late:  # after the pixels
        tail = png8(pixels, chunks)[33 : 33 + sum(12 + len(body) for _, body in chunks)]
        data = data[:-12] + tail + data[-12:]
    assert np.array_equal(decode_image(data, "x"), pixels)
    check_header(io.BytesIO(data), "x")
    (tmp_path / "a.png").write_bytes(data)
    original = read_original(tmp_path / "a.png", "a.png")
    assert original.notes == (f"{kind[:4]} of more than 1 MB dropped",)
    assert dict(original.tags)[b"gAMA"] == struct.pack(">I", 45455)


def test_heic_is_read_upright(tmp_path: Path) -> None:
    pixels = decode_image(HEIC, "x").astype(int)
    assert pixels.shape == (64, 48, 3)
    y, x = np.mgrid[0:48, 0:64]
    stored = np.stack([40 + 3 * x, 200 - 2 * y, 60 + y], axis=-1)
    assert np.abs(pixels - np.rot90(stored, -1)).mean() < 4
    (tmp_path / "a.heic").write_bytes(HEIC)
    original = read_original(tmp_path / "a.heic", "a.heic", keep_exif=True)
    assert np.array_equal(original.photo.pixels, pixels)
    assert dict(original.tags)[b"cICP"] == bytes([1, 13, 0, 1])  # its nclx: sRGB


def test_heic_without_its_reader_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(UnreadablePhoto) as caught:
        decode_image(HEIC, "x")
    assert caught.value.reason == "HEIC photo, which needs the package pi-heif"


def test_avif_is_read() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 30, 60)).save(buffer, "AVIF", quality=90)
    assert np.abs(decode_image(buffer.getvalue(), "x").astype(int) - [200, 30, 60]).max() < 8


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"no image at all", "not an image"),
        (b"II*\0" + bytes(60), "TIFF of a kind that is not read"),
        (HEIC[:300], "damaged image"),
    ],
)
def test_reasons(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadablePhoto) as caught:
        decode_image(data, "x")
    assert caught.value.reason == reason
    with pytest.raises(UnreadablePhoto) as caught:
        check_header(io.BytesIO(data), "x")
    assert caught.value.reason == reason
