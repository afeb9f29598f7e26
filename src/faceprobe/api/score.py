"""Exact biometric metrics over vectors that are already there: ``fp.score`` and ``faceprobe score``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceprobe.core.errors import WrongUsage
from faceprobe.core.files import parse_bytes

if TYPE_CHECKING:
    from faceprobe.api.results import Results
    from faceprobe.data.embeddings import Embeddings
    from faceprobe.data.evidence import Evidence
    from faceprobe.data.pairs import PairList
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

    Raises :class:`BadInput` for vectors or labels that cannot be used (another length, NaN, no matrix),
    :class:`UnknownName` for a protocol that does not exist, :class:`WrongUsage` for options that do not go
    together or a protocol that needs what the data lack.

    >>> import numpy as np
    >>> vectors = np.eye(4)[[0, 0, 1, 1, 2, 2]] + 0.1 * np.arange(24).reshape(6, 4) / 24
    >>> results = score(vectors, ["ann", "ann", "bob", "bob", "cleo", "cleo"], replicates=0)
    >>> results.value("rank1", protocol="identification/leave-one-out")
    1.0
    """
    from faceprobe.api.results import Results, replicates_of
    from faceprobe.protocols import PROTOCOLS, evaluate
    from faceprobe.results.result import attach

    chosen = protocol_names(protocols)
    for protocol in chosen or ():
        PROTOCOLS.get(protocol)
    check_cohort_options(normalise, cohort is not None, cohort_labels is not None)
    given = _read(vectors, labels, pairs, key, path_column, identity_column, finished=evidence is None)
    data = given.data
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
    found = replicates_of(rows, seed, outcome.identities, outcome.replicates)
    return Results(rows, replicates=found)


def protocol_names(protocols: str | Iterable[str] | None) -> list[str] | None:
    """The protocols asked for; None for the usual ones, which are also spelled "all"."""
    names = [protocols] if isinstance(protocols, str) else list(protocols or ())
    return None if names in ([], ["all"]) else names


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
    """What the caller gave, read: the data and what the rows say of them."""

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
    pairs: str | os.PathLike[str] | PairList | None,
    key: str | None,
    path_column: str | None,
    identity_column: str | None,
    *,
    finished: bool,
) -> _Given:
    from faceprobe.api.embed import EmbedResult
    from faceprobe.embedding.store import EmbeddingStore

    if isinstance(vectors, EmbedResult) and labels is None:
        data = _with_pairs(vectors.data, pairs)
        about = (vectors.model, vectors.dataset, vectors.model_hash, vectors.dataset_hash)
        return _Given(data, *about, vectors.evidence, vectors.crop)
    if isinstance(vectors, EmbedResult):
        vectors = vectors.vectors
    if isinstance(vectors, str | os.PathLike) and Path(vectors).is_dir():
        vectors = EmbeddingStore.open(Path(vectors))
    if isinstance(vectors, EmbeddingStore) and labels is None:
        return _of_store(vectors, pairs)
    if labels is None:
        raise WrongUsage("score needs labels: who is in each row (only a whole store brings its own)")
    return _of_parts(vectors, labels, pairs, key, path_column, identity_column, finished)
