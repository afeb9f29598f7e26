"""A cloak scene: the cloaks of one dataset, the models they were measured on, and access to their rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from faceprobe.cloaks.photos.colour_difference import is_tinted
from faceprobe.report.cloaks.cloak_id import CloakInfo, read_cloak
from faceprobe.report.comparison.paired import Paired, paired_by_person, paired_difference
from faceprobe.results.cells import CLOAK_PROTOCOLS, NO_MODEL, Cell
from faceprobe.results.result import Result
from faceprobe.results.run import Run

POISONING = "cloak/poisoning"
EVASION = "cloak/evasion"
ADAPTIVE = "cloak/adaptive"
RETRIEVAL = "cloak/self-retrieval"
VERIFICATION = "cloak/verification"
QUALITY = "cloak/quality"

PROTECTION = "protection@1nn"
CLEAN = "clean_error@1nn"
ADDED = "added_protection@1nn"

FEW_PEOPLE = 10
"""With fewer cloaked people the protocols give no interval, and the report calls no difference shown."""


@dataclass(frozen=True)
class CloakScene:
    """The cloaks of one dataset and the models they were measured on.

    ``victims`` are (model, crop), the best recogniser of clean photos first; the crop is another than
    ``crop`` for a model that was not measured on it. ``purifiers`` does not hold "none".
    """

    run: Run
    dataset: str
    crop: str
    victims: tuple[tuple[str, str], ...]
    cloaks: tuple[CloakInfo, ...]
    purifiers: tuple[str, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """The models of :attr:`victims`."""
        return tuple(model for model, _ in self.victims)

    @property
    def attacks(self) -> tuple[CloakInfo, ...]:
        """The cloaks that are meant to mislead a recogniser: all but controls."""
        return tuple(c for c in self.cloaks if not c.control)

    @property
    def shown(self) -> tuple[CloakInfo, ...]:
        """Attacks, then controls; noise at an attack's PSNR is left out, as it is shown with that attack."""
        known = {c.id for c in self.attacks}
        return (*self.attacks, *(c for c in self.cloaks if c.control and c.noise_for not in known))

    def noise_of(self, cloak: CloakInfo) -> CloakInfo | None:
        """The noise control with the PSNR of ``cloak``."""
        return next((c for c in self.cloaks if c.noise_for == cloak.id), None)

    def row(
        self, model: str, cloak: CloakInfo | None, protocol: str, metric: str, purifier: str = "none"
    ) -> Result | None:
        """The identity-weighted row of ``model`` under ``cloak``; None where there is none with a value."""
        found = None if cloak is None else self.stored(model, cloak, protocol, metric, purifier)
        return found if found is not None and found.value is not None else None

    def stored(
        self, model: str, cloak: CloakInfo, protocol: str, metric: str, purifier: str = "none"
    ) -> Result | None:
        """Like :meth:`row`, also where the row has no value and its note says why."""
        scene = (self.dataset, cloak.id, dict(self.victims)[model])
        return self.run.get(model, scene, protocol, metric, purifier=purifier)

    def quality(self, cloak: CloakInfo, metric: str) -> Result | None:
        """A row about the cloaked photos alone: ``psnr``, ``ssim``, ``dssim``, ``face_found``, ..."""
        scene = (self.dataset, cloak.id, "as-is")
        found = self.run.get(NO_MODEL, scene, QUALITY, metric)
        return found if found is not None and found.value is not None else None

    def tinted(self, cloak: CloakInfo) -> bool:
        """Whether the cloaked faces are visibly tinted: a mean colour difference above that bound."""
        found = self.quality(cloak, "delta_e")
        return found is not None and is_tinted(found.value)

    def by_person(
        self, model: str, cloak: str, protocol: str, name: str, purifier: str = "none"
    ) -> dict[str, float]:
        """A stored share by person, such as ``protection_1nn``; empty where the run has none."""
        cell = self.run.cell(model, (self.dataset, cloak, dict(self.victims)[model]), purifier)
        return {} if cell is None else _shares(cell, protocol, name)

    def cloaked_photos(self, model: str, cloak: CloakInfo) -> Result | None:
        """The row that counts the cloaked photos that are enrolled, over all people."""
        scene = (self.dataset, cloak.id, dict(self.victims)[model])
        return self.run.get(model, scene, POISONING, "n_cloaked", "none")

    def is_surrogate(self, model: str, cloak: CloakInfo) -> bool:
        """Whether ``cloak`` was computed on ``model`` itself (white box)."""
        names = {_bare(model), _bare(str(self.run.card(model).get("id") or model))}
        return any(_bare(s) in names for s in cloak.surrogates)

    def over_noise(
        self, model: str, cloak: CloakInfo, protocol: str = POISONING, metric: str = PROTECTION
    ) -> Paired | None:
        """``metric`` under ``cloak`` minus ``metric`` under noise at equal PSNR, paired by person; None where
        that control was not measured.
        """
        noise = self.noise_of(cloak)
        ours, theirs = (self.row(model, c, protocol, metric) for c in (cloak, noise))
        if noise is None or ours is None or theirs is None:
            return None
        crop = dict(self.victims)[model]
        cells = [self.run.cell(model, (self.dataset, c.id, crop)) for c in (noise, cloak)]
        found = paired_difference(cells[0], cells[1], (theirs.value, ours.value), protocol, metric)
        if found.known or cells[0] is None or cells[1] is None:
            return found
        name = metric.replace("@", "_")
        theirs_by_person, ours_by_person = (_shares(c, protocol, name) for c in (cells[0], cells[1]))
        return paired_by_person(theirs_by_person, ours_by_person, FEW_PEOPLE) or found

    @cached_property
    def few_people(self) -> int:
        """The number of cloaked people if it is below :data:`FEW_PEOPLE`, else 0."""
        rows = [r for m in self.models for c in self.attacks if (r := self.row(m, c, POISONING, PROTECTION))]
        people = min((r.n_identities for r in rows), default=FEW_PEOPLE)
        return people if 0 < people < FEW_PEOPLE else 0


