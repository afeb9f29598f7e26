"""Cloaked photos of a dataset: the cache, its keys, resuming, and the table that protocols see."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceprobe.cloaks.base import CloakCard, Cloaked, FaceReport, Scope, Subject
from faceprobe.cloaks.photos.cloaked_table import safe_name, with_cloaked
from faceprobe.cloaks.photos.dataset_cache import cloak_table
from faceprobe.cloaks.photos.visibility import psnr
from faceprobe.cloaks.purifiers import parse_purifier, purified
from faceprobe.cloaks.registry import load_cloak
from faceprobe.core.errors import BadInput, Missing
from faceprobe.data.face_table import FaceTable
from faceprobe.data.photo import digest_faces
from faceprobe.datasets import load_dataset
from faceprobe.embedding.photo_keys import hash_photo
from faceprobe.embedding.preparation import PhotoPreparation
from faceprobe.faces.crops import CropPolicy


@dataclass
class Brighter:
    """Adds the size of its batch to every pixel, so that a change of the batches shows in the bytes."""

    batch: int = 3
    scope: Scope = "photo"
    control: bool = True
    version: int = 0
    batches: list[list[str]] = field(default_factory=list)
    identities: list[list[str]] = field(default_factory=list)
    die_at: int = -1

    @property
    def card(self) -> CloakCard:
        return CloakCard("brighter[bundled:face]?a=1", "a test", control=self.control, scope=self.scope)

    @property
    def fingerprint(self) -> str:
        return f"{'b' * 15}{self.version}" + self.scope

    def apply(
        self, subjects: Sequence[Subject], *, seed: int, tick: Callable[[], None] = lambda: None
    ) -> list[Cloaked]:
        if len(self.batches) == self.die_at:
            raise KeyboardInterrupt
        self.batches.append([s.name for s in subjects])
        self.identities.append([s.identity for s in subjects])
        done = []
        for s in subjects:
            tick()
            pixels = (s.photo.pixels // 2 + len(subjects)).astype(np.uint8)
            done.append(Cloaked(s.name, pixels, (FaceReport((0, 1, 2, 3), True, shift=0.5),), "note", 0.25))
        return done


@pytest.fixture(scope="module")
def world() -> FaceTable:
    return load_dataset("synthetic?people=3&photos=3&size=64")


@pytest.fixture
def album(tmp_path: Path, world: FaceTable) -> FaceTable:
    """The same photos as files, whose faces are unknown."""
    for row in range(len(world)):
        file = tmp_path / "album" / str(world.identities[row]) / f"{row}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(world.photo(row).pixels).save(file)
    return load_dataset(f"folder:{tmp_path / 'album'}")


def test_cloaks_once_and_finds_again(world: FaceTable) -> None:
    cloak, ticks = Brighter(), []
    rows = [0, 1, 2, 4, 8]
    made = cloak_table(world, cloak, rows, seed=0, detector=None, tick=lambda: ticks.append(1))
    assert made.rows == rows and len(ticks) == 5
    assert [len(b) for b in cloak.batches] == [3, 2]
    assert cloak.batches[0][0] == world.photo(0).content_hash
    for k, row in enumerate(rows):
        batch = 3 if k < 3 else 2
        assert np.array_equal(made.pixels(k), world.photo(row).pixels // 2 + batch)
    assert made.records[0].note == "note" and made.records[0].seconds == 0.25
    assert made.records[0].faces == (FaceReport((0, 1, 2, 3), True, shift=0.5),)
    assert made.images[0] == f"brighter_bundled_face__a=1/{world.images[0]}"
    again = cloak_table(world, cloak, rows, seed=0, detector=None, tick=lambda: ticks.append(1))
    assert len(cloak.batches) == 2 and len(ticks) == 10
    assert again.paths == made.paths and again.records[0].note == "note"
    cloak_table(world, cloak, rows, seed=1, detector=None)
    assert len(cloak.batches) == 4
    cloak_table(world, Brighter(version=1, batches=cloak.batches), rows, seed=0, detector=None)
    assert len(cloak.batches) == 6


@pytest.mark.parametrize("lost", ["record", "png", "chunk"])
def test_an_interrupted_run_ends_with_the_same_bytes(world: FaceTable, lost: str) -> None:
    rows = list(range(8))
    whole = cloak_table(world, Brighter(), rows, seed=0, detector=None)
    bytes_of = [p.read_bytes() for p in whole.paths]
    if lost == "chunk":
        for path in whole.paths:
            path.unlink()
        with pytest.raises(KeyboardInterrupt):
            cloak_table(world, Brighter(die_at=1), rows, seed=0, detector=None)
    elif lost == "png":
        whole.paths[4].unlink()
    else:
        whole.paths[4].with_suffix(".json").unlink()
    cloak = Brighter()
    again = cloak_table(world, cloak, rows, seed=0, detector=None)
    assert [p.read_bytes() for p in again.paths] == bytes_of
    assert len(cloak.batches) == (2 if lost == "chunk" else 1)


def test_a_cloak_of_whole_people_gets_whole_people(world: FaceTable) -> None:
    cloak = Brighter(scope="person")
    first = cloak_table(world, cloak, [0, 1, 3, 2, 4], seed=0, detector=None)
    assert cloak.identities == [[str(world.identities[0])] * 3, [str(world.identities[3])] * 2]
    more = cloak_table(world, cloak, [0, 1, 2, 3, 4, 5], seed=0, detector=None)
    assert len(cloak.batches) == 3  # the first person is as before, the second has a photo more
    assert more.keys[0] == first.keys[0] and more.keys[3] != first.keys[2]


def test_faces_must_be_known(album: FaceTable) -> None:
    with pytest.raises(Missing, match="--detector"):
        cloak_table(album, Brighter(control=False), [0], seed=0, detector=None)
    assert len(cloak_table(album, Brighter(), [0], seed=0, detector=None)) == 1


def test_unreadable_photos_are_listed_and_do_not_move_the_others(album: FaceTable, tmp_path: Path) -> None:
    file = tmp_path / "album" / str(album.images[1])
    file.write_bytes(file.read_bytes()[:200])
    (tmp_path / "album" / str(album.images[5])).write_bytes(b"")
    cloak = Brighter()
    made = cloak_table(album, cloak, range(9), seed=0, detector=None)
    assert made.unreadable == [(1, "truncated image"), (5, "empty file")]
    assert made.rows == [0, 2, 3, 4, 6, 7, 8] and [len(b) for b in cloak.batches] == [2, 3, 2]
    cloak_table(album, cloak, range(9), seed=0, detector=None)
    assert len(cloak.batches) == 3


def test_noise_like_another_cloak(world: FaceTable) -> None:
    rows = [0, 3]
    other = cloak_table(world, load_cloak("jpeg-50"), rows, seed=0, detector=None)
    noise = cloak_table(
        world, load_cloak("noise[jpeg-50]"), rows, seed=0, detector=None, noise_reference=other
    )
    for k, row in enumerate(rows):
        clean = world.photo(row).pixels
        assert abs(psnr(clean, noise.pixels(k)) - psnr(clean, other.pixels(k))) <= 0.1
    blurred = cloak_table(world, load_cloak("blur-2"), rows, seed=0, detector=None)
    elsewhere = cloak_table(
        world, load_cloak("noise[jpeg-50]"), rows, seed=0, detector=None, noise_reference=blurred
    )
    assert elsewhere.keys != noise.keys
    with pytest.raises(BadInput, match="no version of"):
        cloak_table(world, load_cloak("noise[jpeg-50]"), [1], seed=0, detector=None, noise_reference=other)


def test_table_with_cloaked_rows(world: FaceTable) -> None:
    made = cloak_table(world, Brighter(), [0, 4], seed=0, detector=None)
    table = with_cloaked(world, made)
    assert len(table) == 11 and list(table.images) == sorted(table.images)
    assert table.variants is not None and table.sources is not None and table.events is not None
    assert sorted(set(table.variants)) == ["brighter[bundled:face]?a=1", "clean"]
    for row in range(len(table)):
        clean = int(np.flatnonzero(world.images == table.sources[row])[0])
        photo = table.photo(row)
        assert table.identities[row] == world.identities[clean]
        assert world.events is not None and table.events[row] == world.events[clean]
        assert digest_faces(photo.faces) == digest_faces(world.photo(clean).faces)
        same = np.array_equal(photo.pixels, world.photo(clean).pixels)
        assert same == (table.variants[row] == "clean")
        if not same:
            assert table.sources[row] in (world.images[0], world.images[4])
    chosen = [row for row in range(len(table)) if table.images[row] in (world.images[0], world.images[4])]
    again = with_cloaked(table, cloak_table(table, Brighter(), chosen, seed=0, detector=None))
    assert again.table.equals(table.table)  # in place of the former cloaked rows, which are not clean ones


def test_sources_can_be_sent_to_workers_and_identify_photos(album: FaceTable, shared: Path) -> None:
    from faceprobe.faces.weights import find_detector

    detector = find_detector()
    made = cloak_table(album, Brighter(), range(9), seed=0, detector=detector)
    for table in (with_cloaked(album, made), purified(with_cloaked(album, made), parse_purifier("jpeg"))):
        source = pickle.loads(pickle.dumps(table.source))  # noqa: S301
        for image in table.images:
            photo = source.read(str(image))
            assert source.digest(str(image)) == (photo.content_hash, digest_faces(photo.faces))
            assert (photo.faces is None) == ("brighter" not in image)


def test_purified_photos_have_hashes_of_their_own(world: FaceTable) -> None:
    assert purified(world, parse_purifier("none")) is world
    hashes = {world.photo(0).content_hash}
    for name in ("jpeg-75", "jpeg-50", "blur-1"):
        photo = purified(world, parse_purifier(name)).photo(0)
        hashes.add(photo.content_hash)
        assert np.array_equal(photo.pixels, parse_purifier(name).apply(world.photo(0).pixels))
        assert digest_faces(photo.faces) == digest_faces(world.photo(0).faces)
    assert len(hashes) == 4
    assert purified(world, parse_purifier("blur")).source.drawn == world.source.drawn


def test_a_purified_photo_is_prepared_like_any_other(world: FaceTable) -> None:
    from faceprobe.models.preprocess import Preprocess

    source = pickle.loads(pickle.dumps(purified(world, parse_purifier("tv")).source))  # noqa: S301
    preparation = PhotoPreparation(
        source, CropPolicy.parse("aligned-112"), (0, 0, 0), Preprocess((112, 112), (0.5,) * 3, (0.5,) * 3)
    )
    prepared = preparation.prepare(str(world.images[0]))
    assert prepared.pixels is not None and hash_photo(source, str(world.images[0])) == prepared.hashes


def test_safe_name() -> None:
    assert safe_name("lowkey[onnx:a.onnx;dssim]?x=1&y=2") == "lowkey_onnx_a.onnx;dssim__x=1_y=2"
