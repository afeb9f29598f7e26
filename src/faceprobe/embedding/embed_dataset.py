"""From a dataset to its embeddings: :func:`embed`, and what can be checked before a model is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from faceprobe.core.errors import WrongUsage
from faceprobe.data.face_table import FaceTable
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.embedding.collapsed_scores import caution_if_collapsed
from faceprobe.embedding.embed_result import Embedded, EmbedOptions, StoreTarget, split_rows
from faceprobe.embedding.fusion import embed_fusion
from faceprobe.embedding.one_encoder import embed_one
from faceprobe.embedding.store_writer import SHARD_ROWS, check_folder
from faceprobe.faces.crops import CropPolicy
from faceprobe.faces.weights import find_detector
from faceprobe.models.base import ImageEncoder
from faceprobe.models.fusion import FusionEncoder

CHECKED = 2_000
"""Photos whose headers are read before a model is loaded."""

CHECKPOINT = 512
"""Photos between two checkpoints: the most that a killed run loses."""


def no_count(photos: int) -> None:
    """No-op progress callback."""


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
    an :class:`EmbeddingStore` of ``dtype`` (float32 or float16) in files of ``shard_rows`` rows, over another
    store only with ``force``. ``workers`` processes prepare photos (0 = this process, None = one a core, at
    most eight). ``detector`` is a file of YuNet weights; ``offline`` forbids fetching them. ``on_photos`` is
    called with the number of photos of each encoded batch. Vectors that were computed elsewhere
    (:class:`VectorLookup`) are looked up by the photo's path instead: no photo is decoded, nothing is cached,
    and a path without a vector is excluded. A fusion embeds with each of its parts and joins the rows.

    Raises :class:`BadInput` where more than ``max_excluded`` (a share) of the photos, or all, cannot be
    used, naming reasons and the first files, and where ``out`` holds other work; and what the crop, the
    detector and the encoder raise.
    """
    if batch_size < 1 or checkpoint < 1 or not 0 <= max_excluded <= 1:
        raise WrongUsage("batch size and checkpoint are at least 1; max_excluded is a share from 0 to 1")
    options = EmbedOptions(detector, batch_size, workers, max_excluded, quiet, checkpoint, offline, on_photos)
    target = StoreTarget(None if out is None else Path(out), dtype, shard_rows, force)
    if isinstance(encoder, FusionEncoder):
        return embed_fusion(dataset, encoder, crop, options, target)
    embedded = embed_one(dataset, encoder, crop, options, target)
    caution_if_collapsed(encoder, embedded.data, dataset.name)
    return embedded


def check_local(
    dataset: FaceTable, crop: str, detector: str | None, out: Path | None, offline: bool = False
) -> None:
    """Check what needs no model: the crop, the detector where one will be needed, the output folder.

    Raises what :func:`embed` would.
    """
    policy = CropPolicy.parse(crop)
    if out is not None:
        check_folder(Path(out))
    if not policy.needs_faces:
        return
    if detector or os.environ.get("FACEPROBE_DETECTOR") or not _knows_faces(dataset):
        find_detector(detector, offline)


def check_readable(dataset: FaceTable, max_excluded: float) -> None:
    """Check that photos can be read, by their headers: all of at most :data:`CHECKED`, else that many evenly
    spread over the set.

    Raises :class:`BadInput` as :func:`embed` would, where all photos were looked at; of a sample where none
    can be read.
    """
    rows = np.unique(np.linspace(0, len(dataset) - 1, min(len(dataset), CHECKED)).astype(np.int64))
    reasons = {}
    for row in rows.tolist():
        try:
            dataset.source.check(str(dataset.images[row]))
        except UnreadablePhoto as error:
            reasons[row] = error.reason
    if len(rows) == len(dataset):
        split_rows(dataset, reasons, max_excluded)
    elif len(reasons) == len(rows):
        split_rows(dataset.take(rows), dict(enumerate(reasons.values())), max_excluded)


def _knows_faces(dataset: FaceTable) -> bool:
    """Whether the first photo that can be read comes with faces: all photos of a dataset do, or none."""
    for row in range(min(len(dataset), 10)):
        try:
            return dataset.photo(row).faces is not None
        except UnreadablePhoto:
            continue
    return False
