"""Plan a study: check its names and local inputs before any model is loaded, and list its cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from faceprobe.cloaks.purifiers import parse_purifier
from faceprobe.core.errors import FaceprobeError, Missing, NotYet, UnknownName, Unreachable, WrongUsage
from faceprobe.data.embeddings import CLEAN
from faceprobe.data.face_table import FaceTable
from faceprobe.datasets import DATASETS, load_dataset
from faceprobe.embedding import check_local, check_readable
from faceprobe.faces.crops import CropPolicy
from faceprobe.models import check_model_files, model_card, parse_model
from faceprobe.protocols import PROTOCOLS
from faceprobe.protocols.kinds import KINDS
from faceprobe.study.cloak_plan import check_cloaks, keep_variants, plan_cloaks, variants_of
from faceprobe.study.schema import DatasetEntry, ModelEntry, Study
from faceprobe.study.types import NO_CLOAK, NO_PURIFIER, Plan, PlannedCell

LATER_STEP = "a later step of faceprobe"

EXAMPLE = "fawkes-1.0.2-mid[bundled:face]"

FACED_CROP = "aligned-112"
"""A crop that needs faces, as cloaks do: what a detector is checked with."""


def plan_study(study: Study, *, offline: bool = False) -> Plan:
    """Check every name and local input of ``study`` and list its cells. ``offline`` forbids downloads.

    Raises :class:`UnknownName` or :class:`WrongUsage` for names that do not exist, and
    :class:`Missing`, :class:`Unreachable` or :class:`BadInput` for an input that is not there or not
    usable, unless the study calls it optional: then the plan's ``missing`` says so.
    """
    plan = Plan(missing=list(study.needs_later))
    crops = {crop: CropPolicy.parse(crop).name for crop in _all_crops(study)}
    check_protocols(study.protocols)
    purifiers = {text: parse_purifier(text).name for text in _all_purifiers(study)}
    unknown = check_cloaks(list(study.cloaks))
    models = {t: name for t, e in study.models.items() if (name := _add_model(plan, study, t, e))}
    datasets = _add_datasets(plan, study, offline)
    cloaks = {dataset: _add_cloaks(plan, study, dataset, unknown) for dataset in datasets}
    _check_unmade(plan, study, cloaks, unknown)
    ordinary = {dataset: _protocols_for(plan, study, dataset) for dataset in datasets}
    cloaked = tuple(p for p in study.protocols or () if is_for_cloaks(p)) or None
    for model_text, model in models.items():
        for dataset, (text, entry) in product(datasets, study.cloaks.items()):
            own, protocols, cloak = study.models[model_text].crops or study.crops, cloaked, NO_CLOAK
            if text == NO_CLOAK:
                usual, protocols = [NO_PURIFIER], ordinary[dataset]
            else:
                own, usual, cloak = own[:1], study.purifiers, cloaks[dataset].get(text, "")
            measures = text == NO_CLOAK or model_text in (entry.models or study.cloak_models or models)
            if cloak and measures and protocols != ():
                for crop, purifier in product(entry.crops or own, entry.purifiers or usual):
                    asked = (crops[crop], cloak, protocols, purifiers[purifier])
                    plan.cells.append(PlannedCell(model, model_text, dataset, *asked))
    _drop_without_detector(plan, study, offline)
    _drop_unused_cloaks(plan)
    return plan


def check_protocols(protocols: Sequence[str] | None) -> None:
    """Raise :class:`UnknownName` for a protocol that does not exist."""
    for protocol in protocols or ():
        PROTOCOLS.get(protocol)


def is_for_cloaks(protocol: str) -> bool:
    """Whether a protocol compares cloaked photos with clean ones."""
    return KINDS[PROTOCOLS.get(protocol).kind].cloaks


def open_dataset(text: str, *, offline: bool = False) -> FaceTable:
    """Open a dataset, without photos of unknown people; :class:`Unreachable` where ``offline`` forbids the
    download that it would need.
    """
    if offline and needs_download(text):
        card = DATASETS.get(text.partition("?")[0]).card
        raise Unreachable(
            f"dataset {card.name} is not on this machine and --offline is set; run once without"
            f" --offline ({card.download_mb:.0f} MB), or give its folder: {card.name}:PATH"
        )
    return load_dataset(text).known_people()


def needs_download(text: str) -> bool:
    """Whether opening the dataset would fetch it."""
    if text.partition("?")[0] not in DATASETS:
        return False
    dataset = DATASETS.get(text.partition("?")[0])
    return bool(dataset.card.download_mb) and not dataset.is_cached


def needs_pairs(protocol: str) -> bool:
    """Whether a protocol uses the photos of the dataset's own pair list and no others."""
    return PROTOCOLS.get(protocol).kind == "pair-list"


