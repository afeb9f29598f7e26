"""Embedding with a fusion: each part embeds the dataset through the cache, then the rows are joined."""

from __future__ import annotations

import time
from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.files import sha256_json
from faceprobe.data.face_table import FaceTable
from faceprobe.embedding.embed_result import Embedded, EmbedOptions, StoreTarget, finish, split_rows
from faceprobe.embedding.fusion_weights import fit_weights
from faceprobe.embedding.one_encoder import embed_one
from faceprobe.embedding.preparation import PhotoPreparation
from faceprobe.faces.crops import CropPolicy
from faceprobe.models.fusion import FusionEncoder


def embed_fusion(
    dataset: FaceTable, encoder: FusionEncoder, crop: str, options: EmbedOptions, target: StoreTarget
) -> Embedded:
    """Embed ``dataset`` with every part and join the rows of the photos that all parts can use.

    Weights that are to be fitted are fitted first, on the whole photos (or each part's own crop) whatever
    ``crop`` is. Raises :class:`BadInput` where the people of the fit are also in ``dataset``.
    """
    started = time.monotonic()
    no_store = replace(target, out=None)
    if encoder.fit:
        _fit(dataset, encoder, options, no_store)
    policy = CropPolicy.parse(crop)
    preparation = PhotoPreparation(dataset.source, policy, (0, 0, 0), encoder.preprocess)
    writer = target.writer(encoder, preparation, dataset.name)
    found = [
        embed_one(dataset, part, encoder.crop_of(part, policy.name), options, no_store)
        for part in encoder.parts
    ]
    images = dataset.images.tolist()
    by_image = {e.image: e.reason for part in reversed(found) for e in part.excluded}
    reasons = {row: by_image[image] for row, image in enumerate(images) if image in by_image}
    kept, excluded = split_rows(dataset, reasons, options.max_excluded)
    common = [images[row] for row in kept]
    rows = [np.flatnonzero(np.isin(part.data.paths, common)) for part in found]
    contents = (p.data.content[r] for p, r in zip(found, rows, strict=True) if p.data.content is not None)
    content = next(contents, None)
    return finish(
        dataset,
        encoder,
        encoder.join([part.data.vectors[r] for part, r in zip(found, rows, strict=True)]),
        kept,
        excluded,
        content=[""] * len(kept) if content is None else content.tolist(),
        encoded=max(part.encoded for part in found),
        dataset_hash=sha256_json([[part.dataset_hash for part in found], [asdict(e) for e in excluded]]),
        writer=writer,
        started=started,
    )


def _fit(dataset: FaceTable, encoder: FusionEncoder, options: EmbedOptions, no_store: StoreTarget) -> None:
    """Check that the people of the fit are not those of ``dataset``, and fit where that is not done yet."""
    from faceprobe.datasets import load_dataset

    others = load_dataset(encoder.fit).known_people()
    if not others.identities_known or not dataset.identities_known:
        raise BadInput(
            f"{encoder.id}: people are not known, so the fit may include people who are tested; give weights="
        )
    shared = np.intersect1d(others.identities, dataset.identities)  # unknown people are not among the others
    if len(shared):
        raise BadInput(
            f"{encoder.id}: the fit on {encoder.fit} and {dataset.name} share {len(shared):,} people (first:"
            f" {shared[0]}); fit on other people"
        )
    if encoder.weights is not None:
        return
    found = [
        embed_one(others, part, encoder.crop_of(part, "as-is"), options, no_store) for part in encoder.parts
    ]
    common = sorted(set.intersection(*(set(p.data.paths.tolist()) for p in found)))
    vectors: list[NDArray[np.float32]] = []
    for part in found:
        row_of = {path: row for row, path in enumerate(part.data.paths.tolist())}
        vectors.append(part.data.vectors[[row_of[path] for path in common]])
    identity_of = dict(zip(others.images.tolist(), others.identities.tolist(), strict=True))
    identities = np.array([identity_of[path] for path in common])
    encoder.set_weights(fit_weights(vectors, identities, encoder.id))
