"""The cloak jobs of a dataset: which cloaks it brings, which have to be made, and of which photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks import registry as catalog
from faceprobe.cloaks.base import CloakCard
from faceprobe.cloaks.names import CloakName, parse_cloak
from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.data.embeddings import CLEAN
from faceprobe.data.face_table import FaceTable
from faceprobe.study.schema import Study
from faceprobe.study.types import NO_CLOAK, CloakJob

TARGET_PEOPLE = 30
TARGET_PHOTOS = 3
"""People, and photos of each, that a targeted cloak may aim at; Fawkes draws from the 20 farthest people."""

_DRAW = 0xC10A
"""Keeps the draw of people apart from other uses of the seed."""


@dataclass
class CloakPlan:
    """The jobs of one dataset by their names in rows, in the order in which the photos are made.

    ``names`` maps the texts of the study to those names.
    """

    jobs: dict[str, CloakJob] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


def check_cloaks(texts: Sequence[str]) -> dict[str, UnknownName]:
    """Check names of cloaks. A name that no cloak has is returned with its error, since a dataset may bring
    a variant of that name.

    Raises :class:`WrongUsage` for bad options, brackets or values.
    """
    unknown = {}
    for text in texts:
        name = "" if text == NO_CLOAK else text
        while name and catalog.file_card(name) is None:
            try:
                name = catalog.cloak_card(name).noise_reference
            except UnknownName as error:
                unknown[text] = error
                break
    return unknown


def variants_of(table: FaceTable) -> list[str]:
    """Names of the variants in ``table`` other than the clean one, sorted; [] where no photo is clean."""
    if table.variants is None:
        return []
    found = set(table.variants.tolist())
    return sorted(found - {CLEAN, ""}) if CLEAN in found else []


def keep_variants(table: FaceTable, variants: Sequence[str]) -> FaceTable:
    """The rows of ``table`` with one of ``variants``; pairs and templates are renumbered to them."""
    assert table.variants is not None
    return table.take(np.flatnonzero(np.isin(table.variants, list(variants))))


def plan_cloaks(dataset: str, whole: FaceTable, texts: Sequence[str], study: Study) -> CloakPlan:
    """The jobs of the cloaks ``texts`` on ``whole``, the dataset with all its variants. A cloak that comes as
    files only, and that the dataset does not bring, has no job.

    Raises :class:`UnknownName` for a name that is neither a variant here nor a cloak, :class:`WrongUsage`
    where two names mean the same cloak or one means several, or where no person is left for a cloak to aim
    at.
    """
    own = variants_of(whole)
    clean = keep_variants(whole, [CLEAN]) if own else whole
    chosen, _ = draw_people(clean, study.cloak_people, study.seed)
    rows = tuple(k for person in np.sort(chosen) for k in _spread(clean, person, study.cloak_photos))
    plan = CloakPlan()

    def add(text: str) -> CloakJob | None:
        if text in plan.names:
            return plan.jobs[plan.names[text]]
        brought = brought_variant(text, own, dataset)
        if brought:
            job = _own_job(dataset, whole, clean, brought)
        elif catalog.file_card(text) is not None:
            return None
        else:
            found = _made_job(dataset, text, rows, add)
            if found is None:
                return None
            job = found
            if job.card.needs_targets and len(chosen) == len(np.unique(clean.identities)):
                raise WrongUsage(
                    f"{job.cloak} aims at people whose photos stay clean, and {dataset} has no person left; "
                    f"give a cloak_people below {study.cloak_people}"
                )
        plan.names[text] = job.cloak
        plan.jobs.setdefault(job.cloak, job)
        return job

    for text in texts:
        if text != NO_CLOAK:
            job = add(text)
            same = [t for t in texts if job and plan.names.get(t) == job.cloak]
            if len(same) > 1:
                raise WrongUsage(f"the cloaks {same[0]!r} and {same[1]!r} are the same: leave one out")
    return plan


def brought_variant(text: str, own: Sequence[str], dataset: str) -> str:
    """The variant of ``own``, those that ``dataset`` brings, that the cloak's name ``text`` means; "" for
    none.

    A name without surrogates means the only variant of that algorithm, mode and options, whatever it was
    computed on. Raises :class:`WrongUsage` where there are several.
    """
    if text in own:
        return text
    if text == NO_CLOAK or catalog.file_card(text) is not None:
        return ""
    name = parse_cloak(text)
    if name.surrogates or name.perceptual or name.inside:
        return ""
    found = [variant for variant in own if _same_mode(variant, name)]
    if len(found) > 1:
        raise WrongUsage(f"{dataset} brings {' and '.join(found)}; write which one {text} means")
    return found[0] if found else ""


def _same_mode(variant: str, name: CloakName) -> bool:
    """Whether ``variant`` differs from ``name`` by its surrogates and perceptual term only."""
    try:
        found = parse_cloak(variant)
    except WrongUsage:  # a dataset may call its variants anything
        return False
    bare = not found.inside or found.surrogates
    return bool(bare) and (found.stem, found.options) == (name.stem, name.options)


def draw_people(table: FaceTable, people: int, seed: int) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Draw the people whose photos are cloaked, and those that a targeted cloak may aim at.

    A person whose photos are cloaked needs two photos, one to enrol and one to search with, from two events
    where events are known; where the people are not known, one photo is enough. With the same ``seed``, a
    larger number of ``people`` includes those of a smaller number.
    """
    names, owners = np.unique(table.identities, return_inverse=True)
    drawn = np.random.default_rng([seed, _DRAW]).permutation(len(names))
    events = (
        table.images if table.events is None else np.where(table.events == "", table.images, table.events)
    )
    occasions = np.unique(np.stack([names[owners], events]), axis=1)
    able = np.bincount(np.searchsorted(names, occasions[0])) >= (2 if table.identities_known else 1)
    cloaked = drawn[able[drawn]][:people]
    others = drawn[~np.isin(drawn, cloaked)]
    return names[cloaked], names[others[:TARGET_PEOPLE]]


