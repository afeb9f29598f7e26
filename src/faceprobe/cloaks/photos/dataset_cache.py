"""Cloaked photos of a dataset, kept by content: made once, found again by every study.

A photo's key is made of its own content, where its faces are, the seed and the cloak's fingerprint. Work is
cut into chunks that depend on the list of photos only, so a run that was killed and started again makes the
same batches and so the same bytes; of a chunk that was written in part, what is there stays.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.base import Cloak, Cloaked, FaceReport, Subject
from faceprobe.cloaks.photos.cloaked_table import NO_PIXELS, CloakedPhotos, safe_name
from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.files import cache_dir, read_json, sha256_json, write_bytes, write_json
from faceprobe.data.face_table import FaceTable
from faceprobe.data.photo import Face, Photo, PhotoDigest, UnreadablePhoto
from faceprobe.faces.detect import Detector

FORMAT = 1


def cloak_table(
    table: FaceTable,
    cloak: Cloak,
    rows: Sequence[int],
    *,
    seed: int,
    detector: Detector | None,
    like: CloakedPhotos | None = None,
    tick: Callable[[], None] = lambda: None,
) -> CloakedPhotos:
    """Cloak the photos ``rows`` of ``table``, or find them in the cache; ``tick`` is called once a photo.

    Faces that the dataset does not know are looked for with ``detector``. ``like`` are the same photos by
    another cloak, for ``noise[...]``. A photo that cannot be read is left out and listed. Raises
    :class:`Missing` where faces are unknown and there is no detector (controls need none),
    :class:`BadInput` where ``like`` lacks a photo, and what the cloak raises.
    """
    maker = _Maker(table, cloak, seed, detector, like)
    unreadable: dict[int, str] = {}
    entries = maker.identify(list(dict.fromkeys(rows)), unreadable)
    for chunk in _chunks(table, cloak, list(entries)):
        maker.make([entries[row] for row in chunk], unreadable, tick)
    done = [entry for row, entry in entries.items() if row not in unreadable]
    read = [_read_record(entry) for entry in done]
    prefix = safe_name(cloak.card.id)
    return CloakedPhotos(
        cloak=cloak.card,
        rows=[entry.row for entry in done],
        images=[f"{prefix}/{table.images[entry.row]}" for entry in done],
        paths=[entry.png for entry in done],
        records=[record for record, _ in read],
        keys=[entry.key for entry in done],
        faces=[faces for _, faces in read],
        unreadable=sorted(unreadable.items()),
    )


@dataclass(frozen=True)
class _Entry:
    """One photo: ``content`` is its content hash, ``key`` names its files in the cache."""

    row: int
    content: str
    key: str
    folder: Path

    @property
    def png(self) -> Path:
        return self.folder / f"{self.key}.png"

    @property
    def record(self) -> Path:
        """Written last: where it is, the PNG is whole."""
        return self.folder / f"{self.key}.json"

    @property
    def done(self) -> bool:
        return self.record.is_file() and self.png.is_file()


@dataclass(frozen=True)
class _Maker:
    """Identifies photos, and cloaks those that the cache lacks."""

    table: FaceTable
    cloak: Cloak
    seed: int
    detector: Detector | None
    like: CloakedPhotos | None

    def identify(self, rows: list[int], unreadable: dict[int, str]) -> dict[int, _Entry]:
        """The entry of every row whose bytes can be had; the others go to ``unreadable``."""
        digests: dict[int, PhotoDigest] = {}
        for row in rows:
            try:
                digests[row] = self.table.source.digest(str(self.table.images[row]))
            except UnreadablePhoto as error:
                unreadable[row] = error.reason
        folder = cache_dir("cloaks", self.cloak.fingerprint[:16])
        eyes = self.detector.fingerprint() if self.detector else ""
        others = {} if self.like is None else dict(zip(self.like.rows, self.like.keys, strict=True))
        about: dict[int, list[Any]] = {}
        for row, (content, faces) in digests.items():
            about[row] = [FORMAT, content, faces or eyes, self.seed, self.cloak.fingerprint]
            if self.like is not None:
                if row not in others:
                    missing = f"{self.like.cloak.id} has no version of {self.table.images[row]}"
                    raise BadInput(f"{self.cloak.card.id}: {missing}")
                about[row].append(others[row])
        if self.cloak.card.scope == "person":  # one mask for all photos of a person: each depends on all
            for group in _people(self.table, list(about)):
                members = sha256_json([about[row] for row in group])
                for row in group:
                    about[row] = [*about[row], members]
        return {row: _Entry(row, digests[row].content, sha256_json(a), folder) for row, a in about.items()}

    def make(self, chunk: list[_Entry], unreadable: dict[int, str], tick: Callable[[], None]) -> None:
        """Cloak a chunk, unless all of it is there. A photo that cannot be decoded goes to ``unreadable``."""
        wanted = {entry.row for entry in chunk if not entry.done}
        photos: dict[int, Photo] = {}
        if wanted:
            for entry in chunk:
                try:
                    photos[entry.row] = self._photo(entry.row)
                except UnreadablePhoto as error:
                    unreadable[entry.row] = error.reason
        wanted &= photos.keys()
        readable = [entry for entry in chunk if entry.row in photos] if wanted else []
        for _ in range(len(chunk) - len(readable)):
            tick()
        if not readable:
            return
        subjects = [self._subject(entry, photos[entry.row]) for entry in readable]
        made = self.cloak.apply(subjects, seed=self.seed, tick=tick)
        for entry, cloaked in zip(readable, made, strict=True):
            if entry.row in wanted:
                knows = bool(self.table.source.digest(str(self.table.images[entry.row])).faces)
                _write(entry, cloaked, None if knows else photos[entry.row].faces)

    def _photo(self, row: int) -> Photo:
        photo = self.table.photo(row)
        if photo.faces is not None:
            return photo
        if self.detector is not None:
            return replace(photo, faces=self.detector.detect(photo.pixels))
        if self.cloak.card.control:  # changes whole photos
            return photo
        raise Missing(
            f"{self.cloak.card.id} needs to know where the faces of {self.table.name} are; give YuNet "
            "weights with --detector or FACEPROBE_DETECTOR"
        )

    def _subject(self, entry: _Entry, photo: Photo) -> Subject:
        like = None if self.like is None else self.like.pixels(self.like.rows.index(entry.row))
        return Subject(entry.content, photo, str(self.table.identities[entry.row]), like)


def _chunks(table: FaceTable, cloak: Cloak, rows: list[int]) -> Iterator[list[int]]:
    """Fixed batches of the list; of a cloak that sees whole people, one person each."""
    if cloak.card.scope == "person":
        yield from _people(table, rows)
        return
    for start in range(0, len(rows), cloak.batch):
        yield rows[start : start + cloak.batch]


def _people(table: FaceTable, rows: list[int]) -> list[list[int]]:
    """``rows`` by person, in order of appearance; a photo of nobody known stands alone."""
    groups: dict[str, list[int]] = {}
    for row in rows:
        groups.setdefault(str(table.identities[row]) or f"\0{row}", []).append(row)
    return list(groups.values())


def _write(entry: _Entry, cloaked: Cloaked, detected: tuple[Face, ...] | None) -> None:
    write_bytes(entry.png, png_bytes(cloaked.pixels))
    record = {
        "name": cloaked.name,
        "note": cloaked.note,
        "seconds": cloaked.seconds,
        "faces": [face.to_dict() for face in cloaked.faces],
        "detected": None if detected is None else [_face_dict(face) for face in detected],
    }
    write_json(entry.record, record)


def _face_dict(face: Face) -> dict[str, Any]:
    points = None if face.landmarks is None else face.landmarks.tolist()
    return {"box": list(face.box), "landmarks": points, "score": face.score}


def _read_record(entry: _Entry) -> tuple[Cloaked, tuple[Face, ...] | None]:
    record = read_json(entry.record)
    reports = tuple(FaceReport(**{**face, "box": tuple(face["box"])}) for face in record["faces"])
    detected = None
    if record["detected"] is not None:
        detected = tuple(
            Face(
                (f["box"][0], f["box"][1], f["box"][2], f["box"][3]),
                None if f["landmarks"] is None else np.asarray(f["landmarks"], dtype=np.float32),
                f["score"],
            )
            for f in record["detected"]
        )
    return Cloaked(record["name"], NO_PIXELS, reports, record["note"], record["seconds"]), detected


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) uint8 RGB as a PNG; the same bytes for the same pixels and library."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
