"""What a finished cell stands on: where any of it changes, the cell is done again."""

from __future__ import annotations

import os
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
from faceprobe.study.types import Cell, CloakJob


def cell_signature(
    cell: Cell, table: FaceTable, study: Study, model_files: str, photos: str, cloak: str = ""
) -> str:
    """Hash of the study, the dataset's rows, pairs, templates, known faces and evidence, a detector that
    was given, ``model_files`` from :func:`model_files_hash`, ``photos`` from :func:`photos_hash` and
    ``cloak`` from :func:`cloak_signature`.
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


def cloak_signature(job: CloakJob, table: FaceTable, study: Study, photos: str, like: str) -> str:
    """Hash of all that decides the cloaked photos of ``job`` and what is measured on them, without loading
    a surrogate: the study, the photos, the files of local surrogates and the code of all cloaks. ``like`` is
    the signature of the cloak that has to be made first.
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
            "job": [job.dataset, job.cloak, job.text, job.rows, like],
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
    """Hash of the photos behind ``table``: size and modification time of each file, the digest of each
    photo in a pack, and of photos that are drawn the first, which stands for the way of drawing.
    """
    source, images = table.source, table.images.tolist()
    if isinstance(source, FileSource):
        return sha256_json([_stamp(Path(source.root) / image) for image in images])
    looked_at = images[:1] if source.drawn else images
    return sha256_json([_digest(source, image) for image in looked_at])


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
