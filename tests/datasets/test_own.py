"""``own:NAME``: datasets given as tables or as photos in memory."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from faceprobe.core.errors import BadInput, UnknownName
from faceprobe.data.photo import Face, Photo, UnreadablePhoto
from faceprobe.datasets import load_dataset
from faceprobe.datasets.files import SYNTHETIC_MARK
from faceprobe.datasets.own import own_dataset, photo_of, register_table
from faceprobe.embedding import embed
from faceprobe.models import load_model

IDENTITIES = ["ada", "ada", "bob"]


def pixels(value: int, height: int = 5, width: int = 7) -> NDArray[np.uint8]:
    drawn = np.full((height, width, 3), value, dtype=np.uint8)
    drawn[0, :, 1] = 9
    return drawn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``b.png``, ``a.png`` and ``sub/c.png``, all different."""
    for value, name in enumerate(("b.png", "a.png", "sub/c.png")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels(value)).save(path)
    return tmp_path


def columns(photos: list[Any], **more: list[Any]) -> dict[str, list[Any]]:
    return {"path": photos, "identity": IDENTITIES, **more}


def dataframe(source: dict[str, list[Any]]) -> Any:
    return pytest.importorskip("pandas").DataFrame(source)


@pytest.mark.parametrize("form", [dict, pa.table, dataframe])
@pytest.mark.parametrize("photo_column", ["path", "image", "image_path"])
def test_tables_of_every_form_give_the_same_dataset(form: Any, photo_column: str, folder: Path) -> None:
    source = columns(["b.png", "a.png", "sub/c.png"], event=["e1", None, "e2"], age=[3, 4, 5])
    source = {photo_column if key == "path" else key: values for key, values in source.items()}
    table = own_dataset(form(source), name="mine", root=folder)
    assert table.name == "mine" and table.evidence == "real-photos" and table.identities_known
    assert table.images.tolist() == ["a.png", "b.png", "sub/c.png"]
    assert table.identities.tolist() == ["ada", "ada", "bob"]
    assert table.events is not None and table.events.tolist() == ["", "e1", "e2"]
    assert table.table.column_names == ["image", "identity", "event"], "others are left out"
    assert np.array_equal(table.photo(1).pixels, pixels(0))


def test_paths_are_relative_to_the_working_folder_unless_root_says_otherwise(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    by_default = own_dataset([("sub/c.png", "bob"), (folder / "a.png", "ada")])
    assert by_default.images.tolist() == ["a.png", "sub/c.png"], "named from the folder"
    monkeypatch.chdir(folder / "sub")
    assert np.array_equal(by_default.photo(0).pixels, pixels(1)), "a later change of folder changes nothing"
    assert own_dataset([("a.png", "ada")], root=folder).photo(0).content_hash


def test_pairs_of_photos_in_memory(folder: Path) -> None:
    given = [
        (pixels(7), "ada"),
        (Image.fromarray(pixels(8)), "bob"),
        (pixels(9)[:, :, 0], "ada"),
        (str(folder / "a.png"), "bob"),
    ]
    table = own_dataset(iter(given), name="memory")
    photos = {image: table.source.read(image).pixels for image in table.images.tolist()}
    assert len(photos) == 4
    assert np.array_equal(photos["ada/000000"], pixels(7))
    assert np.array_equal(photos["bob/000001"], pixels(8))
    assert np.array_equal(photos["ada/000002"], np.stack([pixels(9)[:, :, 0]] * 3, axis=2))
    assert np.array_equal(photos[str(folder / "a.png")], pixels(1))


def test_a_digest_is_that_of_the_photo_and_of_its_content() -> None:
    faces = (Face((0.0, 0.0, 4.0, 4.0)),)
    photo = Photo(pixels(3), "hash", faces)
    table = own_dataset([(pixels(3), "ada"), (pixels(3), "bob"), (pixels(4), "bob"), (photo, "cy")])
    digests = {image: table.source.digest(image) for image in table.images.tolist()}
    for image, digest in digests.items():
        assert table.source.read(image).content_hash == digest.content
    assert digests["ada/000000"] == digests["bob/000001"] != digests["bob/000002"]
    assert digests["cy/000003"].faces and not digests["ada/000000"].faces
    assert not table.source.drawn


def test_the_same_bytes_in_another_shape_are_another_photo() -> None:
    flat = photo_of(np.zeros((2, 8, 3), np.uint8), "a")
    assert flat.content_hash != photo_of(np.zeros((8, 2, 3), np.uint8), "b").content_hash


def test_an_array_that_is_used_again_does_not_change_the_photo() -> None:
    buffer = pixels(1)
    table = own_dataset([(buffer, "ada")])
    buffer[:] = 0
    assert np.array_equal(table.photo(0).pixels, pixels(1))


def test_a_transparent_image_lies_on_white_and_the_callers_image_stays() -> None:
    image = Image.new("RGBA", (2, 3), (0, 0, 0, 0))
    assert photo_of(image, "a").pixels.min() == 255
    assert image.mode == "RGBA"


def test_an_own_dataset_is_loaded_by_name_and_the_last_of_a_name_counts() -> None:
    first = own_dataset([(pixels(1), "ada")], name="twice")
    assert load_dataset("own:twice") is first
    second = own_dataset([(pixels(2), "ada")], name="twice")
    assert load_dataset("own:twice") is second


def test_a_tables_name_is_written_so_that_it_loads_again() -> None:
    table = load_dataset("synthetic?people=2&photos=1&size=32")
    name = register_table(table)
    assert name.startswith("own:") and load_dataset(name) is table


def test_a_name_that_was_not_registered_is_unknown() -> None:
    own_dataset([(pixels(1), "ada")], name="portraits")
    with pytest.raises(UnknownName, match="did you mean 'portraits'") as raised:
        load_dataset("own:portrait")
    assert "in this process" in str(raised.value)


def test_one_person_is_enough_here() -> None:
    assert len(own_dataset([(pixels(1), "ada"), (pixels(2), "ada")])) == 2


def test_a_missing_or_damaged_file_is_found_when_it_is_read(folder: Path) -> None:
    (folder / "bad.png").write_bytes(b"no photo")
    table = own_dataset([("gone.png", "ada"), ("bad.png", "bob")], root=folder)
    for row, reason in enumerate(("not an image", "missing file")):
        with pytest.raises(UnreadablePhoto) as raised:
            table.photo(row)
        assert raised.value.reason == reason
    with pytest.raises(UnreadablePhoto, match="missing file"):
        table.source.digest("gone.png")


def test_photos_that_faceprobe_drew_are_synthetic_evidence(folder: Path) -> None:
    (folder / SYNTHETIC_MARK).write_text("{}")
    assert own_dataset([("sub/c.png", "ada")], root=folder).evidence == "synthetic"


def test_the_source_is_picklable(folder: Path) -> None:
    table = own_dataset([("a.png", "ada"), (pixels(5), "bob")], root=folder)
    copied = pickle.loads(pickle.dumps(table.source))  # noqa: S301
    for image in table.images.tolist():
        assert np.array_equal(copied.read(image).pixels, table.source.read(image).pixels)


def refused(source: Any, **options: Any) -> str:
    with pytest.raises(BadInput) as raised:
        own_dataset(source, **options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_missing_column_is_named_and_those_that_are_there() -> None:
    said = refused({"file": ["a.png"], "identity": ["ada"]}, name="mine")
    assert "mine" in said and "no column 'path'" in said and "file, identity" in said
    assert "no column 'identity'" in refused({"path": ["a.png"], "person": ["ada"]})


def test_columns_that_do_not_fit_are_refused() -> None:
    assert "path 2, identity 1" in refused({"path": ["a", "b"], "identity": ["ada"]})
    assert "'path' is no list" in refused({"path": "a.png", "identity": ["ada"]})


def test_a_table_that_names_nobody_or_twice_or_by_lists_is_refused() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"path": ["a.png"], "identity": pandas.array([None], dtype="string")})
    assert "no row has an identity" in refused(frame)
    frame = pandas.DataFrame([["a.png", "ada", "bob"]], columns=["path", "identity", "identity"])
    assert "2 columns called 'identity'" in refused(frame)
    assert "column identity: row 1 holds a list" in refused([("a.png", "ada"), ("b.png", ["bob"])])


