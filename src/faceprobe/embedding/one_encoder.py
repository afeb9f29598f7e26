"""Embedding a dataset with one encoder: identify photos, look vectors up, encode what is missing, label."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.files import sha256_json
from faceprobe.data.face_table import FaceTable
from faceprobe.embedding.cache import VectorCache
from faceprobe.embedding.embed_result import Embedded, EmbedOptions, Excluded, StoreTarget, finish, split_rows
from faceprobe.embedding.encode import Job, fill_cache
from faceprobe.embedding.photo_keys import PhotoHashes, first_rows, hash_photos, photo_keys
from faceprobe.embedding.preparation import PhotoPreparation, cache_settings
from faceprobe.embedding.worker_pool import default_workers
from faceprobe.faces.crops import CropPolicy
from faceprobe.faces.weights import find_detector
from faceprobe.models.base import ImageEncoder
from faceprobe.models.vectors import VectorLookup


@dataclass(frozen=True)
class FoundVectors:
    """The key of each row; by key a vector (D,) float32 or the reason why there is none; the rows that were
    encoded for this call.
    """

    keys: list[str]
    vectors: dict[str, NDArray[np.float32]]
    failures: dict[str, str]
    encoded: set[int]


def embed_one(
    dataset: FaceTable, encoder: ImageEncoder, crop: str, options: EmbedOptions, target: StoreTarget
) -> Embedded:
    """:func:`faceprobe.embedding.embed` for every encoder but a fusion."""
    started = time.monotonic()
    preparation = _preparation(dataset, encoder, crop)
    hashes = _identify(dataset, encoder, options)
    if preparation.crop.needs_faces and any(p.content and not p.faces for p in hashes):
        preparation = replace(preparation, detector=find_detector(options.detector, options.offline))
    writer = target.writer(encoder, preparation, dataset.name)
    if isinstance(encoder, VectorLookup):
        found = _look_up(dataset, encoder)
    else:
        found = _encode_missing(dataset, encoder, preparation, hashes, options)
    reasons = {
        row: hashes[row].failure or found.failures[key]
        for row, key in enumerate(found.keys)
        if hashes[row].failure or key not in found.vectors
    }
    kept, excluded = split_rows(dataset, reasons, options.max_excluded)
    content = [hashes[row].content for row in kept]
    known_by = [found.keys[row] for row in kept]
    if isinstance(encoder, VectorLookup) and all(content):
        known_by = content
    return finish(
        dataset,
        encoder,
        np.stack([found.vectors[found.keys[row]] for row in kept]),
        kept,
        excluded,
        content=content,
        encoded=len(found.encoded.intersection(kept)),
        dataset_hash=_dataset_hash(dataset, preparation.crop, known_by, excluded),
        writer=writer,
        started=started,
    )


def _preparation(dataset: FaceTable, encoder: ImageEncoder, crop: str) -> PhotoPreparation:
    """How photos are prepared, without a detector. Raises for a crop or a dataset that cannot be embedded."""
    policy = CropPolicy.parse(crop)
    if not len(dataset):
        raise BadInput(f"{dataset.name} has no photos to embed")
    if isinstance(encoder, VectorLookup) and policy.name != "as-is":
        raise WrongUsage(
            f"{encoder.id} cannot be measured with the crop {policy.name}: crops were fixed when its vectors"
            " were made; give the crop as-is"
        )
    return PhotoPreparation(dataset.source, policy, encoder.preprocess.mean_color(), encoder.preprocess)


def _identify(dataset: FaceTable, encoder: ImageEncoder, options: EmbedOptions) -> list[PhotoHashes]:
    """The hashes of all photos. Where vectors are looked up, photos are not drawn for their hashes only."""
    if isinstance(encoder, VectorLookup) and dataset.source.drawn:
        return [PhotoHashes()] * len(dataset)
    return hash_photos(dataset.source, dataset.images.tolist(), options.workers, options.quiet)


def _look_up(dataset: FaceTable, encoder: VectorLookup) -> FoundVectors:
    """The vectors that ``encoder`` has for the photos' paths."""
    images = dataset.images.tolist()
    known = [image for image in images if image in encoder.rows]
    rows = encoder.lookup(known or images)  # without any known path, its error says which paths it knows
    failures = dict.fromkeys(set(images).difference(known), "no vector for this path")
    return FoundVectors(images, dict(zip(known, rows, strict=True)), failures, set())


def _encode_missing(
    dataset: FaceTable,
    encoder: ImageEncoder,
    preparation: PhotoPreparation,
    hashes: Sequence[PhotoHashes],
    options: EmbedOptions,
) -> FoundVectors:
    """The vectors in the cache, after encoding each photo that it lacks."""
    images, keys = dataset.images.tolist(), photo_keys(hashes, preparation.crop, preparation.detector)
    cache = VectorCache(cache_settings(encoder, preparation), encoder.dim)
    with cache.lock():
        cache.load(set(keys))
        missing = [row for row in first_rows(keys) if keys[row] not in cache]
        if missing:
            fill_cache(
                cache,
                [Job(images[row], keys[row], hashes[row]) for row in missing],
                preparation,
                encoder,
                batch_size=options.batch_size,
                checkpoint=options.checkpoint,
                workers=default_workers(len(missing)) if options.workers is None else options.workers,
                quiet=options.quiet,
                on_photos=options.on_photos,
            )
    return FoundVectors(keys, cache.vectors, cache.failures, set(missing))


def _dataset_hash(
    dataset: FaceTable, policy: CropPolicy, known_by: list[str], excluded: list[Excluded]
) -> str:
    """Hash of labels, pairs, templates, exclusions, the crop and what identifies each kept photo."""
    pairs = dataset.pairs
    listed = None
    if pairs is not None:
        listed = [column.tolist() for column in (pairs.left, pairs.right, pairs.same, pairs.fold)]
    parts = {
        "rows": dataset.fingerprint,
        "photos": known_by,
        "pairs": listed,
        "excluded": [asdict(e) for e in excluded],
        "crop": policy.name,
    }
    if dataset.templates is not None:
        parts["templates"] = dataset.templates.digest()
    return sha256_json(parts)
