"""The work of a run: photos are cloaked, then each model is loaded once for all of its cells."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from faceprobe.cloaks.photos.cloaked_table import CloakedPhotos
from faceprobe.cloaks.purifiers import parse_purifier, purified
from faceprobe.core.errors import Missing, Unreachable
from faceprobe.core.progress import Tick
from faceprobe.data.face_table import FaceTable
from faceprobe.models import load_model
from faceprobe.study.background import Beside
from faceprobe.study.checkpoint import cell_signature, cloak_signature, model_files_hash, photos_hash
from faceprobe.study.cloak_photos import cloaked_photos_of, make_cloaked
from faceprobe.study.cloak_quality import measure_quality
from faceprobe.study.drawn import keep_drawn
from faceprobe.study.evaluate import (
    EmbeddedCell,
    FinishedCell,
    embed_cell,
    evaluate_cell,
    read_finished,
    write_cell,
    write_finished,
)
from faceprobe.study.plan import Plan
from faceprobe.study.schema import Study
from faceprobe.study.types import Cell, CloakJob

Key = tuple[str, str]
"""Dataset and cloak."""


@dataclass
class Work:
    """The cells of a plan, done one after the other. ``missing`` takes in what could not be had;
    ``measured`` counts the cells that were not there before. ``cloaks`` are the finished quality rows by
    dataset and cloak.
    """

    study: Study
    plan: Plan
    folder: Path
    scratch: Path
    offline: bool
    tick: Tick
    missing: list[str]
    measured: int = 0
    cloaks: dict[Key, FinishedCell] = field(default_factory=dict, init=False)
    _finished: dict[str, FinishedCell] = field(default_factory=dict, init=False)
    _drawn: dict[str, FaceTable] = field(default_factory=dict, init=False)
    _photo_hashes: dict[str, str] = field(default_factory=dict, init=False)
    _cloak_signatures: dict[Key, str] = field(default_factory=dict, init=False)
    _cloaked: dict[Key, CloakedPhotos] = field(default_factory=dict, init=False)

    def cells(self) -> list[FinishedCell]:
        """Every cell that could be done, in the plan's order."""
        signatures = self._signatures()
        left = [cell for cell in self.plan.cells if not self._keep(cell, signatures[cell.key])]
        absent = self._make_cloaks({(cell.dataset, cell.cloak) for cell in left})
        left = [cell for cell in left if (cell.dataset, cell.cloak) not in absent]
        with Beside() as beside:
            for model_text, cells in groupby(left, key=lambda cell: cell.model_text):
                self._cells_of_model(model_text, list(cells), signatures, beside)
                free_memory()
        return [self._finished[cell.key] for cell in self.plan.cells if cell.key in self._finished]

    def photos_for(self, cell: Cell) -> FaceTable:
        """What ``cell`` looks at, cloaked where it has to be."""
        self._signatures()
        self._make_cloaks({(cell.dataset, cell.cloak)})
        return self._table_of(cell)

    def _signatures(self) -> dict[str, str]:
        """The signature of every cell, by its key."""
        for key, job in self.plan.jobs.items():
            table, like = (
                self.plan.tables[job.dataset],
                self._cloak_signatures.get((job.dataset, job.like), ""),
            )
            photos = self._photos_hash(job.dataset)
            self._cloak_signatures[key] = cloak_signature(job, table, self.study, photos, like)
        models = {
            text: model_files_hash(text) for text in dict.fromkeys(c.model_text for c in self.plan.cells)
        }
        return {
            cell.key: cell_signature(
                cell,
                self.plan.tables[cell.dataset],
                self.study,
                models[cell.model_text],
                self._photos_hash(cell.dataset),
                self._cloak_signatures.get((cell.dataset, cell.cloak), ""),
            )
            for cell in self.plan.cells
        }

    def _photos_hash(self, dataset: str) -> str:
        if dataset not in self._photo_hashes:
            self._photo_hashes[dataset] = photos_hash(self.plan.tables[dataset])
        return self._photo_hashes[dataset]

    def _keep(self, cell: Cell, signature: str) -> bool:
        """Whether the cell was finished before."""
        before = read_finished(self.folder / cell.key)
        if before is None or before.signature != signature:
            return False
        self._finished[cell.key] = before
        self.tick(self.plan.photos_of(cell), note=f"{cell} (kept)")
        return True

    def _make_cloaks(self, wanted: set[Key]) -> set[Key]:
        """Cloak the photos of the jobs that ``wanted`` cells look at or whose quality rows are not there.
        Returns the jobs whose surrogates, or whatever else they need, cannot be had.
        """
        jobs = self.plan.jobs
        for key, job in jobs.items():
            before = read_finished(self.folder / job.key)
            if before is not None and before.signature == self._cloak_signatures[key]:
                self.cloaks[key] = before
        needed = {key for key in jobs if key in wanted or key not in self.cloaks}
        for key, job in reversed(jobs.items()):
            if key in needed and job.like:
                needed.add((job.dataset, job.like))
        absent: set[Key] = set()
        for key, job in jobs.items():
            self.tick(0, note=str(job))
            before_it = (job.dataset, job.like)
            if key not in needed:
                self.tick(len(job.rows), note=f"{job} (kept)")
            elif before_it in absent or not self._make_one(key, job):
                absent.add(key)
                cells = [cell for cell in self.plan.cells if (cell.dataset, cell.cloak) == key]
                self.tick(sum(map(self.plan.photos_of, cells)))
            free_memory()
        return absent

    def _make_one(self, key: Key, job: CloakJob) -> bool:
        table = self._photos(job.dataset)
        with self._counter(len(job.rows)) as count:
            try:
                photos = make_cloaked(
                    job,
                    table,
                    self.study,
                    like=self._cloaked.get((job.dataset, job.like)),
                    offline=self.offline,
                    tick=lambda: count(1),
                )
            except (Missing, Unreachable) as error:
                if not self.study.allow_missing:
                    raise
                self.missing.append(f"cloak {job}: {error}")
                return False
        self._cloaked[key] = photos
        if key not in self.cloaks:
            seen = measure_quality(job, table, photos, self.study, offline=self.offline)
            summary = {**seen.summary, "sample": seen.sample}
            finished = FinishedCell(self._cloak_signatures[key], seen.rows, summary, {})
            self.cloaks[key] = write_finished(self.folder / job.key, finished)
        return True

    def _cells_of_model(
        self, model_text: str, cells: list[Cell], signatures: dict[str, str], beside: Beside
    ) -> None:
        try:
            encoder = load_model(model_text, device=self.study.options.device, offline=self.offline)
        except (Missing, Unreachable) as error:
            self._skip(model_text, cells, error)
            return
        for cell in cells:
            self.tick(0, note=str(cell))
            with self._counter(self.plan.photos_of(cell)) as count:
                done = embed_cell(
                    cell,
                    self._table_of(cell),
                    encoder,
                    self.study,
                    on_photos=count,
                    offline=self.offline,
                )
            beside.start(partial(self._finish, done, signatures[cell.key]))

    def _finish(self, done: EmbeddedCell, signature: str, stopped: Callable[[], bool]) -> None:
        """Evaluate and keep one cell, beside the embedding of the next."""
        measured = evaluate_cell(done, self.study)
        if not stopped():
            self._finished[done.cell.key] = write_cell(self.folder, done.cell, measured, signature)
            self.measured += 1

    def _table_of(self, cell: Cell) -> FaceTable:
        """The photos of ``cell``: clean ones and cloaked ones, through its purifier."""
        table, job = self._photos(cell.dataset), self.plan.jobs.get((cell.dataset, cell.cloak))
        if job is not None:
            table = cloaked_photos_of(job, table, self._cloaked[cell.dataset, cell.cloak])
        return purified(table, parse_purifier(cell.purifier))

    def _photos(self, dataset: str) -> FaceTable:
        """The dataset's clean photos, drawn once where they are drawn and several cells look at them."""
        if dataset not in self._drawn:
            table = self.plan.tables[dataset]
            looks = [cell.dataset for cell in self.plan.cells] + [key[0] for key in self.plan.jobs]
            if looks.count(dataset) > 1:
                table = keep_drawn(table, self.scratch / str(len(self._drawn)))
            self._drawn[dataset] = table
        return self._drawn[dataset]

    @contextmanager
    def _counter(self, total: int) -> Iterator[Callable[[int], None]]:
        """Advance the progress by photos done, and in the end to ``total``: some were cached, and an encoder
        may see a photo twice.
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
        self.tick(sum(map(self.plan.photos_of, cells)))


def free_memory() -> None:
    """Give a dropped model's memory back, also on a CUDA device."""
    gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
