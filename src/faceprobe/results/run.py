"""A run directory, read and indexed: what every part of the report is computed from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.files import read_json
from faceprobe.results.result import Result, from_document

LEAVE_ONE_OUT = "identification/leave-one-out"
ALL_PAIRS = "verification/all-pairs"
CROSS_EVENT = "-cross-event"

T = TypeVar("T")

CLOAK_PROTOCOLS = "cloak/"
NO_MODEL = "none"
"""Model of the rows that are about photos alone (how much a cloak changes them)."""


class Key(NamedTuple):
    """What makes a row comparable with a row of another run."""

    model: str
    dataset: str
    crop: str
    cloak: str
    purifier: str
    protocol: str
    metric: str
    weighting: str


def row_key(row: Result) -> Key:
    """The key of ``row``, unique in a run."""
    return Key(*(getattr(row, name) for name in Key._fields))


def is_plain(row: Result) -> bool:
    """Whether a row belongs to the ordinary sections: a model on photos that no collector purified, under a
    protocol that is not about cloaks.
    """
    return row.model != NO_MODEL and row.purifier == "none" and not row.protocol.startswith(CLOAK_PROTOCOLS)


@dataclass(frozen=True)
class Cell:
    """One model on one dataset in one crop under one cloak and purifier. ``excluded`` counts photos by
    reason; ``path`` is the ``curves.npz`` of the cell, which may be absent.
    """

    key: str
    model: str
    dataset: str
    crop: str
    cloak: str
    n_photos: int
    n_identities: int
    excluded: dict[str, int]
    seconds: float | None
    path: Path
    protocols: tuple[str, ...] = ()
    purifier: str = "none"

    @property
    def is_plain(self) -> bool:
        """Whether its rows belong to the ordinary sections (see :func:`is_plain`)."""
        only_cloaks = bool(self.protocols) and all(p.startswith(CLOAK_PROTOCOLS) for p in self.protocols)
        return self.purifier == "none" and not only_cloaks and self.model != NO_MODEL

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every curve and replicate array of the cell; empty where the file is absent."""
        if not self.path.is_file():
            return {}
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (ValueError, OSError, KeyError) as error:
            raise BadInput(f"{self.path} is not a readable .npz file: {error}") from error

    def curve(self, protocol: str, name: str) -> NDArray[Any] | None:
        """The array ``protocol//name``, or None where the cell has none or an empty one."""
        found = self.arrays.get(f"{protocol}//{name}")
        return found if found is not None and found.size else None

    def replicates(self, protocol: str, metric: str, weighting: str) -> NDArray[np.float64] | None:
        """(R,) bootstrap replicates of one metric, or None."""
        return self.arrays.get(f"replicates//{protocol}//{metric}//{weighting}")


