"""Encoding what the cache lacks, checkpoint by checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.progress import Tick, progress
from faceprobe.data.embeddings import unit_rows
from faceprobe.embedding.cache import VectorCache
from faceprobe.embedding.preparation import Digest, Prepared, Recipe
from faceprobe.embedding.worker_pool import Pool
from faceprobe.models.base import ImageEncoder


@dataclass(frozen=True)
class Job:
    """One photo to encode: its name, its key in the cache, and what it was when it was identified."""

    image: str
    key: str
    digest: Digest


def no_count(photos: int) -> None:
    """No-op progress callback."""


def fill_cache(
    cache: VectorCache,
    jobs: Sequence[Job],
    recipe: Recipe,
    encoder: ImageEncoder,
    *,
    batch_size: int,
    checkpoint: int,
    workers: int,
    quiet: bool,
    on_photos: Callable[[int], None] = no_count,
) -> None:
    """Give every job a vector, or a reason why it has none, in ``cache``.

    Jobs are cut into shards in order, each shard into batches: a run that starts again after a kill
    has the tail of the same list, and so cuts the same batches. ``on_photos`` is called with the number of
    photos of each encoded batch.
    """
    rows = -(-checkpoint // batch_size) * batch_size
    images = [job.image for job in jobs]
    with Pool(recipe, workers) as pool, progress(f"embedding, {encoder.id}", len(jobs), quiet) as tick:
        stream = pool.prepare(images)
        for start in range(0, len(jobs), rows):
            part = jobs[start : start + rows]
            vectors, failures = _encode_part(part, stream, encoder, batch_size, tick, on_photos)
            cache.add([job.key for job in part], vectors, failures)


def _encode_part(
    part: Sequence[Job],
    stream: Iterator[Prepared],
    encoder: ImageEncoder,
    batch_size: int,
    tick: Tick,
    on_photos: Callable[[int], None],
) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    vectors: dict[str, NDArray[np.float32]] = {}
    failures: dict[str, str] = {}
    batch: dict[str, NDArray[np.uint8]] = {}
    for job, prepared in zip(part, stream, strict=False):
        if prepared.digest != job.digest:
            raise BadInput(f"{job.image} changed or vanished while it was being read; run the command again")
        if prepared.pixels is None:
            failures[job.key] = prepared.failure
        else:
            batch[job.key] = prepared.pixels
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
    batch: dict[str, NDArray[np.uint8]], encoder: ImageEncoder, batch_size: int
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
