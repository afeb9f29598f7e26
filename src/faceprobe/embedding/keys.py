"""Which photo is which: the key under which a photo's vector is kept."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from faceprobe.core.files import sha256_json
from faceprobe.core.progress import progress
from faceprobe.embedding.preparation import Digest, Recipe
from faceprobe.embedding.worker_pool import Pool, default_workers
from faceprobe.faces import crops
from faceprobe.models.base import ImageEncoder

THREADS = 8
"""Hashing files waits for the disk and releases the interpreter: threads do."""


def identify(recipe: Recipe, images: Sequence[str], workers: int | None, quiet: bool) -> list[Digest]:
    """Every photo's :class:`Digest`, in order. Photos that are computed are computed for it, in worker processes."""
    if not recipe.source.drawn:
        with ThreadPoolExecutor(THREADS) as threads:
            return list(threads.map(recipe.digest, images))
    digests = []
    workers = default_workers(len(images)) if workers is None else workers
    with Pool(recipe, workers) as pool, progress("reading photos", len(images), quiet) as tick:
        for digest in pool.digest(images):
            digests.append(digest)
            tick()
    return digests


def photo_keys(recipe: Recipe, digests: Sequence[Digest]) -> list[str]:
    """The cache key of each photo, "" for one that cannot be read.

    It is the content hash, and where the crop looks at faces, also what says where they are: the
    dataset's faces, or the detector that looks for them.
    """
    if not recipe.crop.needs_faces:
        return [digest.content for digest in digests]
    detector = recipe.detector.fingerprint() if recipe.detector else ""
    return [d.content and sha256_json([d.content, d.faces or detector]) for d in digests]


def first_rows(keys: Sequence[str]) -> list[int]:
    """The first row of every key, in order, without unreadable photos."""
    first: dict[str, int] = {}
    for row, key in enumerate(keys):
        if key:
            first.setdefault(key, row)
    return list(first.values())


def about_cache(encoder: ImageEncoder, recipe: Recipe) -> dict[str, Any]:
    """Everything but the photo that a vector depends on; the cache's key is made of it."""
    return {
        "weights_hash": encoder.weights_hash,
        "preprocess": recipe.preprocess.fingerprint(),
        "crop": recipe.crop.name,
        "crops_version": crops.VERSION,
        "fill": list(recipe.fill),
    }


def settings(encoder: ImageEncoder, recipe: Recipe, dataset: str, dtype: str) -> dict[str, Any]:
    """What two runs must share to write into the same folder."""
    return {
        "dataset": dataset,
        "encoder": encoder.id,
        "weights_hash": encoder.weights_hash,
        "preprocess": recipe.preprocess.to_dict(),
        "crop": recipe.crop.name,
        "fill": list(recipe.fill),
        "detector": recipe.detector.fingerprint() if recipe.detector else None,
        "dtype": dtype,
    }
