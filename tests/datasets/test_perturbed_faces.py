"""``perturbed-faces``: folder and zip, variants, the file-format control, archives that are wrong."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceprobe.core.errors import BadInput, Missing, Refused, WrongUsage
from faceprobe.data.face_table import FaceTable
from faceprobe.data.photo import UnreadablePhoto, decode_image
from faceprobe.datasets import load_dataset, zip_source


def encoded(seed: int, form: str) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (18, 22, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


FILES = {
    f"{k:06d}{ending}": encoded(10 * k + n, form)
    for k in (1, 2, 3)
    for n, (ending, form) in enumerate(((".jpg", "JPEG"), ("_cloaked.png", "PNG"), ("_attacked.png", "PNG")))
}


def write_zip(path: Path, files: dict[str, bytes], inside: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(f"{inside}{name}", data)
    return path


@pytest.fixture(params=["folder", "folder in folder", "zip", "zip with folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param.startswith("zip"):
        inside = "perturbed_faces/" if "folder" in request.param else ""
        extra = {"__MACOSX/000001.jpg": b"x", "readme.txt": b"y", "._000001.jpg": b"z"}
        return write_zip(tmp_path / "faces.zip", extra | {f"{inside}{n}": d for n, d in FILES.items()})
    root = tmp_path / "faces"
    folder = root / "perturbed_faces" if request.param != "folder" else root
    folder.mkdir(parents=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    return root


def load(place: Path, options: str = "") -> FaceTable:
    return load_dataset(f"perturbed-faces:{place}{options}")


def column(table: FaceTable, name: str) -> list[str]:
    return list(table.table.column(name).to_pylist())


def test_every_photo_knows_its_variant_and_original(place: Path) -> None:
    table = load(place)
    assert table.images.tolist() == sorted(FILES)
    variants = dict(zip(table.images.tolist(), column(table, "variant"), strict=True))
    assert variants["000002.jpg"] == "clean"
    assert variants["000002_cloaked.png"] == "fawkes" and variants["000002_attacked.png"] == "lowkey"
    assert column(table, "source_image") == [image[:6] + ".jpg" for image in table.images.tolist()]
    assert column(table, "identity") == [f"photo-{image[:6]}" for image in table.images.tolist()]
    assert not table.identities_known and any("?identities=FILE" in note for note in table.notes)
    for row, image in enumerate(table.images.tolist()):
        photo = table.photo(row)
        assert photo.content_hash == hashlib.sha256(FILES[image]).hexdigest()
        assert (photo.pixels == decode_image(FILES[image], image)).all()
        assert table.source.digest(image) == (photo.content_hash, "")


def test_identities_are_joined(place: Path, tmp_path: Path) -> None:
    people = tmp_path / "identity_CelebA.txt"
    people.write_text("000001.jpg 7\n000002.jpg 8\n000003.jpg 7\n000004.jpg 9\n")
    table = load(place, f"?identities={people}")
    assert table.identities_known
    assert column(table, "identity") == [{"1": "7", "2": "8", "3": "7"}[i[5]] for i in table.images.tolist()]
    assert table.name == "perturbed-faces?identities=known"  # no path of this machine
    people.write_text("000001.jpg 7\n")
    with pytest.raises(BadInput, match=r"names no person for 2 photos \(first: 000002\.jpg\)"):
        load(place, f"?identities={people}")
    with pytest.raises(Missing, match="no such file"):
        load(place, "?identities=nowhere.txt")


def test_the_png_control_has_the_clean_photos_very_pixels(place: Path) -> None:
    table = load(place, "?control=png")
    assert len(table) == 12 and table.name == "perturbed-faces?control=png"
    rows = [k for k, v in enumerate(column(table, "variant")) if v == "clean-png"]
    assert len(rows) == 3
    for row in rows:
        source = column(table, "source_image")[row]
        again = table.source.encoded(str(table.images[row]))
        assert again.startswith(b"\x89PNG") and table.source.encoded(str(table.images[row])) == again
        assert (table.photo(row).pixels == decode_image(FILES[source], source)).all()
        assert table.photo(row).content_hash != hashlib.sha256(FILES[source]).hexdigest()


def test_the_jpeg_control_goes_through_jpeg_once_more(place: Path) -> None:
    table = load(place, "?control=jpeg,png&variant=clean,clean-jpeg")
    assert sorted(set(column(table, "variant"))) == ["clean", "clean-jpeg"] and len(table) == 6
    row = column(table, "variant").index("clean-jpeg")
    source = column(table, "source_image")[row]
    again, clean = table.photo(row).pixels.astype(int), decode_image(FILES[source], source).astype(int)
    assert table.source.encoded(str(table.images[row])).startswith(b"\xff\xd8\xff")
    assert 0 < np.abs(again - clean).mean() < 15


def test_what_is_incomplete_is_counted(tmp_path: Path) -> None:
    files = {k: v for k, v in FILES.items() if k not in ("000001.jpg", "000002_attacked.png")}
    table = load(write_zip(tmp_path / "a.zip", files))
    notes = " ".join(table.notes)
    assert len(table) == 5
    assert (
        "1 fawkes photos have no clean original" in notes and "1 clean photos have no lowkey version" in notes
    )


def test_wrong_usage(place: Path) -> None:
    with pytest.raises(Missing, match="perturbed-faces:PATH"):
        load_dataset("perturbed-faces")
    with pytest.raises(WrongUsage, match="unknown control 'gif'"):
        load(place, "?control=gif")
    with pytest.raises(WrongUsage, match="no variant 'clean-png'; it has clean, fawkes, lowkey"):
        load(place, "?variant=clean-png")
    with pytest.raises(Missing, match="no such folder or archive"):
        load(place / "nowhere")


def test_archives_that_are_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(BadInput, match="not a readable zip archive"):
        load(bad)
    with pytest.raises(BadInput, match="holds no clean photos"):
        load(write_zip(tmp_path / "empty.zip", {"a.jpg": b"x"}))
    twice = write_zip(tmp_path / "twice.zip", {**FILES, "other/000001.jpg": FILES["000002.jpg"]})
    with pytest.raises(BadInput, match=r"two photos called 000001\.jpg"):
        load(twice)
    monkeypatch.setattr(zip_source, "MAX_PHOTOS", 5)
    with pytest.raises(Refused, match="more than 5 photos"):
        load(write_zip(tmp_path / "many.zip", FILES))


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_source, "MAX_PHOTO", 10_000)
    table = load(write_zip(tmp_path / "bomb.zip", {**FILES, "000002.jpg": bytes(20_000)}))
    row = table.images.tolist().index("000002.jpg")
    with pytest.raises(UnreadablePhoto, match="larger than 0 MiB"):
        table.photo(row)
    assert table.photo(0).pixels.shape == (18, 22, 3)


def test_a_directory_that_lies_about_a_size_is_damage(tmp_path: Path) -> None:
    """The member unpacks to more than its entry says: the reading stops there and the checksum is wrong."""
    place = write_zip(tmp_path / "lies.zip", {**FILES, "000003.jpg": FILES["000003.jpg"] + bytes(50_000)})
    data = bytearray(place.read_bytes())
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"000003.jpg"))
    assert struct.unpack_from("<I", data, entry + 24)[0] > 50_000
    struct.pack_into("<I", data, entry + 24, 100)
    place.write_bytes(bytes(data))
    table = load(place)
    with pytest.raises(UnreadablePhoto, match="damaged in the archive"):
        table.photo(table.images.tolist().index("000003.jpg"))


def test_names_cannot_reach_outside(tmp_path: Path) -> None:
    """A member called ../000001.jpg is known by its bare name and is read from the archive, never written."""
    (tmp_path / "a").mkdir()
    place = write_zip(tmp_path / "a" / "up.zip", FILES, "../")
    before = sorted(os.listdir(tmp_path))
    assert load(place).photo(0).pixels.shape == (18, 22, 3)
    assert sorted(os.listdir(tmp_path)) == before and os.listdir(tmp_path / "a") == ["up.zip"]


def test_a_forked_process_reads_by_itself(place: Path) -> None:
    import multiprocessing

    table = load(place, "?control=png")
    table.photo(0)
    images = table.images.tolist() * 5
    with multiprocessing.get_context("fork").Pool(2) as pool:
        hashes = pool.map(_content, [(table.source, image) for image in images])
    assert hashes == [table.source.digest(image)[0] for image in images]


def _content(job: tuple[object, str]) -> str:
    source, image = job
    return str(source.read(image).content_hash)  # type: ignore[attr-defined]


def test_other_members_of_an_archive_are_named(tmp_path: Path) -> None:
    extra = {"__MACOSX/000001.jpg": b"x", "readme.txt": b"y", "in/._000001.jpg": b"z", "noending": b""}
    place = write_zip(tmp_path / "faces.zip", FILES | extra)
    with zipfile.ZipFile(place, "a") as archive:
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "000001.jpg")
    table = load(place)
    assert dict(table.left_out) == {
        "__MACOSX/000001.jpg": "hidden file",
        "in/._000001.jpg": "hidden file",
        "link.jpg": "link",
        "noending": "file without ending",
        "readme.txt": ".txt file",
    }
    assert table.images.tolist() == sorted(FILES)
