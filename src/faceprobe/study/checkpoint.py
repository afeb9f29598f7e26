"""What a finished cell stands on: where any of it changes, the cell is done again."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from faceprobe.core.files import sha256_bytes, sha256_file, sha256_json
from faceprobe.core.names import parse_name
from faceprobe.data.face_table import FaceTable, PhotoSource
from faceprobe.data.pairs import PairList
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.datasets import load_dataset
from faceprobe.datasets.files import FileSource
from faceprobe.models.fusion import fit_of, part_names
from faceprobe.study.plan import model_path
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
            "detector": _hash_of(Path(detector).expanduser()) if detector else "",
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
            "code": _hash_of(Path(__file__).parent.parent / "cloaks") if job.text else "",
            "detector": _hash_of(Path(detector).expanduser()) if detector else "",
        }
    )


def model_files_hash(text: str) -> str:
    """Hash of the files of a local or bundled model; "" for published weights, pinned by their name."""
    names = part_names(text)
    if names != [text]:
        fit = fit_of(parse_name(text))
        people = load_dataset(fit) if fit else None
        fitted_on = [people.fingerprint, photos_hash(people)] if people is not None else []
        return sha256_json([[model_files_hash(name) for name in names], fitted_on])
    path = model_path(text)
    if path is None and parse_name(text).kind == "bundled":
        path = Path(__file__).parent.parent / "models" / "bundled"
    return "" if path is None else _hash_of(path)


def photos_hash(table: FaceTable) -> str:
    """Hash of the photos behind ``table``: size and modification time of each file, the digest of each
    photo in a pack, and of photos that are drawn the first, which stands for the way of drawing.
    """
    source, images = table.source, table.images.tolist()
    if isinstance(source, FileSource):
        return sha256_json([_stamp(Path(source.root) / image) for image in images])
    looked_at = images[:1] if source.drawn else images
    return sha256_json([_digest(source, image) for image in looked_at])


def _hash_of(place: Path) -> str:
    if place.is_file():
        return sha256_file(place)
    files = (p for p in sorted(place.rglob("*")) if p.is_file() and p.suffix != ".pyc")
    return sha256_json([[p.relative_to(place).as_posix(), sha256_file(p)] for p in files])


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
