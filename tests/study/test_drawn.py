"""Photos that are drawn once a run."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceprobe.data.face_table import PhotoSource
from faceprobe.data.photo import Face, Photo, PhotoDigest, UnreadablePhoto, digest_faces
from faceprobe.datasets import load_dataset
from faceprobe.study import drawn


def same(left: Face, right: Face) -> bool:
    equal = (left.box, left.score) == (right.box, right.score)
    for one, other in ((left.landmarks, right.landmarks), (left.mask, right.mask)):
        equal &= (one is None) == (other is None) and (one is None or np.array_equal(one, other))
    return equal


def test_kept_photos_are_the_drawn_ones(tmp_path: Path) -> None:
    table = load_dataset("synthetic?people=3&photos=2&size=48")
    kept = drawn.keep_drawn(table, tmp_path / "photos")
    assert kept.table is table.table and kept.source is not table.source
    sent = pickle.loads(pickle.dumps(kept.source))  # noqa: S301
    for image in table.images.tolist():
        there, back = table.source.read(image), sent.read(image)
        assert np.array_equal(there.pixels, back.pixels) and there.content_hash == back.content_hash
        assert there.faces and back.faces and same(there.faces[0], back.faces[0])
        assert back.faces[0].mask is not None and back.faces[0].mask.any()
        assert sent.digest(image) == (there.content_hash, digest_faces(there.faces))


def test_faces_may_be_unknown_none_or_without_a_mask(tmp_path: Path, bench: Any) -> None:
    bare = Face((0.0, 0.0, 2.0, 2.0), np.ones((5, 2), np.float32), 0.5)
    known = {"p0/0.png": None, "p0/1.png": (), "p1/0.png": (bare,), "p1/1.png": (bare, bare)}

    class Source(PhotoSource):
        drawn = True

        def read(self, image: str) -> Photo:
            return Photo(np.full((2, 3, 3), 7, np.uint8), image, known.get(image))

    table = replace(bench.drawn(people=2), source=Source())
    kept = drawn.keep_drawn(table, tmp_path / "photos")
    for image, faces in known.items():
        found = kept.source.read(image).faces
        assert (found is None) == (faces is None) and len(found or ()) == len(faces or ())
        assert all(same(a, b) for a, b in zip(found or (), faces or (), strict=True))


@pytest.mark.parametrize("why", ["files", "sizes", "large", "unreadable"])
def test_photos_that_are_not_worth_keeping_are_left_where_they_are(
    tmp_path: Path, bench: Any, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    class Source(PhotoSource):
        drawn = True

        def read(self, image: str) -> Photo:
            if why == "unreadable" and image == "p1/0.png":
                raise UnreadablePhoto(image, "not an image")
            side = 3 if why == "sizes" and image == "p1/0.png" else 2
            return Photo(np.zeros((side, side, 3), np.uint8), image)

    class Files(Source):
        drawn = False

        def digest(self, image: str) -> PhotoDigest:
            return PhotoDigest(image)

    if why == "large":
        monkeypatch.setattr(drawn, "MOST_BYTES", 10)
    table = replace(bench.drawn(), source=Files() if why == "files" else Source())
    assert drawn.keep_drawn(table, tmp_path / "photos") is table
