"""Vectors that were computed elsewhere, ``vectors:FOLDER``: looked up by the photo's path, not encoded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.core.files import sha256_file, sha256_json
from faceprobe.core.names import Name
from faceprobe.data.embeddings import PATH_COLUMNS, unit_rows
from faceprobe.data.label_files import LABEL_ENDINGS, read_columns, texts_of
from faceprobe.data.labels import refuse_pathless
from faceprobe.data.store_files import shard_files, visible_files
from faceprobe.data.vector_files import read_matrix
from faceprobe.models.base import ImageEncoder, ModelCard, ModelFamily, flag, model_id, refuse_pooling
from faceprobe.models.preprocess import Preprocess


class VectorLookup:
    """Vectors of a model that is not here itself.

    ``folder`` holds either ``embeddings.npy`` and a table next to it (``samples``, ``labels`` or
    ``metadata``, .csv, .tsv, .jsonl or .parquet), or the layout of an EmbeddingStore
    (``img_emb/img_emb_<k>.npy`` and ``metadata/metadata_<k>.parquet``). The table's column
    ``path`` (or ``image``, ``image_path``) names the photo of each row. It has the attributes of an encoder,
    but :meth:`encode_images` refuses.
    """

    differentiable = False
    n_params = 0
    preprocess = Preprocess((1, 1), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

    def __init__(self, card: ModelCard, folder: Path) -> None:
        self.id, self.folder = card.id, folder
        self._parts = _parts(folder)
        self.dim = int(self.vectors.shape[1])
        self.card = card

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """(N, D) float32 unit rows, in the order of the files."""
        arrays = [read_matrix(array) for array, _ in self._parts]
        widths = {a.shape[1:] for a in arrays}
        if len(widths) > 1:
            raise BadInput(f"{self.folder}: its arrays have different widths {sorted(widths)}")
        return unit_rows(np.concatenate(arrays), str(self.folder))

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each photo's path."""
        paths = [p for _, table in self._parts for p in _read_paths(table)]
        if len(paths) != len(self.vectors):
            raise BadInput(f"{self.folder} has {len(self.vectors)} vectors but {len(paths)} paths")
        found = {p: k for k, p in enumerate(paths)}
        if len(found) != len(paths):
            raise BadInput(
                f"{self.folder} names {len(paths) - len(found)} photos twice; a path needs one vector"
            )
        return found

    @cached_property
    def weights_hash(self) -> str:
        """Hex SHA-256 of the files."""
        return sha256_json([sha256_file(p) for part in self._parts for p in part])

    def lookup(self, paths: Sequence[str]) -> NDArray[np.float32]:
        """The (P, D) unit rows of ``paths``; :class:`Missing` names the first that has no vector."""
        absent = [p for p in paths if p not in self.rows]
        if absent:
            raise Missing(
                f"{self.folder} has no vector for {len(absent)} of {len(paths)} photos (first:"
                f" {absent[0]!r}); it knows paths such as {next(iter(self.rows))!r}"
            )
        return self.vectors[[self.rows[p] for p in paths]]

    def encode_images(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        raise WrongUsage(
            f"{self.id} holds precomputed vectors and cannot encode photos; give a model instead"
        )


class Vectors(ModelFamily):
    usage = "vectors:FOLDER"
    about = "precomputed vectors, looked up by path"

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder:
        return VectorLookup(self.card(name), Path(name.body))

    def card(self, name: Name) -> ModelCard:
        name.check_options({"real"})
        refuse_pooling(name, "its vectors are used as they are")
        real = bool(flag(name, "real", False))
        note = "" if real else "precomputed vectors: which model made them is not known to faceprobe"
        return ModelCard(id=model_id(name), family="precomputed vectors", real=real, own=True, notes=note)

    def files(self, name: Name) -> list[Path]:
        return [Path(name.body).expanduser()]

    def cached(self, name: Name) -> bool | None:
        return Path(name.body).is_dir()


def _parts(folder: Path) -> list[tuple[Path, Path]]:
    """Each array with the table that names its rows."""
    if not folder.is_dir():
        raise Missing(f"no folder of vectors at {folder}")
    if (folder / "img_emb").is_dir():
        pairs = [(shard.vectors, shard.metadata) for shard in shard_files(folder)]
    else:
        stems = ("samples", "labels", "metadata")
        tables = [table for table in visible_files(folder, LABEL_ENDINGS) if table.stem in stems]
        tables.sort(key=lambda table: (stems.index(table.stem), LABEL_ENDINGS.index(table.suffix.lower())))
        table = next(iter(tables), folder / "samples.csv")
        pairs = [(folder / "embeddings.npy", table)]
    for needed in (p for pair in pairs for p in pair):
        if not needed.is_file():
            raise Missing(f"{folder} lacks {needed.relative_to(folder)}, which a folder of vectors needs")
    if not pairs:
        raise Missing(f"{folder} holds no vectors; it needs embeddings.npy and samples.csv, or img_emb/")
    return pairs


def _read_paths(path: Path) -> list[str]:
    columns = read_columns(path, PATH_COLUMNS)
    column = next((name for name in PATH_COLUMNS if name in columns), None)
    if column is None:
        raise BadInput(f"{path} has no column {' or '.join(PATH_COLUMNS)}; it has {', '.join(columns)}")
    paths = texts_of(columns, column, str(path))
    refuse_pathless(paths, str(path))
    return paths


FAMILY = Vectors()
