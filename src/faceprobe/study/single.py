"""One cell by itself: what ``faceprobe eval`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.progress import progress
from faceprobe.data.face_table import FaceTable
from faceprobe.models.base import ModelCard
from faceprobe.results.result import Result
from faceprobe.study.cloak_plan import variants_of
from faceprobe.study.evaluate import embed_cell, evaluate_cell
from faceprobe.study.execute import Work
from faceprobe.study.parts import Parts, real_parts
from faceprobe.study.plan import check_protocols, is_for_cloaks, open_dataset, plan_study
from faceprobe.study.schema import CLOAK_PEOPLE, CloakEntry, DatasetEntry, ModelEntry, Options, Study
from faceprobe.study.types import NO_CLOAK, NO_PURIFIER


@dataclass(frozen=True)
class EvalResult:
    """``rows`` in the order of their protocols; ``excluded`` counts photos by reason; ``encoded`` and
    ``reused`` count photos; ``seconds`` is the wall clock of embedding and evaluating.
    """

    rows: list[Result]
    card: ModelCard
    excluded: dict[str, int]
    encoded: int
    reused: int
    seconds: float


def evaluate_one(
    model: str,
    dataset: str,
    *,
    crop: str | None = None,
    protocols: Sequence[str] | None = None,
    detector: str | None = None,
    device: str = "auto",
    offline: bool = False,
    seed: int = 0,
    replicates: int = 1000,
    cloak: str = NO_CLOAK,
    purifier: str = NO_PURIFIER,
    cloak_people: int = CLOAK_PEOPLE,
    quiet: bool = False,
    parts: Parts | None = None,
) -> EvalResult:
    """Measure ``model`` on ``dataset``: one cell, nothing written but the embedding cache.

    ``crop`` None is the model's own default crop. ``protocols`` None is the dataset's default
    protocol, ``["all"]`` every first-set protocol that the data allows. Under a ``cloak``, a variant of the
    dataset's own or one that is made here of the photos of ``cloak_people`` people, it is every protocol for
    cloaks, and the rows on how visible the cloak is come first. ``purifier`` is what is done to every photo,
    clean or cloaked, before it is embedded. Errors as
    :func:`faceprobe.run_study`; names and local inputs are checked before the model is loaded.
    """
    parts = parts or real_parts()
    everything = protocols is not None and list(protocols) == ["all"]
    check_protocols(None if everything else protocols)
    crop = crop or parts.model_card(model).default_crop
    table = open_dataset(dataset, parts, offline=offline)
    if protocols is None and cloak == NO_CLOAK:
        protocols = [table.default_protocol]
    named = () if everything or protocols is None else tuple(protocols)
    cloak = _cloak_of(named, cloak, table)
    study = Study(
        title=f"{model} on {dataset}",
        models={model: ModelEntry()},
        datasets={dataset: DatasetEntry()},
        crops=[crop],
        cloaks={cloak: CloakEntry(purifiers=[purifier])},
        cloak_people=cloak_people,
        protocols=list(named) or None,
        seed=seed,
        replicates=replicates,
        options=Options(detector=detector, device=device),
    )
    plan = plan_study(study, replace(parts, load_dataset=lambda _: table), offline=offline)
    if plan.missing:
        raise BadInput("; ".join(plan.missing))
    cell, visible = plan.cells[0], []
    with TemporaryDirectory(prefix="faceprobe.") as place:
        photos = plan.tables[cell.dataset]
        if cell.cloak != NO_CLOAK or cell.purifier != NO_PURIFIER:
            n_cloaked = sum(len(job.rows) for job in plan.jobs.values())
            with progress(f"cloaking {cell.dataset}", n_cloaked, quiet or not n_cloaked) as tick:
                work = Work(study, plan, parts, Path(place), Path(place), offline, tick, [])
                photos = work.photos_for(cell)
            seen = work.cloaks.get((cell.dataset, cell.cloak))
            visible = [] if seen is None else seen.rows
        encoder = parts.load_model(model, device=device, offline=offline)
        embedded = embed_cell(cell, photos, encoder, study, parts, offline=offline, quiet=quiet)
        measured = evaluate_cell(embedded, study, parts)
    return EvalResult(
        [*visible, *measured.rows],
        measured.card,
        measured.summary(cell)["excluded"],
        measured.embedded.encoded,
        measured.embedded.reused,
        measured.seconds,
    )


def _cloak_of(protocols: Sequence[str], cloak: str, table: FaceTable) -> str:
    """``cloak``, or the one that a dataset brings where only protocols for cloaks are asked for.

    Raises :class:`WrongUsage` where protocols and cloak do not go together.
    """
    for_cloaks = [p for p in protocols if is_for_cloaks(p)]
    others = [p for p in protocols if not is_for_cloaks(p)]
    if cloak != NO_CLOAK and others:
        raise WrongUsage(
            f"{others[0]} looks at clean photos alone; leave --cloak out, or name a cloak/ protocol"
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
