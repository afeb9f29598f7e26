"""Photo files: depth, transparency, camera data and marks survive, or are said not to."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from faceprobe.cloaks.photos.files import MARK, colourfulness, read_original, render, size_of
from faceprobe.cloaks.photos.formats import PNG_FILE, file_format
from faceprobe.core.errors import WrongUsage
from faceprobe.data.photo import UnreadablePhoto, decode_image
from faceprobe.data.png import colour_tags
from tests.helpers.photo_files import png8, png16

cv2 = pytest.importorskip("cv2")

HEIGHT, WIDTH = 40, 30


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def changed(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    return (pixels + rng.integers(-20, 21, pixels.shape)).clip(0, 255).astype(np.uint8)


def test_eight_bits_come_back_exactly_and_marked(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(path)
    original = read_original(path, "a.jpg")
    assert (original.bits, original.alpha, original.grey, original.mark) == (8, False, False, "")
    target = changed(original.photo.pixels, rng)
    data = render(original, target, "fawkes-1.0.2-mid[bundled:face]")
    assert np.array_equal(decode_image(data, "x"), target)
    assert data == render(original, target, "fawkes-1.0.2-mid[bundled:face]")
    image = Image.open(io.BytesIO(data))
    image.verify()  # every chunk's checksum
    assert image.info[MARK] == "fawkes-1.0.2-mid[bundled:face]"
    (tmp_path / "b.png").write_bytes(data)
    assert read_original(tmp_path / "b.png", "b.png").mark == "fawkes-1.0.2-mid[bundled:face]"
    plain = Image.open(io.BytesIO(render(original, target)))
    assert MARK not in plain.info


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_sixteen_bits_stay_sixteen(
    tmp_path: Path, rng: np.random.Generator, channels: int, orientation: int
) -> None:
    raw = rng.integers(0, 65536, (HEIGHT, WIDTH, channels), dtype=np.uint16)
    if channels == 4:
        raw[..., 3] = 65535  # opaque, so that what the cloak sees is the colours themselves
    encoded = bytearray(cv2.imencode(".png", raw)[1].tobytes())
    exif = Image.Exif()
    exif[0x0112] = orientation
    from faceprobe.cloaks.photos.files import _HEAD, _chunk

    encoded[_HEAD:_HEAD] = _chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    path = tmp_path / "deep.png"
    path.write_bytes(encoded)
    original = read_original(path, "deep.png")
    assert original.bits == 16 and original.alpha == (channels == 4) and original.grey == (channels == 1)
    assert original.planes is not None
    seen = original.photo.pixels
    assert np.array_equal(original.planes[..., :3] >> 8, seen)  # upright like what the cloak sees
    assert seen.shape[:2] == ((HEIGHT, WIDTH) if orientation < 5 else (WIDTH, HEIGHT))
    target = changed(seen, rng)
    (tmp_path / "out.png").write_bytes(render(original, target, "x"))
    again = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0]]
    assert again.dtype == np.uint16
    assert np.array_equal(again >> 8, target)
    assert np.array_equal(again & 255, original.planes[..., :3] & 255)
    assert np.array_equal(decode_image((tmp_path / "out.png").read_bytes(), "out"), target)
    assert size_of(path, "deep.png") == (HEIGHT, WIDTH)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_the_plane_of_transparency_is_written_back(
    tmp_path: Path, rng: np.random.Generator, mode: str
) -> None:
    rgba = rng.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    rgba[:10, :, 3] = 255
    image = Image.fromarray(rgba).convert(mode)
    if mode == "P":
        image = Image.fromarray(rgba).convert("RGB").quantize(16)
        image.info["transparency"] = 3
    path = tmp_path / "clear.png"
    image.save(path)
    before = np.asarray(Image.open(path).convert("RGBA"))
    original = read_original(path, "clear.png")
    assert original.alpha and original.bits == 8
    target = changed(original.photo.pixels, rng)
    after = np.asarray(Image.open(io.BytesIO(render(original, target, "x"))))
    assert after.shape == (HEIGHT, WIDTH, 4)
    assert np.array_equal(after[..., 3], before[..., 3])
    opaque = before[..., 3] == 255
    assert np.array_equal(after[opaque][:, :3], target[opaque])
    same = np.asarray(Image.open(io.BytesIO(render(original, original.photo.pixels))))
    assert np.array_equal(same, before)


def test_exif_is_kept_without_what_would_betray_or_turn_the_photo(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    thumbnail = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(thumbnail, "JPEG")
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x927C] = b"\xff\xd8\xffpreview"
    exif.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    path = tmp_path / "a.jpg"
    pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, exif=with_thumbnail(exif.tobytes(), thumbnail.getvalue()))
    assert thumbnail.getvalue() in path.read_bytes()
    dropped = read_original(path, "a.jpg")
    assert dropped.exif == b""
    assert not Image.open(io.BytesIO(render(dropped, dropped.photo.pixels))).getexif()
    kept = read_original(path, "a.jpg", keep_exif=True)
    data = render(kept, kept.photo.pixels)
    assert thumbnail.getvalue()[:32] not in data and b"preview" not in data
    after = Image.open(io.BytesIO(data))
    found = after.getexif()
    assert found[0x010F] == "Maker" and 0x0112 not in found
    assert found.get_ifd(0x8825)[1] == "N" and found.get_ifd(0x8769)[0x9003].startswith("2020")
    assert after.size == (HEIGHT, WIDTH)  # turned upright


def with_thumbnail(block: bytes, thumbnail: bytes) -> bytes:
    """``block`` (EXIF, big- or little-endian) with a second directory that holds ``thumbnail``."""
    tiff = bytearray(block.removeprefix(b"Exif\0\0"))
    order = "little" if tiff[:2] == b"II" else "big"
    first = int.from_bytes(tiff[4:8], order)
    end = first + 2 + 12 * int.from_bytes(tiff[first : first + 2], order)
    where = len(tiff)
    tiff[end : end + 4] = where.to_bytes(4, order)
    picture = where + 2 + 24 + 4
    tiff += (2).to_bytes(2, order)
    for tag, value in ((0x0201, picture), (0x0202, len(thumbnail))):
        tiff += tag.to_bytes(2, order) + (4).to_bytes(2, order) + (1).to_bytes(4, order)
        tiff += value.to_bytes(4, order)
    return b"Exif\0\0" + bytes(tiff) + bytes(4) + thumbnail


def test_colour_profiles_of_rgb_are_kept_and_others_are_not(tmp_path: Path, rng: np.random.Generator) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=profile)
    original = read_original(tmp_path / "a.png", "a.png")
    assert Image.open(io.BytesIO(render(original, pixels))).info["icc_profile"] == profile
    grey = profile[:16] + b"GRAY" + profile[20:]
    Image.fromarray(pixels[..., 0]).save(tmp_path / "b.png", icc_profile=grey)
    assert read_original(tmp_path / "b.png", "b.png").icc == b""


def test_grey_photos_and_how_much_colour_they_get(tmp_path: Path, rng: np.random.Generator) -> None:
    Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)).save(tmp_path / "g.png")
    original = read_original(tmp_path / "g.png", "g.png")
    assert original.grey and original.photo.pixels.shape == (HEIGHT, WIDTH, 3)
    coloured = original.photo.pixels.copy()
    coloured[35, 7] = (100, 107, 103)
    assert colourfulness(coloured) == 7


def test_names_that_say_a_photo_was_cloaked(tmp_path: Path) -> None:
    for name, marked in [
        ("a_cloaked.png", True),
        ("a_high_cloaked.png", True),
        ("a_ATTACKED.PNG", True),
        ("a_cloaked.jpg", False),
        ("uncloaked.png", False),
    ]:
        Image.new("RGB", (8, 8)).save(tmp_path / name)
        assert bool(read_original(tmp_path / name, name).mark) == marked


def test_what_cannot_be_kept_is_noted(tmp_path: Path, rng: np.random.Generator) -> None:
    deep = rng.integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.tif")
    assert read_original(tmp_path / "deep.tif", "deep.tif").notes == ("16-bit TIFF: written with 8 bits",)
    frames = [Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)) for _ in range(3)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert "first frame of several" in read_original(tmp_path / "moving.gif", "moving.gif").notes


def test_unreadable_files_have_a_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no photo")
    for name, reason in [
        ("empty.png", "empty file"),
        ("text.jpg", "not an image"),
        ("no.png", "missing file"),
    ]:
        for read in (read_original, size_of):
            with pytest.raises(UnreadablePhoto) as caught:
                read(tmp_path / name, name)
            assert caught.value.reason == reason


TAGS = {
    b"gAMA": struct.pack(">I", 45455),
    b"cHRM": struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
    b"sRGB": b"\1",
    b"cICP": bytes([12, 13, 0, 1]),
    b"pHYs": struct.pack(">IIB", 11811, 11811, 1),
}


@pytest.mark.parametrize("deep", [False, True])
def test_tags_of_colours_and_size_are_kept(tmp_path: Path, rng: np.random.Generator, deep: bool) -> None:
    pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    more = list(TAGS.items())
    data = png16(pixels.astype(np.uint16) * 257, more) if deep else png8(pixels, more)
    (tmp_path / "a.png").write_bytes(data)
    original = read_original(tmp_path / "a.png", "a.png")
    made = render(original, changed(original.photo.pixels, rng), "x")
    Image.open(io.BytesIO(made)).verify()
    assert dict(colour_tags(made)) == TAGS
    assert not original.notes and not PNG_FILE.notes(original)
    assert file_format("jpeg").notes(original)[0] == "JPEG cannot keep the colour tags gAMA, cHRM, cICP"


@pytest.mark.parametrize("kind", ["jpg", "tif", "bmp"])
def test_the_size_in_print_is_kept_from_other_formats(tmp_path: Path, kind: str) -> None:
    Image.fromarray(np.full((9, 9, 3), 50, np.uint8)).save(tmp_path / f"a.{kind}", dpi=(300, 150))
    original = read_original(tmp_path / f"a.{kind}", "a")
    dots = Image.open(io.BytesIO(render(original, original.photo.pixels))).info["dpi"]
    assert np.allclose(dots, (300, 150), rtol=2e-3)
    jpeg = render(original, original.photo.pixels, "", file_format("jpeg"))
    assert Image.open(io.BytesIO(jpeg)).info["dpi"] == (300, 150)


def test_adobe_rgb_by_exif_is_tagged(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    Image.fromarray(np.full((9, 9, 3), 50, np.uint8)).save(tmp_path / "a.jpg", exif=exif.tobytes())
    original = read_original(tmp_path / "a.jpg", "a.jpg")
    info = Image.open(io.BytesIO(render(original, original.photo.pixels))).info
    assert info["gamma"] == 0.45455 and info["chromaticity"][4:6] == (0.21, 0.71)
    Image.fromarray(np.full((9, 9, 3), 50, np.uint8)).save(tmp_path / "b.jpg")
    assert read_original(tmp_path / "b.jpg", "b.jpg").tags == ()


def test_what_colours_lose_is_said(tmp_path: Path) -> None:
    from PIL import ImageCms

    grey = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    grey[16:20] = b"GRAY"
    Image.new("L", (9, 9)).save(tmp_path / "a.png", icc_profile=bytes(grey))
    Image.new("CMYK", (9, 9)).save(tmp_path / "a.jpg", icc_profile=bytes(grey))
    Image.new("CMYK", (9, 9)).save(tmp_path / "b.jpg")
    assert read_original(tmp_path / "a.png", "x").notes == ("the colour profile is not for RGB: dropped",)
    assert read_original(tmp_path / "a.jpg", "x").notes == (
        "CMYK: written as RGB, without its colour profile",
    )
    assert read_original(tmp_path / "b.jpg", "x").notes == ("CMYK: written as RGB",)


def test_a_jpeg_is_marked_and_keeps_profile_and_exif(tmp_path: Path, rng: np.random.Generator) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    smooth = np.linspace(40, 200, HEIGHT * WIDTH * 3).reshape(HEIGHT, WIDTH, 3).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.png", icc_profile=profile, exif=exif.tobytes())
    original = read_original(tmp_path / "a.png", "a.png", keep_exif=True)
    data = render(original, smooth, "fawkes-1.0.2-mid[bundled:face]", file_format("jpeg", 90))
    assert data == render(original, smooth, "fawkes-1.0.2-mid[bundled:face]", file_format("jpeg", 90))
    image = Image.open(io.BytesIO(data))
    assert image.format == "JPEG" and image.info["icc_profile"] == profile
    assert image.getexif()[0x010F] == "Maker"
    assert np.abs(decode_image(data, "x").astype(int) - smooth).mean() < 2
    (tmp_path / "b.jpg").write_bytes(data)
    assert read_original(tmp_path / "b.jpg", "b.jpg").mark == "fawkes-1.0.2-mid[bundled:face]"
    assert len(render(original, smooth, "", file_format("jpeg", 40))) < len(data)


def test_formats_that_do_not_exist() -> None:
    assert [file_format(*given).name for given in [("png",), ("jpeg",), ("jpeg", 40)]] == [
        "png",
        "jpeg-95",
        "jpeg-40",
    ]
    for given in [("gif",), ("png", 90), ("jpeg", 0), ("jpeg", 101)]:
        with pytest.raises(WrongUsage):
            file_format(*given)
