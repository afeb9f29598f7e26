"""Pooling the photos of a template into one vector.

The standard of the IJB protocols (public evaluation code of IJB-B and IJB-C): each photo's vector times its
detector score; the mean within a medium, so that a long video weighs no more than a still; the sum over
media; one scaling to length 1 at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, UnknownName
from faceprobe.data.embeddings import unit_rows
from faceprobe.data.templates import TemplateList

BLOCK = 16_384
"""Memberships that are widened to float64 at a time (one template may be larger)."""


@dataclass(frozen=True)
class Pooling:
    """``by_media``: mean within a medium, then the sum over media; else the mean over photos.
    ``by_score``: each photo's vector is multiplied by its weight first.
    """

    by_media: bool
    by_score: bool


POOLINGS = {
    "score-media": Pooling(by_media=True, by_score=True),
    "media": Pooling(by_media=True, by_score=False),
    "score-mean": Pooling(by_media=False, by_score=True),
    "mean": Pooling(by_media=False, by_score=False),
}
"""Presets by name, as a protocol's ``pooling`` option gives it."""


def pool_templates(
    vectors: NDArray[np.float32], paths: NDArray[np.str_], templates: TemplateList, preset: str
) -> NDArray[np.float32]:
    """(T, D) float32 unit rows, one a template, of photo ``vectors`` (N, D) unit rows.

    Sums run in float64 in the order of medium and path (N,), so that the order of the photos changes no bit.
    Without weights every photo weighs 1. Raises :class:`UnknownName` for a preset that does not exist and
    :class:`BadInput` for a template whose photos cancel out (all of weight 0, say).
    """
    if preset not in POOLINGS:
        raise UnknownName("pooling", preset, POOLINGS)
    pooling = POOLINGS[preset]
    place = np.unique(paths, return_inverse=True)[1]
    order = np.lexsort((place[templates.row], templates.media, templates.template))
    ordered = templates.template[order]
    starts = np.searchsorted(ordered, np.arange(len(templates) + 1))
    pooled = np.empty((len(templates), vectors.shape[1]))
    first = 0
    while first < len(templates):
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + BLOCK, side="right")) - 1)
        chosen = order[starts[first] : starts[last]]
        pooled[first:last] = _sums(vectors, templates, chosen, starts[first : last + 1], pooling)
        first = last
    empty = np.flatnonzero(~pooled.any(axis=1))
    if len(empty):
        raise BadInput(
            f"{len(empty)} of {len(templates)} templates pool to a vector of zeros (first: template "
            f"{templates.names[empty[0]]!r}); check the detector scores of their photos"
        )
    return unit_rows(pooled, "the pooled templates")


def _sums(
    vectors: NDArray[np.float32],
    templates: TemplateList,
    chosen: NDArray[np.int64],
    starts: NDArray[np.int64],
    pooling: Pooling,
) -> NDArray[np.float64]:
    """Unscaled vectors of some whole templates, whose memberships ``chosen`` begin at ``starts``."""
    wide = vectors[templates.row[chosen]].astype(np.float64)
    if pooling.by_score and templates.weight is not None:
        wide *= templates.weight[chosen].astype(np.float64)[:, None]
    inside = (starts - starts[0])[:-1]
    if not pooling.by_media:
        return np.add.reduceat(wide, inside, axis=0)  # a mean but for its length, which is set to 1 anyway
    media, owner = templates.media[chosen], templates.template[chosen]
    fresh = np.append(True, (np.diff(media) != 0) | (np.diff(owner) != 0))
    begins = np.flatnonzero(fresh)
    means = np.add.reduceat(wide, begins, axis=0)
    means /= np.diff(np.append(begins, len(chosen)))[:, None]
    sums: NDArray[np.float64] = np.add.reduceat(means, np.searchsorted(begins, inside), axis=0)
    return sums