def cloak_scenes(run: Run) -> list[CloakScene]:
    """A scene for each dataset with rows about cloaks on a model, and one for each further crop of that."""
    found: list[CloakScene] = []
    datasets = dict.fromkeys([c.dataset for c in run.cells] + [r.dataset for r in run.rows])
    for dataset in datasets:
        rows = [
            r
            for r in run.rows
            if r.dataset == dataset and r.protocol.startswith(CLOAK_PROTOCOLS) and r.model != NO_MODEL
        ]
        used: set[tuple[str, str]] = set()
        for crop in sorted({r.crop for r in rows}, key=lambda c: (c != "as-is", c)):
            victims = _victims(run, rows, crop, others=not used)
            victims = [v for v in victims if v not in used]
            if victims:
                used |= set(victims)
                found.append(_scene(run, dataset, crop, victims, rows))
    return found


def _scene(
    run: Run, dataset: str, crop: str, victims: list[tuple[str, str]], rows: list[Result]
) -> CloakScene:
    kept = [r for r in rows if (r.model, r.crop) in victims]
    order = [c.cloak for c in run.cells if c.dataset == dataset]
    present = {r.cloak for r in kept}
    ids = dict.fromkeys([i for i in order if i in present] + [r.cloak for r in kept])
    records = {record.id: record for record in run.manifest.cloaks if record.dataset in ("", dataset)}
    cloaks = tuple(read_cloak(i, records.get(i)) for i in ids)
    cells = [c.purifier for c in run.cells if c.dataset == dataset]
    purifiers = dict.fromkeys(p for p in [*cells, *(r.purifier for r in kept)] if p != "none")
    return CloakScene(run, dataset, crop, tuple(victims), cloaks, tuple(purifiers))


def _victims(run: Run, rows: list[Result], crop: str, others: bool) -> list[tuple[str, str]]:
    """(model, crop) of the models measured on ``crop``, the lowest clean error first.

    With ``others``, models that were measured on other crops only are included, on their default crop if that
    was measured.
    """
    found = []
    for model in run.models:
        crops = sorted({r.crop for r in rows if r.model == model})
        if crop in crops:
            found.append((model, crop))
        elif crops and others:
            own = run.card(model).get("default_crop")
            found.append((model, str(own) if own in crops else crops[0]))
    errors = {v: _clean_error(r for r in rows if (r.model, r.crop) == v) for v in found}
    return sorted(found, key=lambda v: errors[v])


def _clean_error(rows: Iterable[Result]) -> float:
    values = [
        r.value
        for r in rows
        if r.protocol == POISONING and r.metric == CLEAN and r.purifier == "none" and r.value is not None
    ]
    return float(np.mean(values)) if values else 1.0


def _bare(model: str) -> str:
    """A model's name without options and folders."""
    kind, colon, name = model.partition("?")[0].rpartition(":")
    return f"{kind}{colon}{name.rpartition('/')[2] if colon else name}"


def _shares(cell: Cell, protocol: str, name: str) -> dict[str, float]:
    """The stored curve ``name`` by person; empty where the cell has none."""
    people, values = cell.curve(protocol, "people"), cell.curve(protocol, name)
    if people is None or values is None or len(people) != len(values):
        return {}
    return {str(p): float(v) for p, v in zip(people, values, strict=True)}
