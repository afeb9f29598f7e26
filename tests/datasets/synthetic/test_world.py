"""The built-in world is the same for everyone, whatever is asked for first, and tells the truth."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.datasets import load_dataset
from faceprobe.datasets.synthetic.captions import N_FIRST, N_LAST, person_name
from faceprobe.datasets.synthetic.export import export_world
from faceprobe.datasets.synthetic.people import GROUP_NOTE
from faceprobe.datasets.synthetic.world import SPLITS, World

GOLDEN = Path(__file__).with_name("golden.json")


def drawn(seed: int = 0, size: int = 112) -> dict[str, str]:
    """Hashes of photos before JPEG, which only IEEE-exact arithmetic goes into."""
    world = World(seed)
    shots = {
        f"{i}/{k}": world.photo(i, k, size).raw for i, k in ((0, 0), (1, 3), (7, 2), (10_000, 1), (40_000, 5))
    }
    shots["pair"] = world.pair_photo(2, 3, 0, size).raw
    shots["scene"] = world.scene(4, size)[0].raw
    return {key: hashlib.sha256(raw.tobytes()).hexdigest()[:16] for key, raw in shots.items()}


def test_golden_hashes() -> None:
    assert drawn() == json.loads(GOLDEN.read_text())


def test_a_photo_does_not_depend_on_what_was_drawn_before() -> None:
    first = World(3).photo(5, 4).pixels
    other = World(3)
    for k in range(4):
        other.photo(5, k)
    assert np.array_equal(other.photo(5, 4).pixels, first)
    assert not np.array_equal(World(4).photo(5, 4).pixels, first)


@pytest.mark.parametrize("size", [64, 112, 224])
def test_truth_lies_in_the_photo(size: int) -> None:
    world = World(0)
    for person in range(12):
        shot = world.photo(person, 0, size)
        (face,) = shot.faces
        assert shot.pixels.shape == (size, size, 3) and shot.pixels.dtype == np.uint8
        assert face.mask is not None and face.landmarks is not None
        x0, y0, x1, y1 = face.box
        assert 0 <= x0 < x1 <= size and 0 <= y0 < y1 <= size
        left, right, nose, mouth_left, mouth_right = face.landmarks
        assert left[0] < right[0] and mouth_left[0] < mouth_right[0]
        assert left[1] < nose[1] < mouth_left[1] + 0.05 * size
        inside = face.landmarks[(face.landmarks > 0).all(1) & (face.landmarks < size - 1).all(1)].astype(int)
        assert face.mask[inside[:, 1], inside[:, 0]].all()
        assert 0.05 < face.mask.mean() < 0.7


def test_the_face_region_holds_the_person_and_the_rest_holds_the_event() -> None:
    """Two photos of one event share the background; two events of one person do not."""
    world = World(0)
    for person in range(40):
        numbers = [world.shot(person, k).event_number for k in range(4)]
        events = [world.shot(person, k).event for k in range(4)]
        assert numbers == sorted(numbers)
        for a in range(4):
            for b in range(4):
                assert (events[a] == events[b]) == (numbers[a] == numbers[b])


def test_names_are_unique_and_splits_do_not_overlap() -> None:
    assert len({person_name(i) for i in range(N_FIRST * N_LAST)}) == N_FIRST * N_LAST
    starts = sorted(SPLITS.values())
    assert all(b - a >= 10_000 for a, b in itertools.pairwise(starts))


def test_captions_name_people_as_recorded() -> None:
    from faceprobe.datasets.synthetic.captions import NAME_CLASSES, name_class

    world = World(0)
    seen: dict[str, list[bool]] = {c: [] for c in NAME_CLASSES}
    for person in range(10_000, 10_150):
        for k in range(6):
            text, named = world.caption(person, k)
            assert (world.name(person) in text) == named
            seen[name_class(0, person)].append(named)
    assert not any(seen["never"])
    assert np.mean(seen["rare"]) == pytest.approx(NAME_CLASSES["rare"], abs=0.1)
    assert np.mean(seen["often"]) == pytest.approx(NAME_CLASSES["often"], abs=0.05)


def test_a_scene_has_no_face_and_a_pair_has_two() -> None:
    rendering, caption = World(0).scene(0)
    assert rendering.faces == () and " in front of " in caption
    left, right = World(0).pair_photo(0, 1, 0).faces
    assert left.box[0] < right.box[0]


def test_table() -> None:
    table = load_dataset("synthetic?people=5&photos=3")
    assert len(table) == 15 and len(set(table.identities)) == 5
    assert table.evidence == "synthetic" and GROUP_NOTE in table.notes
    photo = table.photo(4)
    assert np.array_equal(photo.pixels, World(0).photo(1, 1).pixels)
    assert photo.faces is not None and len(photo.faces) == 1
    with pytest.raises(UnreadablePhoto, match="no such photo"):
        table.source.read("test/px/1")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("synthetic?people=none", "whole number"),
        ("synthetic?people=0", "between 1 and 10000"),
        ("synthetic?split=web", "unknown split"),
        ("synthetic?faces=3", "unknown option"),
        ("synthetic:somewhere", "no path"),
    ],
)
def test_wrong_options(name: str, message: str) -> None:
    with pytest.raises(WrongUsage, match=message):
        load_dataset(name)


def test_export(tmp_path: Path) -> None:
    assert export_world("synthetic?people=2&photos=2", tmp_path / "world", quiet=True) == 4
    rows = pq.read_table(tmp_path / "world" / "truth.parquet").to_pylist()
    assert [r["image"] for r in rows] == [
        "p000000/000.png",
        "p000000/001.png",
        "p000001/000.png",
        "p000001/001.png",
    ]
    from PIL import Image

    assert np.array_equal(
        np.asarray(Image.open(tmp_path / "world/photos" / rows[3]["image"])), World(0).photo(1, 1).pixels
    )
    assert load_dataset(f"folder:{tmp_path}/world/photos").evidence == "synthetic"
    with pytest.raises(BadInput, match="not empty"):
        export_world("synthetic?people=2&photos=2", tmp_path / "world", quiet=True)
