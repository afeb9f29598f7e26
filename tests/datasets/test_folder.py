"""``folder:PATH`` and plain folders."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.datasets import load_dataset
from faceprobe.datasets.files import FileSource
from faceprobe.datasets.folder import load_photos
from faceprobe.datasets.listing import LINK_BACK


def save(path: Path, value: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((9, 12, 3), value, dtype=np.uint8)
    Image.fromarray(pixels).save(path, format="PNG")
    return path


@pytest.fixture
def people(tmp_path: Path) -> Path:
    root = tmp_path / "people"
    for k, name in enumerate(
        ["ann/2.jpg", "ann/1.PNG", "ann/10.jpeg", "bob/a.webp", "cy lee/x.jpg", "cy lee/y.jpg"]
    ):
        save(root / name, k)
    return root


def test_rows_are_sorted_and_labelled(people: Path) -> None:
    table = load_dataset(f"folder:{people}")
    assert table.images.tolist() == [
        "ann/1.PNG",
        "ann/10.jpeg",
        "ann/2.jpg",
        "bob/a.webp",
        "cy lee/x.jpg",
        "cy lee/y.jpg",
    ]
    assert table.identities.tolist() == ["ann"] * 3 + ["bob"] + ["cy lee"] * 2
    assert (table.name, table.pairs, table.default_protocol) == (
        "folder:people",
        None,
        "verification/all-pairs",
    )
    assert table.evidence == "real-photos" and table.notes == ()


def test_one_spelling_a_person_and_any_name_is_a_person(tmp_path: Path) -> None:
    for k, name in enumerate(["Jos\u00e9/1.png", "Jose\u0301/2.png", "nan/3.png", "0/4.png"]):
        save(tmp_path / "p" / name, k)
    table = load_dataset(f"folder:{tmp_path / 'p'}")
    people = dict(zip(table.images.tolist(), table.identities.tolist(), strict=True))
    assert people == {
        "Jos\u00e9/1.png": "Jos\u00e9",
        "Jose\u0301/2.png": "Jos\u00e9",
        "nan/3.png": "nan",
        "0/4.png": "0",
    }
    for k, name in enumerate(["x/1.png", "x /2.png"]):
        save(tmp_path / "q" / name, k)
    with pytest.raises(BadInput, match="one person only"):
        load_dataset(f"folder:{tmp_path / 'q'}")


def test_a_photo_is_read_with_its_hash(people: Path) -> None:
    photo = load_dataset(f"folder:{people}").photo(0)
    assert photo.pixels.shape == (9, 12, 3) and (photo.pixels == 1).all()
    assert photo.content_hash == hashlib.sha256((people / "ann/1.PNG").read_bytes()).hexdigest()
    assert photo.faces is None


def test_the_name_holds_no_absolute_path(people: Path) -> None:
    assert load_dataset(f"folder:{people}?people=2").name == "folder:people?people=2"


def test_what_is_not_a_photo_is_counted(people: Path) -> None:
    (people / "ann" / "notes.txt").write_text("x")
    (people / "ann" / "._1.jpg").write_bytes(b"resource fork")
    (people / "readme.md").write_text("x")
    save(people / "loose.jpg")
    save(people / "bob" / "old" / "b.jpg")
    table = load_dataset(f"folder:{people}")
    assert len(table) == 6
    assert table.notes == (
        "left out: 1 .md file, 1 .txt file, 1 folder in a person's folder, 1 hidden file,"
        " 1 photo outside any person's folder",
    )
    assert table.left_out == (
        ("ann/._1.jpg", "hidden file"),
        ("ann/notes.txt", ".txt file"),
        ("bob/old", "folder in a person's folder"),
        ("loose.jpg", "photo outside any person's folder"),
        ("readme.md", ".md file"),
    )


def clutter(root: Path) -> None:
    """Every kind of entry that is no photo, next to the photos of ann and bob."""
    os.mkfifo(root / "ann" / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(root / "ann")  # the path of a socket is short
        try:
            server.bind("socket.jpg")
        finally:
            os.chdir(here)
    (root / "ann" / "device.jpg").symlink_to("/dev/zero")
    (root / "ann" / "back").symlink_to(root)
    (root / "ann" / "bob").symlink_to(root / "bob")
    (root / "bob" / "ann").symlink_to(root / "ann")
    (root / "ann" / "loop").symlink_to(root / "ann" / "loop")
    (root / "ann" / "loop.jpg").symlink_to(root / "ann" / "loop.jpg")
    (root / "ann" / "gone").symlink_to(root / "nowhere")
    (root / "ann" / "folder.jpg").mkdir()
    os.mkdir(os.fsencode(root) + b"/caf\xe9")
    (root / os.fsdecode(b"caf\xe9") / "1.jpg").write_bytes(b"x")
    (root / "ann" / os.fsdecode(b"\xe9.jpg")).write_bytes(b"x")
    (root / "ann" / "noending").write_text("x")
    (root / ".git").mkdir()


KINDS = {
    ".git": "hidden folder",
    "ann/device.jpg": "device",
    "ann/gone": "broken link",
    "ann/loop": "link loop",
    "ann/noending": "file without ending",
    "ann/pipe.jpg": "named pipe",
    "ann/socket.jpg": "socket",
    "ann/\\xe9.jpg": "name outside UTF-8",
    "caf\\xe9": "name outside UTF-8",
}


def test_whatever_is_no_photo_is_left_out_by_kind_in_a_labelled_folder(people: Path) -> None:
    clutter(people)
    table = load_dataset(f"folder:{people}")
    deeper = "folder in a person's folder"
    links = {"ann/back": LINK_BACK, "ann/bob": deeper, "bob/ann": deeper, "ann/folder.jpg": deeper}
    assert dict(table.left_out) == {**KINDS, **links}
    images = [
        "ann/1.PNG",
        "ann/10.jpeg",
        "ann/2.jpg",
        "ann/loop.jpg",
        "bob/a.webp",
        "cy lee/x.jpg",
        "cy lee/y.jpg",
    ]
    assert table.images.tolist() == images
    with pytest.raises(UnreadablePhoto, match="link loop"):
        table.photo(3)


def test_whatever_is_no_photo_is_left_out_by_kind_in_a_plain_folder(people: Path) -> None:
    clutter(people)
    table = load_photos(people)
    back = {
        "ann/back": LINK_BACK,
        "ann/bob/ann": LINK_BACK,
        "bob/ann/back": LINK_BACK,
        "bob/ann/bob": LINK_BACK,
    }
    inside = {
        path.replace("ann/", "bob/ann/", 1): kind for path, kind in KINDS.items() if path.startswith("ann/")
    }
    assert dict(table.left_out) == {**KINDS, **back, **inside}
    images = table.images.tolist()
    assert "ann/bob/a.webp" in images and "bob/ann/1.PNG" in images  # links to other folders are followed
    assert len(images) == 7 + 4 + 1


@pytest.mark.parametrize("kind", ["named pipe", "device", "folder", "socket", "link loop"])
def test_a_source_never_waits_for_what_is_no_file(people: Path, kind: str) -> None:
    clutter(people)
    name = {"named pipe": "pipe", "link loop": "loop"}.get(kind, kind)
    source = FileSource(str(people))
    for call in (source.read, source.digest, source.check):
        with pytest.raises(UnreadablePhoto, match=kind):
            call(f"ann/{name}.jpg")


def test_a_huge_file_is_not_read(people: Path) -> None:
    with open(people / "ann" / "huge.jpg", "wb") as handle:
        handle.truncate(2**40)  # holds no bytes on the disk
    with pytest.raises(UnreadablePhoto, match="larger than 1,024 MiB"):
        load_dataset(f"folder:{people}").source.digest("ann/huge.jpg")


def test_a_subfolder_that_cannot_be_listed_stops_nothing(
    people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.scandir

    def scandir(path: object) -> object:
        if Path(str(path)).name == "bob":
            raise PermissionError(13, "Permission denied")
        return listed(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", scandir)
    for table in (load_dataset(f"folder:{people}"), load_photos(people)):
        assert table.left_out == (("bob", "folder that cannot be listed"),)
        assert len(table) == 5


def test_a_folder_whose_own_name_is_not_utf8_is_read(people: Path) -> None:
    odd = people.parent / os.fsdecode(b"caf\xe9")
    people.rename(odd)
    for table in (load_dataset(f"folder:{odd}"), load_photos(odd)):
        assert table.name == "folder:caf\\xe9" and len(table) == 6 and table.fingerprint
        assert table.photo(0).pixels.shape == (9, 12, 3)


def test_a_text_file_called_jpg_is_listed_and_unreadable(people: Path) -> None:
    (people / "bob" / "text.jpg").write_text("no photo")
    (people / "bob" / "zero.jpg").write_bytes(b"")
    (people / "bob" / "gone.jpg").symlink_to(people / "nowhere.jpg")
    table = load_dataset(f"folder:{people}")
    reasons = {}
    for row, image in enumerate(table.images):
        try:
            table.photo(row)
        except UnreadablePhoto as error:
            reasons[str(image)] = error.reason
    assert reasons == {
        "bob/text.jpg": "not an image",
        "bob/zero.jpg": "empty file",
        "bob/gone.jpg": "missing file",
    }


def test_digest_agrees_with_read(people: Path) -> None:
    source = FileSource(str(people))
    assert source.digest("ann/1.PNG") == (source.read("ann/1.PNG").content_hash, "")
    (people / "ann/0.jpg").write_bytes(b"")
    with pytest.raises(UnreadablePhoto, match="empty file"):
        source.digest("ann/0.jpg")


def test_a_part_is_deterministic(people: Path) -> None:
    assert load_dataset(f"folder:{people}?people=2").images.tolist() == [
        "ann/1.PNG",
        "ann/10.jpeg",
        "ann/2.jpg",
        "bob/a.webp",
    ]
    assert load_dataset(f"folder:{people}?min_photos=2&photos=1").images.tolist() == [
        "ann/1.PNG",
        "cy lee/x.jpg",
    ]
    assert len(load_dataset(f"folder:{people}?people=99")) == 6


@pytest.mark.parametrize("option", ["people=0", "photos=x", "min_photos=-1", "people=1.5", "persons=3"])
def test_wrong_options(people: Path, option: str) -> None:
    with pytest.raises(WrongUsage):
        load_dataset(f"folder:{people}?{option}")


def test_an_at_sign_belongs_to_the_path(tmp_path: Path) -> None:
    for name in "ab":
        save(tmp_path / "me@work" / name / "1.jpg")
    assert len(load_dataset(f"folder:{tmp_path}/me@work")) == 2


def one_line(error: BaseException, *parts: str) -> None:
    assert "\n" not in str(error)
    for part in parts:
        assert part in str(error)


def test_missing_path(tmp_path: Path) -> None:
    with pytest.raises(Missing) as caught:
        load_dataset(f"folder:{tmp_path}/nowhere")
    one_line(caught.value, "nowhere", "no such folder")


def test_no_path() -> None:
    with pytest.raises(WrongUsage, match="folder needs a path: folder:PATH"):
        load_dataset("folder")


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a file"):
        load_dataset(f"folder:{save(tmp_path / 'a.jpg')}")


def test_a_folder_without_photos_says_what_it_holds(tmp_path: Path) -> None:
    for k in range(2):
        (tmp_path / f"{k}.txt").write_text("x")
    for load in (load_photos, lambda root: load_dataset(f"folder:{root}")):
        with pytest.raises(BadInput) as caught:
            load(tmp_path)
        one_line(caught.value, "no photos", "but 2 .txt files", "check the path")


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        load_dataset(f"folder:{tmp_path}")
    one_line(caught.value, "no photos", "check the path")


def test_loose_photos(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    with pytest.raises(BadInput) as caught:
        load_dataset(f"folder:{tmp_path}")
    one_line(caught.value, "in the folder itself", "subfolder")


def test_one_level_too_high(people: Path) -> None:
    with pytest.raises(BadInput) as caught:
        load_dataset(f"folder:{people.parent}")
    one_line(caught.value, "did you mean", "people")


@pytest.mark.parametrize("option", ["", "?min_photos=2"])
def test_one_identity(tmp_path: Path, option: str) -> None:
    save(tmp_path / "ann" / "1.jpg")
    save(tmp_path / "ann" / "2.jpg")
    if option:
        save(tmp_path / "bob" / "1.jpg")
    with pytest.raises(BadInput) as caught:
        load_dataset(f"folder:{tmp_path}{option}")
    one_line(caught.value, "one person only ('ann')", "at least two")


def test_nobody_has_enough_photos(people: Path) -> None:
    with pytest.raises(BadInput, match="no person that the options allow"):
        load_dataset(f"folder:{people}?min_photos=9")


def test_a_plain_folder_takes_every_photo(people: Path) -> None:
    save(people / "loose.jpg")
    save(people / "bob" / "old" / "b.jpg")
    (people / "ann" / "notes.txt").write_text("x")
    table = load_photos(people)
    labels = dict(zip(table.images.tolist(), table.identities.tolist(), strict=True))
    assert len(labels) == 8 and table.images.tolist() == sorted(labels)
    assert (labels["loose.jpg"], labels["bob/a.webp"], labels["bob/old/b.jpg"]) == ("", "bob", "")
    assert table.notes == ("left out: 1 .txt file",) and table.left_out == (("ann/notes.txt", ".txt file"),)
    assert table.photo(0).pixels.shape == (9, 12, 3)


def test_a_plain_folder_of_one_person_is_fine_and_an_empty_one_is_not(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no photos"):
        load_photos(tmp_path)
    save(tmp_path / "a.jpg")
    assert load_photos(tmp_path).identities.tolist() == [""]
