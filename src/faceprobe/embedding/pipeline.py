"""The way from a dataset to its embeddings: identify, look up, encode what is missing, label."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.files import sha256_json
from faceprobe.data.face_table import FaceTable
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.embedding.cache import VectorCache
from faceprobe.embedding.embedded import Embedded, Excluded, check_share, embeddings_of, write_store
from faceprobe.embedding.encode import Job, fill_cache, no_count
from faceprobe.embedding.keys import about_cache, first_rows, identify, photo_keys, settings
from faceprobe.embedding.preparation import Digest, Recipe
from faceprobe.embedding.store_writer import SHARD_ROWS, StoreWriter, check_folder
from faceprobe.embedding.worker_pool import default_workers
from faceprobe.faces.crops import CropPolicy
from faceprobe.faces.weights import find_detector
from faceprobe.models.base import ImageEncoder
from faceprobe.models.fusion import FusionEncoder
from faceprobe.models.vectors import VectorLookup

CHECKPOINT = 512
"""Photos between two checkpoints: what a killed run loses at most."""


def embed(
    dataset: FaceTable,
    encoder: ImageEncoder,
    crop: str = "as-is",
    *,
    out: Path | None = None,
    detector: str | None = None,
    batch_size: int = 32,
    workers: int | None = None,
    max_excluded: float = 0.1,
    quiet: bool = False,
    dtype: str = "float32",
    shard_rows: int = SHARD_ROWS,
    checkpoint: int = CHECKPOINT,
    force: bool = False,
    offline: bool = False,
    on_photos: Callable[[int], None] = no_count,
) -> Embedded:
    """Embed every photo of ``dataset`` with ``encoder``, as cropped by ``crop``.

    Vectors come from the cache (``FACEPROBE_CACHE``) wherever weights, preprocessing, crop and photo are
    the same, and go there in shards of ``checkpoint`` photos; a batch never crosses a shard and is always
    padded to ``batch_size``, so a run that was killed and started again gives the same bits. ``out`` writes
    an :class:`EmbeddingStore` of ``dtype``. ``workers`` prepare photos in processes of their own
    (0 = in this one, None = as many as there are cores, at most eight). ``offline`` forbids fetching the
    detector's weights. Vectors that were computed elsewhere (:class:`VectorLookup`) are looked up by the
    photo's path instead: no photo is decoded, nothing is cached, and a path without a vector is excluded.

    Raises :class:`BadInput` where more than ``max_excluded`` (a share) of the photos, or all, cannot be
    used, naming reasons and the first files; where ``out`` holds other work, but for ``force``; and what
    the crop, the detector and the encoder raise.
    """
    started = time.monotonic()
    if isinstance(encoder, FusionEncoder):
        from faceprobe.embedding.fusion import Target, embed_fusion

        return embed_fusion(
            dataset,
            encoder,
            crop,
            Target(None if out is None else Path(out), dtype, shard_rows, force),
            embed,
            detector=detector,
            batch_size=batch_size,
            workers=workers,
            max_excluded=max_excluded,
            quiet=quiet,
            checkpoint=checkpoint,
            offline=offline,
            on_photos=on_photos,
        )
    policy = CropPolicy.parse(crop)
    if batch_size < 1 or checkpoint < 1 or not 0 <= max_excluded <= 1:
        raise WrongUsage("batch size and checkpoint are at least 1; max_excluded is a share from 0 to 1")
    if not len(dataset):
        raise BadInput(f"{dataset.name} has no photos to embed")
    images = dataset.images.tolist()
    recipe = Recipe(dataset.source, policy, encoder.preprocess.mean_color(), encoder.preprocess)
    lookup = _lookup_of(encoder, policy)
    if lookup is None or not dataset.source.drawn:
        digests = identify(recipe, images, workers, quiet)
    else:
        digests = [Digest()] * len(images)
    if policy.needs_faces and any(d.content and not d.faces for d in digests):
        recipe = replace(recipe, detector=find_detector(detector, offline))
    writer = None
    if out is not None:
        wanted = settings(encoder, recipe, dataset.name, dtype)
        writer = StoreWriter(Path(out), wanted, shard_rows=shard_rows, force=force)
    if lookup is not None:
        keys, todo = images, []
        vectors, failures = _look_up(lookup, images)
    else:
        keys = photo_keys(recipe, digests)
        cache = VectorCache(about_cache(encoder, recipe), encoder.dim)
        with cache.lock():
            cache.load(set(keys))
            todo = [row for row in first_rows(keys) if keys[row] not in cache]
            if todo:
                fill_cache(
                    cache,
                    [Job(images[row], keys[row], digests[row]) for row in todo],
                    recipe,
                    encoder,
                    batch_size=batch_size,
                    checkpoint=checkpoint,
                    workers=default_workers(len(todo)) if workers is None else workers,
                    quiet=quiet,
                    on_photos=on_photos,
                )
        vectors, failures = cache.vectors, cache.failures
    kept = [row for row, key in enumerate(keys) if key in vectors and not digests[row].failure]
    lost = set(range(len(images))) - set(kept)
    reasons = {row: digests[row].failure or failures[keys[row]] for row in lost}
    excluded = [Excluded(images[row], reasons[row]) for row in sorted(lost)]
    check_share(dataset.name, excluded, len(images), max_excluded)
    content = [digests[row].content for row in kept]
    data = embeddings_of(dataset.take(kept), np.stack([vectors[keys[row]] for row in kept]), content)
    pairs_lost = len(dataset.pairs or ()) - len(data.pairs or ())
    encoded = len(set(todo) & set(kept))
    photos = content if lookup is not None and all(content) else [keys[row] for row in kept]
    fingerprint = _dataset_hash(dataset, policy, photos, excluded)
    return Embedded(
        data=data,
        excluded=excluded,
        store=None
        if writer is None
        else write_store(writer, dataset, encoder, data, kept, excluded, fingerprint),
        encoded=encoded,
        reused=len(kept) - encoded,
        seconds=time.monotonic() - started,
        dataset_hash=fingerprint,
        pairs_lost=pairs_lost,
    )


def check_local(
    dataset: FaceTable, crop: str, detector: str | None, out: Path | None, offline: bool = False
) -> None:
    """What can be checked before a model is loaded: the crop, the detector where one will be needed, the
    output folder. Raises what :func:`embed` would.
    """
    policy = CropPolicy.parse(crop)
    if out is not None:
        check_folder(Path(out))
    if not policy.needs_faces:
        return
    if detector or os.environ.get("FACEPROBE_DETECTOR") or not _brings_faces(dataset):
        find_detector(detector, offline)


def _lookup_of(encoder: ImageEncoder, policy: CropPolicy) -> VectorLookup | None:
    """``encoder`` where it looks vectors up by path, None where it encodes photos."""
    if not isinstance(encoder, VectorLookup):
        return None
    if policy.name != "as-is":
        raise WrongUsage(
            f"{encoder.id} cannot be measured with the crop {policy.name}: crops were fixed when its vectors"
            " were made; give the crop as-is"
        )
    return encoder


def _look_up(
    encoder: VectorLookup, images: list[str]
) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """The vectors of the ``images`` that ``encoder`` knows, and why the others have none."""
    known = [image for image in images if image in encoder.rows]
    rows = encoder.lookup(known or images)  # where it knows none, its error says what it does know
    absent = set(images).difference(known)
    return dict(zip(known, rows, strict=True)), dict.fromkeys(absent, "no vector for this path")


def _brings_faces(dataset: FaceTable) -> bool:
    """Whether the first photos that can be read come with faces; all of a dataset's do or none."""
    for row in range(min(len(dataset), 10)):
        try:
            return dataset.photo(row).faces is not None
        except UnreadablePhoto:
            continue
    return False


def _dataset_hash(dataset: FaceTable, policy: CropPolicy, keys: list[str], excluded: list[Excluded]) -> str:
    pairs = dataset.pairs
    listed = (
        None if pairs is None else [getattr(pairs, f).tolist() for f in ("left", "right", "same", "fold")]
    )
    about = {
        "rows": dataset.fingerprint,
        "photos": keys,
        "pairs": listed,
        "excluded": [asdict(e) for e in excluded],
        "crop": policy.name,
    }
    if dataset.templates is not None:
        about["templates"] = dataset.templates.digest()
    return sha256_json(about)