def only_paired(table: FaceTable) -> FaceTable:
    """The rows of ``table`` that its pair list uses, with the list renumbered to them."""
    if table.pairs is None:
        return table
    return table.take(np.unique(np.concatenate([table.pairs.left, table.pairs.right])))


def nothing_to_run(name: str, study: Study, missing: Sequence[str]) -> Missing:
    """The error of a study of which no cell can be measured: one line, first what could be fetched."""

    def place(text: str) -> tuple[bool, bool]:
        return text in study.needs_later or LATER_STEP in text, "run once without --offline" not in text

    order = sorted(missing, key=place)
    shown = "; ".join(order[:3]) + (f"; and {len(order) - 3} more" if len(order) > 3 else "")
    return Missing(f"nothing of the study {name} can be run here: {shown}")


def _all_crops(study: Study) -> list[str]:
    own = [crop for entry in study.models.values() for crop in entry.crops or ()]
    own += [crop for entry in study.cloaks.values() for crop in entry.crops or ()]
    return list(dict.fromkeys([*study.crops, *own]))


def _all_purifiers(study: Study) -> list[str]:
    own = [purifier for entry in study.cloaks.values() for purifier in entry.purifiers or ()]
    return list(dict.fromkeys([NO_PURIFIER, *study.purifiers, *own]))


def _add_cloaks(plan: Plan, study: Study, dataset: str, unknown: Mapping[str, UnknownName]) -> dict[str, str]:
    """Put the cloak jobs of a dataset into the plan and reduce ``plan.tables`` to its clean photos.

    Returns the names of its cloaks in rows, by their texts in the study.
    """
    whole = plan.tables[dataset]
    own = variants_of(whole)
    if own:
        plan.tables[dataset] = keep_variants(whole, [CLEAN])
    texts = [text for text in study.cloaks if text in own or text not in unknown]
    found = plan_cloaks(dataset, whole, texts, study)
    plan.jobs |= {(dataset, cloak): job for cloak, job in found.jobs.items()}
    return found.names


def _check_unmade(
    plan: Plan, study: Study, cloaks: Mapping[str, dict[str, str]], unknown: Mapping[str, UnknownName]
) -> None:
    """Raise, or report as missing, a cloak that no dataset of the study has and that cannot be made."""
    for text in study.cloaks:
        if text == NO_CLOAK or any(text in names for names in cloaks.values()):
            continue
        if text in unknown:
            raise unknown[text]
        error = WrongUsage(
            f"cloak {text}: it comes as files with a dataset's clean photos, and no dataset here has such "
            f"files; to make cloaked photos, write a mode with its surrogate, as in {EXAMPLE}"
        )
        _tolerate(plan, error, study.allow_missing or len(cloaks) < len(study.datasets), "")


def _drop_unused_cloaks(plan: Plan) -> None:
    """Remove the cloaks that no cell measures and that no noise control copies."""
    needed = {(cell.dataset, cell.cloak) for cell in plan.cells}
    for (dataset, _), job in reversed(plan.jobs.items()):
        if job.noise_reference and (dataset, job.cloak) in needed:
            needed.add((dataset, job.noise_reference))
    plan.jobs = {key: job for key, job in plan.jobs.items() if key in needed}


def _drop_without_detector(plan: Plan, study: Study, offline: bool) -> None:
    """Check photos and crops, and the face detector where one is needed; without it, remove those cells or
    fail.
    """
    for dataset in dict.fromkeys(cell.dataset for cell in plan.cells):
        measured = (cell.model_text for cell in plan.cells if cell.dataset == dataset)
        if len(plan.tables[dataset]) and _decodes(measured, study):
            check_readable(plan.tables[dataset], study.options.max_excluded)
    for dataset, crop in dict.fromkeys((cell.dataset, cell.crop) for cell in plan.cells):
        try:
            check_local(plan.tables[dataset], crop, study.options.detector, None, offline)
        except (Missing, Unreachable) as error:
            _tolerate(plan, error, study.allow_missing, f"left out: {crop} of {dataset}")
            plan.cells = [cell for cell in plan.cells if (cell.dataset, cell.crop) != (dataset, crop)]
    for (dataset, cloak), job in plan.jobs.items():
        if not job.text or job.card.control:
            continue
        try:
            check_local(plan.tables[dataset], FACED_CROP, study.options.detector, None, offline)
        except (Missing, Unreachable) as error:
            _tolerate(plan, error, study.allow_missing, f"left out: {cloak} of {dataset}")
            lost = {key for key, other in plan.jobs.items() if cloak in (key[1], other.noise_reference)}
            lost = {key for key in lost if key[0] == dataset}
            plan.cells = [cell for cell in plan.cells if (cell.dataset, cell.cloak) not in lost]


