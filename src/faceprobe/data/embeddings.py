"""Embeddings with their labels: what every protocol is computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.data.pairs import PairList
from faceprobe.data.templates import TemplateList

PATH_COLUMNS = ("path", "image", "image_path")
"""Names that the column of photo paths may have in a table of labels, the preferred one first."""

CLEAN = "clean"
"""The variant of a photo to which nothing was done."""

_ROWS = 8192
"""Rows that are widened to float64 at a time."""


@dataclass(frozen=True)
class Cohort:
    """Photos of other people; scores against them normalise a score. ``vectors`` (C, D) float32 unit rows
    and, where known, ``identities`` (C,) str.
    """

    vectors: NDArray[np.float32]
    identities: NDArray[np.str_] | None = None


@dataclass(frozen=True)
class Embeddings:
    """N photos as vectors, with their labels. Optional columns are None where nothing is known.

    - ``vectors`` (N, D) float32 unit rows; ``identities`` (N,) str, "" = unknown; ``paths`` (N,) str.
    - ``events`` (N,) str: photos of one person at one event share background and clothing; "" = unknown.
    - ``content`` (N,) str: hashes of the photos' bytes; equal hashes are duplicates. Where it is None,
      bit-equal rows are duplicates.
    - ``pairs``: the dataset's own list, for protocols that use one.
    - ``default_protocol``: the protocol that the dataset was made for, "" where there is none.
    - ``identities_known``: where False, two identities may be one person, and only ``pairs`` says which
      photos show the same person.
    - ``groups`` (N,) str: the demographic or other group of each photo's person; "" = unknown.
    - ``templates``: the dataset's own sets of photos that are compared as one.
    - ``cohort``: other people, for protocols that normalise scores.
    - ``variants`` (N,) str: ``clean``, or what was done to the photo (a cloak's name).
    - ``sources`` (N,) str: the path of the clean photo that each was made from; a clean photo's own path.
    """

    vectors: NDArray[np.float32]
    identities: NDArray[np.str_]
    paths: NDArray[np.str_]
    events: NDArray[np.str_] | None = None
    content: NDArray[np.str_] | None = None
    pairs: PairList | None = None
    identities_known: bool = True
    default_protocol: str = ""
    groups: NDArray[np.str_] | None = None
    templates: TemplateList | None = None
    cohort: Cohort | None = None
    variants: NDArray[np.str_] | None = None
    sources: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, rows: NDArray[np.int64]) -> Embeddings:
        """The rows ``rows`` (K,), ascending, with their labels. Pairs that lose a photo are left out;
        templates keep their other photos.
        """
        if len(rows) == len(self):
            return self

        def part(column: NDArray[np.str_] | None) -> NDArray[np.str_] | None:
            return None if column is None else column[rows]

        return replace(
            self,
            vectors=self.vectors[rows],
            identities=self.identities[rows],
            paths=self.paths[rows],
            events=part(self.events),
            groups=part(self.groups),
            content=part(self.content),
            variants=part(self.variants),
            sources=part(self.sources),
            pairs=None if self.pairs is None else self.pairs.take(rows, len(self))[0],
            templates=None if self.templates is None else self.templates.take(rows, len(self)),
        )


def unit_rows(vectors: NDArray[np.generic], where: str = "the embeddings") -> NDArray[np.float32]:
    """Check an (N, D) float array and scale its rows to length 1 (computed in float64).

    A float32 array whose rows all have length 1 to rounding is returned unchanged, so that a saved array
    loads with the same bits. Raises :class:`BadInput` for another shape, a dtype that is
    not floating, NaN or infinity, or a row of zeros.
    """
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise BadInput(f"{where} must be a matrix of rows x dimensions; its shape is {vectors.shape}")
    if not np.issubdtype(vectors.dtype, np.floating):
        raise BadInput(f"{where} must hold float16, float32 or float64 values, not {vectors.dtype}")
    norms = np.concatenate([_norms(vectors[k : k + _ROWS]) for k in range(0, len(vectors), _ROWS)])
    bad = np.flatnonzero(~np.isfinite(norms))
    if len(bad):
        raise BadInput(f"{where}: {len(bad)} of {len(norms)} rows hold NaN or infinity (first: row {bad[0]})")
    empty = np.flatnonzero(norms == 0)
    if len(empty):
        raise BadInput(f"{where}: {len(empty)} of {len(norms)} rows are all zeros (first: row {empty[0]})")
    if vectors.dtype == np.float32 and np.all(np.abs(norms - 1) < 2e-6):
        return np.ascontiguousarray(vectors, dtype=np.float32)
    unit = np.empty(vectors.shape, dtype=np.float32)
    for k in range(0, len(vectors), _ROWS):
        part = slice(k, k + _ROWS)
        unit[part] = vectors[part].astype(np.float64) / norms[part, None]
    return unit


def _norms(rows: NDArray[np.generic]) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    norms: NDArray[np.float64] = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    return norms
