"""EmbeddingStore: a folder of vectors in the layout that LAION publishes.

``img_emb/img_emb_0000.npy`` (rows x dimensions, float16 or float32) and ``metadata/metadata_0000.parquet``
(the same rows: ``image_path``, ``identity``, ...) have the same number; ``manifest.json`` says what made
them. A row's id is its position over the files sorted by name. Published LAION folders have no
manifest; they are opened without checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.files import read_json, sha256_file
from faceprobe.data.embeddings import Embeddings, unit_rows
from faceprobe.data.pairs import PairList
from faceprobe.data.vector_files import read_matrix
from faceprobe.embedding.template_files import read_templates

FORMAT = "faceprobe.embeddings/1"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Shard:
    """One pair of files with the same number."""

    vectors: Path
    metadata: Path


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
        vectors = sorted((self.folder / "img_emb").glob("img_emb_*.npy"))
        metadata = {p.stem.removeprefix("metadata_"): p for p in (self.folder / "metadata").glob("*.parquet")}
        shards = []
        for path in vectors:
            number = path.stem.removeprefix("img_emb_")
            if number not in metadata:
                raise BadInput(f"{path} has no partner metadata/metadata_{number}.parquet")
            shards.append(Shard(path, metadata.pop(number)))
        if metadata:
            raise BadInput(f"{min(metadata.values())} has no partner in img_emb/")
        return shards

    def __len__(self) -> int:
        return sum(len(_mapped(shard.vectors)) for shard in self.shards)

    @property
    def dim(self) -> int:
        return int(_mapped(self.shards[0].vectors).shape[1])

    def __iter__(self) -> Iterator[tuple[NDArray[np.floating[Any]], pa.Table]]:
        """Each shard's vectors (memory-mapped, read-only, as stored) and its metadata, in id order."""
        for shard in self.shards:
            yield _aligned(shard, _mapped(shard.vectors), pq.read_table(shard.metadata))

    def metadata(self) -> pa.Table:
        """All metadata in id order."""
        return pa.concat_tables([table for _, table in self], promote_options="default")

    def verify(self) -> None:
        """Check every file against the manifest's checksums and rows, and vectors against metadata.

        Raises :class:`BadInput` naming the first file that is wrong.
        """
        listed = {entry[kind]: entry for entry in self.manifest.get("shards", []) for kind in KINDS}
        for shard in self.shards:
            vectors, _ = _aligned(shard, _mapped(shard.vectors), pq.read_table(shard.metadata))
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
        """Everything in memory: unit float32 vectors with identities, paths, events, content and pairs."""
        shards = list(self)
        table = pa.concat_tables([t for _, t in shards], promote_options="default")
        vectors = np.concatenate([np.asarray(v) for v, _ in shards])
        paths = _strings(table, "image_path")
        if paths is None:
            raise BadInput(f"{self.folder}: its metadata has no column image_path")
        identities = _strings(table, "identity")
        return Embeddings(
            vectors=unit_rows(vectors, f"the store {self.folder}"),
            identities=np.full(len(paths), "") if identities is None else identities,
            paths=paths,
            events=_strings(table, "event"),
            groups=_strings(table, "group"),
            content=_strings(table, "sha256"),
            pairs=self._pairs(len(paths)),
            identities_known=bool(self.manifest.get("identities_known", True)),
            default_protocol=str(self.manifest.get("default_protocol", "")),
            templates=read_templates(self.folder, len(paths)),
            variants=_strings(table, "variant"),
            sources=_strings(table, "source_image"),
        )

    def _pairs(self, n_rows: int) -> PairList | None:
        path = self.folder / "pairs.parquet"
        if not path.is_file():
            return None
        columns = pq.read_table(path).to_pydict()
        left, right, fold = (np.array(columns[c], dtype=np.int64) for c in ("left", "right", "fold"))
        if len(left) and max(left.max(), right.max()) >= n_rows:
            raise BadInput(f"{path} names rows beyond the store's {n_rows}")
        return PairList(left, right, np.array(columns["same"], dtype=np.bool_), fold)


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


def _strings(table: pa.Table, column: str) -> NDArray[np.str_] | None:
    if column not in table.column_names:
        return None
    return np.array([value or "" for value in table.column(column).to_pylist()], dtype=np.str_)
