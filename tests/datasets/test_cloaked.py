"""``cloaked:PATH``: the naming rule, whose photo a cloaked one is, controls, and real cloaked photos."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.data.face_table import FaceTable
from faceprobe.datasets import load_dataset
from faceprobe.datasets.resaved import framed_as, in_frame


def put(root: Path, *files: str, size: tuple[int, int] = (20, 16)) -> None:
    for number, file in enumerate(files):
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng([number, len(file)]).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)


def rows(table: FaceTable) -> dict[str, tuple[str, str, str]]:
    """{image: (variant, clean photo, person)}."""
    assert table.variants is not None and table.sources is not None
    columns = (table.variants.tolist(), table.sources.tolist(), table.identities.tolist())
    return dict(zip(table.images.tolist(), zip(*columns, strict=True), strict=True))


def test_names_say_what_a_photo_is_and_folders_refine_it(tmp_path: Path) -> None:
    put(
        tmp_path,
        "original/ann/a.jpg",
        "original/ann/b.jpg",
        "original/bob/a.jpg",
        "lowkey/ann/a_small.png",
        "lowkey/ann/a_attacked.png",
        "fawkes_v1/bob/a_cloaked.png",
        "fawkes/ann/b_cloaked.png",
        "fawkes_v03_high/ann/b_high_cloaked.png",
        "mixed/bob/a_mid_cloaked.png",
    )
    table = load_dataset(f"cloaked:{tmp_path}")
    assert rows(table) == {
        "original/ann/a.jpg": ("clean", "original/ann/a.jpg", "ann"),
        "original/ann/b.jpg": ("clean", "original/ann/b.jpg", "ann"),
        "original/bob/a.jpg": ("clean", "original/bob/a.jpg", "bob"),
        "lowkey/ann/a_small.png": ("clean-small", "original/ann/a.jpg", "ann"),
        "lowkey/ann/a_attacked.png": ("lowkey", "original/ann/a.jpg", "ann"),
        "fawkes_v1/bob/a_cloaked.png": ("fawkes-v1", "original/bob/a.jpg", "bob"),
        "fawkes/ann/b_cloaked.png": ("fawkes", "original/ann/b.jpg", "ann"),
        "fawkes_v03_high/ann/b_high_cloaked.png": ("fawkes-v0.3-high", "original/ann/b.jpg", "ann"),
        "mixed/bob/a_mid_cloaked.png": ("fawkes-v0.3-mid", "original/bob/a.jpg", "bob"),
    }
    assert table.identities_known and list(table.images) == sorted(table.images)
    small = rows(load_dataset(f"cloaked:{tmp_path}?clean=small"))
    assert small["lowkey/ann/a_small.png"] == ("clean", "lowkey/ann/a_small.png", "ann")
    assert small["lowkey/ann/a_attacked.png"][1] == "lowkey/ann/a_small.png"
    assert "original/ann/a.jpg" not in small and "original/ann/b.jpg" in small
    some = rows(load_dataset(f"cloaked:{tmp_path}?variant=clean,lowkey"))
    assert Counter(v for v, _, _ in some.values()) == {"clean": 3, "lowkey": 1}


def test_side_by_side_in_one_folder_people_are_not_known(tmp_path: Path) -> None:
    put(tmp_path, "adam.jpg", "adam_fawkes.png", "adam_lowkey.png", "eve.jpg")
    table = load_dataset(f"cloaked:{tmp_path}")
    assert not table.identities_known
    assert rows(table)["adam_lowkey.png"] == ("lowkey", "adam.jpg", "photo-adam")
    assert any("not known" in note for note in table.notes)


def test_scaled_photos_are_clean_where_no_original_is_there(tmp_path: Path) -> None:
    put(tmp_path, "ann/a_small.png", "ann/a_attacked.png")
    assert rows(load_dataset(f"cloaked:{tmp_path}"))["ann/a_attacked.png"] == (
        "lowkey",
        "ann/a_small.png",
        "ann",
    )


def test_photos_without_their_clean_one_are_counted(tmp_path: Path) -> None:
    put(tmp_path, "o/ann/a.jpg", "o/bob/a.jpg", "f/carl/a_cloaked.png", "f/ann/a_cloaked.png")
    table = load_dataset(f"cloaked:{tmp_path}")
    assert len(table) == 3
    assert "1 fawkes photos have no clean photo, or several, and are left out" in table.notes
    (tmp_path / "f/ann/a_cloaked.png").unlink()
    with pytest.raises(BadInput, match="none of its 1 cloaked photos has a clean photo"):
        load_dataset(f"cloaked:{tmp_path}")


def test_our_own_output_is_read_by_its_list(tmp_path: Path) -> None:
    put(tmp_path, "photos/ann/a.jpg", "photos/bob/b.jpg", "mine/ann/a.png", "mine/bob/b.png")
    cloak = "fawkes-1.0.2-mid[bundled:face]"
    listed = [{"source": f"{p}.jpg", "output": f"{p}.png"} for p in ("ann/a", "bob/b")]
    document = {"cloak": {"id": cloak}, "photos": listed}
    (tmp_path / "mine/cloak.json").write_text(json.dumps(document))
    found = rows(load_dataset(f"cloaked:{tmp_path}"))
    assert found["mine/ann/a.png"] == (cloak, "photos/ann/a.jpg", "ann")
    assert Counter(v for v, _, _ in found.values()) == {"clean": 2, cloak: 2}
    (tmp_path / "mine/cloak.json").write_text("[]")
    with pytest.raises(BadInput, match="was not written by faceprobe cloak"):
        load_dataset(f"cloaked:{tmp_path}")


def test_controls_are_the_clean_photos_of_cloaked_ones(tmp_path: Path) -> None:
    put(tmp_path, "o/ann/a.png", "o/ann/b.png", size=(40, 24))
    put(tmp_path, "fawkes_v1/ann/a_cloaked.png", size=(30, 30))
    table = load_dataset(f"cloaked:{tmp_path}?control=png,jpeg,framed")
    made = {v: i for i, (v, source, _) in rows(table).items() if source == "o/ann/a.png"}
    assert set(made) == {"clean", "fawkes-v1", "clean-png", "clean-jpeg", "clean-framed"}
    row = {str(image): k for k, image in enumerate(table.images)}
    clean = table.photo(row["o/ann/a.png"]).pixels
    assert np.array_equal(table.photo(row[made["clean-png"]]).pixels, clean)
    jpeg = table.photo(row[made["clean-jpeg"]]).pixels
    assert jpeg.shape == clean.shape and not np.array_equal(jpeg, clean)
    framed = table.photo(row[made["clean-framed"]]).pixels
    frame = np.full((70, 70, 3), np.rint(clean.reshape(-1, 3).mean(axis=0)), dtype=np.uint8)
    frame[15:55, 23:47] = clean
    assert np.array_equal(in_frame(clean), frame)
    expected = np.asarray(Image.fromarray(frame).resize((30, 30), Image.Resampling.BILINEAR))
    assert np.array_equal(framed, expected)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    put(tmp_path, "ann/a.jpg")
    with pytest.raises(BadInput, match=r"holds no cloaked photos: none is called \*_attacked.png"):
        load_dataset(f"cloaked:{tmp_path}")
    put(tmp_path, "ann/a_attacked.png")
    for options, message in (
        ("?control=blur", "unknown control 'blur'; known: png, jpeg, framed"),
        ("?variant=fawkes", "no variant 'fawkes'; it has clean, lowkey"),
        ("?clean=big", "clean=big; known: original, small"),
        ("?people=2", "unknown option 'people'"),
    ):
        with pytest.raises(WrongUsage, match=message):
            load_dataset(f"cloaked:{tmp_path}{options}")
    with pytest.raises(Missing, match="no such folder"):
        load_dataset(f"cloaked:{tmp_path}/nowhere")
    with pytest.raises(WrongUsage, match="needs a path"):
        load_dataset("cloaked")


def test_the_published_photos_of_five_actors(shared: Path) -> None:
    root = shared / "data" / "facescrub_cloaks"
    if not root.is_dir():
        pytest.skip(f"no cloaked photos at {root}")
    table = load_dataset(f"cloaked:{root}?control=framed")
    assert table.variants is not None
    assert Counter(table.variants.tolist()) == {
        "clean": 523,
        "lowkey": 185,
        "clean-small": 185,
        "fawkes-v1": 185,
        "clean-framed": 185,
        "fawkes-v0.3-high": 45,
    }
    assert len(np.unique(table.identities)) == 18
    assert len(np.unique(table.identities[table.variants == "fawkes-v1"])) == 5


def test_the_frame_is_the_one_that_fawkes_left(shared: Path) -> None:
    """No border, or one of 20 or 40 pixels, fits any published file better than one of 30."""
    root = shared / "data" / "facescrub_cloaks"
    if not root.is_dir():
        pytest.skip(f"no cloaked photos at {root}")
    table = load_dataset(f"cloaked:{root}?variant=clean,fawkes-v1")
    found = rows(table)
    row = {str(image): k for k, image in enumerate(table.images)}
    for image in sorted(i for i, (v, _, _) in found.items() if v == "fawkes-v1")[::15]:
        cloaked = table.photo(row[image]).pixels
        clean = table.photo(row[found[image][1]]).pixels
        errors = {}
        for border in (0, 20, 30, 40):
            framed = Image.fromarray(in_frame(clean, border)).resize((112, 112), Image.Resampling.BILINEAR)
            errors[border] = np.abs(np.asarray(framed, dtype=int) - cloaked).mean()
        assert min(errors, key=lambda border: errors[border]) == 30
        buffer = io.BytesIO()
        Image.fromarray(cloaked).save(buffer, "PNG")
        made = Image.open(
            io.BytesIO(framed_as((root / found[image][1]).read_bytes(), buffer.getvalue(), image))
        )
        assert np.abs(np.asarray(made, dtype=int) - cloaked).mean() == pytest.approx(errors[30])
