"""The result of embedding a dataset, and the options and the store that every encoder has in common."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.face_table import FaceTable
from faceprobe.embedding.preparation import PhotoPreparation, store_settings
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
    those named an excluded photo. ``encoded`` kept photos went through the encoder; the other ``reused``
    ones came from the cache or have the same bytes as another. ``store`` is None where no ``out`` was given.
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


@dataclass(frozen=True)
class EmbedOptions:
    """How photos are read and encoded; see :func:`faceprobe.embedding.embed` for each."""

    detector: str | None
    batch_size: int
    workers: int | None
    max_excluded: float
    quiet: bool
    checkpoint: int
    offline: bool
    on_photos: Callable[[int], None]


@dataclass(frozen=True)
class StoreTarget:
    """Where the vectors are written: to a store in ``out`` of ``dtype``, or nowhere."""

    out: Path | None
    dtype: str
    shard_rows: int
    force: bool

    def writer(
        self, encoder: ImageEncoder, preparation: PhotoPreparation, dataset: str
    ) -> StoreWriter | None:
        """The writer of the store, None where none is written. Raises :class:`BadInput` where ``out`` holds
        other work.
        """
        if self.out is None:
            return None
        settings = store_settings(encoder, preparation, dataset, self.dtype)
        return StoreWriter(self.out, settings, shard_rows=self.shard_rows, force=self.force)


def split_rows(
    dataset: FaceTable, reasons: Mapping[int, str], max_excluded: float
) -> tuple[list[int], list[Excluded]]:
    """The rows that are kept, and the photos of the rows in ``reasons``.

    Raises :class:`BadInput` where those are more than the share ``max_excluded`` of the photos, or all.
    """
    images = dataset.images.tolist()
    excluded = [Excluded(images[row], reasons[row]) for row in sorted(reasons)]
    if len(excluded) > max_excluded * len(images) or len(excluded) == len(images):
        counts = ", ".join(f"{count:,} {reason}" for reason, count in count_reasons(excluded).items())
        first = ", ".join(e.image for e in excluded[:3]) + (", ..." if len(excluded) > 3 else "")
        if len(excluded) == len(images):
            raise BadInput(f"no photo of {dataset.name} can be used ({counts}): {first}; check the path")
        raise BadInput(
            f"{len(excluded):,} of {len(images):,} photos of {dataset.name} cannot be used ({counts}),"
            f" more than the allowed share {max_excluded:g}: {first}; repair them, or allow more"
            " (--max-excluded, or max_excluded in a study)"
        )
    return [row for row in range(len(images)) if row not in reasons], excluded


def count_reasons(excluded: Sequence[Excluded]) -> dict[str, int]:
    """``{reason: count}``, the most frequent first."""
    counts = Counter(e.reason for e in excluded)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def finish(
    dataset: FaceTable,
    encoder: ImageEncoder,
    vectors: NDArray[np.float32],
    kept: list[int],
    excluded: list[Excluded],
    *,
    content: Sequence[str],
    encoded: int,
    dataset_hash: str,
    writer: StoreWriter | None,
    started: float,
) -> Embedded:
    """Label the (N, D) ``vectors`` of the N ``kept`` rows with all that ``dataset`` knows of them, and write
    the store. ``content`` holds their content hashes, "" where unknown; ``started`` is a monotonic time.
    """
    table = dataset.take(kept)
    data = Embeddings(
        vectors=vectors,
        identities=table.identities,
        paths=table.images,
        events=table.events,
        content=np.array(content, dtype=np.str_) if all(content) else None,
        pairs=table.pairs,
        identities_known=table.identities_known,
        default_protocol=table.default_protocol,
        groups=table.groups,
        templates=table.templates,
        variants=table.variants,
        sources=table.sources,
    )
    store = None
    if writer is not None:
        store = _write_store(writer, dataset, table, encoder, data, excluded, dataset_hash)
    return Embedded(
        data=data,
        excluded=excluded,
        store=store,
        encoded=encoded,
        reused=max(len(kept) - encoded, 0),
        seconds=time.monotonic() - started,
        dataset_hash=dataset_hash,
        pairs_lost=len(dataset.pairs or ()) - len(data.pairs or ()),
    )


def _write_store(
    writer: StoreWriter,
    dataset: FaceTable,
    kept: FaceTable,
    encoder: ImageEncoder,
    data: Embeddings,
    excluded: list[Excluded],
    dataset_hash: str,
) -> EmbeddingStore:
    """The store of ``data``, with all columns of ``kept``, the kept rows of ``dataset``."""
    metadata = kept.table.rename_columns({"image": "image_path"})
    if data.content is not None:
        metadata = metadata.append_column("sha256", pa.array(data.content.tolist(), type=pa.string()))
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
    return writer.write(data.vectors, metadata, data.pairs, listed, facts, data.templates)
