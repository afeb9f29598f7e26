"""Run a study: ``fp.run_study`` and ``faceprobe run``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceprobe.api.comparison import Replicates, ResultKey
from faceprobe.api.load import DatasetLike, ModelLike, dataset_name, model_name
from faceprobe.api.results import Results

if TYPE_CHECKING:
    from faceprobe.results.run import Run
    from faceprobe.study.schema import Study


def run_study(
    study: str | Path | Mapping[str, Any] | Study = "quickstart",
    out: str | Path | None = None,
    *,
    force: bool = False,
    device: str = "auto",
    offline: bool = False,
    show_photos: bool = False,
    seed: int | None = None,
    quiet: bool = False,
    detector: str | Path | None = None,
    models: Sequence[ModelLike] | None = None,
    datasets: Sequence[DatasetLike] | None = None,
) -> Results:
    """Measure every cell of ``study`` into the folder ``out``; the page is the result's ``report``.

    ``study`` is the name of a packaged study, a YAML file, a mapping with what such a file holds, or a
    :class:`Study`. ``out`` None is ``runs/<name of the study>``. Finished cells in ``out`` are kept, so an
    interrupted run goes on where it stopped; ``force`` starts again. ``seed``, ``detector``, ``models`` and
    ``datasets`` (names or objects) take the place of the study's own. ``show_photos`` puts the photos of
    failure pairs into the report. Raises :class:`WrongUsage` for a study or name that does not exist,
    :class:`BadInput` for an ``out`` that holds something else, :class:`Missing` where nothing can be run.
    """
    from faceprobe.study.run import run_study as run

    done = run(
        study,
        Path("runs", study_name(study)) if out is None else Path(out).expanduser(),
        force=force,
        device=device,
        offline=offline,
        show_photos=show_photos,
        seed=seed,
        quiet=quiet,
        detector=None if detector is None else str(detector),
        models=None if models is None else [model_name(model) for model in models],
        datasets=None if datasets is None else [dataset_name(dataset) for dataset in datasets],
    )
    return Results(
        done.rows, report=done.report, missing=done.missing, replicates=_StoredReplicates(done.out)
    )


def study_name(study: str | Path | Mapping[str, Any] | Study) -> str:
    """What the default folder of a run is called."""
    from faceprobe.core.words import slug

    if isinstance(study, str | Path):
        return Path(study).stem
    title = study.get("title", "study") if isinstance(study, Mapping) else study.title
    return slug(str(title))


class _StoredReplicates:
    """Replicates in the cells of a run's folder, read when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._run: Run | None = None

    def __call__(self, key: ResultKey) -> Replicates | None:
        from faceprobe.results.run import read_run

        self._run = self._run or read_run(self.folder)
        model, dataset, crop, cloak, purifier = key
        cell = self._run.cell(model, (dataset, cloak, crop), purifier)
        if cell is None or "identities" not in cell.arrays or self._run.seed is None:
            return None
        draws, influences = (
            {name.removeprefix(mark): a for name, a in cell.arrays.items() if name.startswith(mark)}
            for mark in ("replicates//", "influence//")
        )
        return Replicates(self._run.seed, cell.arrays["identities"], draws, influences)
