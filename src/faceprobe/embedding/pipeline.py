"""The way from a dataset to its embeddings: identify, look up, encode what is missing, label."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.files import sha256_json
from faceprobe.data.embeddings import LabelledEmbeddings, PairList
from faceprobe.data.face_table import FaceTable
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.embedding.cache import VectorCache
from faceprobe.embedding.encode import Job, fill_cache
from faceprobe.embedding.keys import about_cache, first_rows, identify, photo_keys, settings
from faceprobe.embedding.preparation import Digest, Recipe
from faceprobe.embedding.store import EmbeddingStore
from faceprobe.embedding.store_writer import SHARD_ROWS, StoreWriter, check_folder
from faceprobe.embedding.worker_pool import default_workers
from faceprobe.faces.crops import CropPolicy
from faceprobe.faces.weights import find_detector
from faceprobe.models.base import ImageEncoder
from faceprobe.models.fusion import FusionEncoder
from faceprobe.models.vectors import VectorLookup

CHECKPOINT = 512
"""Photos between two checkpoints: what a killed run loses at most."""


@dataclass(frozen=True)
class Excluded:
    """A photo that has no embedding, and why."""

    image: str
    reason: str


@dataclass(frozen=True)
class Embedded:
    """``data`` holds the kept photos in the dataset's order, its own pairs with them; ``pairs_lost`` of
    those named an excluded photo. ``encoded`` kept photos went through the encoder, the other ``reused``
    came from the cache or have a twin with the same bytes. ``store`` is None where no ``out`` was given.
    ``dataset_hash`` covers photos, labels, pairs, exclusions and crop.
    """

    data: LabelledEmbeddings
    excluded: list[Excluded]
    store: EmbeddingStore | None
    encoded: int
    reused: int
    seconds: float
    dataset_hash: str
    pairs_lost: int = 0


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
    if hasattr(encoder, "parts"):  # a fusion; not isinstance: a study wraps its encoders
        from faceprobe.embedding.fusion import Target, embed_fusion

        return embed_fusion(
            dataset,
            cast(FusionEncoder, encoder),
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
        )
    policy = CropPolicy.parse(crop)
    if batch_size < 1 or checkpoint < 1 or not 0 <= max_excluded <= 1:
        raise WrongUsage("batch size and checkpoint are at least 1; max_excluded is a share from 0 to 1")
    if not len(dataset):
        raise BadInput(f"{dataset.name} has no photos to embed")
    images = dataset.images.tolist()
    recipe = Recipe(dataset.source, policy, encoder.preprocess.mean_color(), encoder.preprocess)
    lookup = _lookup_of(encoder, policy)
    if lookup is None or hasattr(dataset.source, "digest"):
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
                )
        vectors, failures = cache.vectors, cache.failures
    kept = [row for row, key in enumerate(keys) if key in vectors and not digests[row].failure]
    lost = set(range(len(images))) - set(kept)
    reasons = {row: digests[row].failure or failures[keys[row]] for row in lost}
    excluded = [Excluded(images[row], reasons[row]) for row in sorted(lost)]
    check_share(dataset.name, excluded, len(images), max_excluded)
    pairs, pairs_lost = kept_pairs(dataset.pairs, kept, len(images))
    content = [digests[row].content for row in kept]
    data = LabelledEmbeddings(
        vectors=np.stack([vectors[keys[row]] for row in kept]),
        identities=dataset.identities[kept],
        paths=dataset.images[kept],
        events=None if dataset.events is None else dataset.events[kept],
        content=np.array(content, dtype=np.str_) if all(content) else None,
        pairs=pairs,
        identities_known=dataset.identities_known,
        groups=None if dataset.groups is None else dataset.groups[kept],
        templates=None if dataset.templates is None else dataset.templates.keep(kept, len(images)),
        variants=None if dataset.variants is None else dataset.variants[kept],
        sources=None if dataset.sources is None else dataset.sources[kept],
    )
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


def count_reasons(excluded: Sequence[Excluded]) -> dict[str, int]:
    """``{reason: count}``, the most frequent first."""
    counts = Counter(e.reason for e in excluded)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def kept_pairs(pairs: PairList | None, kept: Sequence[int], n_rows: int) -> tuple[PairList | None, int]:
    """``pairs`` renumbered to the ``kept`` rows of ``n_rows``, and how many lost a photo."""
    if pairs is None:
        return None, 0
    new = np.full(n_rows, -1, dtype=np.int64)
    new[list(kept)] = np.arange(len(kept))
    left, right = new[pairs.left], new[pairs.right]
    whole = (left >= 0) & (right >= 0)
    return PairList(left[whole], right[whole], pairs.same[whole], pairs.fold[whole]), int((~whole).sum())


def _lookup_of(encoder: ImageEncoder, policy: CropPolicy) -> VectorLookup | None:
    """``encoder`` where it looks vectors up by path, None where it encodes photos."""
    if not hasattr(encoder, "lookup"):  # not isinstance: a study wraps its encoders
        return None
    if policy.name != "as-is":
        raise WrongUsage(
            f"{encoder.id} cannot be measured with the crop {policy.name}: crops were fixed when its vectors"
            " were made; give the crop as-is"
        )
    return cast(VectorLookup, encoder)


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


def check_share(name: str, excluded: Sequence[Excluded], n_photos: int, most: float) -> None:
    if len(excluded) <= most * n_photos and len(excluded) < n_photos:
        return
    counts = ", ".join(f"{count:,} {reason}" for reason, count in count_reasons(excluded).items())
    first = ", ".join(e.image for e in excluded[:3]) + (", ..." if len(excluded) > 3 else "")
    raise BadInput(
        f"{len(excluded):,} of {n_photos:,} photos of {name} cannot be used ({counts}), more than the "
        f"allowed share {most:g}: {first}; mend them, or allow more (max_excluded in a study)"
    )


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


def write_store(
    writer: StoreWriter,
    dataset: FaceTable,
    encoder: ImageEncoder,
    data: LabelledEmbeddings,
    kept: list[int],
    excluded: list[Excluded],
    dataset_hash: str,
) -> EmbeddingStore:
    """The store of ``data``, with all that the dataset knows of each photo."""
    table = dataset.table.take(pa.array(kept)).rename_columns({"image": "image_path"})
    if data.content is not None:
        table = table.append_column("sha256", pa.array(data.content.tolist(), type=pa.string()))
    facts = {
        "model": encoder.card.to_dict(),
        "dataset_fingerprint": dataset.fingerprint,
        "dataset_hash": dataset_hash,
        "evidence": dataset.evidence,
        "identities_known": dataset.identities_known,
        "default_protocol": dataset.default_protocol,
        "licence": dataset.licence,
        "dim": encoder.dim,
        "excluded": count_reasons(excluded),
    }
    listed = [asdict(e) for e in excluded]
    return writer.write(data.vectors, table, data.pairs, listed, facts, data.templates)
