"""Writing an :class:`EmbeddingStore`: settings first, then whole files, the finished manifest last."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.files import read_json, sha256_bytes, sha256_file, write_bytes, write_json
from faceprobe.data.pairs import PairList
from faceprobe.data.templates import TemplateList
from faceprobe.embedding.store import FORMAT, MANIFEST, EmbeddingStore
from faceprobe.embedding.template_files import TEMPLATE_FILES, template_tables

SHARD_ROWS = 100_000
"""Rows in one pair of files, as a compromise between few files and files that fit into memory."""

DTYPES = ("float32", "float16")


class StoreWriter:
    """Writes one store. ``settings`` are what two runs must share to write into the same folder."""

    def __init__(self, folder: Path, settings: dict[str, Any], shard_rows: int, force: bool) -> None:
        self.folder = folder
        self.settings = _as_json({**settings, "shard_rows": shard_rows})
        self.shard_rows = shard_rows
        self._check(force)

    def write(
        self,
        vectors: NDArray[np.float32],
        metadata: pa.Table,
        pairs: PairList | None,
        excluded: list[dict[str, str]],
        facts: dict[str, Any],
        templates: TemplateList | None = None,
    ) -> EmbeddingStore:
        """Write what differs from what is there; a file that is right already is not touched.

        ``metadata`` has one row a vector; ``facts`` go into the manifest as they are.
        """
        files: dict[str, bytes] = {"excluded.json": _json_bytes(excluded)}
        if pairs is not None:
            files["pairs.parquet"] = _parquet_bytes(_pair_table(pairs))
        if templates is not None:
            files |= {name: _parquet_bytes(table) for name, table in template_tables(templates).items()}
        others = {name: sha256_bytes(data) for name, data in files.items()}
        shards = []
        for k, start in enumerate(range(0, len(vectors), self.shard_rows)):
            rows = slice(start, start + self.shard_rows)
            entry, made = self._shard(k, vectors[rows], metadata.slice(start, self.shard_rows))
            shards.append(entry)
            files |= made
            self._put(files)
        self._remove_old(shards, others)
        rest = _as_json({**facts, "rows": len(vectors), "shards": shards, "others": others})
        manifest = {**self._head(complete=True), **rest}
        if self._read_manifest() != manifest:
            write_json(self.folder / MANIFEST, manifest)
        return EmbeddingStore.open(self.folder)

    def _shard(
        self, k: int, vectors: NDArray[np.float32], metadata: pa.Table
    ) -> tuple[dict[str, Any], dict[str, bytes]]:
        names = {"vectors": f"img_emb/img_emb_{k:04d}.npy", "metadata": f"metadata/metadata_{k:04d}.parquet"}
        buffer = io.BytesIO()
        np.save(buffer, vectors.astype(self.settings["dtype"], copy=False), allow_pickle=False)
        made = {names["vectors"]: buffer.getvalue(), names["metadata"]: _parquet_bytes(metadata)}
        checksums = {kind: sha256_bytes(made[name]) for kind, name in names.items()}
        return {**names, "rows": len(vectors), "sha256": checksums}, made

    def _put(self, files: dict[str, bytes]) -> None:
        """Write and forget ``files``; before the first change the manifest is marked unfinished."""
        for name, data in files.items():
            path = self.folder / name
            if path.is_file() and sha256_file(path) == sha256_bytes(data):
                continue
            self._mark_unfinished()
            write_bytes(path, data)
        files.clear()

    def _remove_old(self, shards: list[dict[str, Any]], others: dict[str, str]) -> None:
        wanted = {self.folder / entry[kind] for entry in shards for kind in ("vectors", "metadata")}
        there = [*self.folder.glob("img_emb/img_emb_*.npy"), *self.folder.glob("metadata/metadata_*.parquet")]
        old = [path for path in there if path not in wanted]
        lists = (self.folder / name for name in ("pairs.parquet", *TEMPLATE_FILES) if name not in others)
        old += [path for path in lists if path.is_file()]
        for path in old:
            self._mark_unfinished()
            path.unlink(missing_ok=True)

    def _mark_unfinished(self) -> None:
        if self._read_manifest().get("complete"):
            write_json(self.folder / MANIFEST, self._head(complete=False))

    def _head(self, complete: bool) -> dict[str, Any]:
        return {"format": FORMAT, "complete": complete, "settings": self.settings}

    def _read_manifest(self) -> dict[str, Any]:
        path = self.folder / MANIFEST
        manifest = read_json(path) if path.is_file() else {}
        return manifest if isinstance(manifest, dict) else {}

    def _check(self, force: bool) -> None:
        """Refuse to write over a store with other settings; then mark the folder as this run's."""
        if self.settings["dtype"] not in DTYPES or self.shard_rows < 1:
            raise WrongUsage(f"a store holds {' or '.join(DTYPES)} in shards of at least one row")
        manifest = check_folder(self.folder)
        before = manifest.get("settings", {})
        changed = [k for k in self.settings if before.get(k) != self.settings[k]] if manifest else []
        if changed and not force:
            raise BadInput(
                f"{self.folder} was written with another {', '.join(changed)}; "
                "give another --out, or --force to replace it"
            )
        if changed or not manifest:
            write_json(self.folder / MANIFEST, self._head(complete=False))


def check_folder(folder: Path) -> dict[str, Any]:
    """The manifest of the store in ``folder``, {} where there is nothing yet.

    Raises :class:`BadInput` for a file, and for a folder that holds anything else.
    """
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file; give another folder to --out")
    if not folder.exists() or all(path.name.startswith(".") for path in folder.iterdir()):
        return {}  # a killed run may have left a hidden temporary file
    manifest = read_json(folder / MANIFEST) if (folder / MANIFEST).is_file() else {}
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BadInput(f"{folder} is not empty and not an embedding store; give another folder to --out")
    return manifest


def _pair_table(pairs: PairList) -> pa.Table:
    return pa.table({"left": pairs.left, "right": pairs.right, "same": pairs.same, "fold": pairs.fold})


def _parquet_bytes(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _as_json(value: dict[str, Any]) -> dict[str, Any]:
    """``value`` as it comes back from a file, so that the two can be compared."""
    read: dict[str, Any] = json.loads(json.dumps(value))
    return read


def _json_bytes(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
