"""One cell by itself: what ``faceprobe eval`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from faceprobe.core.errors import BadInput
from faceprobe.core.result import Result
from faceprobe.models.base import ModelCard
from faceprobe.study.cell import embed_cell, evaluate_cell
from faceprobe.study.parts import Parts, real_parts
from faceprobe.study.plan import check_protocols, open_dataset, plan_study
from faceprobe.study.schema import DatasetEntry, ModelEntry, Options, Study


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
    quiet: bool = False,
    parts: Parts | None = None,
) -> EvalResult:
    """Measure ``model`` on ``dataset``: one cell, nothing written but the embedding cache.

    ``crop`` None is the model's own default crop. ``protocols`` None is the dataset's default
    protocol, ``["all"]`` every first-set protocol that the data allows. Errors as
    :func:`faceprobe.run_study`; names and local inputs are checked before the model is loaded.
    """
    parts = parts or real_parts()
    everything = protocols is not None and list(protocols) == ["all"]
    check_protocols(None if everything else protocols)
    crop = crop or parts.model_card(model).default_crop
    table = open_dataset(dataset, parts, offline=offline)
    if protocols is None:
        protocols = [table.default_protocol]
    study = Study(
        title=f"{model} on {dataset}",
        models={model: ModelEntry()},
        datasets={dataset: DatasetEntry()},
        crops=[crop],
        protocols=None if everything else list(protocols),
        seed=seed,
        replicates=replicates,
        options=Options(detector=detector, device=device),
    )
    plan = plan_study(study, replace(parts, load_dataset=lambda _: table), offline=offline)
    if plan.missing:
        raise BadInput("; ".join(plan.missing))
    cell = plan.cells[0]
    encoder = parts.load_model(model, device=device, offline=offline)
    photos = plan.tables[cell.dataset]
    embedded = embed_cell(cell, photos, encoder, study, parts, offline=offline, quiet=quiet)
    measured = evaluate_cell(embedded, study, parts)
    return EvalResult(
        measured.rows,
        measured.card,
        measured.summary(cell)["excluded"],
        measured.embedded.encoded,
        measured.embedded.reused,
        measured.seconds,
    )