def _add_model(plan: Plan, study: Study, text: str, entry: ModelEntry) -> str:
    """Put one model's card into the plan and return its name; "" where it is reported missing."""
    try:
        card = model_card(text)
        check_model_files(text)
    except (Missing, Unreachable) as error:
        _tolerate(plan, error, study.allow_missing or entry.optional, entry.fetch)
        return ""
    name = entry.label or card.id
    if name in plan.cards:
        raise WrongUsage(f"two models would both be called {name!r} in the results; give one a label")
    plan.cards[name] = replace(
        card,
        family=entry.family or card.family,
        role=entry.role or card.role,
        own=card.own or parse_model(text).kind == "own",
    )
    return name


def _add_datasets(plan: Plan, study: Study, offline: bool) -> list[str]:
    """Put the datasets into the plan, in the study's order, and return their names.

    Those of this machine are opened first: nothing is fetched before they are known to be usable.
    """
    ordered = sorted(study.datasets.items(), key=lambda entry: needs_download(entry[0]))
    found = {text: _add_dataset(plan, study, text, entry, offline) for text, entry in ordered}
    names = [found[text] for text in study.datasets if found[text]]
    plan.tables = {name: plan.tables[name] for name in names}
    return names


def _add_dataset(plan: Plan, study: Study, text: str, entry: DatasetEntry, offline: bool) -> str:
    """Put one dataset into the plan and return its name; "" where it is reported missing."""
    try:
        table = open_dataset(text, offline=offline)
    except NotYet as error:
        plan.missing.append(f"dataset {error.name}: {LATER_STEP} reads it")
        return ""
    except (Missing, Unreachable) as error:
        _tolerate(plan, error, study.allow_missing or entry.optional, entry.fetch)
        return ""
    name = entry.label or table.name
    if name in plan.tables:
        raise WrongUsage(f"two datasets would both be called {name!r} in the results; give one a label")
    if len(table) and _decodes(study.models, study):
        check_readable(table, 1.0)
    plan.tables[name] = table
    return name


def _decodes(models: Iterable[str], study: Study) -> bool:
    """Whether one of ``models`` needs the photos themselves. Vectors are looked up by path, and a floor that
    runs along stops nothing.
    """
    asked = (model for model in models if model not in (study.floors or ()))
    return any(parse_model(model).kind != "vectors" for model in asked)


def _tolerate(plan: Plan, error: FaceprobeError, optional: bool, fetch: str) -> None:
    """Note ``error`` among what is missing; raise it where the study needs the thing."""
    if not optional:
        raise error
    plan.missing.append(f"{error}" + (f" ({fetch})" if fetch else ""))


def _protocols_for(plan: Plan, study: Study, dataset: str) -> tuple[str, ...] | None:
    """The study's protocols for clean photos that ``dataset`` allows; None stands for every usual one.

    Where all of them use the list of pairs alone, the table in the plan is reduced to the photos in it.
    """
    table = plan.tables[dataset]
    if study.protocols is None:
        if table.identities_known or table.pairs or table.templates:
            return None
        plan.missing.append(f"the protocols of clean photos on {dataset}: its people are not known")
        return ()
    allowed = []
    for protocol in study.protocols:
        if is_for_cloaks(protocol):
            continue
        needs = PROTOCOLS.get(protocol).needs
        if "pairs" in needs and table.pairs is None:
            plan.missing.append(f"{protocol} on {dataset}: it has no list of pairs")
        elif "templates" in needs and table.templates is None:
            plan.missing.append(f"{protocol} on {dataset}: it has no templates")
        elif "events" in needs and table.events is None:
            plan.missing.append(f"{protocol} on {dataset}: its events are not known")
        elif "cohort" in needs:
            plan.missing.append(f"{protocol} on {dataset}: it has no cohort; faceprobe score takes --cohort")
        else:
            allowed.append(protocol)
    only_clean = list(study.cloaks) == [NO_CLOAK]  # cloaks are measured on all photos
    if allowed and only_clean and all(map(needs_pairs, allowed)):
        plan.tables[dataset] = only_paired(table)
    return tuple(allowed)