@dataclass(frozen=True)
class Run:
    """``rows`` as in ``results.json``, ``manifest`` as in ``manifest.json``, ``cells`` in the order of
    the manifest.
    """

    folder: Path
    rows: tuple[Result, ...]
    manifest: dict[str, Any]
    cells: tuple[Cell, ...]
    _index: dict[Key, Result] = field(default_factory=dict, repr=False)

    @cached_property
    def name(self) -> str:
        study = self.manifest.get("study")
        named = study.get("name") if isinstance(study, dict) else None
        return str(named or self.folder.resolve().name)

    @property
    def seed(self) -> int | None:
        """The seed of the bootstrap; None where the manifest does not say."""
        for part in ("seeds", "study"):
            stored = self.manifest.get(part)
            if isinstance(stored, dict) and isinstance(stored.get("seed"), int):
                return int(stored["seed"])
        return None

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Models in the order of the manifest's cells; the order fixes each one's colour."""
        names = _unique([c.model for c in self.cells] + [r.model for r in self.rows])
        return tuple(name for name in names if name != NO_MODEL)

    @cached_property
    def scenes(self) -> tuple[tuple[str, str, str], ...]:
        """Every (dataset, cloak, crop) of the ordinary sections: first dataset first, uncloaked first, as-is
        first. What was measured under the protocols about cloaks alone, or purified, is not among them.
        """
        keys = _unique([(c.dataset, c.cloak, c.crop) for c in self.cells if c.is_plain])
        if not self.cells:
            keys = _unique([(r.dataset, r.cloak, r.crop) for r in self.rows if is_plain(r)])
        datasets = _unique([k[0] for k in keys])
        return tuple(
            sorted(keys, key=lambda k: (datasets.index(k[0]), k[1] != "none", k[1], k[2] != "as-is"))
        )

    def short(self, dataset: str) -> str:
        """A dataset's name without its options, where no other dataset of the run shares it."""
        stem = dataset.partition("?")[0]
        alike = [d for d in self._datasets if d.partition("?")[0] == stem]
        return stem if set(alike) <= {dataset} else dataset

    @cached_property
    def _datasets(self) -> tuple[str, ...]:
        return _unique([c.dataset for c in self.cells] + [r.dataset for r in self.rows])

    def row(self, key: Key) -> Result | None:
        """The row of :func:`row_key` ``key``, or None."""
        return self._index.get(key)

    def get(
        self,
        model: str,
        scene: tuple[str, str, str],
        protocol: str,
        metric: str,
        weighting: str = "identity",
        purifier: str = "none",
    ) -> Result | None:
        """The row of ``metric`` for ``model`` in ``scene`` (dataset, cloak, crop), or None."""
        dataset, cloak, crop = scene
        return self._index.get(Key(model, dataset, crop, cloak, purifier, protocol, metric, weighting))

    def any_weighting(
        self, model: str, scene: tuple[str, str, str], protocol: str, metric: str
    ) -> Result | None:
        """The row of ``metric`` in whichever weighting it has: by people first."""
        found = (self.get(model, scene, protocol, metric, w) for w in ("identity", "none", "pair"))
        return next((row for row in found if row is not None), None)

    def in_scene(self, scene: tuple[str, str, str]) -> list[Result]:
        """The rows of ``scene`` that belong to the ordinary sections."""
        return [r for r in self.rows if (r.dataset, r.cloak, r.crop) == scene and is_plain(r)]

    def cell(self, model: str, scene: tuple[str, str, str], purifier: str = "none") -> Cell | None:
        wanted = (model, *scene, purifier)
        return next(
            (c for c in self.cells if (c.model, c.dataset, c.cloak, c.crop, c.purifier) == wanted), None
        )

    def card(self, model: str) -> dict[str, Any]:
        """The model's card as a plain object; empty where the manifest has none."""
        cards = self.manifest.get("models")
        card = cards.get(model) if isinstance(cards, dict) else None
        return card if isinstance(card, dict) else {}

    def headline_protocol(self, scene: tuple[str, str, str], base: str) -> str:
        """``base`` with same-event photos left out where the scene has that variant, else ``base``."""
        variant = base + CROSS_EVENT
        has = any(r.protocol == variant and r.value is not None for r in self.in_scene(scene))
        return variant if has else base


def read_run(folder: Path) -> Run:
    """Read ``folder``; :class:`Missing` or :class:`BadInput` name the file that is absent or wrong."""
    results, manifest_path = folder / "results.json", folder / "manifest.json"
    for path in (results, manifest_path):
        if not path.is_file():
            raise Missing(f"{folder} is not a run directory: {path.name} is absent; name the --out of a run")
    rows = tuple(from_document(read_json(results), str(results)))
    manifest = read_json(manifest_path)
    if not isinstance(manifest, dict):
        raise BadInput(f"{manifest_path} must hold a JSON object")
    try:
        cells = tuple(_cell(folder, c) for c in manifest.get("cells") or [])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{manifest_path} holds a cell that cannot be read: {error!r}") from error
    return Run(folder, rows, manifest, cells, {row_key(r): r for r in rows})


def _cell(folder: Path, stored: dict[str, Any]) -> Cell:
    key = str(stored["key"])
    if Path(key).name != key:
        raise BadInput(f"the manifest names a cell {key!r} that is not a plain folder name")
    seconds = stored.get("seconds")
    return Cell(
        key=key,
        model=str(stored["model"]),
        dataset=str(stored["dataset"]),
        crop=str(stored.get("crop", "as-is")),
        cloak=str(stored.get("cloak", "none")),
        n_photos=int(stored.get("n_photos", 0)),
        n_identities=int(stored.get("n_identities", 0)),
        excluded={str(k): int(v) for k, v in (stored.get("excluded") or {}).items()},
        seconds=None if seconds is None else float(seconds),
        path=folder / "cells" / key / "curves.npz",
        protocols=tuple(map(str, stored.get("protocols") or ())),
        purifier=str(stored.get("purifier") or "none"),
    )


def _unique(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))
