"""Embedding with a fusion: every part for itself, through the cache, then joined row by row."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.files import sha256_json
from faceprobe.data.face_table import FaceTable
from faceprobe.embedding.embedded import Embedded, Excluded, check_share, embeddings_of, write_store
from faceprobe.embedding.fusion_weights import fit_weights
from faceprobe.embedding.keys import settings
from faceprobe.embedding.preparation import Recipe
from faceprobe.embedding.store_writer import StoreWriter
from faceprobe.faces.crops import CropPolicy
from faceprobe.models.fusion import FusionEncoder

EmbedPart = Callable[..., Embedded]


@dataclass(frozen=True)
class Target:
    """Where the joined rows go: a store in ``out`` of ``dtype``, or nowhere."""

    out: Path | None
    dtype: str
    shard_rows: int
    force: bool


def embed_fusion(
    dataset: FaceTable, encoder: FusionEncoder, crop: str, target: Target, embed_part: EmbedPart, **rest: Any
) -> Embedded:
    """Embed ``dataset`` with every part and join the rows of the photos that all parts can use.

    ``embed_part`` is :func:`faceprobe.embedding.embed` and ``rest`` its remaining arguments. Weights that are
    to be fitted are fitted first, on the whole photos (or each part's own crop) whatever ``crop`` is.
    Raises :class:`BadInput` where the fit and ``dataset`` share people.
    """
    started = time.monotonic()
    if encoder.fit:
        _fit(dataset, encoder, embed_part, rest)
    policy = CropPolicy.parse(crop)
    writer = None
    if target.out is not None:
        recipe = Recipe(dataset.source, policy, (0, 0, 0), encoder.preprocess)
        wanted = settings(encoder, recipe, dataset.name, target.dtype)
        writer = StoreWriter(target.out, wanted, shard_rows=target.shard_rows, force=target.force)
    found = [embed_part(dataset, part, encoder.crop_of(part, policy.name), **rest) for part in encoder.parts]
    reasons = {e.image: e.reason for part in reversed(found) for e in part.excluded}
    images = dataset.images.tolist()
    kept = [row for row, image in enumerate(images) if image not in reasons]
    excluded = [Excluded(image, reasons[image]) for image in images if image in reasons]
    check_share(dataset.name, excluded, len(images), float(rest.get("max_excluded", 0.1)))
    wanted_images = {images[row] for row in kept}
    chosen = [np.flatnonzero(np.isin(p.data.paths, list(wanted_images))) for p in found]
    contents = next(
        (p.data.content[c] for p, c in zip(found, chosen, strict=True) if p.data.content is not None), None
    )
    vectors = encoder.join([p.data.vectors[c] for p, c in zip(found, chosen, strict=True)])
    content = [""] * len(kept) if contents is None else contents.tolist()
    data = embeddings_of(dataset.take(kept), vectors, content)
    pairs_lost = len(dataset.pairs or ()) - len(data.pairs or ())
    fingerprint = sha256_json([[p.dataset_hash for p in found], [asdict(e) for e in excluded]])
    encoded = max(p.encoded for p in found)
    store = None
    if writer is not None:
        store = write_store(writer, dataset, encoder, data, kept, excluded, fingerprint)
    seconds = time.monotonic() - started
    reused = max(len(kept) - encoded, 0)
    return Embedded(data, excluded, store, encoded, reused, seconds, fingerprint, pairs_lost)


def _fit(dataset: FaceTable, encoder: FusionEncoder, embed_part: EmbedPart, rest: dict[str, Any]) -> None:
    """Check that the people of the fit are not those of ``dataset``, and fit where that is not done yet."""
    from faceprobe.datasets import load_dataset

    others = load_dataset(encoder.fit)
    if not others.identities_known or not dataset.identities_known:
        raise BadInput(
            f"{encoder.id}: people are not known, so that the fit may hold the tested; give weights="
        )
    shared = np.intersect1d(np.unique(others.identities), np.unique(dataset.identities))
    if len(shared):
        raise BadInput(
            f"{encoder.id}: the fit on {encoder.fit} and {dataset.name} share {len(shared):,} people (first:"
            f" {shared[0]}); fit on other people"
        )
    if encoder.weights is not None:
        return
    found = [embed_part(others, part, encoder.crop_of(part, "as-is"), **rest) for part in encoder.parts]
    common = sorted(set.intersection(*(set(p.data.paths.tolist()) for p in found)))
    rows: list[NDArray[np.float32]] = []
    for part in found:
        place = {path: k for k, path in enumerate(part.data.paths.tolist())}
        rows.append(part.data.vectors[[place[path] for path in common]])
    people = dict(zip(others.images.tolist(), others.identities.tolist(), strict=True))
    encoder.set_weights(fit_weights(rows, np.array([people[path] for path in common]), encoder.id))
