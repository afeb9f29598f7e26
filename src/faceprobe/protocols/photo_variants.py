"""Which rows of the embeddings are clean and which are cloaked, and which of them a protocol uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.data.embeddings import CLEAN, Embeddings
from faceprobe.protocols.ordering import OrderedEmbeddings


@dataclass(frozen=True)
class CloakedPhotos:
    """The clean photos among ordered rows, in their order, and their cloaked versions.

    ``rows`` (C, D) exact rows, sorted by person and path; ``labels`` (C,) int32 count the sorted ``names``
    (P,), whose numbers among all people are ``numbers`` (P,); ``events`` and ``content`` (C,) are those of
    :class:`OrderedEmbeddings`. ``cloaked`` (M, D) are the exact rows of the cloaked versions, in the order of
    their clean photos, and ``source`` (M,) ascending numbers of these. ``orphans`` counts cloaked photos
    without their clean one.
    """

    variant: str
    rows: NDArray[np.float32]
    labels: NDArray[np.int32]
    names: NDArray[np.str_]
    numbers: NDArray[np.int64]
    events: NDArray[np.int64] | None
    content: NDArray[np.int64] | None
    cloaked: NDArray[np.float32]
    source: NDArray[np.int64]
    orphans: int

    @property
    def people(self) -> NDArray[np.int64]:
        """Numbers of the people with cloaked photos, ascending."""
        return np.unique(self.labels[self.source]).astype(np.int64)


def other_variants(data: Embeddings) -> list[str]:
    """The variants besides the clean one, sorted."""
    return [] if data.variants is None else [str(v) for v in np.unique(data.variants) if v != CLEAN]


def clean_rows(data: Embeddings) -> NDArray[np.int64]:
    """The rows that protocols without cloaks get: all where the data hold one variant, else the clean ones.

    Raises :class:`BadInput` where there are several variants and none is clean.
    """
    others = other_variants(data)
    if data.variants is None or len(np.unique(data.variants)) == 1:
        return np.arange(len(data))
    rows = np.flatnonzero(data.variants == CLEAN)
    if not len(rows):
        raise BadInput(
            f"the photos are of several variants ({', '.join(others)}) and none is clean; keep one of them"
        )
    return rows


def lacking_variants(data: Embeddings) -> str:
    """Why ``data`` cannot be measured by a protocol for cloaks, or "" where they can."""
    others = other_variants(data)
    if data.variants is None or not others:
        return (
            "it needs cloaked photos and the clean ones: a dataset with variants (cloaked:PATH, "
            "perturbed-faces), or labels with the columns variant and source_image"
        )
    if CLEAN not in data.variants:
        return f"the photos are of the variants {', '.join(others)}; the clean ones are missing"
    if len(others) > 1:
        return (
            f"the photos are of {len(others)} variants besides clean ({', '.join(others)}), and one cloak is "
            f"measured at a time: keep clean and one more, as in ?variant=clean,{others[0]}"
        )
    if data.sources is None:
        return "it is not known which clean photo each cloaked one was made from (source_image)"
    return ""


def cloaked_photos(data: Embeddings, ordered: OrderedEmbeddings) -> CloakedPhotos:
    """Clean and cloaked photos of data that :func:`lacking_variants` accepts.

    Raises :class:`BadInput` where two cloaked photos name one clean photo, a cloaked one shows another
    person than its clean one, or no cloaked one has its clean photo there.
    """
    assert data.variants is not None and data.sources is not None
    (variant,) = other_variants(data)
    is_clean = (data.variants == CLEAN)[ordered.order]
    clean, cloaked = np.flatnonzero(is_clean), np.flatnonzero(~is_clean)
    paths, sources = data.paths[ordered.order], data.sources[ordered.order]
    place = {str(path): k for k, path in enumerate(paths[clean])}
    found = np.array([place.get(str(s), -1) for s in sources[cloaked]], dtype=np.int64)
    known = found >= 0
    source, cloaked_rows = found[known], cloaked[known]
    if not len(source):
        raise BadInput(
            f"no {variant} photo has its clean photo among the data; source_image must name a path"
        )
    _check(ordered, paths, clean[source], cloaked_rows, variant)
    by_source = np.argsort(source, kind="stable")
    labels = ordered.labels[clean]
    present, compact = np.unique(labels, return_inverse=True)
    return CloakedPhotos(
        variant=variant,
        rows=np.ascontiguousarray(ordered.rows[clean]),
        labels=compact.astype(np.int32),
        names=ordered.names[present],
        numbers=present.astype(np.int64),
        events=None if ordered.events is None else ordered.events[clean],
        content=None if ordered.content is None else ordered.content[clean],
        cloaked=np.ascontiguousarray(ordered.rows[cloaked_rows[by_source]]),
        source=source[by_source],
        orphans=int(np.count_nonzero(~known)),
    )


def _check(
    ordered: OrderedEmbeddings,
    paths: NDArray[np.str_],
    clean: NDArray[np.int64],
    cloaked: NDArray[np.int64],
    variant: str,
) -> None:
    other = np.flatnonzero(ordered.labels[clean] != ordered.labels[cloaked])
    if len(other):
        a, b = cloaked[other[0]], clean[other[0]]
        raise BadInput(f"{paths[a]} and the clean photo that it was made from, {paths[b]}, show two people")
    counts = np.unique(clean, return_counts=True)
    if counts[1].max() > 1:
        twice = paths[counts[0][np.argmax(counts[1])]]
        raise BadInput(f"{twice} has {counts[1].max()} {variant} versions; one each is measured")
