"""Exact biometric metrics over vectors that are already there: ``fp.score`` and ``faceprobe score``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.api.load import protocol_names
from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.core.extras import require
from faceprobe.core.files import parse_bytes, read_json, sha256_bytes, sha256_file, sha256_json
from faceprobe.core.words import counted

if TYPE_CHECKING:
    from faceprobe.api.results import Results
    from faceprobe.data.embeddings import Cohort, Embeddings
    from faceprobe.data.evidence import Evidence
    from faceprobe.data.pairs import PairList
    from faceprobe.embedding.store import EmbeddingStore
    from faceprobe.metrics.verification.normalisation import Method

VectorsLike = Any
"""An (N, D) numpy array or torch tensor, a file of vectors, a store's folder, or what ``fp.embed`` gives."""

LabelsLike = Any
"""A list or array of N identities, a DataFrame, an Arrow table, or a file of labels."""

EVIDENCE: tuple[Evidence, ...] = ("synthetic", "real-photos", "real-model")
"""What a caller may say of the photos behind the vectors."""


def score(
    vectors: VectorsLike,
    labels: LabelsLike = None,
    protocols: str | Sequence[str] | None = None,
    pairs: str | os.PathLike[str] | PairList | None = None,
    *,
    key: str | None = None,
    path_column: str | None = None,
    identity_column: str | None = None,
    name: str = "",
    dataset: str = "",
    evidence: Evidence | None = None,
    normalise: Method | None = None,
    cohort: VectorsLike = None,
    cohort_labels: LabelsLike = None,
    seed: int = 0,
    replicates: int = 1000,
    keep_duplicates: bool = False,
    threads: int | None = None,
    max_memory: str | int | None = None,
    int8: bool = False,
    quiet: bool = True,
) -> Results:
    """Every metric of ``protocols`` over ``vectors`` (N, D) and their ``labels``, with 95 % intervals.

    ``vectors`` are a float array or tensor; a ``.npy``, ``.npz``, ``.safetensors``, ``.pt`` or parquet file
    (``key`` names the array or column where there are several); a folder in the layout of an embedding store,
    all shards; or what :func:`faceprobe.embed` gives. The last two bring labels of their own. ``labels`` are
    N identities, or a table with the columns ``path`` and ``identity`` (other names: ``path_column``,
    ``identity_column``), and where known ``event``, ``group``, ``sha256``, ``variant`` and ``source_image``.
    ``pairs`` is a list of pairs for protocols on listed pairs: an LFW View 2 file or a :class:`PairList`.

    ``protocols`` None, or "all", means every usual protocol that the data allow. ``name`` and ``dataset`` are
    what the rows call the model and the data. ``evidence`` says what the vectors were measured on (default:
    the store's own, else "real-photos"). ``normalise`` ("z", "t", "s" or "as") also verifies with scores that
    are normalised by the ``cohort``, vectors of other people. ``replicates`` 0 leaves the intervals out.
    ``threads`` and ``max_memory`` ("800MB", or bytes beyond the vectors) change no exact figure.

    A missing identity (None, NaN, "" or blanks) means that the person is unknown: such photos are left out of
    every figure, and the result's ``excluded`` and the remarks of each row count them. 0 and False are
    identities. Lists as labels are an error.

    Raises :class:`Missing` for a file that is not there, :class:`BadInput` for vectors or labels that cannot
    be used (another length, NaN, no matrix) and for a protocol that needs what the data lack,
    :class:`UnknownName` for a protocol that does not exist, :class:`WrongUsage` for options that do not go
    together.

    >>> import numpy as np
    >>> vectors = np.eye(4)[[0, 0, 1, 1, 2, 2]] + 0.1 * np.arange(24).reshape(6, 4) / 24
    >>> results = score(vectors, ["ann", "ann", "bob", "bob", "cleo", "cleo"], replicates=0)
    >>> results.value("rank1", protocol="identification/leave-one-out")
    1.0
    """
    from faceprobe.api.comparison import replicates_of
    from faceprobe.api.results import Results
    from faceprobe.protocols import PROTOCOLS, evaluate
    from faceprobe.protocols.types import unknown_people
    from faceprobe.results.result import attach

    chosen = protocol_names(protocols)
    for protocol in chosen or ():
        PROTOCOLS.get(protocol)
    check_cohort_options(normalise, cohort is not None, cohort_labels is not None)
    if int8:
        require("torch", "encode", "int8, the first pass in 8 bits,")
    given = _read(vectors, labels, key, path_column, identity_column, checks_store=evidence is None)
    data = given.data
    if pairs is not None:
        data = replace(data, pairs=_pairs_of(pairs, data))
    if cohort is not None:
        data = replace(data, cohort=_cohort(cohort, cohort_labels))
    outcome = evaluate(
        data,
        chosen,
        seed=seed,
        replicates=replicates,
        keep_duplicates=keep_duplicates,
        quiet=quiet,
        threads=threads,
        max_memory=parse_bytes(max_memory) if isinstance(max_memory, str) else max_memory,
        int8=int8,
        normalise=normalise,
    )
    rows = attach(
        outcome.metrics,
        model=name or given.model,
        dataset=dataset or given.dataset,
        crop=given.crop,
        evidence=evidence or given.evidence,
        model_hash=given.model_hash,
        dataset_hash=given.dataset_hash,
    )
    found = replicates_of(rows, seed, outcome.identities, outcome.replicates, outcome.influences)
    return Results(rows, excluded=unknown_people(outcome.n_unknown), replicates=found)