def target_rows(table: FaceTable, people: int, seed: int) -> list[int]:
    """The clean rows that a targeted cloak may aim at: the first photos of people who are not cloaked."""
    _, others = draw_people(table, people, seed)
    return [k for person in others for k in np.flatnonzero(table.identities == person)[:TARGET_PHOTOS]]


def _spread(table: FaceTable, person: str, most: int | None) -> list[int]:
    """Rows of ``person``, all or ``most`` of them in even steps, since photos of one event are neighbours."""
    rows = np.flatnonzero(table.identities == person)
    count = len(rows) if most is None else min(most, len(rows))
    return [int(rows[k * len(rows) // count]) for k in range(count)]


def _own_job(dataset: str, whole: FaceTable, clean: FaceTable, variant: str) -> CloakJob:
    both = keep_variants(whole, [CLEAN, variant])
    assert both.variants is not None
    sources = both.images if both.sources is None else both.sources
    versions = set(sources[both.variants == variant].tolist())
    rows = tuple(k for k, image in enumerate(clean.images.tolist()) if image in versions)
    card = CloakCard(variant, "files that came with the dataset", control=variant.startswith(f"{CLEAN}-"))
    return CloakJob(dataset, variant, "", rows, card, table=both)


def _made_job(
    dataset: str, text: str, rows: tuple[int, ...], add: Callable[[str], CloakJob | None]
) -> CloakJob | None:
    card = catalog.cloak_card(text)
    inner = card.noise_reference
    if not inner:
        return CloakJob(dataset, card.id, text, rows, card)
    first = add(inner)
    if first is None:
        return None
    if first.table is not None:  # the dataset brings it, perhaps under a longer name
        card = replace(card, id=f"noise[{first.cloak}]", noise_reference=first.cloak)
    return CloakJob(dataset, card.id, text, first.rows, card, noise_reference=first.cloak)
