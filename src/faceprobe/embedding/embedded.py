"""What embedding a dataset gives, and the store that is written of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.face_table import FaceTable
from faceprobe.embedding.store import EmbeddingStore
from faceprobe.embedding.store_writer import StoreWriter
from faceprobe.models.base import ImageEncoder


@dataclass(frozen=True)
class Excluded:
    """A photo that has no embedding, and why."""

    image: str
    reason: str


@dataclass(frozen=True)
class Embedded:
    """``data`` holds the kept photos in the dataset's order, its own pairs with them; ``pairs_lost`` of
    those named an excluded photo. ``encoded`` kept photos went through the encoder, the other ``reused``
    came from the cache or has the same bytes as another. ``store`` is None where no ``out`` was given.
    ``dataset_hash`` covers photos, labels, pairs, exclusions and crop.
    """

    data: Embeddings
    excluded: list[Excluded]
    store: EmbeddingStore | None
    encoded: int
    reused: int
    seconds: float
    dataset_hash: str
    pairs_lost: int = 0


def embeddings_of(table: FaceTable, vectors: NDArray[np.float32], content: Sequence[str]) -> Embeddings:
    """The (N, D) ``vectors`` of the photos of ``table`` with all that it knows of them. ``content`` are the
    photos' content hashes, "" where unknown.
    """
    return Embeddings(
        vectors=vectors,
        identities=table.identities,
        paths=table.images,
        events=table.events,
        content=np.array(content, dtype=np.str_) if all(content) else None,
        pairs=table.pairs,
        identities_known=table.identities_known,
        groups=table.groups,
        templates=table.templates,
        variants=table.variants,
        sources=table.sources,
    )


def count_reasons(excluded: Sequence[Excluded]) -> dict[str, int]:
    """``{reason: count}``, the most frequent first."""
    counts = Counter(e.reason for e in excluded)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def check_share(name: str, excluded: Sequence[Excluded], n_photos: int, most: float) -> None:
    """Raise :class:`BadInput` where more than the share ``most`` of the photos, or all of them, are excluded."""
    if len(excluded) <= most * n_photos and len(excluded) < n_photos:
        return
    counts = ", ".join(f"{count:,} {reason}" for reason, count in count_reasons(excluded).items())
    first = ", ".join(e.image for e in excluded[:3]) + (", ..." if len(excluded) > 3 else "")
    raise BadInput(
        f"{len(excluded):,} of {n_photos:,} photos of {name} cannot be used ({counts}), more than the "
        f"allowed share {most:g}: {first}; repair them, or allow more (max_excluded in a study)"
    )


def write_store(
    writer: StoreWriter,
    dataset: FaceTable,
    encoder: ImageEncoder,
    data: Embeddings,
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
