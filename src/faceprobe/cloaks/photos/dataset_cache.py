"""The cache of cloaked photos of datasets, keyed by content: each photo is made once for all studies.

The key of a photo covers its content, its faces, the seed and the cloak's fingerprint. Batches depend on the
list of photos only, so a run that was killed and started again forms the same batches and gets the same
bytes. Photos of a batch that are already in the cache are kept.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from faceprobe.cloaks.base import Cloak, Cloaked, FaceReport, Pixels, Subject, no_tick
from faceprobe.cloaks.photos.cloaked_table import NO_PIXELS, CloakedPhotos, safe_name
from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.files import cache_dir, read_json, sha256_json, write_bytes, write_json
from faceprobe.data.face_table import FaceTable
from faceprobe.data.photo import Face, Photo, UnreadablePhoto
from faceprobe.faces.detect import Detector

FORMAT = 1


def cloak_table(
    table: FaceTable,
    cloak: Cloak,
    rows: Sequence[int],
    *,
    seed: int,
    detector: Detector | None,
    noise_reference: CloakedPhotos | None = None,
    tick: Callable[[], None] = no_tick,
) -> CloakedPhotos:
    """Cloak the photos ``rows`` of ``table``, or find them in the cache; ``tick`` is called once for each
    photo.

    Faces that the dataset does not know are found by ``detector``. ``noise_reference`` holds the same photos
    by another cloak, for ``noise[...]``. A photo that cannot be read is left out and listed. Raises
    :class:`Missing` where faces are unknown and there is no detector (controls need none), :class:`BadInput`
    where ``noise_reference`` lacks a photo, and what the cloak raises.
    """
    cloaking = _TableCloaking(table, cloak, seed, detector, noise_reference)
    entries = cloaking.identify(list(dict.fromkeys(rows)))
    for batch in _batches(table, cloak, list(entries)):
        cloaking.cloak_batch([entries[row] for row in batch], tick)
    unreadable = cloaking.unreadable
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
class _CacheEntry:
    """One photo: ``content`` is its content hash, ``key`` the name of its files in the cache."""

    row: int
    content: str
    key: str
    folder: Path

    @property
    def png(self) -> Path:
        return self.folder / f"{self.key}.png"

    @property
    def record(self) -> Path:
        """Written last, so the PNG is complete where this file exists."""
        return self.folder / f"{self.key}.json"

    @property
    def done(self) -> bool:
        return self.record.is_file() and self.png.is_file()


@dataclass(frozen=True)
class _TableCloaking:
    """One run over a dataset; ``unreadable`` {row: reason} grows on the way."""

    table: FaceTable
    cloak: Cloak
    seed: int
    detector: Detector | None
    noise_reference: CloakedPhotos | None
    unreadable: dict[int, str] = field(default_factory=dict)

    def identify(self, rows: list[int]) -> dict[int, _CacheEntry]:
        """The entry of every row whose file can be read."""
        digests = {}
        for row in rows:
            try:
                digests[row] = self.table.source.digest(str(self.table.images[row]))
            except UnreadablePhoto as error:
                self.unreadable[row] = error.reason
        detector = self.detector.fingerprint() if self.detector else ""
        reference = self.noise_reference
        reference_keys = {} if reference is None else dict(zip(reference.rows, reference.keys, strict=True))
        parts: dict[int, list[Any]] = {}
        for row, (content, faces) in digests.items():
            parts[row] = [FORMAT, content, faces or detector, self.seed, self.cloak.fingerprint]
            if reference is not None:
                if row not in reference_keys:
                    missing = f"{reference.cloak.id} has no version of {self.table.images[row]}"
                    raise BadInput(f"{self.cloak.card.id}: {missing}; cloak that photo too")
                parts[row].append(reference_keys[row])
        if self.cloak.card.scope == "person":  # one mask for all photos of a person: each depends on all
            for group in _people(self.table, list(parts)):
                members = sha256_json([parts[row] for row in group])
                for row in group:
                    parts[row] = [*parts[row], members]
        folder = cache_dir("cloaks", self.cloak.fingerprint[:16])
        return {
            row: _CacheEntry(row, digests[row].content, sha256_json(p), folder) for row, p in parts.items()
        }

    def cloak_batch(self, batch: list[_CacheEntry], tick: Callable[[], None]) -> None:
        """Cloak a batch, unless all of it is in the cache."""
        wanted = {entry.row for entry in batch if not entry.done}
        photos: dict[int, Photo] = {}
        if wanted:
            for entry in batch:
                try:
                    photos[entry.row] = self._photo(entry.row)
                except UnreadablePhoto as error:
                    self.unreadable[entry.row] = error.reason
        wanted &= photos.keys()
        readable = [entry for entry in batch if entry.row in photos] if wanted else []
        for _ in range(len(batch) - len(readable)):
            tick()
        if not readable:
            return
        subjects = [self._subject(entry, photos[entry.row]) for entry in readable]
        made = self.cloak.apply(subjects, seed=self.seed, tick=tick)
        for entry, cloaked in zip(readable, made, strict=True):
            if entry.row in wanted:
                known = bool(self.table.source.digest(str(self.table.images[entry.row])).faces)
                _write(entry, cloaked, None if known else photos[entry.row].faces)

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

    def _subject(self, entry: _CacheEntry, photo: Photo) -> Subject:
        reference = self.noise_reference
        pixels = None if reference is None else reference.pixels(reference.rows.index(entry.row))
        return Subject(entry.content, photo, str(self.table.identities[entry.row]), pixels)


def _batches(table: FaceTable, cloak: Cloak, rows: list[int]) -> Iterator[list[int]]:
    """Batches that depend on the list only; each is one person for a cloak that works on a person at once."""
    if cloak.card.scope == "person":
        yield from _people(table, rows)
        return
    for start in range(0, len(rows), cloak.batch):
        yield rows[start : start + cloak.batch]


def _people(table: FaceTable, rows: list[int]) -> list[list[int]]:
    """``rows`` grouped by person, in order of appearance; a photo without identity is its own group."""
    groups: dict[str, list[int]] = {}
    for row in rows:
        groups.setdefault(str(table.identities[row]) or f"\0{row}", []).append(row)
    return list(groups.values())


def _write(entry: _CacheEntry, cloaked: Cloaked, detected: tuple[Face, ...] | None) -> None:
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


def _read_record(entry: _CacheEntry) -> tuple[Cloaked, tuple[Face, ...] | None]:
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


def png_bytes(pixels: Pixels) -> bytes:
    """(H, W, 3) uint8 RGB as a PNG; the same bytes for the same pixels and library."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
