"""Photos to vectors: ``fp.embed`` and ``faceprobe embed``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceprobe.api.load import DatasetLike, ModelLike, dataset_name, load_model, model_name
from faceprobe.data.left_out import LeftOut

if TYPE_CHECKING:
    import pyarrow as pa

    from faceprobe.data.embeddings import Embeddings
    from faceprobe.data.evidence import Evidence
    from faceprobe.embedding.store import EmbeddingStore


@dataclass(frozen=True)
class EmbedResult:
    """Embedded photos. ``data`` holds vectors and labels together; ``store`` is the folder that was written,
    None where no ``out`` was given. ``excluded`` counts the photos that have no vector, by reason.
    ``encoded`` photos went through the model now, ``reused`` ones came from the cache; ``seconds`` is the
    wall clock.
    """

    data: Embeddings = field(repr=False)
    store: EmbeddingStore | None
    model: str
    dataset: str
    crop: str
    evidence: Evidence
    excluded: dict[str, int]
    encoded: int
    reused: int
    seconds: float
    model_hash: str = field(repr=False)
    dataset_hash: str = field(repr=False)
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.data)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """(N, D) float32, rows of length 1."""
        return self.data.vectors

    @cached_property
    def labels(self) -> pa.Table:
        """N rows with ``path``, ``identity`` and what else is known: ``event``, ``group``, ``sha256``, ..."""
        import pyarrow as pa

        data = self.data
        columns = {
            "path": data.paths,
            "identity": data.identities,
            "event": data.events,
            "group": data.groups,
            "sha256": data.content,
            "variant": data.variants,
            "source_image": data.sources,
        }
        return pa.table(
            {name: pa.array(c.tolist(), pa.string()) for name, c in columns.items() if c is not None}
        )


def embed(
    dataset: DatasetLike,
    model: ModelLike,
    out: str | Path | None = None,
    *,
    crop: str | None = None,
    detector: str | Path | None = None,
    device: str = "auto",
    offline: bool = False,
    workers: int | None = None,
    batch_size: int = 32,
    max_excluded: float = 0.1,
    dtype: str = "float32",
    shard_rows: int = 100_000,
    force: bool = False,
    quiet: bool = True,
) -> EmbedResult:
    """Embed every photo of ``dataset`` with ``model``; with ``out`` also write an embedding store there.

    ``dataset`` is a name, a table or pairs of (photo, identity), as for :func:`faceprobe.load_dataset`, or a
    folder of photos, with or without one subfolder a person. ``crop`` None is "as-is". Vectors come from
    the cache wherever weights, preprocessing, crop and photo are the same. ``workers`` processes read photos
    (None: one a core); the batch size never changes within a run. ``max_excluded`` is the share of photos, in
    [0, 1], that may be unusable. ``dtype`` is "float32" or "float16".

    Raises :class:`BadInput` where too many photos cannot be used, or ``out`` holds something else, and what
    loading the dataset and the model raise. Local inputs are checked before the model is loaded.
    """
    from faceprobe.datasets import load_dataset
    from faceprobe.embedding import check_local, check_readable, count_reasons
    from faceprobe.embedding import embed as embed_table
    from faceprobe.models import check_model_files, model_hash, parse_model

    name = model_name(model)
    check_model_files(name)
    table = load_dataset(dataset_name(dataset, labelled=False))
    chosen = crop or "as-is"
    detector_path = None if detector is None else str(detector)
    folder = None if out is None else Path(out).expanduser()
    if len(table) and parse_model(name).kind != "vectors":  # vectors are looked up by path
        check_readable(table, max_excluded)
    check_local(table, chosen, detector_path, folder, offline)
    encoder = load_model(name, device=device, offline=offline)
    done = embed_table(
        table,
        encoder,
        chosen,
        out=folder,
        detector=detector_path,
        workers=workers,
        batch_size=batch_size,
        max_excluded=max_excluded,
        dtype=dtype,
        shard_rows=shard_rows,
        force=force,
        offline=offline,
        quiet=quiet,
    )
    from faceprobe.study.evaluate import evidence_of

    return EmbedResult(
        data=done.data,
        store=done.store,
        model=encoder.id,
        dataset=table.name,
        crop=chosen,
        evidence=evidence_of(table, encoder.card),
        excluded=count_reasons(done.excluded),
        encoded=done.encoded,
        reused=done.reused,
        seconds=done.seconds,
        model_hash=model_hash(encoder),
        dataset_hash=done.dataset_hash,
        notes=tuple(table.notes),
        left_out=table.left_out,
    )
