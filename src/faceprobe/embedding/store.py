"""EmbeddingStore: a folder of vectors in the layout that LAION publishes.

``img_emb/img_emb_0000.npy`` (rows x dimensions, float16 or float32) and ``metadata/metadata_0000.parquet``
(the same rows: ``image_path``, ``identity``, ...) have the same number; ``manifest.json`` says what made
them. A row's id is its position over the files sorted by name. Published LAION folders have no
manifest; they are opened without checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.files import read_json, sha256_file
from faceprobe.data.embeddings import CLEAN, Embeddings, unit_rows
from faceprobe.data.pairs import PairList, check_pairs
from faceprobe.data.store_files import Shard, joined_metadata, metadata_labels, read_metadata, shard_files
from faceprobe.data.vector_files import read_matrix
from faceprobe.embedding.template_files import read_templates

FORMAT = "faceprobe.embeddings/1"
MANIFEST = "manifest.json"


class EmbeddingStore:
    """``EmbeddingStore.open(folder)``; ``manifest`` is {} for a folder that faceprobe did not write."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder = folder
        self.manifest = manifest

    @staticmethod
    def open(folder: str | Path) -> EmbeddingStore:
        """Open a store without reading its vectors. Raises :class:`Missing` or :class:`BadInput`."""
        folder = Path(folder)
        if not folder.is_dir():
            raise Missing(f"no embedding store at {folder}: no such folder; write one with faceprobe embed")
        manifest: Any = {}
        if (folder / MANIFEST).is_file():
            manifest = read_json(folder / MANIFEST)
            if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
                raise BadInput(f"{folder / MANIFEST} is not the manifest of an embedding store ({FORMAT})")
            if not manifest.get("complete"):
                raise BadInput(f"{folder} is not finished; run the command that wrote it again to resume it")
        store = EmbeddingStore(folder, manifest)
        if not store.shards:
            raise BadInput(f"{folder} holds no img_emb/img_emb_*.npy: not an embedding store")
        return store

    @cached_property
    def shards(self) -> list[Shard]:
        """The pairs of files in the order of ids. Raises :class:`BadInput` where one has no partner."""
        return shard_files(self.folder)

    def __len__(self) -> int:
        return sum(len(_mapped(shard.vectors)) for shard in self.shards)

    @property
    def dim(self) -> int:
        return int(_mapped(self.shards[0].vectors).shape[1])

    def __iter__(self) -> Iterator[tuple[NDArray[np.floating[Any]], pa.Table]]:
        """Each shard's vectors (memory-mapped, read-only, as stored) and its metadata, in id order."""
        for shard in self.shards:
            yield _aligned(shard, _mapped(shard.vectors), read_metadata(shard.metadata))

    def metadata(self) -> pa.Table:
        """All metadata in id order. Raises :class:`BadInput` where the types of a column have nothing in
        common.
        """
        return joined_metadata([table for _, table in self], self.folder)

    def verify(self) -> None:
        """Check every file against the manifest's checksums and rows, and vectors against metadata.

        Raises :class:`BadInput` naming the first file that is wrong.
        """
        listed = {entry[kind]: entry for entry in self.manifest.get("shards", []) for kind in KINDS}
        for shard in self.shards:
            vectors, _ = _aligned(shard, _mapped(shard.vectors), read_metadata(shard.metadata))
            for kind, path in zip(KINDS, (shard.vectors, shard.metadata), strict=True):
                entry = listed.pop(path.relative_to(self.folder).as_posix(), None)
                if not self.manifest:
                    continue
                if entry is None:
                    raise BadInput(f"{path} is not in the store's manifest")
                if entry["rows"] != len(vectors):
                    raise BadInput(f"{path} has {len(vectors)} rows; the manifest says {entry['rows']}")
                if entry["sha256"][kind] != sha256_file(path):
                    raise BadInput(f"{path} has changed since it was written: its checksum differs")
        for name, checksum in self.manifest.get("others", {}).items():
            path = self.folder / name
            if not path.is_file() or sha256_file(path) != checksum:
                raise BadInput(f"{path} is missing or has changed since it was written")
        if listed:
            raise BadInput(f"{self.folder / min(listed)} is in the manifest but not on disk")

    def to_embeddings(self) -> Embeddings:
        """Everything in memory: unit float32 vectors with identities ("" = unknown), paths, events, content
        and pairs. Raises :class:`BadInput` for shards of different widths and for columns that hold lists.
        """
        shards = list(self)
        tables = [table for _, table in shards]
        if len({array.shape[1:] for array, _ in shards}) > 1:
            raise BadInput(f"{self.folder}: the vectors of its shards have different widths")
        vectors = np.concatenate([np.asarray(v) for v, _ in shards])

        def labels(column: str) -> NDArray[np.str_] | None:
            return metadata_labels(tables, column, self.folder, exact=bool(self.manifest))

        paths, identities, variants = labels("image_path"), labels("identity"), labels("variant")
        if paths is None:
            raise BadInput(f"{self.folder}: its metadata has no column image_path")
        sources = labels("source_image")
        return Embeddings(
            vectors=unit_rows(vectors, f"the store {self.folder}"),
            identities=np.full(len(paths), "") if identities is None else identities,
            paths=paths,
            events=labels("event"),
            groups=labels("group"),
            content=labels("sha256"),
            pairs=self._pairs(len(paths)),
            identities_known=bool(self.manifest.get("identities_known", True)),
            default_protocol=str(self.manifest.get("default_protocol", "")),
            templates=read_templates(self.folder, len(paths)),
            variants=None if variants is None else np.where(variants == "", CLEAN, variants),
            sources=None if sources is None else np.where(sources == "", paths, sources),
        )

    def _pairs(self, n_rows: int) -> PairList | None:
        path = self.folder / "pairs.parquet"
        if not path.is_file():
            return None
        columns = read_metadata(path).to_pydict()
        lacking = [name for name in ("left", "right", "same", "fold") if name not in columns]
        if lacking:
            raise BadInput(f"{path} has no column {lacking[0]}; it needs left, right, same and fold")
        left, right, same, fold = (columns[name] for name in ("left", "right", "same", "fold"))
        return check_pairs(left, right, same, fold, n_rows, str(path))


KINDS = ("vectors", "metadata")


def _mapped(path: Path) -> NDArray[np.floating[Any]]:
    matrix = read_matrix(path)
    if not np.issubdtype(matrix.dtype, np.floating):
        raise BadInput(f"{path} holds {matrix.dtype} values; float16, float32 or float64 was expected")
    return matrix


def _aligned(
    shard: Shard, vectors: NDArray[np.floating[Any]], table: pa.Table
) -> tuple[NDArray[np.floating[Any]], pa.Table]:
    if len(vectors) != table.num_rows:
        raise BadInput(
            f"{shard.vectors.name} has {len(vectors)} rows and {shard.metadata.name} {table.num_rows}: "
            f"vectors and metadata of {shard.vectors.parent.parent} are misaligned"
        )
    return vectors, table