def check_cohort_options(normalise: str | None, has_cohort: bool, has_labels: bool) -> None:
    """:class:`WrongUsage` where one of the options that belong together is missing."""
    if normalise is not None and not has_cohort:
        raise WrongUsage("--normalise needs --cohort, vectors of people who are not among EMB")
    if has_cohort and normalise is None:
        raise WrongUsage("--cohort is for --normalise; give that too: z, t, s or as")
    if not has_cohort and has_labels:
        raise WrongUsage("--cohort-labels says who is in --cohort; give that too")


@dataclass(frozen=True)
class _Given:
    """What the caller gave, read: the data, and what the rows say of them."""

    data: Embeddings
    model: str
    dataset: str
    model_hash: str
    dataset_hash: str
    evidence: Evidence = "real-photos"
    crop: str = "as-is"


def _read(
    vectors: VectorsLike,
    labels: LabelsLike,
    key: str | None,
    path_column: str | None,
    identity_column: str | None,
    checks_store: bool,
) -> _Given:
    """Vectors and labels as :class:`Embeddings`; ``checks_store`` refuses a store that is not finished."""
    from faceprobe.api.embed import EmbedResult
    from faceprobe.data.label_files import with_labels
    from faceprobe.embedding.store import EmbeddingStore

    if isinstance(vectors, EmbedResult):
        if labels is None:
            names = (vectors.model, vectors.dataset, vectors.model_hash, vectors.dataset_hash)
            return _Given(vectors.data, *names, vectors.evidence, vectors.crop)
        vectors = vectors.vectors
    if isinstance(vectors, str | os.PathLike) and Path(vectors).is_dir():
        vectors = EmbeddingStore.open(Path(vectors))
    if isinstance(vectors, EmbeddingStore):
        if labels is None:
            return _of_store(vectors)
        vectors = vectors.to_embeddings().vectors
    if isinstance(vectors, str | os.PathLike) and not Path(vectors).exists():
        raise Missing(f"no file {vectors} (the embeddings)")
    if labels is None:
        raise WrongUsage("score needs labels: who is in each row (only a whole store brings its own)")
    manifest = _manifest_beside(vectors, checks_store)
    data = with_labels(
        _matrix(vectors, key),
        labels,
        path_column=path_column,
        identity_column=identity_column,
        where=str(vectors) if isinstance(vectors, str | os.PathLike) else "the matrix of vectors",
    )
    known = bool(manifest.get("identities_known", True))
    return _Given(
        replace(data, identities_known=known),
        f"vectors:{Path(vectors).stem}" if isinstance(vectors, str | os.PathLike) else "vectors",
        Path(labels).stem if isinstance(labels, str | os.PathLike) else "labels",
        _hash_of(vectors, data.vectors),
        _hash_of(labels, np.stack([data.paths, data.identities])),
        _evidence(manifest) if checks_store else "real-photos",
    )


