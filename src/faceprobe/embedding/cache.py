"""The embedding cache: vectors by content, in shards that are written whole or not at all.

A cache is a folder for one encoder, preprocessing, crop and fill colour. A shard ``<hash>.npz`` holds the
vectors of some photos, each under a key made of the photo's content, and the photos that could
not be used, with the reason. Shards are never changed; their names come from the keys they hold.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from faceprobe.core.files import cache_dir, sha256_bytes, sha256_json, write_bytes, write_json
from faceprobe.core.progress import say

FORMAT = 1
DECODER = f"pillow-{PIL.__version__}"
"""A reason not to use a photo is valid only while the same decoder is installed."""


class VectorCache:
    """The cached vectors, of length ``dim``, that were made with ``settings`` (JSON values). Other settings
    have another folder.
    """

    def __init__(self, settings: dict[str, Any], dim: int) -> None:
        settings = {"format": FORMAT, **settings}
        self.key = sha256_json(settings)[:32]
        self.folder = cache_dir("embeddings", self.key)
        self.dim = dim
        self.vectors: dict[str, NDArray[np.float32]] = {}
        self.failures: dict[str, str] = {}
        if not (self.folder / "about.json").is_file():
            write_json(self.folder / "about.json", settings)

    def __contains__(self, key: str) -> bool:
        return key in self.vectors or key in self.failures

    def load(self, wanted: set[str]) -> None:
        """Read the vectors and failures of the keys ``wanted``. A shard that cannot be read is ignored."""
        self.vectors, self.failures = {}, {}
        for path in sorted(self.folder.glob("*.npz")):
            try:
                self._load_shard(path, wanted)
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                say(f"the cache file {path} is damaged ({error}); its photos are encoded again")

    def add(
        self, keys: Sequence[str], vectors: dict[str, NDArray[np.float32]], failures: dict[str, str]
    ) -> None:
        """Write one shard for the photos ``keys``, each of which has a vector or a reason."""
        good = [key for key in keys if key in vectors]
        bad = [key for key in keys if key in failures]
        rows = np.stack([vectors[key] for key in good]) if good else np.zeros((0, self.dim), np.float32)
        buffer = io.BytesIO()
        np.savez(
            buffer,
            keys=np.array(good, dtype="S64"),
            vectors=rows.astype(np.float32, copy=False),
            failed=np.array(bad, dtype="S64"),
            reasons=np.array([failures[key] for key in bad], dtype=np.str_),
            decoder=np.array(DECODER),
        )
        name = sha256_bytes("\n".join(keys).encode())[:32]
        write_bytes(self.folder / f"{name}.npz", buffer.getvalue())
        self.vectors.update(vectors)
        self.failures.update(failures)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Let one process at a time fill the cache; a second waits, then finds the work done.

        The system frees the lock when its holder dies. Where files cannot be locked (some network drives)
        shards are still whole, but work may be done twice.
        """
        lock = FileLock(self.folder / ".lock")
        try:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                say(f"another process is filling the cache {self.folder}; waiting for it")
                lock.acquire()
        except (OSError, NotImplementedError) as error:  # no locks on this file system
            say(f"the cache {self.folder} cannot be locked ({error}); two processes may do the same work")
        try:
            yield
        finally:
            lock.release()  # does nothing where there is no lock

    def _load_shard(self, path: Path, wanted: set[str]) -> None:
        with np.load(path, allow_pickle=False) as shard:
            keys = [key.decode() for key in shard["keys"].tolist()]
            chosen = [k for k, key in enumerate(keys) if key in wanted and key not in self.vectors]
            if chosen:
                vectors = shard["vectors"]
                if vectors.shape != (len(keys), self.dim) or vectors.dtype != np.float32:
                    raise ValueError(f"vectors of {vectors.dtype} {vectors.shape}")
                self.vectors.update({keys[k]: vectors[k] for k in chosen})
            if str(shard["decoder"]) == DECODER:
                failed = [key.decode() for key in shard["failed"].tolist()]
                reasons = shard["reasons"].tolist()
                self.failures.update({k: r for k, r in zip(failed, reasons, strict=True) if k in wanted})
