"""insightface's ``.bin``: what is read, and above all what is refused."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from faceprobe.core.errors import BadInput, Missing, Refused, WrongUsage
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.datasets import load_dataset, safe_pickle
from faceprobe.datasets.insightface_bin import read_bin
from faceprobe.datasets.safe_pickle import load_plain
from faceprobe.protocols import evaluate
from faceprobe.protocols.types import NothingLeft


def encoded(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (6, 6), (value, value, value)).save(buffer, "PNG")
    return buffer.getvalue()


PHOTOS = [encoded(k) for k in range(24)]
SAME = [k % 2 == 0 for k in range(12)]


def write(path: Path, value: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


def load(path: Path) -> Any:
    return load_dataset(f"insightface-bin:{path}")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("container", [tuple, list])
def test_pairs_folds_and_photos(tmp_path: Path, protocol: int, container: type) -> None:
    table = load(write(tmp_path / "lfw.bin", container((PHOTOS, SAME)), protocol))
    assert table.name == "insightface-bin:lfw.bin" and len(table) == 24
    assert table.images[:3].tolist() == ["00000-a", "00000-b", "00001-a"]
    assert table.pairs.left.tolist() == list(range(0, 24, 2))
    assert table.pairs.right.tolist() == list(range(1, 24, 2))
    assert table.pairs.same.tolist() == SAME
    assert table.pairs.fold.tolist() == [0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    photo = table.photo(7)
    assert (photo.pixels == 7).all()
    assert photo.content_hash == hashlib.sha256(PHOTOS[7]).hexdigest()
    assert table.source.digest("00003-b") == (photo.content_hash, "")


def test_labels_agree_with_the_pairs(tmp_path: Path) -> None:
    table = load(write(tmp_path / "a.bin", (PHOTOS, SAME)))
    same = table.identities[table.pairs.left] == table.identities[table.pairs.right]
    np.testing.assert_array_equal(same, table.pairs.same)
    assert len(np.unique(table.identities)) == 6 + 2 * 6
    assert "names no people" in table.notes[0]
    assert not table.identities_known


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_numpy_arrays_inside(tmp_path: Path, protocol: int) -> None:
    photos = [np.frombuffer(p, dtype=np.uint8) for p in PHOTOS]
    for same in (np.array(SAME), [np.bool_(s) for s in SAME], np.array(SAME, dtype=np.int64)):
        table = load(write(tmp_path / f"{protocol}-{type(same).__name__}.bin", (photos, same), protocol))
        assert table.pairs.same.tolist() == SAME
        assert (table.photo(5).pixels == 5).all()


def test_a_python_2_pickle(tmp_path: Path) -> None:
    """Protocol 2 as Python 2 wrote it: SHORT_BINSTRING and BINSTRING for ``str``, bools as opcodes."""
    body = b"".join(b"T" + len(p).to_bytes(4, "little") + p for p in PHOTOS[:4])
    data = b"\x80\x02](" + body + b"e](\x88\x89e\x86."
    path = tmp_path / "old.bin"
    path.write_bytes(data)
    assert "BINSTRING" in {op.name for op, _, _ in pickletools.genops(data)}
    table = load(path)
    assert table.pairs.same.tolist() == [True, False]
    assert [int(table.photo(k).pixels[0, 0, 0]) for k in range(4)] == [0, 1, 2, 3]


class Payload:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("function", [os.system, eval, exec, open, __import__, getattr, os.mkdir, np.load])
def test_code_is_refused_and_not_run(tmp_path: Path, function: Any, protocol: int) -> None:
    target = tmp_path / "ran"
    argument = f"touch {target}" if function is os.system else str(target)
    if function in (eval, exec):
        argument = f"__import__('os').mkdir({str(target)!r})"
    path = write(tmp_path / "bad.bin", ([Payload(function, argument)], [True]), protocol)
    with pytest.raises(Refused) as caught:
        load(path)
    assert not target.exists()
    message = str(caught.value)
    assert "refused" in message and function.__name__ in message and "\n" not in message


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",  # STACK_GLOBAL
        b"cos\nsystem\n(S'id'\ntR.",  # GLOBAL
        b"(S'id'\nios\nsystem\n.",  # INST
        b"\x80\x02\x82\x01.",  # EXT1
        b"\x80\x04Pid\n.",  # PERSID
        b"\x80\x02cbuiltins\ngetattr\ncos\nsystem\n\x86.",
        b"\x80\x04\x8c\x10numpy.lib.npyio \x8c\x04load\x93.",
        b"\x80\x04\x8c\x05numpy\x8c\x08f2py.run\x93.",
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.",
    ],
)
def test_every_way_to_a_name_is_closed(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.bin"
    path.write_bytes(data)
    with pytest.raises((Refused, BadInput)):
        load_plain(path)


def test_the_stand_ins_cannot_be_altered(tmp_path: Path) -> None:
    """BUILD on a stand-in with a state that would set attributes: an error, and the next file still reads."""
    path = tmp_path / "bad.bin"
    path.write_bytes(b"\x80\x02c_codecs\nencode\n}X\x08\x00\x00\x00__call__K\x01sb.")
    with pytest.raises((Refused, BadInput)):
        load_plain(path)
    assert len(load(write(tmp_path / "good.bin", (PHOTOS, SAME), protocol=2))) == 24


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "bad.bin", (np.array([PHOTOS[0], None], dtype=object), [True]))
    with pytest.raises((Refused, BadInput)):
        load(path)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ((PHOTOS, SAME, SAME), "not of \\(photos, booleans\\)"),
        ({"photos": PHOTOS}, "not of \\(photos, booleans\\)"),
        ((PHOTOS, 3), "two lists"),
        ((["text"] * 2, [True]), "not bytes"),
        ((PHOTOS[:2], ["yes"]), "pair 0 has the label 'yes'; it must be True or 1"),
        ((PHOTOS[:4], [True, -1]), "pair 1 has the label -1; it must be True or 1"),
        ((PHOTOS[:4], [2, 0]), "pair 0 has the label 2"),
        ((PHOTOS[:4], [1.0, 0.0]), r"pair 0 has the label 1\.0"),
        ((PHOTOS[:4], [True, None]), "pair 1 has the label None"),
        ((PHOTOS[:4], np.array([1, -1])), "pair 1 has the label -1"),
        ((PHOTOS[:4], np.array([1.0, 0.0])), "holds an array of floats; an insightface"),
        ((PHOTOS[:4], np.array([True, False], dtype=object)), "holds an array of objects"),
        ((PHOTOS[:4], np.array(["1", "0"])), "holds an array of text"),
        (([], []), "second list is empty"),
        ((PHOTOS[:3], [True, False]), "3 photos for 2 pairs"),
    ],
)
def test_another_content_is_named(tmp_path: Path, value: Any, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        load(write(tmp_path / "odd.bin", value))


@pytest.mark.parametrize(
    "data", [b"", b"hello", pickle.dumps((PHOTOS, SAME))[:-40], b"\x80\x04" + b"\xff" * 20]
)
def test_a_damaged_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "cut.bin"
    path.write_bytes(data)
    with pytest.raises(BadInput, match="not a complete pickle"):
        load(path)


def test_a_memory_bomb_does_not_go_off(tmp_path: Path) -> None:
    path = tmp_path / "bomb.bin"
    path.write_bytes(b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b"x.")
    with pytest.raises((BadInput, Refused)):
        load(path)


def test_shared_lists_are_not_multiplied(tmp_path: Path) -> None:
    """200 bytes whose lists, each twice in the next, would unfold to 2**60 items."""
    for protocol in (0, 2, 5):
        deep: Any = [b""]
        for _ in range(60):
            deep = [deep, deep]
        for value in ((deep, [True]), deep, [[b"", b""], (True, {})], ([(b"",)] * 2, [True])):
            with pytest.raises(Refused, match="further lists"):
                load_plain(write(tmp_path / "laughs.bin", value, protocol))
    wide = load_plain(write(tmp_path / "wide.bin", [[b""] * 9] * 9))
    assert all(part is wide[0] for part in wide)


@pytest.mark.parametrize("shape", [(2**40, 0), (1, 2**40, 0)])
def test_an_array_of_nothing_is_not_unfolded(tmp_path: Path, shape: tuple[int, ...]) -> None:
    same = np.zeros(0, dtype=np.bool_).reshape(shape)
    for protocol in (2, 5):
        with pytest.raises((Refused, BadInput)):
            load(write(tmp_path / "wide.bin", (PHOTOS, same), protocol))


def test_lists_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.bin", (PHOTOS, SAME))
    monkeypatch.setattr(safe_pickle, "MAX_ITEMS", 24)
    assert len(load_plain(path)[0]) == 24
    monkeypatch.setattr(safe_pickle, "MAX_ITEMS", 23)
    with pytest.raises(Refused, match="more than 23 items"):
        load_plain(path)
    with pytest.raises(Refused, match="more than 23 items"):
        load_plain(write(tmp_path / "b.bin", ([b""], np.zeros(24, dtype=np.bool_))))


def test_one_photo_many_times_is_one_copy(tmp_path: Path) -> None:
    photo = np.frombuffer(PHOTOS[3], dtype=np.uint8)
    photos, same = read_bin(str(write(tmp_path / "a.bin", ([photo] * 8, [True] * 4))))
    assert photos == [PHOTOS[3]] * 8 and same == [True] * 4
    assert len({id(p) for p in photos}) == 1


def test_the_bytes_of_an_array_are_not_made_of_a_number(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(
        b"\x80\x02(cnumpy.core.numeric\n_frombuffer\n(K\x08cnumpy\ndtype\nX\x02\x00\x00\x00u1\x85R"
        b"K\x08\x85X\x01\x00\x00\x00CtRt."
    )
    with pytest.raises(Refused, match="not bytes"):
        load_plain(path)


def test_a_list_that_holds_itself(tmp_path: Path) -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises((BadInput, Refused)):
        load(write(tmp_path / "loop.bin", (loop, [True])))


def test_photos_inside_may_be_damaged(tmp_path: Path) -> None:
    table = load(write(tmp_path / "a.bin", ([b"", b"text", *PHOTOS[:2]], [True, False])))
    for row, reason in ((0, "empty file"), (1, "not an image")):
        with pytest.raises(UnreadablePhoto, match=reason):
            table.photo(row)
    assert (table.photo(3).pixels == 1).all()


def test_missing_and_unnamed() -> None:
    with pytest.raises(Missing, match="no such file"):
        load_dataset("insightface-bin:nowhere.bin")
    with pytest.raises(WrongUsage, match="needs a path"):
        load_dataset("insightface-bin")


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", (PHOTOS, SAME))
    assert len(load(path)) == 24
    write(path, (PHOTOS[:20], SAME[:10]))
    assert len(load(path)) == 20


@pytest.mark.parametrize("mated", [True, False])
def test_a_list_of_one_kind_is_said_and_has_no_accuracy(tmp_path: Path, mated: bool) -> None:
    table = load(write(tmp_path / "a.bin", (PHOTOS, [mated] * 12)))
    kind = "one person" if mated else "two people"
    assert f"all 12 pairs show {kind}" in " ".join(table.notes)
    data = Embeddings(np.eye(24, dtype=np.float32), table.identities, table.images, pairs=table.pairs)
    for protocol in ("lfw/official", "lfw/insightface", "lfw/facexzoo"):
        with pytest.raises(NothingLeft, match=f"all 12 listed pairs show {kind}"):
            evaluate(data, [protocol], replicates=0)
