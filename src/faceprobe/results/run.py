"""Reading a run: its rows, found by what they measure, and its manifest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from faceprobe.core.errors import Missing
from faceprobe.core.files import read_json
from faceprobe.results.cells import CLOAK_PROTOCOLS, NO_MODEL, Cell
from faceprobe.results.manifest import Manifest
from faceprobe.results.result import Result, from_document

LEAVE_ONE_OUT = "identification/leave-one-out"
ALL_PAIRS = "verification/all-pairs"
CROSS_EVENT = "-cross-event"

T = TypeVar("T")

EMPTY = Manifest()


class Key(NamedTuple):
    """The fields that name a row: rows of two runs with equal keys are compared."""

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
    """Whether a row belongs to the ordinary sections of a report: a model, no purifier, and a protocol that
    is not for cloaks.
    """
    return row.model != NO_MODEL and row.purifier == "none" and not row.protocol.startswith(CLOAK_PROTOCOLS)


@dataclass(frozen=True)
class Run:
    """``rows`` as in ``results.json`` and the ``manifest``, which is empty where only rows were read."""

    folder: Path
    rows: tuple[Result, ...]
    manifest: Manifest = EMPTY

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The measured cells in the order of the manifest."""
        return self.manifest.cells

    @cached_property
    def name(self) -> str:
        """The name of the study; where it is not known, that of the folder."""
        return str(self.manifest.study.get("name") or self.folder.resolve().name)

    @property
    def seed(self) -> int | None:
        """The seed of the bootstrap; None where the manifest does not say."""
        return self.manifest.seeds.seed

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Models in the order of the manifest's cells; the order fixes each one's colour."""
        names = _unique([c.model for c in self.cells] + [r.model for r in self.rows])
        return tuple(name for name in names if name != NO_MODEL)

    @cached_property
    def scenes(self) -> tuple[tuple[str, str, str], ...]:
        """Every (dataset, cloak, crop) of the ordinary sections (see :func:`is_plain`).

        Datasets are in the order of the run; within one, uncloaked and as-is scenes come first.
        """
        keys = _unique([(c.dataset, c.cloak, c.crop) for c in self.cells if c.is_plain])
        if not self.cells:
            keys = _unique([(r.dataset, r.cloak, r.crop) for r in self.rows if is_plain(r)])
        datasets = _unique([k[0] for k in keys])
        return tuple(
            sorted(keys, key=lambda k: (datasets.index(k[0]), k[1] != "none", k[1], k[2] != "as-is"))
        )

    def short(self, dataset: str) -> str:
        """The name of ``dataset`` without its options, if no other dataset of the run has the same."""
        stem = dataset.partition("?")[0]
        alike = [d for d in self._datasets if d.partition("?")[0] == stem]
        return stem if set(alike) <= {dataset} else dataset

    def short_model(self, model: str) -> str:
        """The name of ``model`` without its options, if no other model of the run has the same."""
        stem = model.partition("?")[0]
        return stem if {m for m in self.models if m.partition("?")[0] == stem} <= {model} else model

    @cached_property
    def _datasets(self) -> tuple[str, ...]:
        return _unique([c.dataset for c in self.cells] + [r.dataset for r in self.rows])

    @cached_property
    def _index(self) -> dict[Key, Result]:
        return {row_key(row): row for row in self.rows}

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
        """The row of ``metric`` in the first weighting that it has: by people, none, by pairs."""
        found = (self.get(model, scene, protocol, metric, w) for w in ("identity", "none", "pair"))
        return next((row for row in found if row is not None), None)

    def in_scene(self, scene: tuple[str, str, str]) -> list[Result]:
        """The rows of ``scene`` that belong to the ordinary sections."""
        return [r for r in self.rows if (r.dataset, r.cloak, r.crop) == scene and is_plain(r)]

    def cell(self, model: str, scene: tuple[str, str, str], purifier: str = "none") -> Cell | None:
        """The cell of ``model`` in ``scene`` (dataset, cloak, crop), or None."""
        wanted = (model, *scene, purifier)
        return next(
            (c for c in self.cells if (c.model, c.dataset, c.cloak, c.crop, c.purifier) == wanted), None
        )

    def card(self, model: str) -> dict[str, Any]:
        """The model's card as a plain object; empty where the manifest has none."""
        return self.manifest.models.get(model, {})

    def headline_protocol(self, scene: tuple[str, str, str], base: str) -> str:
        """The variant of ``base`` without same-event photos if ``scene`` has it, else ``base``."""
        variant = base + CROSS_EVENT
        has = any(r.protocol == variant and r.value is not None for r in self.in_scene(scene))
        return variant if has else base


def read_run(path: Path) -> Run:
    """Read a run directory, or the rows alone where ``path`` is a results file (``score --out``).

    Raises :class:`Missing` or :class:`BadInput`; the message names the file that is absent or wrong.
    """
    if path.is_file():
        return Run(path.parent, tuple(read_results(path)))
    manifest_path = path / "manifest.json"
    for file in (path / "results.json", manifest_path):
        if not file.is_file():
            raise Missing(f"{path} is not a run directory: {file.name} is absent; name the --out of a run")
    rows = tuple(read_results(path))
    return Run(path, rows, Manifest.from_dict(read_json(manifest_path), path, str(manifest_path)))


def read_results(path: Path) -> list[Result]:
    """The rows of a results file or of a run directory; :class:`BadInput` for another schema."""
    file = path / "results.json" if path.is_dir() else path
    return from_document(read_json(file), str(file))


def _unique(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))
