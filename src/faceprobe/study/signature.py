"""What a finished cell stands on: where any of it changes, the cell is done again."""

from __future__ import annotations

import os
from pathlib import Path

from faceprobe.core.errors import FaceprobeError
from faceprobe.core.files import sha256_file, sha256_json
from faceprobe.core.names import parse_name
from faceprobe.datasets.table import FaceTable
from faceprobe.study.plan import Cell, model_path
from faceprobe.study.schema import Study


def cell_signature(cell: Cell, table: FaceTable, study: Study, model_files: str) -> str:
    """Hash of the study, the dataset's rows and first photo, a detector that was given, and
    ``model_files`` from :func:`model_files_hash`. Photos that were replaced under the same names are
    not noticed here, as that would mean reading all of them.
    """
    detector = study.options.detector or os.environ.get("FACEPROBE_DETECTOR")
    return sha256_json(
        {
            "study": study.fingerprint(),
            "cell": [cell.key, cell.protocols],
            "rows": table.fingerprint,
            "photo": _first_photo(table),
            "model": model_files,
            "detector": _hash_of(Path(detector).expanduser()) if detector else "",
        }
    )


def model_files_hash(text: str) -> str:
    """Hash of the files of a local or bundled model; "" for published weights, pinned by their name."""
    path = model_path(text)
    if path is None and parse_name(text).kind == "bundled":
        path = Path(__file__).parent.parent / "models" / "bundled"
    return "" if path is None else _hash_of(path)


def _hash_of(place: Path) -> str:
    if place.is_file():
        return sha256_file(place)
    files = (p for p in sorted(place.rglob("*")) if p.is_file() and p.suffix != ".pyc")
    return sha256_json([[p.relative_to(place).as_posix(), sha256_file(p)] for p in files])


def _first_photo(table: FaceTable) -> str:
    try:
        return table.photo(0).content_hash if len(table) else ""
    except FaceprobeError as error:
        return str(error)
