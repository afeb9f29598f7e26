"""LFW: layout, pairs, downloads that fail, and the real set where it is present."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceprobe.core.errors import BadInput, Missing, Unreachable
from faceprobe.core.files import cache_dir
from faceprobe.datasets import lfw_download, load_dataset

PAIRS = "2\t1\nAnn_A\t1\t2\nAnn_A\t1\tBob_B\t1\nBob_B\t1\t2\nAnn_A\t2\tBob_B\t2\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "faces"
    for name in ("Ann_A", "Bob_B"):
        (root / name).mkdir(parents=True)
        for k in (1, 2):
            Image.new("L", (8, 8), 40 * k).save(root / name / f"{name}_{k:04d}.jpg")
    return root


def test_pairs_beside_the_people(root: Path) -> None:
    (root / "pairs.txt").write_text(PAIRS)
    table = load_dataset(f"lfw:{root}")
    assert (table.name, table.default_protocol) == ("lfw", "lfw/official")
    assert table.images.tolist() == [f"{n}/{n}_000{k}.jpg" for n in ("Ann_A", "Bob_B") for k in (1, 2)]
    assert table.pairs is not None
    rows = zip(table.pairs.left, table.pairs.right, table.pairs.same, table.pairs.fold, strict=True)
    assert sorted(map(tuple, rows)) == [(0, 1, True, 0), (0, 2, False, 0), (1, 3, False, 1), (2, 3, True, 1)]
    assert any("complete LFW has 13,233" in note for note in table.notes)


def test_pairs_given_then_cached(root: Path, tmp_path: Path) -> None:
    assert load_dataset(f"lfw:{root}").pairs is None
    assert any("give ?pairs=FILE" in note for note in load_dataset(f"lfw:{root}").notes)
    assert load_dataset(f"lfw:{root}").default_protocol == "verification/all-pairs"
    given = tmp_path / "other.txt"
    given.write_text(PAIRS)
    assert len(load_dataset(f"lfw:{root}?pairs={given}").pairs or ()) == 4
    cached = cache_dir("datasets", "lfw", "pairs.txt")
    cached.parent.mkdir(parents=True)
    cached.write_text(PAIRS)
    assert len(load_dataset(f"lfw:{root}").pairs or ()) == 4


def test_pairs_that_do_not_fit(root: Path, tmp_path: Path) -> None:
    """An error for a file that the user gave, a note for one that happens to be in the cache."""
    other = PAIRS.replace("Bob_B", "Cy_C")
    cached = cache_dir("datasets", "lfw", "pairs.txt")
    cached.parent.mkdir(parents=True)
    cached.write_text(other)
    table = load_dataset(f"lfw:{root}")
    assert table.pairs is None and any("do not fit" in note for note in table.notes)
    (root / "pairs.txt").write_text(other)
    with pytest.raises(BadInput, match="Cy_C_0001"):
        load_dataset(f"lfw:{root}")


def test_a_part_leaves_the_official_pairs_out(root: Path) -> None:
    (root / "pairs.txt").write_text(PAIRS)
    table = load_dataset(f"lfw:{root}?photos=1")
    assert table.pairs is None and table.name == "lfw?photos=1"
    assert any("left out" in note for note in table.notes)


def test_a_pairs_file_that_is_not_there(root: Path) -> None:
    with pytest.raises(Missing, match="no such file"):
        load_dataset(f"lfw:{root}?pairs=nowhere.txt")


def test_the_folder_around_the_archive_will_do(root: Path) -> None:
    root.rename(root.parent / "lfw")
    (root.parent / "pairs.txt").write_text(PAIRS)
    table = load_dataset(f"lfw:{root.parent}")
    assert len(table) == 4 and len(table.pairs or ()) == 4


def test_another_layout_is_named(root: Path) -> None:
    (root / "Bob_B" / "Bob_B_0002.jpg").rename(root / "Bob_B" / "second.jpg")
    with pytest.raises(BadInput, match=r"layout: Bob_B/second\.jpg should be called Bob_B_0001\.jpg"):
        load_dataset(f"lfw:{root}")


def test_a_missing_folder_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no such folder"):
        load_dataset(f"lfw:{tmp_path}/nowhere")


def test_without_network_one_line_says_what_to_put_where(monkeypatch: pytest.MonkeyPatch) -> None:
    pooch = pytest.importorskip("pooch")
    asked = []

    def unreachable(url: str, **_: object) -> str:
        asked.append(url)
        raise ConnectionError("no route")

    monkeypatch.setattr(pooch, "retrieve", unreachable)
    with pytest.raises(Unreachable) as caught:
        load_dataset("lfw")
    assert asked == [url for url, _ in lfw_download.PAIRS]
    message = str(caught.value)
    assert "\n" not in message and "lfw:PATH" in message and str(cache_dir("datasets", "lfw")) in message


def test_the_archive_is_checked_and_unpacked(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pooch = pytest.importorskip("pooch")
    with tarfile.open(tmp_path / "lfw.tgz", "w:gz") as tar:
        tar.add(root, "lfw")
    (tmp_path / "pairs.txt").write_text(PAIRS)
    seen = {}

    def retrieve(url: str, known_hash: str, fname: str, path: Path) -> str:
        if "figshare" in url:
            raise ValueError("hash")
        seen[fname] = known_hash
        path.mkdir(parents=True, exist_ok=True)
        (path / fname).write_bytes((tmp_path / fname).read_bytes())
        return str(path / fname)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    table = load_dataset("lfw")
    assert len(table) == 4 and len(table.pairs or ()) == 4
    assert seen == {
        "lfw.tgz": "md5:a17d05bd522c52d84eca14327a23d494",
        "pairs.txt": "md5:9f1ba174e4e1c508ff7cdf10ac338a7d",
    }
    assert [p.name for p in sorted(cache_dir("datasets", "lfw").iterdir())] == ["lfw", "lfw.tgz", "pairs.txt"]
    seen.clear()
    assert len(load_dataset("lfw")) == 4 and not seen


def test_the_real_set(shared: Path) -> None:
    table = load_dataset(f"lfw:{shared / 'data/lfw'}?pairs={shared / 'data/lfw_meta/pairs.txt'}")
    assert (len(table), len(np.unique(table.identities)), table.notes) == (13_233, 5_749, ())
    assert table.pairs is not None
    assert len(table.pairs) == 6000 and int(table.pairs.same.sum()) == 3000
    assert np.bincount(table.pairs.fold).tolist() == [600] * 10
    same = table.identities[table.pairs.left] == table.identities[table.pairs.right]
    np.testing.assert_array_equal(same, table.pairs.same)
