"""CelebA on a small replica in its official layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceprobe.core.errors import BadInput, Missing, UnknownName, WrongUsage
from faceprobe.data.face_table import FaceTable
from faceprobe.datasets import load_dataset
from tests.helpers.fake_encoder import save_photo

PEOPLE = [2880, 2880, 2937, 2937, 8692, 8692, 8692, 5805]
SPLIT = [0, 0, 1, 1, 2, 2, 0, 2]
MALE = [-1, -1, 1, -1, 1, 1, -1, 1]
YOUNG = [1, 1, 1, 1, -1, -1, -1, 1]


def name(k: int) -> str:
    return f"{k + 1:06d}.jpg"


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def write_replica(root: Path, anno: str = "", evaluation: str = "", photos: str = "img_align_celeba") -> Path:
    for k in range(len(PEOPLE)):
        save_photo(root / photos / name(k), k)
    write(root / anno / "identity_CelebA.txt", [f"{name(k)} {p}" for k, p in enumerate(PEOPLE)])
    write(root / evaluation / "list_eval_partition.txt", [f"{name(k)} {s}" for k, s in enumerate(SPLIT)])
    rows = [f"{name(k)} {m:2d} {y:2d}" for k, (m, y) in enumerate(zip(MALE, YOUNG, strict=True))]
    write(root / anno / "list_attr_celeba.txt", [str(len(PEOPLE)), "Male Young ", *rows])
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_replica(tmp_path / "celeba")


def load(root: Path, options: str = "") -> FaceTable:
    return load_dataset(f"celeba:{root}{options}")


def test_the_rows(root: Path) -> None:
    table = load(root)
    assert table.name == "celeba"
    assert table.images.tolist() == [name(k) for k in range(8)]
    assert table.identities.tolist() == [str(p) for p in PEOPLE]
    assert table.table.column("split").to_pylist() == [("train", "val", "test")[s] for s in SPLIT]
    assert set(table.table.column("variant").to_pylist()) == {"clean"}
    assert table.groups is None and table.identities_known
    assert table.photo(3).pixels.shape == (20, 24, 3)


def test_byte_order_marks_change_nothing(root: Path) -> None:
    plain = load(root, "?group=Male")
    for path in root.glob("*.txt"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    marked = load(root, "?group=Male")
    assert marked.table.equals(plain.table) and marked.notes == plain.notes


def test_a_photo_whose_person_is_missing_is_left_out_and_counted(root: Path) -> None:
    path = root / "identity_CelebA.txt"
    path.write_text(path.read_text().replace("000001.jpg 2880", "000001.jpg nan"))
    table = load(root)
    assert name(0) not in table.images.tolist() and "nan" not in table.identities.tolist()
    assert any("1 photos in img_align_celeba/ have no identity and are left out" in n for n in table.notes)


def test_names_may_hold_spaces_between_tabs(root: Path) -> None:
    (root / "img_align_celeba" / name(0)).rename(root / "img_align_celeba" / "my photo.jpg")
    for path in (root / "identity_CelebA.txt", root / "list_eval_partition.txt"):
        path.write_text(path.read_text().replace(f"{name(0)} ", "my photo.jpg\t"))
    table = load(root)
    assert table.identities[table.images.tolist().index("my photo.jpg")] == "2880"


@pytest.mark.parametrize("photos", ["img_celeba", "Img/img_align_celeba"])
def test_the_downloads_own_folders(tmp_path: Path, photos: str) -> None:
    table = load(write_replica(tmp_path / "c", "Anno", "Eval", photos), "?group=Male")
    assert len(table) == 8 and table.groups is not None


@pytest.mark.parametrize(
    ("split", "rows"), [("train", [0, 1, 6]), ("test", [4, 5, 7]), ("all", list(range(8)))]
)
def test_splits(root: Path, split: str, rows: list[int]) -> None:
    table = load(root, f"?split={split}")
    assert table.images.tolist() == [name(k) for k in rows]
    assert table.name == f"celeba?split={split}"


def test_people_in_several_splits_are_counted_by_us(root: Path) -> None:
    """8692 is in train and test with three photos; splits count 2, 1 and 2 people."""
    (note,) = [n for n in load(root, "?split=test").notes if "more than one split" in n]
    assert note == "people in more than one split: 1 with 3 photos of 4 (train 2, val 1, test 2)"
    disjoint = [f"{name(k)} {s}" for k, s in enumerate([0, 0, 1, 1, 2, 2, 2, 2])]
    write(root / "list_eval_partition.txt", disjoint)
    (note,) = [n for n in load(root).notes if "more than one split" in n]
    assert note == "people in more than one split: none of 4 (train 1, val 1, test 2)"


def test_a_group_is_the_majority_of_a_persons_photos(root: Path) -> None:
    table = load(root, "?group=Male")
    groups = dict(zip(table.identities.tolist(), table.groups.tolist(), strict=True))
    assert groups == {"2880": "not-Male", "2937": "", "8692": "Male", "5805": "Male"}
    assert "2 of 4 people have photos of both kinds, 1 as many of one as of the other" in " ".join(
        table.notes
    )
    assert set(load(root, "?group=Young&split=test").groups.tolist()) == {"Young", "not-Young"}


def test_a_part_of_the_photos_is_said_to_be_one(root: Path) -> None:
    (root / "img_align_celeba" / name(7)).unlink()
    save_photo(root / "img_align_celeba" / "999999.jpg", 5)
    table = load(root)
    assert len(table) == 7 and name(7) not in table.images
    notes = " ".join(table.notes)
    assert "1 photos of identity_CelebA.txt are not in img_align_celeba/" in notes
    assert "1 photos in img_align_celeba/ have no identity" in notes
    assert "complete CelebA has 202,599" in notes


def test_without_the_partition_only_the_whole_can_be_had(root: Path) -> None:
    (root / "list_eval_partition.txt").unlink()
    table = load(root)
    assert len(table) == 8 and "split" not in table.table.column_names
    with pytest.raises(Missing, match=r"has no list_eval_partition\.txt"):
        load(root, "?split=test")


def test_bad_input_is_named(root: Path) -> None:
    with pytest.raises(Missing, match="celeba:PATH"):
        load_dataset("celeba")
    with pytest.raises(WrongUsage, match="unknown split 'tset'"):
        load(root, "?split=tset")
    with pytest.raises(UnknownName, match="did you mean 'Male'"):
        load(root, "?group=Mal")
    with pytest.raises(BadInput, match="fewer than two people"):
        load(root, "?split=val")
    cases = [
        ("identity_CelebA.txt", "000003.jpg 2937", "000003.jpg", "line 3: expected a photo"),
        ("identity_CelebA.txt", "000003.jpg", "000002.jpg", "line 3: expected a photo that was not named"),
        ("list_eval_partition.txt", "000003.jpg 1", "000003.jpg 3", "line 3: expected a photo and 0, 1 or 2"),
        ("list_eval_partition.txt", "000003.jpg 1\n", "", "1 of the 8 photos with an identity no split"),
        ("list_attr_celeba.txt", "000001.jpg -1", "000001.jpg 0", "line 3: .* 2 values of 1 or -1"),
        ("list_attr_celeba.txt", "8\n", "", "its first lines should be the number of photos"),
    ]
    for file, old, new, message in cases:
        path = root / file
        before = path.read_text()
        assert old in before
        path.write_text(before.replace(old, new, 1))
        with pytest.raises(BadInput, match=message):
            load(root, "?group=Male")
        path.write_text(before)
    (root / "identity_CelebA.txt").unlink()
    with pytest.raises(Missing, match=r"has no identity_CelebA\.txt"):
        load(root)


def test_the_five_points_of_the_aligned_photos_are_their_faces(root: Path) -> None:
    assert load(root).photo(0).faces is None
    lines = [f"{name(k)}  {k} 7 12 7 8 11 6 15 {k + 10} 15" for k in range(8)]
    header = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y x y"
    path = root / "Anno" / "list_landmarks_align_celeba.txt"
    write(path, ["8", header, *lines])
    table = load(root, "?split=test")
    assert table.images[1] == name(5)
    (face,) = table.photo(1).faces
    assert face.landmarks.tolist() == [[5, 7], [12, 7], [8, 11], [6, 15], [15, 15]] and face.score == 1
    write(path, ["8", header, *lines[:5]])
    with pytest.raises(BadInput, match=r"gives 2 photos no five points \(first: 000006\.jpg\)"):
        load(root, "?split=test")
    write(path, ["8", header, *lines[:7], lines[7] + "x"])
    with pytest.raises(BadInput, match="line 10: expected a photo and ten numbers"):
        load(root)
    (root / "img_align_celeba").rename(root / "img_celeba")  # the points are those of the aligned photos
    assert load(root, "?split=test").photo(1).faces is None
