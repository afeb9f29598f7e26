"""The pieces that every layer stands on."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faceprobe.core.errors import BadInput, FaceprobeError, Missing, UnknownName, WrongUsage
from faceprobe.core.extras import require
from faceprobe.core.files import atomic_path, cache_dir, parse_bytes, read_json, sha256_json, write_json
from faceprobe.core.registry import Registry
from faceprobe.core.text_files import text_lines
from faceprobe.core.words import agreeing, counted
from faceprobe.data.embeddings import unit_rows
from faceprobe.data.evidence import weakest
from faceprobe.data.photo import UnreadablePhoto, decode_image
from faceprobe.results.result import Metric, attach


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def test_a_registry_imports_lazily_and_suggests_the_nearest_name() -> None:
    registry: Registry[object] = Registry("thing", "nothing", {"decode": "faceprobe.data.photo:decode_image"})
    assert registry.get("decode") is decode_image
    with pytest.raises(UnknownName, match="did you mean 'decode'") as caught:
        registry.get("decod")
    assert caught.value.exit_code == 2
    with pytest.raises(FaceprobeError, match="registered twice"):
        registry.register("decode", "elsewhere:thing")


def test_an_absent_extra_is_named() -> None:
    with pytest.raises(Missing, match=r"in your clone of faceprobe run pip install '\.\[encode\]'"):
        require("no_such_module_here", "encode", "an encoder")


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "value.json"
    write_json(target, {"a": 1})
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert read_json(target) == {"a": 1}
    assert os.listdir(target.parent) == ["value.json"]
    target.write_text("{")
    with pytest.raises(BadInput, match=r"value\.json is not valid JSON"):
        read_json(target)


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    for name, mark in (("plain", b""), ("marked", b"\xef\xbb\xbf")):
        (tmp_path / name).write_bytes(mark + b'{"a": 1}\r\n')
        assert read_json(tmp_path / name) == {"a": 1}
        assert list(text_lines(tmp_path / name)) == [(1, '{"a": 1}')]


def test_the_cache_moves_with_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACEPROBE_CACHE", str(tmp_path))
    assert cache_dir("a", "b") == tmp_path / "a" / "b"
    assert sha256_json({"a": 1, "b": 2}) == sha256_json({"b": 2, "a": 1})


def test_photos_of_every_mode_become_rgb() -> None:
    grey = decode_image(encoded(Image.new("L", (5, 4), 80), "PNG"), "grey")
    assert grey.shape == (4, 5, 3) and (grey == 80).all()
    deep = Image.fromarray(np.full((4, 5), 80 * 257, dtype=np.uint16))
    assert (decode_image(encoded(deep, "PNG"), "deep") == 80).all()
    clear = Image.new("RGBA", (5, 4), (255, 0, 0, 0))
    assert (decode_image(encoded(clear, "PNG"), "clear") == 255).all()
    turned = Image.new("RGB", (5, 4))
    exif = turned.getexif()
    exif[0x0112] = 6
    assert decode_image(encoded(turned, "JPEG", exif=exif), "turned").shape == (5, 4, 3)


def test_what_is_no_photo_has_a_reason() -> None:
    noisy = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    whole = encoded(noisy, "JPEG")
    for data, reason in ((b"", "empty file"), (b"hello", "not an image"), (whole[:1500], "truncated image")):
        with pytest.raises(UnreadablePhoto) as caught:
            decode_image(data, "x.jpg")
        assert caught.value.reason == reason
    with pytest.raises(UnreadablePhoto, match="larger than 4,000 pixels"):
        decode_image(whole, "x.jpg", max_pixels=4000)


def test_a_damaged_exif_block_costs_the_rotation_only() -> None:
    photo = Image.new("RGB", (5, 4), (9, 9, 9))
    exif = photo.getexif()
    exif[0x0112] = 6
    data = bytearray(encoded(photo, "PNG"))
    block = exif.tobytes()
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(block)
        damaged[int(rng.integers(6, len(block)))] = int(rng.integers(256))
        pixels = decode_image(encoded(photo, "PNG", exif=bytes(damaged)), "x.png")
        assert pixels.size == 60
    assert decode_image(bytes(data), "x.png").shape == (4, 5, 3)


@given(st.integers(1, 8), st.integers(1, 6), st.sampled_from([np.float16, np.float32, np.float64]))
def test_unit_rows(rows: int, columns: int, dtype: type) -> None:
    vectors = np.random.default_rng(rows * 10 + columns).normal(size=(rows, columns)).astype(dtype) + dtype(3)
    made = unit_rows(vectors)
    assert made.dtype == np.float32
    assert np.allclose(np.linalg.norm(made.astype(np.float64), axis=1), 1, atol=1e-6)
    assert np.array_equal(unit_rows(made), made)


def test_vectors_that_cannot_be_scored_say_where() -> None:
    good = np.ones((3, 2), dtype=np.float32)
    for wrong, message in (
        (np.ones(3), "its shape is"),
        (np.ones((3, 2), dtype=np.int64), "not int64"),
        (np.where(np.arange(6).reshape(3, 2) == 3, np.nan, good), "first: row 1"),
        (good * np.asarray([[1], [1], [0]]), "all zeros"),
    ):
        with pytest.raises(BadInput, match=message):
            unit_rows(wrong)


def test_rows_carry_their_origin() -> None:
    metric = Metric("p", "m", "pair", 0.5, n=3)
    (row,) = attach([metric], model="a", dataset="b", crop="as-is", evidence="synthetic", model_hash="h")
    assert row.to_dict()["value"] == 0.5 and row.cloak == "none" and row.model_hash == "h"
    assert weakest(["real-model", "synthetic", "published"]) == "synthetic"


def test_amounts_of_memory() -> None:
    assert parse_bytes("800MB") == 800_000_000
    assert parse_bytes("1.5 GiB") == 3 * 2**29
    assert parse_bytes("12000000") == 12_000_000
    assert parse_bytes("12B") == 12
    for text in ("", "many", "2TB", "-1GB", "1GB2", "10"):
        with pytest.raises(WrongUsage, match="amount of memory"):
            parse_bytes(text)


def test_one_is_singular() -> None:
    shown = [counted(n, "photo") for n in (0, 1, 1000)] + [counted(1, "person", "people")]
    assert shown == ["0 photos", "1 photo", "1,000 photos", "1 person"]
    assert counted(2, "person", "people") == "2 people"


@pytest.mark.parametrize(
    ("number", "noun", "verb", "text"),
    [
        (1, "photo", "is", "1 photo is"),
        (2, "photo", "is", "2 photos are"),
        (1, "effective person", "has", "1 effective person has"),
        (0, "effective person", "has", "0 effective people have"),
        (1_200, "false match", "supports", "1,200 false matches support"),
        (3, "identity", "occurs", "3 identities occur"),
        (1, "search", "allows", "1 search allows"),
    ],
)
def test_a_number_agrees_with_noun_and_verb(number: int, noun: str, verb: str, text: str) -> None:
    assert agreeing(number, noun, verb) == text
    assert counted(number, noun) == text.rpartition(" ")[0]