def _matrix(vectors: VectorsLike, key: str | None) -> NDArray[np.float32]:
    """(N, D) float32 unit rows of a file, an array, a tensor or nested lists."""
    from faceprobe.data.embeddings import unit_rows
    from faceprobe.data.vector_files import read_vectors

    if isinstance(vectors, str | os.PathLike):
        return read_vectors(vectors, key)
    for step in ("detach", "cpu"):  # a torch tensor, on whatever device it lies
        vectors = getattr(vectors, step)() if hasattr(vectors, step) else vectors
    try:
        return unit_rows(np.asarray(vectors), "the vectors")
    except (ValueError, TypeError) as error:  # rows of unequal length, objects
        raise BadInput(f"the vectors are no matrix of numbers: {error}") from error


def _of_store(store: EmbeddingStore) -> _Given:
    data = store.to_embeddings()
    if not np.any(data.identities != ""):
        raise BadInput(
            f"{store.folder} does not say who is in its photos: metadata/ has no column identity, or no"
            " value in it; give labels"
        )
    manifest = store.manifest
    settings = manifest.get("settings", {})
    entries = manifest.get("shards") or [str(shard.vectors.name) for shard in store.shards]
    return _Given(
        data,
        str(settings.get("encoder") or f"vectors:{store.folder.resolve().name}"),
        str(settings.get("dataset") or store.folder.resolve().name),
        str(settings.get("weights_hash") or sha256_json(entries)),
        str(manifest.get("dataset_hash") or sha256_json(entries)),
        _evidence(manifest),
        str(settings.get("crop") or "as-is"),
    )


def _manifest_beside(vectors: VectorsLike, checks_store: bool) -> dict[str, Any]:
    """The manifest of the store of which ``vectors`` is a file; {} where there is no store of ours.

    With ``checks_store``, a store that is still being written is an error.
    """
    if not isinstance(vectors, str | os.PathLike) or Path(vectors).absolute().parent.name != "img_emb":
        return {}
    from faceprobe.embedding.store import FORMAT, MANIFEST, EmbeddingStore

    folder = Path(vectors).absolute().parent.parent
    if not (folder / MANIFEST).is_file():
        return {}
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        return {}  # some other tool's
    return dict(EmbeddingStore.open(folder).manifest) if checks_store else manifest


def _evidence(manifest: dict[str, Any]) -> Evidence:
    """What a store says of its photos; real photos where it says nothing."""
    found = manifest.get("evidence", "real-photos")
    if found not in EVIDENCE:
        raise BadInput(f"the store's manifest names the evidence {found!r}, which is none; give --evidence")
    evidence: Evidence = found
    return evidence


def _hash_of(given: Any, read: NDArray[Any]) -> str:
    """Hex SHA-256 of a file's bytes, or of the values that were read from memory."""
    if isinstance(given, str | os.PathLike):
        return sha256_file(given)
    return sha256_bytes(f"{read.dtype}{read.shape}".encode() + np.ascontiguousarray(read).tobytes())


def _pairs_of(pairs: str | os.PathLike[str] | PairList, data: Embeddings) -> PairList:
    from faceprobe.data.pairs import PairList, check_pairs, read_lfw_pairs, resolve_pairs

    if isinstance(pairs, PairList):
        return check_pairs(pairs.left, pairs.right, pairs.same, pairs.fold, len(data), "the list of pairs")
    return resolve_pairs(read_lfw_pairs(pairs), data.paths)


def _cohort(vectors: VectorsLike, labels: LabelsLike) -> Cohort:
    from faceprobe.data.embeddings import Cohort
    from faceprobe.data.label_files import read_labels

    matrix = _matrix(vectors, None)
    if labels is None:
        return Cohort(matrix)
    identities = read_labels(labels)["identity"]
    if len(identities) != len(matrix):
        raise BadInput(
            f"the cohort has {counted(len(matrix), 'vector')} but {counted(len(identities), 'label')}"
        )
    return Cohort(matrix, identities)
