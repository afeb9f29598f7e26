"""VGGFace2's test part on a small replica."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceprobe.core.errors import BadInput, Missing
from faceprobe.datasets import load_dataset
from tests.helpers.fake_encoder import save_photo

META = [
    "Class_ID, Name, Sample_Num, Flag, Gender",
    'n000001, "14th_Dalai_Lama", 424, 0, m',
    'n000009, "Sammy_Davis,_Jr.", 105, 0, m',
    'n000040, "Somebody", 105, 0, f',
    'n000002, "Of_Training", 315, 1, f',
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for person, photos in (("n000001", 3), ("n000009", 2), ("n000040", 2)):
        for k in range(photos):
            save_photo(tmp_path / "vgg" / "test" / person / f"{k + 1:04d}_01.jpg", k)
    (tmp_path / "vgg" / "identity_meta.csv").write_text("\n".join(META) + "\n")
    return tmp_path / "vgg"


@pytest.mark.parametrize("inside", ["", "test"])
def test_rows_and_groups(root: Path, inside: str) -> None:
    table = load_dataset(f"vggface2:{root / inside}")
    assert table.images[:4].tolist() == [f"n000001/000{k}_01.jpg" for k in (1, 2, 3)] + [
        "n000009/0001_01.jpg"
    ]
    groups = dict(zip(table.identities.tolist(), table.groups.tolist(), strict=True))
    assert groups == {"n000001": "male", "n000009": "male", "n000040": "female"}
    assert "3 people; the test part has 500" in table.notes
    assert table.name == "vggface2" and table.photo(0).pixels.shape == (20, 24, 3)


def test_a_part(root: Path) -> None:
    table = load_dataset(f"vggface2:{root}?people=2&photos=1")
    assert table.images.tolist() == ["n000001/0001_01.jpg", "n000009/0001_01.jpg"]
    assert table.name == "vggface2?people=2&photos=1"


def test_without_the_meta_file_groups_are_unknown(root: Path) -> None:
    (root / "identity_meta.csv").unlink()
    table = load_dataset(f"vggface2:{root}")
    assert table.groups is None and "no identity_meta.csv: groups are not known" in table.notes


def test_a_person_whom_the_meta_file_lacks_has_no_group(root: Path) -> None:
    (root / "identity_meta.csv").write_text("\n".join(META[:3]) + "\n")
    table = load_dataset(f"vggface2:{root}")
    assert table.groups[-1] == "" and any("none for 1 people" in note for note in table.notes)


@pytest.mark.parametrize("gender", ["", " ", " nan", " NaN"])
def test_a_gender_that_is_missing_is_no_group(root: Path, gender: str) -> None:
    meta = "\n".join([*META[:3], f'n000040, "Somebody", 105, 0,{gender}'])
    (root / "identity_meta.csv").write_text("\ufeff" + meta + "\n", encoding="utf-8")
    table = load_dataset(f"vggface2:{root}")
    assert table.groups[-1] == "" and any("none for 1 people" in note for note in table.notes)


def test_bad_input(root: Path, tmp_path: Path) -> None:
    with pytest.raises(Missing, match="vggface2:PATH"):
        load_dataset("vggface2")
    meta = root / "identity_meta.csv"
    meta.write_text("Name\nx\n")
    with pytest.raises(BadInput, match="its first line should be Class_ID"):
        load_dataset(f"vggface2:{root}")
    meta.write_text("\n".join([*META, "n000077, x, 1, 0, q"]) + "\n")
    with pytest.raises(BadInput, match="line 6: expected five values"):
        load_dataset(f"vggface2:{root}")
    save_photo(root / "test" / "Ann" / "1.jpg", 1)
    with pytest.raises(BadInput, match="the folder Ann should be called n000001"):
        load_dataset(f"vggface2:{root}")
