"""Content-based cache keys: what identifies a photo, and the key under which its vector is kept."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from faceprobe.core.files import sha256_json
from faceprobe.core.progress import progress
from faceprobe.data.face_table import PhotoSource
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.embedding.worker_pool import WorkerPool, default_workers
from faceprobe.faces.crops import CropPolicy
from faceprobe.faces.detect import Detector

THREADS = 8
"""Hashing files waits for the disk and releases the interpreter, so threads suffice."""


@dataclass(frozen=True)
class PhotoHashes:
    """``content`` is the photo's content hash; ``faces`` is the hash of the faces that the dataset knows, ""
    where it knows none. ``failure`` says why the photo cannot be read, "" where it can.
    """

    content: str = ""
    faces: str = ""
    failure: str = ""


def hash_photo(source: PhotoSource, image: str) -> PhotoHashes:
    """The hashes of one photo. A photo that cannot be read is an answer, not an error."""
    try:
        return PhotoHashes(*source.digest(image))
    except UnreadablePhoto as error:
        return PhotoHashes(failure=error.reason)


def hash_photos(
    source: PhotoSource, images: Sequence[str], workers: int | None, quiet: bool
) -> list[PhotoHashes]:
    """The hashes of every photo, in order: in threads, or for drawn photos in ``workers`` processes."""
    one = partial(hash_photo, source)
    if not source.drawn:
        with ThreadPoolExecutor(THREADS) as threads:
            return list(threads.map(one, images))
    hashes = []
    workers = default_workers(len(images)) if workers is None else workers
    with WorkerPool(one, workers) as pool, progress("reading photos", len(images), quiet) as tick:
        for found in pool.map(images):
            hashes.append(found)
            tick()
    return hashes


def photo_keys(hashes: Sequence[PhotoHashes], crop: CropPolicy, detector: Detector | None) -> list[str]:
    """The cache key of each photo, "" for one that cannot be read.

    The key is the content hash. Where the crop needs faces, the key also covers what locates them: the
    dataset's faces, or else the detector.
    """
    if not crop.needs_faces:
        return [photo.content for photo in hashes]
    located_by = detector.fingerprint() if detector else ""
    return [p.content and sha256_json([p.content, p.faces or located_by]) for p in hashes]


def first_rows(keys: Sequence[str]) -> list[int]:
    """The first row of every key, in order, without unreadable photos."""
    first: dict[str, int] = {}
    for row, key in enumerate(keys):
        if key:
            first.setdefault(key, row)
    return list(first.values())
