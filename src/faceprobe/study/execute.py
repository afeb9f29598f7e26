"""Execute a plan: cloak the photos, then load each model once and measure all of its cells."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from faceprobe.cloaks.photos.cloaked_table import CloakedPhotos
from faceprobe.cloaks.purifiers import parse_purifier, purified
from faceprobe.core.errors import FaceprobeError, Missing, Unreachable
from faceprobe.core.progress import Tick
from faceprobe.data.face_table import FaceTable
from faceprobe.models import load_model
from faceprobe.results.cells import Cell, CloakRecord
from faceprobe.results.files import write_cloak
from faceprobe.study.background import BackgroundTasks
from faceprobe.study.checkpoint import Signatures, sign_plan
from faceprobe.study.cloak_photos import cloaked_photos_of, make_cloaked
from faceprobe.study.cloak_quality import measure_quality
from faceprobe.study.drawn import keep_drawn
from faceprobe.study.evaluate import EmbeddedCell, embed_cell, evaluate_cell, store_cell
from faceprobe.study.schema import Study
from faceprobe.study.types import CloakJob, Plan, PlannedCell

Key = tuple[str, str]
"""Dataset and cloak."""


@dataclass
class Work:
    """The cells of a plan, measured one after the other.

    Finished cells are stored below ``folder``; ``scratch`` holds files that are needed during the run only.
    ``missing`` receives a sentence for each thing that cannot be loaded or made, ``measured`` counts the
    cells that were not stored before, and ``cloaks`` are the finished records by dataset and cloak.
    """

    study: Study
    plan: Plan
    folder: Path
    scratch: Path
    offline: bool
    tick: Tick
    missing: list[str]
    measured: int = 0
    cloaks: dict[Key, CloakRecord] = field(default_factory=dict, init=False)
    _finished: dict[str, Cell] = field(default_factory=dict, init=False)
    _drawn: dict[str, FaceTable] = field(default_factory=dict, init=False)
    _cloaked: dict[Key, CloakedPhotos] = field(default_factory=dict, init=False)

    def cells(self) -> list[Cell]:
        """Every cell that could be measured, in the plan's order."""
        signatures = sign_plan(self.plan, self.study)
        left = [cell for cell in self.plan.cells if not self._keep(cell, signatures.cells[cell.key])]
        absent = self._make_cloaks({(cell.dataset, cell.cloak) for cell in left}, signatures)
        left = [cell for cell in left if (cell.dataset, cell.cloak) not in absent]
        with BackgroundTasks() as background:
            for model_text, cells in groupby(left, key=lambda cell: cell.model_text):
                self._cells_of_model(model_text, list(cells), signatures, background)
                free_memory()
        return [self._finished[cell.key] for cell in self.plan.cells if cell.key in self._finished]

    def photos_for(self, cell: PlannedCell) -> FaceTable:
        """The photos of ``cell``, with the cloaked ones made and through its purifier."""
        self._make_cloaks({(cell.dataset, cell.cloak)}, sign_plan(self.plan, self.study))
        return self._table_of(cell)

    def _keep(self, cell: PlannedCell, signature: str) -> bool:
        """Whether the cell was measured before, with the same inputs."""
        before = Cell.read(self.folder, cell.key, signature)
        if before is None:
            return False
        self._finished[cell.key] = before
        self.tick(self.plan.photos_of(cell), note=f"{cell} (kept)")
        return True

    def _make_cloaks(self, wanted: set[Key], signatures: Signatures) -> set[Key]:
        """Cloak the photos of the jobs in ``wanted``, and of those without a finished record.

        Returns the jobs that cannot be done because a surrogate, or another thing that they need, is missing.
        """
        jobs = self.plan.jobs
        for key, job in jobs.items():
            before = CloakRecord.read(self.folder, job.key, signatures.cloaks[key])
            if before is not None:
                self.cloaks[key] = before
        needed = {key for key in jobs if key in wanted or key not in self.cloaks}
        for key, job in reversed(jobs.items()):
            if key in needed and job.noise_reference:
                needed.add((job.dataset, job.noise_reference))
        absent: set[Key] = set()
        for key, job in jobs.items():
            self.tick(0, note=str(job))
            reference = (job.dataset, job.noise_reference)
            if key not in needed:
                self.tick(len(job.rows), note=f"{job} (kept)")
            elif reference in absent or not self._make_one(job, signatures.cloaks[key]):
                absent.add(key)
                cells = [cell for cell in self.plan.cells if (cell.dataset, cell.cloak) == key]
                self.tick(sum(map(self.plan.photos_of, cells)))
            free_memory()
        return absent

    def _make_one(self, job: CloakJob, signature: str) -> bool:
        """Whether the photos of ``job`` could be made; its record is stored where there is none yet."""
        key, table = (job.dataset, job.cloak), self._photos(job.dataset)
        with self._counter(len(job.rows)) as count:
            try:
                photos = make_cloaked(
                    job,
                    table,
                    self.study,
                    noise_reference=self._cloaked.get((job.dataset, job.noise_reference)),
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
            found = measure_quality(job, table, photos, self.study)
            record = replace(found.record, signature=signature)
            self.cloaks[key] = write_cloak(self.folder, record, found.rows, found.sample)
        return True

    def _cells_of_model(
        self, model_text: str, cells: list[PlannedCell], signatures: Signatures, background: BackgroundTasks
    ) -> None:
        """Load a model and embed its cells; each is evaluated while the next is embedded."""
        try:
            encoder = load_model(model_text, device=self.study.options.device, offline=self.offline)
        except (Missing, Unreachable) as error:
            self._skip(model_text, cells, error)
            return
        for cell in cells:
            self.tick(0, note=str(cell))
            with self._counter(self.plan.photos_of(cell)) as count:
                try:
                    done = embed_cell(
                        cell,
                        self._table_of(cell),
                        encoder,
                        self.study,
                        on_photos=count,
                        offline=self.offline,
                    )
                except FaceprobeError as error:
                    if model_text not in (self.study.floors or ()):
                        raise
                    self.missing.append(f"floor {cell}: {error}")
                    continue
            background.start(partial(self._finish, done, signatures.cells[cell.key]))

    def _finish(self, done: EmbeddedCell, signature: str, stopped: Callable[[], bool]) -> None:
        """Evaluate and store one cell, unless ``stopped``."""
        measured = evaluate_cell(done, self.study)
        if not stopped():
            self._finished[done.cell.key] = store_cell(self.folder, done.cell, measured, signature)
            self.measured += 1

    def _table_of(self, cell: PlannedCell) -> FaceTable:
        """The clean and the cloaked photos of ``cell``, through its purifier."""
        table, job = self._photos(cell.dataset), self.plan.jobs.get((cell.dataset, cell.cloak))
        if job is not None:
            table = cloaked_photos_of(job, table, self._cloaked[cell.dataset, cell.cloak])
        return purified(table, parse_purifier(cell.purifier))

    def _photos(self, dataset: str) -> FaceTable:
        """The dataset's clean photos; drawn ones are drawn once for all the cells that measure them."""
        if dataset not in self._drawn:
            table = self.plan.tables[dataset]
            uses = [cell.dataset for cell in self.plan.cells] + [key[0] for key in self.plan.jobs]
            if uses.count(dataset) > 1:
                table = keep_drawn(table, self.scratch / str(len(self._drawn)))
            self._drawn[dataset] = table
        return self._drawn[dataset]

    @contextmanager
    def _counter(self, total: int) -> Iterator[Callable[[int], None]]:
        """Advance the progress by photos, by exactly ``total`` at the end of the block: some photos come from
        a cache, and an encoder may encode a photo twice.
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

    def _skip(self, model_text: str, cells: list[PlannedCell], error: Missing | Unreachable) -> None:
        """Note that a model is missing; raises ``error`` where the study needs it."""
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