@pytest.mark.parametrize(
    ("photo", "part"),
    [
        (3, "a int is no photo"),
        (b"bytes", "a bytes is no photo"),
        ("", "an empty path"),
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.zeros((4, 4, 4), np.uint8), "(4, 4, 4)"),
        (np.zeros((2, 4, 4, 3), np.uint8), "(2, 4, 4, 3)"),
        (np.zeros((0, 4, 3), np.uint8), "(0, 4, 3)"),
        (np.zeros(4, np.uint8), "(4,)"),
    ],
)
def test_what_is_no_photo_is_refused(photo: object, part: str) -> None:
    said = refused([(pixels(1), "ada"), (photo, "bob")], name="mine")
    assert part in said and "mine: row 1" in said


@pytest.mark.parametrize("source", [[], {"path": [], "identity": []}, iter(())])
def test_a_dataset_has_at_least_one_photo(source: Any) -> None:
    assert "no photos" in refused(source)


@pytest.mark.parametrize("source", ["text", 3, None])
def test_what_is_no_dataset_is_refused(source: object) -> None:
    assert "is no dataset" in refused(source)


def test_items_that_are_no_pairs_are_refused() -> None:
    assert "item 1 is no pair" in refused([("a.png", "ada"), ("b.png", "bob", "more")])


def test_a_photo_stands_in_one_row(folder: Path) -> None:
    said = refused([("a.png", "ada"), (folder / "a.png", "bob")], root=folder)
    assert "the photo a.png twice" in said


@pytest.mark.parametrize("name", ["", " ", 3])
def test_a_dataset_needs_a_name(name: object) -> None:
    assert "name of a dataset is a text" in refused([("a.png", "ada")], name=name)


def test_it_is_embedded_by_name_and_a_photo_that_cannot_be_read_is_left_out(folder: Path) -> None:
    rows = [("a.png", "ada"), ("gone.png", "ada"), *((pixels(12 * k, 8, 8), "bob") for k in range(20))]
    own_dataset(rows, name="album", root=folder)
    embedded = embed(load_dataset("own:album"), load_model("pixels:4"), workers=0, quiet=True)
    assert embedded.data.paths.tolist() == ["a.png", *(f"bob/{k + 2:06d}" for k in range(20))]
    assert [excluded.reason for excluded in embedded.excluded] == ["missing file"]


def test_unnamed_datasets_have_names_of_their_own() -> None:
    first = own_dataset([(pixels(3), "ada"), (pixels(4), "bob")])
    second = own_dataset([(pixels(3), "ada"), (pixels(5), "bob")])
    assert (
        first.name != second.name and own_dataset([(pixels(3), "ada"), (pixels(4), "bob")]).name == first.name
    )
    assert load_dataset(f"own:{first.name}").photo(1).content_hash == first.photo(1).content_hash
