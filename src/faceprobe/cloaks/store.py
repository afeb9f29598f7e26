"""Cloaked photos of a dataset, kept by content: made once, found again by every study.

A photo's key is made of its own content, where its faces are, the seed and the cloak's fingerprint. Work is
cut into chunks that depend on the list of photos only, so a run that was killed and started again makes the
same batches and so the same bytes; of a chunk that was written in part, what is there stays.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.types import Cloak, CloakCard, Cloaked, FaceReport, Subject
from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.files import cache_dir, read_json, sha256_bytes, sha256_json, write_bytes, write_json
from faceprobe.core.photo import Face, Photo, UnreadablePhoto, decode_image, digest_faces
from faceprobe.datasets.table import COLUMNS, FaceTable, PhotoSource, face_table_columns
from faceprobe.faces.detect import Detector

FORMAT = 1
CLEAN = "clean"
NO_PIXELS: NDArray[np.uint8] = np.zeros((0, 0, 3), dtype=np.uint8)

_UNSAFE = re.compile(r"[^A-Za-z0-9._+=,;@-]")


@dataclass(frozen=True)
class CloakedPhotos:
    """What :func:`cloak_table` made. Entry k of every list is one photo: ``rows`` its clean row in the table,
    ``images`` its name in :func:`with_cloaked`, ``paths`` its PNG in the cache, ``records`` what was done
    (:class:`Cloaked` without pixels), ``keys`` its name in the cache, ``faces`` what a detector found in
    the clean photo (None where the dataset itself knows). ``unreadable`` are (row, reason) left out.
    """

    cloak: CloakCard
    rows: list[int]
    images: list[str]
    paths: list[Path]
    records: list[Cloaked]
    keys: list[str]
    faces: list[tuple[Face, ...] | None]
    unreadable: list[tuple[int, str]]

    def __len__(self) -> int:
        return len(self.rows)

    def pixels(self, k: int) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB of cloaked photo ``k``."""
        return decode_image(self.paths[k].read_bytes(), self.paths[k].name)


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


def with_cloaked(table: FaceTable, photos: CloakedPhotos) -> FaceTable:
    """The clean rows of ``table`` and behind their names the cloaked ``photos``, sorted by name.

    ``variant`` is "clean" or the cloak's id, ``source_image`` names the clean photo; identity, event, group
    and split are the clean photo's, and so are the faces. Rows of other variants, and the dataset's own pairs
    and templates, which name rows by number, are left out.
    """
    variants = table.variants
    clean = [row for row in range(len(table)) if variants is None or variants[row] == CLEAN]
    order = clean + photos.rows
    columns = {c: table.table.column(c).to_pylist() for c in COLUMNS if c in table.table.column_names}
    taken = {c: [values[row] for row in order] for c, values in columns.items()}
    names = [str(table.images[row]) for row in clean] + photos.images
    if len(set(names)) < len(names):
        raise BadInput(f"{table.name} already holds photos named {photos.images[0]!r}; rename that folder")
    taken["image"] = names
    taken["variant"] = [CLEAN] * len(clean) + [photos.cloak.id] * len(photos)
    taken["source_image"] = [str(table.images[row]) for row in order]
    by_name = sorted(range(len(order)), key=names.__getitem__)
    rows = face_table_columns(**{c: [values[k] for k in by_name] for c, values in taken.items()})
    kept = zip(photos.images, photos.rows, photos.paths, photos.faces, strict=True)
    files = {name: CloakedFile(path, str(table.images[row]), faces) for name, row, path, faces in kept}
    wrap = DigestCloakedSource if hasattr(table.source, "digest") else CloakedSource
    return replace(table, table=rows, source=wrap(table.source, files), pairs=None, templates=None)


def safe_name(cloak_id: str) -> str:
    """``cloak_id`` as part of a file's name: ``fawkes-1.0.2-mid_bundled_face_``."""
    return _UNSAFE.sub("_", cloak_id)


@dataclass(frozen=True)
class CloakedFile:
    """A cloaked photo's PNG, the clean photo that it was made from and, where a detector found them, the
    clean photo's faces.
    """

    path: Path
    clean: str
    faces: tuple[Face, ...] | None = None


@dataclass(frozen=True)
class CloakedSource:
    """Reads cloaked photos from the cache and every other one from ``inner``. Picklable, if ``inner`` is."""

    inner: PhotoSource
    files: dict[str, CloakedFile]

    def read(self, image: str) -> Photo:
        file = self.files.get(image)
        if file is None:
            return self.inner.read(image)
        data = _bytes_of(file, image)
        faces = self.inner.read(file.clean).faces if file.faces is None else file.faces
        return Photo(decode_image(data, image), sha256_bytes(data), faces)


class DigestCloakedSource(CloakedSource):
    """The same over a source that can identify a photo without decoding it."""

    def digest(self, image: str) -> tuple[str, str]:
        inner: Any = self.inner
        file = self.files.get(image)
        if file is None:
            content, faces = inner.digest(image)
            return content, faces
        known = inner.digest(file.clean)[1] if file.faces is None else digest_faces(file.faces)
        return sha256_bytes(_bytes_of(file, image)), known


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
        digests: dict[int, tuple[str, str]] = {}
        for row in rows:
            try:
                digests[row] = self._digest(str(self.table.images[row]))
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
        return {row: _Entry(row, digests[row][0], sha256_json(a), folder) for row, a in about.items()}

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
                knows = bool(self._digest(str(self.table.images[entry.row]))[1])
                _write(entry, cloaked, None if knows else photos[entry.row].faces)

    def _digest(self, image: str) -> tuple[str, str]:
        """The photo's content hash, and a hash of the faces that the dataset knows, "" for none."""
        cheap = getattr(self.table.source, "digest", None)
        if cheap is not None:
            content, faces = cheap(image)
            return content, faces
        photo = self.table.source.read(image)
        return photo.content_hash, digest_faces(photo.faces)

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


def _bytes_of(file: CloakedFile, image: str) -> bytes:
    try:
        return file.path.read_bytes()
    except OSError as error:
        raise UnreadablePhoto(image, "cloaked photo gone from the cache") from error


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) uint8 RGB as a PNG; the same bytes for the same pixels and library."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
