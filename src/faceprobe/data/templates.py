"""Templates: several photos of one person that are compared as one (IJB-B, IJB-C, MegaFace style).

A template holds photos; photos of one *medium* (frames of one video, say) are pooled before media are.
How they are pooled is in :mod:`faceprobe.metrics.templates`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput


@dataclass(frozen=True)
class TemplateList:
    """T templates over the photos (rows) of a dataset, and what is compared with what.

    M memberships: ``row`` (M,) int64 photo, ``template`` (M,) int32 counted from 0 and ``media`` (M,) int64,
    equal within one template for photos of one medium; ``weight`` (M,) float32, a detector's score from 0,
    or None. A photo may be in several templates. ``names`` and ``identities`` (T,) str: the source's own
    template ids, and the person of each ("" where unknown). ``left``, ``right`` (P,) int32 and ``same`` (P,)
    bool are the listed comparisons of templates. ``galleries`` names sets of templates, each searched on
    its own, and ``probes`` are the templates searched for. ``lost_templates`` and ``lost_pairs`` count what
    :meth:`take` left out.
    """

    row: NDArray[np.int64]
    template: NDArray[np.int32]
    media: NDArray[np.int64]
    names: NDArray[np.str_]
    identities: NDArray[np.str_]
    weight: NDArray[np.float32] | None = None
    left: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    right: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    same: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    galleries: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    probes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    lost_templates: int = 0
    lost_pairs: int = 0

    def __len__(self) -> int:
        return len(self.names)

    def check(self, n_rows: int) -> None:
        """Raise :class:`BadInput` where the arrays do not agree with each other or with ``n_rows`` photos."""
        n = len(self.names)
        weights = self.row if self.weight is None else self.weight
        if not len(self.row) == len(self.template) == len(self.media) == len(weights):
            raise BadInput("a template list needs one photo, template and medium (and weight) a membership")
        if len(self.identities) != n or not len(self.left) == len(self.right) == len(self.same):
            raise BadInput("a template list needs one identity a template and three values a listed pair")
        ranges: list[tuple[str, NDArray[Any], int]] = [
            ("photos", self.row, n_rows),
            ("templates", self.template, n),
            ("templates in pairs", self.left, n),
            ("templates in pairs", self.right, n),
            ("probes", self.probes, n),
            *(("gallery templates", gallery, n) for gallery in self.galleries.values()),
        ]
        for what, numbers, limit in ranges:
            if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < limit:
                raise BadInput(f"a template list names {what} beyond the {limit} that there are")
        if np.any(np.bincount(self.template, minlength=n) == 0):
            raise BadInput("a template list names a template without photos")
        if self.weight is not None and not (np.isfinite(self.weight).all() and (self.weight >= 0).all()):
            raise BadInput("a template list holds a weight that is negative, infinite or NaN")
        for searched in (self.probes, *self.galleries.values()):
            if len(np.unique(searched)) != len(searched):
                raise BadInput("a template list names a gallery template or a probe twice")

    def take(self, kept: Sequence[int] | NDArray[np.int64], n_rows: int) -> TemplateList:
        """The same list over the ``kept`` rows of ``n_rows``, renumbered.

        A template that keeps no photo is left out, with its listed pairs, and counted.
        """
        new = np.full(n_rows, -1, dtype=np.int64)
        new[np.asarray(kept, dtype=np.int64)] = np.arange(len(kept))
        stays = new[self.row] >= 0
        alive = np.zeros(len(self), dtype=np.bool_)
        alive[self.template[stays]] = True
        number = np.where(alive, np.cumsum(alive) - 1, -1).astype(np.int32)
        whole = alive[self.left] & alive[self.right]
        return replace(
            self,
            row=new[self.row[stays]],
            template=number[self.template[stays]],
            media=self.media[stays],
            weight=None if self.weight is None else self.weight[stays],
            names=self.names[alive],
            identities=self.identities[alive],
            left=number[self.left[whole]],
            right=number[self.right[whole]],
            same=self.same[whole],
            galleries={k: number[g[alive[g]]].astype(np.int64) for k, g in self.galleries.items()},
            probes=number[self.probes[alive[self.probes]]].astype(np.int64),
            lost_templates=self.lost_templates + int(np.count_nonzero(~alive)),
            lost_pairs=self.lost_pairs + int(np.count_nonzero(~whole)),
        )

    def digest(self) -> str:
        """Hex SHA-256 of everything in the list."""
        digest = hashlib.sha256(b"templates/1")
        arrays: list[NDArray[Any]] = [self.row, self.template, self.media, self.left, self.right]
        arrays += [self.same, self.probes, *([] if self.weight is None else [self.weight])]
        for array in arrays:
            digest.update(f"{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        for text in (self.names, self.identities):
            digest.update("\0".join(text.tolist()).encode() + b"\1")
        for name in sorted(self.galleries):
            digest.update(name.encode() + b"\1" + self.galleries[name].tobytes())
        digest.update(f"{self.lost_templates},{self.lost_pairs}".encode())
        return digest.hexdigest()
