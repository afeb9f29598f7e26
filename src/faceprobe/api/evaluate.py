"""Measure one model on one dataset: ``fp.evaluate`` and ``faceprobe eval``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from faceprobe.api.comparison import replicates_of
from faceprobe.api.load import (
    DatasetLike,
    ModelLike,
    cloak_name,
    dataset_name,
    model_name,
    protocol_names,
)
from faceprobe.api.results import Results
from faceprobe.api.study import run_study
from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.progress import progress, say
from faceprobe.data.face_table import FaceTable
from faceprobe.embedding import count_reasons
from faceprobe.faces.crops import CropPolicy
from faceprobe.models import check_model_files, load_model, model_card
from faceprobe.protocols.types import unknown_people
from faceprobe.results.cells import NO_MODEL
from faceprobe.results.result import Result
from faceprobe.results.run import read_run
from faceprobe.study.cloak_plan import variants_of
from faceprobe.study.evaluate import embed_cell, evaluate_cell
from faceprobe.study.execute import Work
from faceprobe.study.plan import check_protocols, is_for_cloaks, open_dataset, plan_study
from faceprobe.study.schema import CLOAK_PEOPLE, CloakEntry, DatasetEntry, ModelEntry, Options, Study
from faceprobe.study.types import NO_CLOAK, NO_PURIFIER


def evaluate(
    model: ModelLike,
    dataset: DatasetLike,
    protocols: str | Sequence[str] | None = None,
    crop: str | None = None,
    cloak: str | None = None,
    *,
    surrogate: ModelLike | Sequence[ModelLike] | None = None,
    cloak_people: int = CLOAK_PEOPLE,
    purifier: str = NO_PURIFIER,
    detector: str | Path | None = None,
    device: str = "auto",
    offline: bool = False,
    max_excluded: float = 0.1,
    seed: int = 0,
    replicates: int = 1000,
    out: str | Path | None = None,
    force: bool = False,
    quiet: bool = True,
) -> Results:
    """Measure ``model`` on ``dataset``; every metric comes with its 95 % interval.

    ``model`` is a name ("ViT-B-32/openai", "bundled:clip-s", "onnx:face.onnx?size=112", ...) or an
    encoder (:func:`faceprobe.encoder` wraps any torch module). ``dataset`` is a name, a folder of
    ``<identity>/<photo>``, a DataFrame with the columns path and identity, or pairs of (photo, identity).
    ``crop`` None is the model's own default crop. ``protocols`` None, or "all", means every usual
    protocol that the data allow. ``cloak`` is a cloak's name, or a variant that the dataset brings: then
    the protocols for cloaks are measured, and rows on how visible the cloak is come first; photos of
    ``cloak_people`` people are cloaked, everybody else's stay clean. ``purifier`` is what is done to
    every photo before it is embedded. ``max_excluded`` is the share of photos, in [0, 1], that may be
    unusable. The same call again encodes and cloaks nothing, since both are cached by content. ``out`` is
    a folder for results and a report, as :func:`faceprobe.run_study` writes them (the result's
    ``report``), where the untrained baselines that run along stand too; the rows returned are those of
    ``model``. ``force`` replaces a run of something else there. Without ``out`` nothing is written but
    the caches.

    Raises :class:`UnknownName` or :class:`WrongUsage` for names and options, :class:`BadInput` or
    :class:`Missing` for inputs; names and local inputs are checked before the model is loaded.
    """
    named = protocol_names(protocols)
    check_protocols(named)
    model_text, dataset_text = model_name(model), dataset_name(dataset)
    check_model_files(model_text)
    if crop:
        CropPolicy.parse(crop)
    table = open_dataset(dataset_text, offline=offline)
    wanted = cloak_name(cloak, surrogate) if cloak else NO_CLOAK
    chosen = _cloak_of(named or (), wanted, table)
    study = Study(
        title=f"{model_card(model_text).id} on {table.name}",
        models={model_text: ModelEntry()},
        datasets={dataset_text: DatasetEntry()},
        crops=[crop or model_card(model_text).default_crop],
        cloaks={chosen: CloakEntry(purifiers=[purifier])},
        cloak_people=cloak_people,
        protocols=named,
        seed=seed,
        replicates=replicates,
        options=Options(
            detector=None if detector is None else str(detector), device=device, max_excluded=max_excluded
        ),
    )
    plan = plan_study(study, offline=offline)
    if plan.missing:
        raise BadInput("; ".join(plan.missing))
    if not quiet and (note := _cloak_note(wanted, plan.cells[0].cloak, table)):
        say(note)
    if out is not None:
        model = plan.cells[0].model
        return _into_folder(study, model, Path(out).expanduser(), table, force, device, offline, quiet)
    cell = plan.cells[0]
    visible: list[Result] = []
    with TemporaryDirectory(prefix="faceprobe.") as place:
        photos = plan.tables[cell.dataset]
        if cell.cloak != NO_CLOAK or cell.purifier != NO_PURIFIER:
            n_cloaked = sum(len(job.rows) for job in plan.jobs.values())
            with progress(f"cloaking {cell.dataset}", n_cloaked, quiet or not n_cloaked) as tick:
                work = Work(study, plan, Path(place), Path(place), offline, tick, [])
                photos = work.photos_for(cell)
            quality = work.cloaks.get((cell.dataset, cell.cloak))
            visible = [] if quality is None else quality.rows
        encoder = load_model(model_text, device=device, offline=offline)
        embedded = embed_cell(cell, photos, encoder, study, offline=offline, quiet=quiet)
        measured = evaluate_cell(embedded, study)
    outcome = measured.outcome
    return Results(
        [*visible, *measured.rows],
        excluded=count_reasons(measured.embedded.excluded) | unknown_people(table.n_unknown),
        left_out=table.left_out,
        seconds=measured.seconds,
        replicates=replicates_of(
            measured.rows, seed, outcome.identities, outcome.replicates, outcome.influences
        ),
    )


def _into_folder(
    study: Study,
    model: str,
    out: Path,
    table: FaceTable,
    force: bool,
    device: str,
    offline: bool,
    quiet: bool,
) -> Results:
    """The results of ``model``; a report on it, and on the floors that run along, is written into ``out``."""
    done = run_study(study, out, force=force, device=device, offline=offline, quiet=quiet)
    excluded = Counter[str]()
    for cell in read_run(out).cells:
        if cell.model == model:
            excluded.update(cell.excluded)
    rows = [row for row in done.rows if row.model in (model, NO_MODEL)]
    return replace(done, rows=rows, excluded=dict(excluded) | unknown_people(table.n_unknown))


def _cloak_note(wanted: str, cloak: str, table: FaceTable) -> str:
    """What is measured where a dataset brings cloaked photos and another name was asked for, "" where that
    is clear.
    """
    own = variants_of(table)
    if wanted in (NO_CLOAK, cloak) and (cloak in own or not own or cloak == NO_CLOAK):
        return ""
    if cloak in own:
        return f"{wanted} is {cloak} here, which {table.name} brings; nothing is cloaked again"
    return (
        f"{table.name} brings {' and '.join(own)}; {cloak} is another cloak and is made here" if own else ""
    )


def _cloak_of(protocols: Sequence[str], cloak: str, table: FaceTable) -> str:
    """``cloak``, or the one that a dataset brings where only protocols for cloaks are asked for.

    Raises :class:`WrongUsage` where protocols and cloak do not go together.
    """
    for_cloaks = [p for p in protocols if is_for_cloaks(p)]
    others = [p for p in protocols if not is_for_cloaks(p)]
    if cloak != NO_CLOAK and others:
        raise WrongUsage(
            f"{others[0]} measures clean photos alone; leave --cloak out, or name a cloak/ protocol"
        )
    if cloak == NO_CLOAK and for_cloaks:
        own = variants_of(table)
        if len(own) != 1 or others:
            there = f" ({table.name} holds {', '.join(own)})" if own else ""
            raise WrongUsage(
                f"{for_cloaks[0]} compares clean photos with cloaked ones; name a --cloak{there}"
            )
        return own[0]
    return cloak
