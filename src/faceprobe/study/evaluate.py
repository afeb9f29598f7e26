"""One cell of a study: embed its photos, evaluate its protocols, store the outcome."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from faceprobe.cloaks.photos.cloaked_table import CloakedSource
from faceprobe.cloaks.purifiers import PurifiedSource
from faceprobe.core.errors import BadInput
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.evidence import Evidence
from faceprobe.data.face_table import FaceTable, PhotoSource
from faceprobe.data.remarks import join, remark
from faceprobe.embedding import Embedded, embed
from faceprobe.models.base import ImageEncoder, ModelCard, model_hash
from faceprobe.protocols import PROTOCOLS, Evaluation, evaluate
from faceprobe.protocols.kinds import KINDS
from faceprobe.protocols.metric_rows import add_unmeasured
from faceprobe.protocols.types import NothingLeft
from faceprobe.results.cells import Cell
from faceprobe.results.files import write_cell
from faceprobe.results.result import Metric, Result, attach
from faceprobe.study.drawn import KeptPhotos
from faceprobe.study.plan import is_for_cloaks, needs_pairs
from faceprobe.study.schema import Study
from faceprobe.study.types import NO_CLOAK, PlannedCell


@dataclass(frozen=True)
class Measured:
    """The outcome of one cell. ``seconds`` is the wall clock of embedding plus that of evaluating."""

    rows: list[Result]
    embedded: Embedded
    outcome: Evaluation
    card: ModelCard
    seconds: float


@dataclass(frozen=True)
class EmbeddedCell:
    """The embeddings of a cell, and what its rows say of the model; the encoder itself is not held."""

    cell: PlannedCell
    table: FaceTable
    embedded: Embedded
    card: ModelCard
    model_hash: str


def embed_cell(
    cell: PlannedCell,
    table: FaceTable,
    encoder: ImageEncoder,
    study: Study,
    *,
    on_photos: Callable[[int], None] = lambda photos: None,
    offline: bool = False,
    quiet: bool = True,
) -> EmbeddedCell:
    """Embed ``table`` with ``encoder``. ``on_photos`` is called with a number of photos whenever a batch
    has been encoded. ``offline`` forbids fetching a face detector.
    """
    embedded = embed(
        table,
        encoder,
        cell.crop,
        detector=study.options.detector,
        batch_size=study.options.batch_size,
        max_excluded=study.options.max_excluded,
        workers=0 if _is_cheap_to_read(table.source) else None,
        quiet=quiet,
        offline=offline,
        on_photos=on_photos,
    )
    return EmbeddedCell(cell, table, embedded, encoder.card, model_hash(encoder))


def _is_cheap_to_read(source: PhotoSource) -> bool:
    """Whether worker processes would only cost time: photos that this run drew into a file, cloaked or
    through a purifier or not.
    """
    while isinstance(source, CloakedSource | PurifiedSource):
        source = source.inner
    return isinstance(source, KeptPhotos)


def evaluate_cell(done: EmbeddedCell, study: Study) -> Measured:
    """Evaluate the cell's protocols over its embeddings."""
    started = time.monotonic()
    cell, embedded = done.cell, done.embedded

    def measure(protocols: tuple[str, ...] | None) -> Evaluation:
        return evaluate(embedded.data, protocols, seed=study.seed, replicates=study.replicates, quiet=True)

    if cell.cloak == NO_CLOAK:
        outcome = measure(cell.protocols)
    else:
        outcome = evaluate_cloaked(embedded.data, cell.protocols, measure)
    rows = attach(
        [_with_lost_pairs(metric, embedded.pairs_lost) for metric in outcome.metrics],
        model=cell.model,
        dataset=cell.dataset,
        crop=cell.crop,
        cloak=cell.cloak,
        purifier=cell.purifier,
        evidence=evidence_of(done.table, done.card),
        model_hash=done.model_hash,
        dataset_hash=embedded.dataset_hash,
    )
    return Measured(rows, embedded, outcome, done.card, embedded.seconds + time.monotonic() - started)


def evaluate_cloaked(
    data: Embeddings,
    protocols: tuple[str, ...] | None,
    measure: Callable[[tuple[str, ...]], Evaluation],
) -> Evaluation:
    """Evaluate the protocols for cloaks that ``data`` allow (of ``protocols``, if they are named).

    A protocol that is left without trials gives rows without values and with a remark that says why.

    Raises :class:`BadInput` where the data allow none of them.
    """
    usual = [p for p in PROTOCOLS if is_for_cloaks(p) and not PROTOCOLS.get(p).on_request]
    known = {name: PROTOCOLS.get(name) for name in protocols or usual}
    reasons = {name: KINDS[p.kind].lacking(p, data) for name, p in known.items()}
    allowed = tuple(name for name, reason in reasons.items() if not reason)
    if not allowed:
        name, reason = next(iter(reasons.items()))
        raise BadInput(f"{name} cannot be measured here: {reason}")
    try:
        return measure(allowed)
    except NothingLeft:  # evaluated one by one, to find which of them it was
        outcome = Evaluation(identities=np.unique(data.identities))
    for name in allowed:
        try:
            outcome.add(measure((name,)))
        except NothingLeft as error:
            add_unmeasured(outcome, known[name], KINDS[known[name].kind].figures, error.reason)
    return outcome


def _with_lost_pairs(metric: Metric, lost: int) -> Metric:
    """``metric``, with a remark where ``lost`` of the dataset's own pairs are left out of it."""
    if not lost or not needs_pairs(metric.protocol):
        return metric
    caution = f"{lost:,} of the official pairs are left out: a photo of theirs could not be used"
    return replace(metric, remarks=join(metric.remarks, remark("pairs-lost", caution)))


def evidence_of(table: FaceTable, card: ModelCard) -> Evidence:
    """The evidence of rows: ``synthetic`` for drawn people whatever the model; for real photos ``real-model``
    with published weights that were trained on real photos, else ``real-photos``.
    """
    if table.evidence == "synthetic":
        return "synthetic"
    return "real-model" if card.real else "real-photos"


def store_cell(folder: Path, cell: PlannedCell, measured: Measured, signature: str) -> Cell:
    """Write the measured cell below ``folder`` and return it as it is stored."""
    embedded, outcome = measured.embedded, measured.outcome
    stored = Cell(
        key=cell.key,
        signature=signature,
        model=cell.model,
        dataset=cell.dataset,
        crop=cell.crop,
        cloak=cell.cloak,
        purifier=cell.purifier,
        protocols=tuple(dict.fromkeys(row.protocol for row in measured.rows)),
        n_photos=len(embedded.data),
        n_identities=len(np.unique(embedded.data.identities)),
        excluded=dict(sorted(Counter(e.reason for e in embedded.excluded).items())),
        pairs_lost=embedded.pairs_lost,
        encoded=embedded.encoded,
        reused=embedded.reused,
        seconds=round(measured.seconds, 3),
    )
    arrays = dict(outcome.curves)
    arrays |= {f"replicates//{key}": values for key, values in outcome.replicates.items()}
    arrays |= {f"influence//{key}": values for key, values in outcome.influences.items()}
    arrays |= {"identities": outcome.identities, "images": embedded.data.paths}
    excluded = [(e.image, e.reason) for e in embedded.excluded]
    return write_cell(folder, stored, measured.rows, measured.card.to_dict(), excluded, arrays)
