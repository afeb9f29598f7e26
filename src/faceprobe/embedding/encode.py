"""Encoding the photos that the cache lacks, checkpoint by checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.progress import Tick, progress
from faceprobe.data.embeddings import unit_rows
from faceprobe.embedding.cache import VectorCache
from faceprobe.embedding.photo_keys import PhotoHashes
from faceprobe.embedding.preparation import PhotoPreparation, PreparedPhoto
from faceprobe.embedding.worker_pool import WorkerPool
from faceprobe.models.base import ImageEncoder


@dataclass(frozen=True)
class Job:
    """One photo to encode: its name, its key in the cache, and its hashes when it was identified."""

    image: str
    key: str
    hashes: PhotoHashes


def fill_cache(
    cache: VectorCache,
    jobs: Sequence[Job],
    preparation: PhotoPreparation,
    encoder: ImageEncoder,
    *,
    batch_size: int,
    checkpoint: int,
    workers: int,
    quiet: bool,
    on_photos: Callable[[int], None],
) -> None:
    """Give every job a vector, or a reason why it has none, in ``cache``.

    Jobs are cut into shards in order, each shard into batches: a run that starts again after a kill
    has the tail of the same list, and so cuts the same batches. ``on_photos`` is called with the number of
    photos of each encoded batch. Photos are prepared in this process where the preprocess is not picklable.
    """
    rows = -(-checkpoint // batch_size) * batch_size
    workers = workers if preparation.preprocess.picklable else 0
    title = f"embedding, {encoder.id}"
    with WorkerPool(preparation.prepare, workers) as pool, progress(title, len(jobs), quiet) as tick:
        photos = pool.map([job.image for job in jobs])
        for start in range(0, len(jobs), rows):
            shard = jobs[start : start + rows]
            vectors, failures = _encode_shard(shard, photos, encoder, batch_size, tick, on_photos)
            cache.add([job.key for job in shard], vectors, failures)


def _encode_shard(
    jobs: Sequence[Job],
    photos: Iterator[PreparedPhoto],
    encoder: ImageEncoder,
    batch_size: int,
    tick: Tick,
    on_photos: Callable[[int], None],
) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """The vectors of ``jobs`` by key, and by key the reasons why the others have none."""
    vectors: dict[str, NDArray[np.float32]] = {}
    failures: dict[str, str] = {}
    batch: dict[str, NDArray[Any]] = {}
    for job, photo in zip(jobs, photos, strict=False):
        if photo.hashes != job.hashes:
            raise BadInput(f"{job.image} changed or vanished while it was being read; run the command again")
        if photo.pixels is None:
            failures[job.key] = photo.failure
        else:
            batch[job.key] = photo.pixels
        if len(batch) == batch_size:
            vectors |= _encode_batch(batch, encoder, batch_size)
            on_photos(len(batch))
            batch = {}
        tick()
    if batch:
        vectors |= _encode_batch(batch, encoder, batch_size)
        on_photos(len(batch))
    return vectors, failures


def _encode_batch(
    batch: dict[str, NDArray[Any]], encoder: ImageEncoder, batch_size: int
) -> dict[str, NDArray[np.float32]]:
    """Encode one batch, filled up with copies of its last photo: its size never changes, so that the
    encoder's arithmetic does not depend on how many photos happen to be left.
    """
    photos = list(batch.values())
    photos += [photos[-1]] * (batch_size - len(photos))
    encoded = encoder.encode_images(encoder.preprocess.normalise(np.stack(photos)))
    if encoded.shape != (batch_size, encoder.dim):
        raise BadInput(
            f"the encoder {encoder.id} gave {encoded.shape} for {batch_size} photos; "
            f"({batch_size}, {encoder.dim}) was expected"
        )
    where = f"the encoder {encoder.id}'s output"
    return {key: unit_rows(encoded[k : k + 1], where)[0] for k, key in enumerate(batch)}
