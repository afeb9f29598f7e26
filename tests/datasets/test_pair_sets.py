"""CFP, AgeDB-30, CALFW, CPLFW and RFW: each read from a replica of its layout, and what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from faceprobe.core.errors import BadInput, FaceprobeError, Missing, Refused, WrongUsage
from faceprobe.data.face_table import FaceTable
from faceprobe.datasets import load_dataset
from tests.helpers.pair_layouts import (
    AGEDB,
    GROUPS,
    NAMES,
    agedb_splits,
    two_line_list,
    write_agedb,
    write_calfw,
    write_cfp,
    write_rfw,
)

Writer = Callable[[Path], Path]
WRITERS: dict[str, Writer] = {
    "cfp-fp": write_cfp,
    "agedb-30": write_agedb,
    "calfw": write_calfw,
    "cplfw": lambda root: write_calfw(root, "cplfw"),
    "rfw": write_rfw,
}


def listed(table: FaceTable) -> list[tuple[str, str, bool, int]]:
    pairs = table.pairs
    assert pairs is not None
    left, right = table.images[pairs.left].tolist(), table.images[pairs.right].tolist()
    return list(zip(left, right, pairs.same.tolist(), pairs.fold.tolist(), strict=True))


@pytest.mark.parametrize("kind", WRITERS)
def test_what_all_of_them_are(kind: str, tmp_path: Path) -> None:
    table = load_dataset(f"{kind}:{WRITERS[kind](tmp_path)}")
    assert (table.name, table.default_protocol) == (kind, "lfw/insightface")
    assert table.identities_known and table.evidence == "real-photos" and table.licence
    assert table.images.tolist() == sorted(set(table.images.tolist()))
    assert str(tmp_path) not in " ".join(table.images) + table.name + " ".join(table.notes)
    assert table.pairs is not None
    same = table.identities[table.pairs.left] == table.identities[table.pairs.right]
    np.testing.assert_array_equal(same, table.pairs.same)
    assert np.bincount(table.pairs.fold).tolist() == [len(table.pairs) // 10] * 10
    assert np.all(np.diff(table.pairs.fold) >= 0), "contiguous, as the presets cut them"
    assert table.photo(0).pixels.shape == (8, 8, 3)
    assert any("the complete list has" in note for note in table.notes)


def test_cfp(tmp_path: Path) -> None:
    table = load_dataset(f"cfp-fp:{write_cfp(tmp_path)}")
    assert len(table) == 4 * 14 and sorted(set(table.identities)) == ["001", "002", "003", "004"]
    assert listed(table)[:2] == [
        ("Data/Images/001/frontal/01.jpg", "Data/Images/001/profile/01.jpg", True, 0),
        ("Data/Images/001/frontal/01.jpg", "Data/Images/002/profile/01.jpg", False, 0),
    ]
    assert listed(table)[-1] == (
        "Data/Images/002/frontal/10.jpg",
        "Data/Images/003/profile/02.jpg",
        False,
        9,
    )
    frontal = load_dataset(f"cfp-fp:{tmp_path}?part=ff")
    assert frontal.name == "cfp-fp?part=ff"
    assert listed(frontal)[2] == (
        "Data/Images/002/frontal/02.jpg",
        "Data/Images/002/frontal/03.jpg",
        True,
        1,
    )


def test_agedb(tmp_path: Path) -> None:
    table = load_dataset(f"agedb-30:{write_agedb(tmp_path)}")
    assert len(table) == 6 and set(table.identities) == set(AGEDB)
    assert listed(table)[:3] == [
        ("0_MariaCallas_20_f.jpg", "3_MariaCallas_23_f.jpg", True, 0),
        ("1_StephenFry_21_f.jpg", "5_AngelaLansbury_25_f.jpg", False, 0),
        ("1_StephenFry_21_f.jpg", "4_StephenFry_24_f.jpg", True, 1),
    ]


def test_the_agedb_replica_is_indexed_as_public_code_indexes_the_set(tmp_path: Path) -> None:
    """FaceX-Zoo and insightface read ``splits[f][0][0][0]`` as [photos, labels], ``photos[side][k]`` as a
    struct in two brackets and its first field, in two more, as the name.
    """
    splits = loadmat(write_agedb(tmp_path) / "04_FINAL_protocol_30_years.mat")["splits"]
    found = []
    for fold in range(10):
        both = splits[fold][0][0][0]
        for k, label in enumerate(both[1][0]):
            left, right = (str(both[0][side][k][0][0][0][0]) + ".jpg" for side in (0, 1))
            found.append((left, right, label == 1, fold))
    assert listed(load_dataset(f"agedb-30:{tmp_path}")) == found


def test_agedb_list_elsewhere_and_other_names(tmp_path: Path) -> None:
    """The list in its own folder or given; protocol photos named ``Name_Number_...``."""
    root = write_agedb(tmp_path)
    expected = listed(load_dataset(f"agedb-30:{root}"))
    (root / "AgeDB_FINAL_protocol").mkdir()
    moved = root / "AgeDB_FINAL_protocol" / "04_FINAL_protocol_30_years.mat"
    (root / "04_FINAL_protocol_30_years.mat").rename(moved)
    assert listed(load_dataset(f"agedb-30:{root}")) == expected
    given = moved.rename(tmp_path / "given.mat")
    assert listed(load_dataset(f"agedb-30:{root}?pairs={given}")) == expected
    photo = root / "03_Protocol_Images" / "0_MariaCallas_20_f.jpg"
    photo.with_name("ElvisPresley_12_99_20_m.jpg").write_bytes(photo.read_bytes())
    assert "ElvisPresley" in load_dataset(f"agedb-30:{root}?pairs={given}").identities


@pytest.mark.parametrize("kind", ["calfw", "cplfw"])
def test_calfw_and_cplfw(kind: str, tmp_path: Path) -> None:
    """Mated pairs come first in the file; here each fold has its mated, then its other pairs."""
    table = load_dataset(f"{kind}:{write_calfw(tmp_path, kind, each=2)}")
    assert set(table.identities) == set(NAMES) and len(table) == 8
    assert listed(table)[:5] == [
        ("Ann_Lee_0001.jpg", "Ann_Lee_0002.jpg", True, 0),
        ("Bo_van_Dam_0001.jpg", "Bo_van_Dam_0002.jpg", True, 0),
        ("Ann_Lee_0001.jpg", "Bo_van_Dam_0002.jpg", False, 0),
        ("Bo_van_Dam_0001.jpg", "Cy-Jay_Kent_0002.jpg", False, 0),
        ("Bo_van_Dam_0001.jpg", "Bo_van_Dam_0002.jpg", True, 1),
    ]
    original = load_dataset(f"{kind}:{tmp_path}?images=original")
    assert original.name == f"{kind}?images=original" and listed(original) == listed(table)
    assert original.photo(0).content_hash != table.photo(0).content_hash


def test_rfw(tmp_path: Path) -> None:
    table = load_dataset(f"rfw:{write_rfw(tmp_path)}")
    assert table.groups is not None and set(table.groups) == set(GROUPS) and len(table) == 4 * 9
    assert all(image.split("/")[1] == group for image, group in zip(table.images, table.groups, strict=True))
    first = listed(table)[:4]
    assert first[0] == (
        "data/African/m.0af0/m.0af0_0001.jpg",
        "data/African/m.0af0/m.0af0_0003.jpg",
        True,
        0,
    )
    assert first[1] == (
        "data/African/m.0af0/m.0af0_0001.jpg",
        "data/African/m.0af1/m.0af1_0002.jpg",
        False,
        0,
    )
    assert first[2][0].startswith("data/Asian/") and first[2][3] == 0
    assert any("people who occur in a second group: 1" in note for note in table.notes)
    assert any("?group=NAME" in note for note in table.notes)
    one = load_dataset(f"rfw:{tmp_path}?group=asian")
    assert one.name == "rfw?group=Asian" and one.groups is not None and set(one.groups) == {"Asian"}
    assert len(one.pairs or ()) == 20
    assert listed(one) == [pair for pair in listed(table) if pair[0].startswith("data/Asian/")]


def test_rfw_one_level_deeper(tmp_path: Path) -> None:
    write_rfw(tmp_path / "images" / "test")
    assert len(load_dataset(f"rfw:{tmp_path}")) == 36


@pytest.mark.parametrize("kind", WRITERS)
def test_the_packed_form(kind: str, tmp_path: Path) -> None:
    photos = [b"a photo", b"another"] * 20
    path = tmp_path / f"{kind.replace('-', '_')}.bin"
    path.write_bytes(pickle.dumps((photos, [True, False] * 10)))
    table = load_dataset(f"{kind}:{path}")
    assert (table.name, table.default_protocol) == (f"{kind}:{path.name}", "lfw/insightface")
    assert not table.identities_known and len(table) == 40 and table.groups is None
    with pytest.raises(Missing, match=f"{kind} .*nothing.bin: no such file"):
        load_dataset(f"{kind}:{tmp_path / 'nothing.bin'}")
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(Refused, match=r"asks to run builtins\.print"):
        load_dataset(f"{kind}:{path}")


def test_options_of_the_packed_form(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(pickle.dumps(([b"p"] * 40, [True] * 20)))
    grouped = load_dataset(f"rfw:{path}?group=Indian")
    assert grouped.name == "rfw:x.bin?group=Indian"
    assert grouped.groups is not None and set(grouped.groups) == {"Indian"}
    assert load_dataset(f"cfp-fp:{path}?part=ff").name == "cfp-fp:x.bin?part=ff"
    for name in (f"calfw:{path}?images=original", f"agedb-30:{path}?pairs=a.mat"):
        with pytest.raises(WrongUsage, match="unknown option"):
            load_dataset(name)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def cut(path: Path, lines: int = 1) -> None:
    path.write_text("\n".join(path.read_text().splitlines()[:-lines]))


SPLIT = "Protocol/Split/FP/03"
CALFW, CPLFW = "pairs_CALFW.txt", "pairs_CPLFW.txt"
ASIAN = "txts/Asian/Asian_pairs.txt"

BAD: dict[str, tuple[str, Callable[[Path], object], type[FaceprobeError], str]] = {
    "no photos folder": ("cfp-fp", lambda r: (r / "Data").rename(r / "D"), Missing, "no Data/Images"),
    "no photo list": ("cfp-fp", lambda r: (r / "Protocol/Pair_list_P.txt").unlink(), Missing, "Pair_list_P"),
    "no fold": ("cfp-fp", lambda r: (r / SPLIT / "diff.txt").unlink(), Missing, "03/diff.txt"),
    "an empty fold": ("cfp-fp", lambda r: (r / SPLIT / "same.txt").write_text(""), BadInput, "is empty"),
    "a longer fold": (
        "cfp-fp",
        lambda r: (r / SPLIT / "same.txt").write_text("1,1\n2,2\n"),
        BadInput,
        "same.txt has 2 pairs where the first list has 1",
    ),
    "a number too large": (
        "cfp-fp",
        lambda r: (r / SPLIT / "same.txt").write_text("1,17\n"),
        BadInput,
        r"same.txt, line 1: expected two numbers from 1 to 40 and 16, found '1 17'",
    ),
    "no number": (
        "cfp-fp",
        lambda r: (r / SPLIT / "same.txt").write_text("1,x\n"),
        BadInput,
        "expected two numbers",
    ),
    "a gap in the numbers": (
        "cfp-fp",
        lambda r: change(r / "Protocol/Pair_list_F.txt", "2 ..", "3 .."),
        BadInput,
        "Pair_list_F.txt, line 2: expected the number 2 and a photo",
    ),
    "a cut photo list": (
        "cfp-fp",
        lambda r: cut(r / "Protocol/Pair_list_P.txt", 9),
        BadInput,
        "1 to 40 and 7",
    ),
    "a photo that is absent": (
        "cfp-fp",
        lambda r: (r / "Data/Images/002/profile/02.jpg").unlink(),
        BadInput,
        r"1 of its 18 photos are not in .*first: Data/Images/002/profile/02.jpg",
    ),
    "a way out of CFP": (
        "cfp-fp",
        lambda r: change(r / "Protocol/Pair_list_F.txt", "../Data/Images/001/frontal/01", "../../../x/01"),
        Refused,
        r"line 1: '../../../x/01.jpg' is not a photo below Data/Images",
    ),
    "a way round in CFP": (
        "cfp-fp",
        lambda r: change(
            r / "Protocol/Pair_list_F.txt", "Images/001/frontal/01", "Images/../../../x/frontal/01"
        ),
        Refused,
        "is not a photo below Data/Images",
    ),
    "an absolute path in CFP": (
        "cfp-fp",
        lambda r: change(r / "Protocol/Pair_list_P.txt", "../Data", "/Data"),
        Refused,
        "is not a photo below Data/Images",
    ),
    "no CALFW list": ("calfw", lambda r: (r / CALFW).unlink(), Missing, "no file .*pairs_CALFW.txt"),
    "the other set's list": ("cplfw", lambda r: (r / CPLFW).rename(r / CALFW), Missing, "pairs_CPLFW.txt"),
    "half a pair": ("calfw", lambda r: cut(r / CALFW), BadInput, "39 lines where a pair takes two"),
    "a cut CALFW list": (
        "calfw",
        lambda r: cut(r / CALFW, 2),
        BadInput,
        "10 pairs of one person and 9 of two, which do not make ten equal folds",
    ),
    "two labels in one pair": (
        "calfw",
        lambda r: change(r / CALFW, "Lee_0002.jpg 1", "Lee_0002.jpg 2"),
        BadInput,
        r"line 2: expected the label 1, as in the line before, found 'Ann_Lee_0002.jpg 2'",
    ),
    "a label that is no number": (
        "cplfw",
        lambda r: change(r / CPLFW, "Lee_0001.jpg 1", "Lee_0001.jpg same"),
        BadInput,
        r"line 1: expected a photo and a label \(0 or more\)",
    ),
    "no label": (
        "cplfw",
        lambda r: change(r / CPLFW, ".jpg 1", ".jpg"),
        BadInput,
        "expected a photo and a label",
    ),
    "mixed order": (
        "calfw",
        lambda r: (r / CALFW).write_text("\n".join(two_line_list("calfw")[::-1])),
        BadInput,
        "must all follow",
    ),
    "an absent CALFW photo": (
        "calfw",
        lambda r: (r / "aligned images/Dee_0002.jpg").unlink(),
        BadInput,
        r"1 of its 8 photos are not in .*aligned images \(first: Dee_0002.jpg\)",
    ),
    "no CALFW photos": (
        "calfw",
        lambda r: (r / "aligned images").rename(r / "other"),
        Missing,
        r"no folder 'aligned images'.*\?images=original",
    ),
    "a nameless photo": (
        "calfw",
        lambda r: (r / "aligned images/Dee.jpg").write_bytes(b"x"),
        BadInput,
        "Dee.jpg should be called <name>_<number>.jpg",
    ),
    "a way out of CALFW": (
        "calfw",
        lambda r: change(r / CALFW, "Ann_Lee_0001.jpg", "../../x_0001.jpg"),
        Refused,
        r"pairs_CALFW.txt, line 1: '../../x_0001.jpg' is not the plain name of a photo",
    ),
    "a photo with itself": (
        "calfw",
        lambda r: change(r / CALFW, "Ann_Lee_0002.jpg", "Ann_Lee_0001.jpg"),
        BadInput,
        "expected another photo",
    ),
    "no RFW list": ("rfw", lambda r: (r / ASIAN).unlink(), Missing, "Asian_pairs.txt"),
    "no RFW data": ("rfw", lambda r: (r / "data").rename(r / "d"), Missing, "no data and txts"),
    "a cut RFW list": ("rfw", lambda r: cut(r / ASIAN), BadInput, "19 pairs do not make ten folds"),
    "RFW lines in another order": (
        "rfw",
        lambda r: (r / ASIAN).write_text("\n".join((r / ASIAN).read_text().splitlines()[::-1])),
        BadInput,
        "Asian_pairs.txt, line 1: expected 'id i j' of one person",
    ),
    "an absent RFW photo": (
        "rfw",
        lambda r: (r / "data/Asian/m.0as0/m.0as0_0003.jpg").unlink(),
        BadInput,
        "first: data/Asian/m.0as0/m.0as0_0003.jpg",
    ),
    "a way out of RFW": (
        "rfw",
        lambda r: change(r / ASIAN, "m.0as0\t1\t3", "../../x\t1\t3"),
        Refused,
        r"line 1: '../../x' is not the plain name",
    ),
    "one person as two": (
        "rfw",
        lambda r: change(r / ASIAN, "m.0as0\t1\tm.0as1", "m.0as0\t1\tm.0as0"),
        BadInput,
        "line 2: expected two people",
    ),
    "no AgeDB list": (
        "agedb-30",
        lambda r: (r / "04_FINAL_protocol_30_years.mat").unlink(),
        Missing,
        "has no 04_FINAL_protocol_30_years.mat",
    ),
    "an absent AgeDB photo": (
        "agedb-30",
        lambda r: (r / "03_Protocol_Images/4_StephenFry_24_f.jpg").unlink(),
        BadInput,
        "1 of its 6 photos are not in .*4_StephenFry_24_f.jpg",
    ),
    "a nameless AgeDB photo": (
        "agedb-30",
        lambda r: (r / "03_Protocol_Images/12_34.jpg").write_bytes(b"x"),
        BadInput,
        "it names no person",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line(case: str, tmp_path: Path) -> None:
    kind, damage, error, message = BAD[case]
    root = WRITERS[kind](tmp_path)
    load_dataset(f"{kind}:{root}")
    damage(root)
    with pytest.raises(error, match=message) as caught:
        load_dataset(f"{kind}:{root}")
    assert type(caught.value) is error and "\n" not in str(caught.value)


def rewrite(root: Path, splits: object) -> None:
    savemat(root / "04_FINAL_protocol_30_years.mat", {"splits": splits})


def test_a_damaged_matlab_list(tmp_path: Path) -> None:
    root = write_agedb(tmp_path)
    path = root / "04_FINAL_protocol_30_years.mat"

    def fails(message: str, error: type[FaceprobeError] = BadInput) -> None:
        with pytest.raises(error, match=message) as caught:
            load_dataset(f"agedb-30:{root}")
        assert type(caught.value) is error and "\n" not in str(caught.value)

    rewrite(root, agedb_splits(labels=(1, 0)))
    fails("fold 1, pair 2: the label is 0; 1 is one person, -1 two")
    rewrite(root, agedb_splits()[:9])
    fails("'splits' has 9 folds, not ten")
    uneven = agedb_splits()
    uneven[4, 0] = agedb_splits(each=3)[4, 0]
    rewrite(root, uneven)
    fails("fold 5: 3 pairs where the first fold has 2")
    fewer = agedb_splits()
    fewer[2, 0]["labels"] = np.array([[1.0]])
    rewrite(root, fewer)
    fails("fold 3: expected a 2 x 600 cell")
    numbers = agedb_splits()
    numbers[0, 0]["pairs"][1, 1] = {"name": 7.0}
    rewrite(root, numbers)
    fails("fold 1: a photo has no name")
    outside = agedb_splits()
    outside[0, 0]["pairs"][1, 1] = {"name": "../../x", "age": 3}
    rewrite(root, outside)
    fails("fold 1, pair 2: '../../x' is not the plain name", Refused)
    savemat(path, {"other": 1})
    fails("holds no 'splits'")
    path.write_bytes(path.read_bytes()[:150])
    fails("is not a complete MATLAB file")
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM" + bytes(64))
    fails("MATLAB 7.3")
    with pytest.raises(Missing, match="no such file"):
        load_dataset(f"agedb-30:{root}?pairs={root / 'no.mat'}")


def test_labels_that_contradict_the_names_are_counted(tmp_path: Path) -> None:
    """The list decides, as published; the contradiction is stated."""
    root = write_calfw(tmp_path)
    change(root / CALFW, "Ann_Lee_0002.jpg 1", "Dee_0002.jpg 1")
    table = load_dataset(f"calfw:{root}")
    assert listed(table)[0] == ("Ann_Lee_0001.jpg", "Dee_0002.jpg", True, 0)
    assert any("pairs labelled otherwise than their photos' names say: 1" in note for note in table.notes)


def test_wrong_usage(tmp_path: Path) -> None:
    for name, message in (
        (f"cfp-fp:{tmp_path}?part=pp", "part is fp or ff"),
        (f"calfw:{tmp_path}?images=both", "images is aligned or original"),
        (f"rfw:{tmp_path}?group=Other", "no group 'Other'; known: African, Asian"),
        (f"cplfw:{tmp_path}?fold=1", "unknown option 'fold'"),
        ("rfw", "needs a path"),
    ):
        with pytest.raises(WrongUsage, match=message):
            load_dataset(name)
    for kind in WRITERS:
        with pytest.raises(Missing, match="no such folder"):
            load_dataset(f"{kind}:{tmp_path / 'nowhere'}")
