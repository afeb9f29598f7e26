"""``manifest.json``: provenance and timings of a run, kept out of ``results.json``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from faceprobe.core.errors import BadInput
from faceprobe.results.cells import Cell, CloakRecord

SCHEMA = "faceprobe.manifest/1"


@dataclass(frozen=True)
class Seeds:
    """The seed of a study and its number of bootstrap replicates; None where they are not known."""

    seed: int | None = None
    replicates: int | None = None


@dataclass(frozen=True)
class Hashes:
    """``models`` maps a model to the hash of its weights and preprocessing, ``datasets`` a dataset to the
    hash of its clean photos as measured in each crop.
    """

    models: dict[str, str] = field(default_factory=dict)
    datasets: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetFacts:
    """What a dataset says of itself; ``photos`` counts its clean photos."""

    photos: int | None = None
    licence: str = ""
    notes: tuple[str, ...] = ()
    evidence: str = ""
    default_protocol: str = ""


@dataclass(frozen=True)
class Manifest:
    """What a run was made of, and what it cost.

    ``study`` is the resolved study with its ``name`` and ``fingerprint``. ``finished`` is a time (ISO 8601,
    UTC), ``seconds`` the wall clock. ``models`` are the cards by the names in rows. ``cells`` and ``cloaks``
    are in the study's order. ``missing`` says in sentences what the study asked for and did not get.
    """

    study: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    finished: str = ""
    seconds: float | None = None
    seeds: Seeds = Seeds()
    hashes: Hashes = Hashes()
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    datasets: dict[str, DatasetFacts] = field(default_factory=dict)
    cells: tuple[Cell, ...] = ()
    cloaks: tuple[CloakRecord, ...] = ()
    missing: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The object that ``manifest.json`` holds."""
        return {
            "schema": SCHEMA,
            "study": self.study,
            "versions": self.versions,
            "machine": self.machine,
            "finished": self.finished,
            "seconds": self.seconds,
            "seeds": asdict(self.seeds),
            "hashes": asdict(self.hashes),
            "models": self.models,
            "datasets": {name: asdict(facts) for name, facts in self.datasets.items()},
            "cells": [cell.entry() for cell in self.cells],
            "cloaks": [cloak.entry() for cloak in self.cloaks],
            "missing": list(self.missing),
        }

    @classmethod
    def from_dict(cls, document: Any, folder: Path, where: str = "manifest.json") -> Manifest:
        """The manifest of the run in ``folder``; :class:`BadInput` names ``where`` and what is wrong in it.

        Parts that are absent are empty.
        """
        from pydantic import TypeAdapter, ValidationError

        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise BadInput(f"{where} is not a manifest of schema {SCHEMA}; run the study again")
        try:
            found = TypeAdapter(cls).validate_python(document)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise BadInput(f"{where}: {place}: {first['msg']}; run the study again") from error
        cells = folder / "cells"
        return replace(
            found,
            cells=tuple(cell.within(cells) for cell in found.cells),
            cloaks=tuple(cloak.within(cells) for cloak in found.cloaks),
        )
