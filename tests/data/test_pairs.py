from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from faceprobe.core.errors import BadInput, Missing
from faceprobe.data.pairs import LfwPair, read_lfw_pairs, resolve_pairs

GOOD = "2\t1\nAda\t1\t2\nAda\t1\tBo\t12\nBo 3 4\nBo 3 Cy 1\n"


def _write(folder: Path, text: str) -> Path:
    path = folder / "pairs.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_view_2_lines(tmp_path: Path) -> None:
    assert read_lfw_pairs(_write(tmp_path, GOOD + "\n")) == [
        LfwPair("Ada/Ada_0001.jpg", "Ada/Ada_0002.jpg", True, 0),
        LfwPair("Ada/Ada_0001.jpg", "Bo/Bo_0012.jpg", False, 0),
        LfwPair("Bo/Bo_0003.jpg", "Bo/Bo_0004.jpg", True, 1),
        LfwPair("Bo/Bo_0003.jpg", "Cy/Cy_0001.jpg", False, 1),
    ]


def test_a_byte_order_mark_line_ends_and_names_with_spaces(tmp_path: Path) -> None:
    plain = read_lfw_pairs(_write(tmp_path, GOOD))
    for text in ("\ufeff" + GOOD, GOOD.replace("\n", "\r\n"), "\ufeff" + GOOD.replace("\n", "\r\n")):
        (tmp_path / "pairs.txt").write_bytes(text.encode())
        assert read_lfw_pairs(tmp_path / "pairs.txt") == plain
    text = "1\t1\nAda\u2028Lovelace B.\t1\t2\nAda\u2028Lovelace B.\t1\tBo Diddley\t12\n"
    one, two = read_lfw_pairs(_write(tmp_path, text))
    assert one.right == "Ada\u2028Lovelace B./Ada\u2028Lovelace B._0002.jpg"
    assert two.right == "Bo Diddley/Bo Diddley_0012.jpg"
    mixed = read_lfw_pairs(_write(tmp_path, "1 1\nAda 1\t2\nAda\t1 Bo 2\n"))
    assert [pair.right for pair in mixed] == ["Ada/Ada_0002.jpg", "Bo/Bo_0002.jpg"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("500\nAda\t1\t2\n", "View 1 file"),
        ("", "line 1"),
        ("ten 300\n", "line 1"),
        ("0 300\n", "line 1"),
        ("2 1\nAda 1 2\n", "4 lines, but 1 follow"),
        (GOOD.replace("Ada\t1\t2", "Ada\t1"), "line 2: expected 'name i j', found 'Ada 1'"),
        (GOOD.replace("Bo 3 Cy 1", "Bo 3 Cy one"), "line 5"),
        (GOOD.replace("Bo 3 Cy 1", "Bo 3 Bo 1"), "line 5: 'Bo' is on both sides"),
        (GOOD.replace("Bo 3 4", "Bo 3 3"), "line 4: .* compared with itself"),
    ],
)
def test_wrong_files_name_the_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_lfw_pairs(_write(tmp_path, text))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"pairs\.txt"):
        read_lfw_pairs(tmp_path / "none.txt")
    with pytest.raises(BadInput, match="cannot be read"):
        read_lfw_pairs(tmp_path)


def test_rows_of_the_pairs(tmp_path: Path) -> None:
    pairs = read_lfw_pairs(_write(tmp_path, GOOD))
    names = ["Cy/Cy_0001.jpg", "Bo/Bo_0003.jpg", "Bo/Bo_0004.jpg", "Bo/Bo_0012.jpg"]
    names += ["Ada/Ada_0002.jpg", "Ada/Ada_0001.jpg"]
    found = resolve_pairs(pairs, np.array(names))
    assert found.left.tolist() == [5, 5, 1, 1]
    assert found.right.tolist() == [4, 3, 2, 0]
    assert found.same.tolist() == [True, False, True, False]
    assert found.fold.tolist() == [0, 0, 1, 1]
    with pytest.raises(BadInput, match=r"2 of the 6 photos .*first: 'Ada/Ada_0001.jpg'"):
        resolve_pairs(pairs, np.array(names[:4]))
    with pytest.raises(BadInput, match="two rows"):
        resolve_pairs(pairs, np.array([*names, names[0]]))


def test_the_official_list(shared: Path) -> None:
    pairs = read_lfw_pairs(shared / "data" / "lfw_meta" / "pairs.txt")
    assert len(pairs) == 6000
    assert [sum(p.same for p in pairs if p.fold == f) for f in range(10)] == [300] * 10
    with pytest.raises(BadInput, match="View 1"):
        read_lfw_pairs(shared / "data" / "lfw_meta" / "pairsDevTest.txt")
