"""Signatures: hashes of all inputs of a cell. A stored cell is used again only where they are equal."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceprobe.core.files import sha256_bytes, sha256_json, sha256_tree
from faceprobe.data.face_table import FaceTable, PhotoSource
from faceprobe.data.pairs import PairList
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.datasets import load_dataset
from faceprobe.datasets.files import FileSource
from faceprobe.models import local_hash, parse_model
from faceprobe.models.fusion import fit_of
from faceprobe.study.schema import Study
from faceprobe.study.types import CloakJob, Plan, PlannedCell


@dataclass(frozen=True)
class Signatures:
    """The signatures of a plan: of its cells by their keys, of its cloak jobs by dataset and cloak."""

    cells: dict[str, str]
    cloaks: dict[tuple[str, str], str]


def sign_plan(plan: Plan, study: Study) -> Signatures:
    """The signatures of all cells and cloak jobs of ``plan``. No model is loaded."""
    used = dict.fromkeys([cell.dataset for cell in plan.cells] + [job.dataset for job in plan.jobs.values()])
    photos = {dataset: photos_hash(plan.tables[dataset]) for dataset in used}
    models = {text: model_files_hash(text) for text in dict.fromkeys(c.model_text for c in plan.cells)}
    cloaks: dict[tuple[str, str], str] = {}
    for key, job in plan.jobs.items():
        reference = cloaks.get((job.dataset, job.noise_reference), "")
        cloaks[key] = cloak_signature(job, plan.tables[job.dataset], study, photos[job.dataset], reference)
    cells = {
        cell.key: cell_signature(
            cell,
            plan.tables[cell.dataset],
            study,
            models[cell.model_text],
            photos[cell.dataset],
            cloaks.get((cell.dataset, cell.cloak), ""),
        )
        for cell in plan.cells
    }
    return Signatures(cells, cloaks)


def cell_signature(
    cell: PlannedCell, table: FaceTable, study: Study, model_files: str, photos: str, cloak: str = ""
) -> str:
    """Hash of the study, of the dataset's rows, pairs, templates, known faces and evidence, of a detector
    that was given, of ``model_files`` (:func:`model_files_hash`), ``photos`` (:func:`photos_hash`) and
    ``cloak`` (:func:`cloak_signature`).
    """
    detector = study.options.detector or os.environ.get("FACEPROBE_DETECTOR")
    return sha256_json(
        {
            "study": study.fingerprint(),
            "cell": [cell.key, cell.protocols, cloak],
            "rows": table.fingerprint,
            "pairs": _pairs_hash(table.pairs),
            "templates": "" if table.templates is None else table.templates.digest(),
            "faces": table.source.faces_hash,
            "evidence": table.evidence,
            "photos": photos,
            "model": model_files,
            "detector": sha256_tree(Path(detector).expanduser()) if detector else "",
        }
    )


def cloak_signature(job: CloakJob, table: FaceTable, study: Study, photos: str, reference: str) -> str:
    """Hash of all that decides the cloaked photos of ``job`` and their quality rows: the study, the photos,
    the files of local surrogates and the code of all cloaks. No surrogate is loaded. ``reference`` is the
    signature of the cloak that has to be made first, "" for none.
    """
    from faceprobe.cloaks.attacks.surrogate import DEFAULT
    from faceprobe.cloaks.names import parse_cloak

    surrogates: tuple[str, ...] = ()
    if job.text and not job.card.control:
        surrogates = parse_cloak(job.text).surrogates or (DEFAULT,)
    detector = study.options.detector or os.environ.get("FACEPROBE_DETECTOR")
    return sha256_json(
        {
            "study": study.fingerprint(),
            "job": [job.dataset, job.cloak, job.text, job.rows, reference],
            "rows": table.fingerprint,
            "own": "" if job.table is None else [job.table.fingerprint, photos_hash(job.table)],
            "faces": table.source.faces_hash,
            "photos": photos,
            "surrogates": [model_files_hash(text) for text in surrogates],
            "code": sha256_tree(Path(__file__).parent.parent / "cloaks") if job.text else "",
            "detector": sha256_tree(Path(detector).expanduser()) if detector else "",
        }
    )


def model_files_hash(text: str) -> str:
    """Hash of the local files or the object of a model, and of the photos that a fusion is fitted on; "" for
    published weights, which their name identifies.
    """
    fit = fit_of(parse_model(text))
    if not fit:
        return local_hash(text)
    people = load_dataset(fit)
    return sha256_json([local_hash(text), people.fingerprint, photos_hash(people)])


def photos_hash(table: FaceTable) -> str:
    """Hash of the photos of ``table``: of the size and modification time of each file, of the digest of each
    photo in a pack or in memory. Of drawn photos the first stands for all, since one program draws them.
    """
    source, images = table.source, table.images.tolist()
    if isinstance(source, FileSource):
        return sha256_json([_stamp(Path(source.root) / image) for image in images])
    return sha256_json([_digest(source, image) for image in (images[:1] if source.drawn else images)])


def _pairs_hash(pairs: PairList | None) -> str:
    if pairs is None:
        return ""
    return sha256_bytes(np.stack([pairs.left, pairs.right, pairs.same, pairs.fold]).tobytes())


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _digest(source: PhotoSource, image: str) -> str:
    try:
        return source.digest(image).content
    except UnreadablePhoto as error:
        return error.reason
