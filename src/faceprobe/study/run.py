"""Run a study into a folder: cells, results, manifest and report; an interrupted run is resumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from numpy import uint8
from numpy.typing import NDArray

from faceprobe.core.machine import describe_machine, versions
from faceprobe.core.progress import progress, say
from faceprobe.models.base import ModelCard
from faceprobe.results.cells import Cell, CloakRecord
from faceprobe.results.files import write_manifest, write_results
from faceprobe.results.manifest import DatasetFacts, Hashes, Manifest, Seeds
from faceprobe.results.result import Result
from faceprobe.results.run_folder import open_run
from faceprobe.study.cloak_strips import make_strips
from faceprobe.study.execute import Work
from faceprobe.study.floors import with_floors
from faceprobe.study.packaged import resolve_study
from faceprobe.study.plan import nothing_to_run, plan_study
from faceprobe.study.schema import DatasetEntry, ModelEntry, Study
from faceprobe.study.types import NO_CLOAK, NO_PURIFIER, Plan


@dataclass(frozen=True)
class RunResult:
    """A finished run in ``out``: ``rows`` in the order of ``results.json``, the path of ``report``,
    ``missing`` in sentences, and the numbers of cells ``measured`` now and ``resumed`` from before.
    """

    out: Path
    rows: list[Result]
    report: Path
    missing: list[str]
    measured: int
    resumed: int


def run_study(
    study: str | Path | Mapping[str, Any] | Study,
    out: Path,
    *,
    force: bool = False,
    device: str = "auto",
    offline: bool = False,
    show_photos: bool = False,
    seed: int | None = None,
    quiet: bool = False,
    detector: str | None = None,
    models: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
) -> RunResult:
    """Measure every cell of ``study`` (a packaged name, a YAML file, a mapping, a Study) into ``out``.

    Finished cells in ``out`` are kept, so an interrupted run continues where it stopped and ends with
    the same bytes in ``results.json`` and ``results.parquet``. ``force`` starts again; embeddings
    stay cached by content. ``seed``, ``detector``, ``models`` and ``datasets`` replace the study's own.
    ``show_photos`` puts failure pairs into the report. Raises
    :class:`WrongUsage` for a study or name that does not exist, :class:`BadInput` for an ``out`` that
    holds another study, :class:`Missing` where nothing of the study can be run.
    """
    from faceprobe.report import write_report

    started = time.monotonic()
    name, resolved = resolve_study(study)
    resolved, floors = with_floors(_override(resolved, seed, detector, device, models, datasets))
    plan = plan_study(resolved, offline=offline)
    if not plan.cells:
        raise nothing_to_run(name, resolved, plan.missing)
    if floors and not quiet:
        say(floors)
    with open_run(out, name, resolved.fingerprint(), resolved.model_dump(), force) as folder:
        with (
            TemporaryDirectory(prefix=".photos.", suffix=".tmp", dir=folder) as scratch,
            progress(f"faceprobe run {name}", plan.n_photos, quiet) as tick,
        ):
            missing = list(plan.missing)
            work = Work(resolved, plan, folder / "cells", Path(scratch), offline, tick, missing)
            finished = work.cells()
        if not finished:
            raise nothing_to_run(name, resolved, work.missing)
        cloaks = [work.cloaks[key] for key in plan.jobs if key in work.cloaks]
        rows = write_results(folder, [row for cell in (*finished, *cloaks) for row in cell.rows])
        seconds = time.monotonic() - started
        manifest = _manifest(name, resolved, plan, finished, cloaks, work.missing, rows, seconds)
        write_manifest(folder, manifest)
        if not quiet:
            for text in work.missing:
                say(f"missing: {text}")
        report = write_report(
            folder,
            photos=_photos(plan) if show_photos else None,
            strips=make_strips(plan, work.cloaks, show_photos),
        )
    return RunResult(out, rows, report, work.missing, work.measured, len(finished) - work.measured)


def _override(
    study: Study,
    seed: int | None,
    detector: str | None,
    device: str,
    models: Sequence[str] | None,
    datasets: Sequence[str] | None,
) -> Study:
    """``study`` with the caller's values in place of its own."""
    options: dict[str, Any] = {}
    if detector is not None:
        options["detector"] = detector
    if device != "auto":
        options["device"] = device
    changed: dict[str, Any] = {"options": study.options.model_copy(update=options)}
    if seed is not None:
        changed["seed"] = seed
    if models:
        changed["models"] = {text: study.models.get(text, ModelEntry()) for text in models}
        changed["cloak_models"] = None  # they were the study's own models
        changed["cloaks"] = {
            name: entry.model_copy(update={"models": None}) for name, entry in study.cloaks.items()
        }
    if datasets:
        changed["datasets"] = {text: study.datasets.get(text, DatasetEntry()) for text in datasets}
    return study.model_copy(update=changed)


def _manifest(
    name: str,
    study: Study,
    plan: Plan,
    cells: Sequence[Cell],
    cloaks: Sequence[CloakRecord],
    missing: Sequence[str],
    rows: Sequence[Result],
    seconds: float,
) -> Manifest:
    cards = {cell.model: cell.card | _stated(plan.cards[cell.model]) for cell in cells}
    photos: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.cloak == NO_CLOAK and row.purifier == NO_PURIFIER:
            photos.setdefault(row.dataset, {})[row.crop] = row.dataset_hash
    return Manifest(
        study={"name": name, **study.model_dump(), "fingerprint": study.fingerprint()},
        versions=versions(),
        machine=describe_machine(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 3),
        seeds=Seeds(study.seed, study.replicates),
        hashes=Hashes({row.model: row.model_hash for row in rows if row.model in cards}, photos),
        models=cards,
        datasets={
            dataset: DatasetFacts(
                len(table), table.licence, table.notes, table.evidence, table.default_protocol
            )
            for dataset, table in plan.tables.items()
        },
        cells=tuple(cells),
        cloaks=tuple(cloaks),
        missing=tuple(missing),
    )


def _stated(card: ModelCard) -> dict[str, Any]:
    """What the study and the name of a model say of it, which its encoder need not know."""
    return {"family": card.family, "role": card.role, "own": card.own}


def _photos(plan: Plan) -> Callable[[str, str], NDArray[uint8]]:
    """A function that reads a photo by the name of its dataset and its image."""
    rows = {
        dataset: {str(image): row for row, image in enumerate(table.images)}
        for dataset, table in plan.tables.items()
    }

    def photo(dataset: str, image: str) -> NDArray[uint8]:
        return plan.tables[dataset].photo(rows[dataset][image]).pixels

    return photo
