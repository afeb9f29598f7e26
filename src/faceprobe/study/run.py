"""Run a study: cell by cell, resumable at any instant, with one progress display."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from numpy import uint8
from numpy.typing import NDArray

from faceprobe.core.errors import Missing, Unreachable
from faceprobe.core.files import write_json
from faceprobe.core.progress import Tick, progress, say
from faceprobe.core.result import Result
from faceprobe.datasets.table import FaceTable
from faceprobe.study.beside import Beside
from faceprobe.study.cell import (
    EmbeddedCell,
    FinishedCell,
    embed_cell,
    evaluate_cell,
    read_cell,
    write_cell,
)
from faceprobe.study.drawn import keep_drawn
from faceprobe.study.folder import open_run
from faceprobe.study.manifest import build_manifest
from faceprobe.study.packaged import resolve_study
from faceprobe.study.parts import Parts, free_memory, real_parts
from faceprobe.study.plan import Cell, Plan, nothing_to_run, plan_study
from faceprobe.study.results import write_results
from faceprobe.study.schema import DatasetEntry, ModelEntry, Study
from faceprobe.study.signature import cell_signature, model_files_hash, photos_hash


@dataclass(frozen=True)
class RunResult:
    """What a run left in ``out``: ``rows`` in the order of ``results.json``, the path of ``report``,
    ``missing`` in sentences, and how many cells were ``measured`` now or ``resumed`` from before.
    """

    out: Path
    rows: list[Result]
    report: Path
    missing: list[str]
    measured: int
    resumed: int


def run_study(
    study: str | Path | Study,
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
    parts: Parts | None = None,
) -> RunResult:
    """Measure every cell of ``study`` (a packaged name, a YAML file or a :class:`Study`) into ``out``.

    Finished cells in ``out`` are kept, so an interrupted run goes on where it stopped and ends with
    the same bytes in ``results.json`` and ``results.parquet``. ``force`` starts afresh; embeddings
    stay cached by content. ``seed``, ``detector``, ``models`` and ``datasets`` replace the study's own.
    ``show_photos`` puts failure pairs into the report. Raises
    :class:`WrongUsage` for a study or name that does not exist, :class:`BadInput` for an ``out`` that
    holds another study, :class:`Missing` where nothing of the study can be run.
    """
    started = time.monotonic()
    parts = parts or real_parts()
    name, resolved = resolve_study(study)
    resolved = _override(resolved, seed, detector, device, models, datasets)
    plan = plan_study(resolved, parts, offline=offline)
    if not plan.cells:
        raise nothing_to_run(name, resolved, plan.missing)
    with open_run(out, name, resolved, force) as folder:
        with (
            TemporaryDirectory(prefix=".photos.", suffix=".tmp", dir=folder) as scratch,
            progress(f"faceprobe run {name}", plan.n_photos, quiet) as tick,
        ):
            missing = list(plan.missing)
            work = _Work(resolved, plan, parts, folder / "cells", Path(scratch), offline, tick, missing)
            finished = work.cells()
        if not finished:
            raise nothing_to_run(name, resolved, work.missing)
        rows = write_results(folder, [row for cell in finished for row in cell.rows])
        seconds = time.monotonic() - started
        manifest = build_manifest(name, resolved, plan, finished, work.missing, rows, seconds)
        write_json(folder / "manifest.json", manifest)
        if not quiet:
            for text in work.missing:
                say(f"missing: {text}")
        report = parts.write_report(folder, photos=_photos(plan) if show_photos else None)
    return RunResult(out, rows, report, work.missing, work.measured, len(finished) - work.measured)


@dataclass
class _Work:
    """The cells of a plan, done one after the other; each model is loaded once and freed."""

    study: Study
    plan: Plan
    parts: Parts
    folder: Path
    scratch: Path
    offline: bool
    tick: Tick
    missing: list[str]
    measured: int = 0
    _finished: dict[str, FinishedCell] = field(default_factory=dict, init=False)
    _drawn: dict[str, FaceTable] = field(default_factory=dict, init=False)
    _hashes: dict[str, str] = field(default_factory=dict, init=False)

    def cells(self) -> list[FinishedCell]:
        """Every cell that could be done, in the plan's order."""
        with Beside() as beside:
            for model_text, cells in groupby(self.plan.cells, key=lambda cell: cell.model_text):
                self._cells_of_model(model_text, list(cells), beside)
                free_memory()
        return [self._finished[cell.key] for cell in self.plan.cells if cell.key in self._finished]

    def _cells_of_model(self, model_text: str, cells: list[Cell], beside: Beside) -> None:
        encoder, files = None, model_files_hash(model_text)
        for position, cell in enumerate(cells):
            table = self.plan.tables[cell.dataset]
            if cell.dataset not in self._hashes:
                self._hashes[cell.dataset] = photos_hash(table)
            signature = cell_signature(cell, table, self.study, files, self._hashes[cell.dataset])
            before = read_cell(self.folder, cell)
            if before is not None and before.signature == signature:
                self._finished[cell.key] = before
                self.tick(len(table), note=f"{cell} (kept)")
                continue
            self.tick(0, note=str(cell))
            if encoder is None:
                try:
                    encoder = self.parts.load_model(
                        model_text, device=self.study.options.device, offline=self.offline
                    )
                except (Missing, Unreachable) as error:
                    self._skip(model_text, cells[position:], error)
                    return
            photos = self._photos(cell.dataset)
            with self._counter(len(photos)) as count:
                done = embed_cell(
                    cell,
                    photos,
                    encoder,
                    self.study,
                    self.parts,
                    on_photos=count,
                    offline=self.offline,
                )
            beside.start(partial(self._finish, done, signature))

    def _finish(self, done: EmbeddedCell, signature: str, stopped: Callable[[], bool]) -> None:
        """Evaluate and keep one cell, beside the embedding of the next."""
        measured = evaluate_cell(done, self.study, self.parts)
        if not stopped():
            self._finished[done.cell.key] = write_cell(self.folder, done.cell, measured, signature)
            self.measured += 1

    def _photos(self, dataset: str) -> FaceTable:
        """The dataset, its photos drawn once where they are drawn and several cells look at them."""
        if dataset not in self._drawn:
            table = self.plan.tables[dataset]
            if sum(cell.dataset == dataset for cell in self.plan.cells) > 1:
                table = keep_drawn(table, self.scratch / str(len(self._drawn)))
            self._drawn[dataset] = table
        return self._drawn[dataset]

    @contextmanager
    def _counter(self, total: int) -> Iterator[Callable[[int], None]]:
        """Advance the progress by encoded photos, and in the end to ``total``: some were cached, and an
        encoder may see a photo twice.
        """
        left = total

        def count(photos: int) -> None:
            nonlocal left
            step = min(photos, left)
            left -= step
            if step:
                self.tick(step)

        yield count
        count(left)

    def _skip(self, model_text: str, cells: list[Cell], error: Missing | Unreachable) -> None:
        entry = self.study.models[model_text]
        if not (self.study.allow_missing or entry.optional):
            raise error
        self.missing.append(f"{error}" + (f" ({entry.fetch})" if entry.fetch else ""))
        self.tick(sum(len(self.plan.tables[cell.dataset]) for cell in cells))


def _override(
    study: Study,
    seed: int | None,
    detector: str | None,
    device: str,
    models: Sequence[str] | None,
    datasets: Sequence[str] | None,
) -> Study:
    """``study`` with what the caller gave in place of its own."""
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
    if datasets:
        changed["datasets"] = {text: study.datasets.get(text, DatasetEntry()) for text in datasets}
    return study.model_copy(update=changed)


def _photos(plan: Plan) -> Callable[[str, str], NDArray[uint8]]:
    """How the report asks for a photo: by its dataset's name and its image."""
    rows = {
        dataset: {str(image): row for row, image in enumerate(table.images)}
        for dataset, table in plan.tables.items()
    }

    def photo(dataset: str, image: str) -> NDArray[uint8]:
        return plan.tables[dataset].photo(rows[dataset][image]).pixels

    return photo
