"""One cell of a study: embed, evaluate, and the folder that keeps what came out."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from faceprobe.cloaks.photos.cloaked_table import CloakedSource
from faceprobe.cloaks.purifiers import PurifiedSource
from faceprobe.core.errors import BadInput
from faceprobe.core.files import read_json, write_bytes, write_json
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.evidence import Evidence
from faceprobe.data.face_table import FaceTable, PhotoSource
from faceprobe.data.remarks import join, remark
from faceprobe.embedding import Embedded, embed
from faceprobe.models.base import ImageEncoder, ModelCard, model_hash
from faceprobe.protocols import PROTOCOLS, Outcome, evaluate
from faceprobe.protocols.kinds import KINDS
from faceprobe.protocols.rows import add_metric
from faceprobe.protocols.types import NothingLeft
from faceprobe.results.result import Metric, Result, attach, from_document, to_document
from faceprobe.study.drawn import KeptPhotos
from faceprobe.study.plan import is_for_cloaks, needs_pairs
from faceprobe.study.schema import Study
from faceprobe.study.types import NO_CLOAK, Cell


@dataclass(frozen=True)
class Measured:
    """What one cell gave. ``seconds`` is the wall clock of embedding plus that of evaluating."""

    rows: list[Result]
    embedded: Embedded
    outcome: Outcome
    card: ModelCard
    seconds: float

    def summary(self, cell: Cell) -> dict[str, Any]:
        """The cell's entry in the manifest."""
        return {
            "key": cell.key,
            "model": cell.model,
            "dataset": cell.dataset,
            "crop": cell.crop,
            "cloak": cell.cloak,
            "purifier": cell.purifier,
            "protocols": list(dict.fromkeys(row.protocol for row in self.rows)),
            "n_photos": len(self.embedded.data),
            "n_identities": len(np.unique(self.embedded.data.identities)),
            "excluded": dict(sorted(Counter(e.reason for e in self.embedded.excluded).items())),
            "pairs_lost": self.embedded.pairs_lost,
            "encoded": self.embedded.encoded,
            "reused": self.embedded.reused,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class FinishedCell:
    """A cell read back from its folder. ``signature`` covers all inputs that decided its rows."""

    signature: str
    rows: list[Result]
    summary: dict[str, Any]
    card: dict[str, Any]


@dataclass(frozen=True)
class EmbeddedCell:
    """A cell's embeddings and what its rows say of the model; the encoder itself is not held."""

    cell: Cell
    table: FaceTable
    embedded: Embedded
    card: ModelCard
    model_hash: str


def embed_cell(
    cell: Cell,
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
        workers=0 if _is_near(table.source) else None,
        quiet=quiet,
        offline=offline,
        on_photos=on_photos,
    )
    return EmbeddedCell(cell, table, embedded, encoder.card, model_hash(encoder))


def _is_near(source: PhotoSource) -> bool:
    """Whether reading a photo costs so little that worker processes would only cost time: photos kept by this
    run, cloaked or through a purifier or not.
    """
    while isinstance(source, CloakedSource | PurifiedSource):
        source = source.inner
    return isinstance(source, KeptPhotos)


def evaluate_cell(done: EmbeddedCell, study: Study) -> Measured:
    """Evaluate the cell's protocols over its embeddings."""
    started = time.monotonic()
    cell, embedded = done.cell, done.embedded

    def measure(protocols: tuple[str, ...] | None) -> Outcome:
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
    measure: Callable[[tuple[str, ...]], Outcome],
) -> Outcome:
    """The protocols for cloaks that ``data`` allow (of ``protocols``, where those are named); one that is
    left without trials gives rows without values that say why.

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
    except NothingLeft:  # which of them it was shows one by one
        outcome = Outcome(identities=np.unique(data.identities))
    for name in allowed:
        try:
            outcome.add(measure((name,)))
        except NothingLeft as error:
            for metric, weighting in KINDS[known[name].kind].figures:
                reason = remark("not-measured", f"not measured: {error.reason}")
                add_metric(outcome, known[name], metric, weighting, None, remarks=reason)
    return outcome


def _with_lost_pairs(metric: Metric, lost: int) -> Metric:
    """A protocol over the dataset's own pairs says how many of them lost a photo."""
    if not lost or not needs_pairs(metric.protocol):
        return metric
    caution = f"{lost:,} of the official pairs are left out: a photo of theirs could not be used"
    return replace(metric, remarks=join(metric.remarks, remark("pairs-lost", caution)))


def evidence_of(table: FaceTable, card: ModelCard) -> Evidence:
    """Drawn people are ``synthetic`` whatever the model; real photos are ``real-model`` only with
    published weights that were trained on real photos.
    """
    if table.evidence == "synthetic":
        return "synthetic"
    return "real-model" if card.real else "real-photos"


def write_cell(folder: Path, cell: Cell, measured: Measured, signature: str) -> FinishedCell:
    """Keep the cell in its folder under ``folder``."""
    finished = FinishedCell(signature, measured.rows, measured.summary(cell), measured.card.to_dict())

    def beside(place: Path) -> None:
        write_json(place / "excluded.json", [[e.image, e.reason] for e in measured.embedded.excluded])
        write_bytes(place / "curves.npz", _curves(measured))

    return write_finished(folder / cell.key, finished, beside)


def write_finished(
    target: Path, finished: FinishedCell, beside: Callable[[Path], None] = lambda place: None
) -> FinishedCell:
    """Write the folder ``target`` under a temporary name and rename it into place; ``beside`` adds files."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    write_json(temporary / "rows.json", to_document(finished.rows))
    write_json(
        temporary / "cell.json",
        {"signature": finished.signature, "summary": finished.summary, "card": finished.card},
    )
    beside(temporary)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(temporary, target)
    return finished


def read_finished(place: Path) -> FinishedCell | None:
    """What :func:`write_finished` kept in ``place``, or None where there is nothing."""
    if not place.is_dir():
        return None
    stored = read_json(place / "cell.json")
    rows = from_document(read_json(place / "rows.json"), str(place / "rows.json"))
    return FinishedCell(stored["signature"], rows, stored["summary"], stored["card"])


def _curves(measured: Measured) -> bytes:
    """Curves, replicates, identities and images as the bytes of an ``.npz`` file."""
    import io

    outcome, data = measured.outcome, measured.embedded.data
    arrays = dict(outcome.curves)
    arrays |= {f"replicates//{key}": values for key, values in outcome.replicates.items()}
    arrays |= {"identities": outcome.identities, "images": data.paths}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
