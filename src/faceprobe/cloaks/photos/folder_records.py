"""The records of a cloaked folder: ``cloak.json``, and the progress file of an unfinished run.

``cloak.json`` holds no time, no absolute path and nothing of this machine: the same photos, cloak and seed
give the same bytes. Seconds are in ``manifest.json``. During a run each finished photo adds a line to
``.cloak-progress.jsonl``, written after its PNG.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from faceprobe import __version__
from faceprobe.cloaks.base import CloakCard
from faceprobe.core.errors import BadInput
from faceprobe.core.files import read_json, sha256_file, write_bytes, write_json

FORMAT = 1
RESULTS, MANIFEST, PROGRESS = "cloak.json", "manifest.json", ".cloak-progress.jsonl"

_HALF_WRITTEN = re.compile(r"\..+\.(png|jpg|json|jsonl)\.\d+\.tmp")


@dataclass(frozen=True)
class PhotoRecord:
    """One photo.

    ``source`` and ``output`` are relative paths. ``key`` hashes the bytes of the source and all that decides
    the output; ``sha256`` hashes the bytes of the output. ``faces`` is None where no detector was used.
    ``note`` says why a photo was left unchanged, or "". The measures, ``psnr`` to ``colour``, are those of
    :class:`ChangeMeasures`, of the photo as written with 8 bits; they are None where nothing changed.
    ``psnr_saved`` to ``cosine_saved`` are the :class:`SavingLoss` of a JPEG, None for a PNG. ``starts`` is
    the number of random starts that were tried, ``mark`` names the cloak that the source already had.
    ``seconds`` goes to the manifest.
    """

    source: str
    output: str
    key: str
    sha256: str
    changed: bool
    faces: int | None = None
    note: str = ""
    psnr: float | None = None
    ssim: float | None = None
    dssim: float | None = None
    delta_e: float | None = None
    delta_e_p95: float | None = None
    lpips: float | None = None
    dssim_crop_max: float | None = None
    cosine: float | None = None
    cosine_max: float | None = None
    largest_change: int | None = None
    barely: str = ""
    starts: int = 1
    bits: int = 8
    alpha: bool = False
    colour: int | None = None
    psnr_saved: float | None = None
    cosine_lossless: float | None = None
    cosine_saved: float | None = None
    mark: str = ""
    notes: tuple[str, ...] = ()
    reports: tuple[dict[str, Any], ...] = field(default=())
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """All fields but the seconds."""
        shown = asdict(self)
        del shown["seconds"]
        return shown


class FolderRecords:
    """The records of the folder ``out``, made with ``settings``.

    Raises :class:`BadInput` where ``out`` holds photos made with other settings, or other files, unless
    ``force`` is set, which starts from the beginning.
    """

    def __init__(self, out: Path, settings: Mapping[str, Any], force: bool) -> None:
        self.out, self.settings = out, dict(settings)
        self.records: dict[str, PhotoRecord] = {}
        found = self._found()
        if found is None:
            check_unused(out, force)
        if found is not None and found[0] != self.settings and not force:
            either = found[0].keys() | self.settings.keys()
            changed = sorted(k for k in either if found[0].get(k) != self.settings.get(k))
            raise BadInput(
                f"{out} was made with another {' and '.join(changed)}; choose another --out, or --force to "
                "replace it"
            )
        if found is not None and found[0] == self.settings:
            self.records = found[1]
        self._start()

    def done(self, image: str, output: str, key: str) -> bool:
        """Whether the photo was cloaked before and its PNG is unchanged since."""
        record = self.records.get(image)
        if record is None or record.key != key or record.output != output:
            return False
        try:
            return sha256_file(self.out / output) == record.sha256
        except OSError:
            return False

    def add(self, record: PhotoRecord) -> None:
        """Add a photo whose PNG is written."""
        self.records[record.source] = record
        self._append(asdict(record))

    def finish(self, card: CloakCard, results: dict[str, Any], manifest: dict[str, Any]) -> dict[str, Any]:
        """Write ``cloak.json`` and ``manifest.json``; return the content of ``cloak.json``."""
        document: dict[str, Any] = {
            "format": FORMAT,
            "faceprobe": __version__,
            "settings": self.settings,
            "cloak": card.to_dict(),
            **results,
        }
        document = json.loads(json.dumps(document))  # tuples become lists, as when it is read
        write_json(self.out / MANIFEST, manifest)
        write_json(self.out / RESULTS, document)
        (self.out / PROGRESS).unlink(missing_ok=True)
        return document

    def _start(self) -> None:
        lines = [self.settings, *map(asdict, self.records.values())]
        write_bytes(self.out / PROGRESS, "".join(json.dumps(line) + "\n" for line in lines).encode())
        for path in self.out.rglob(".*.tmp"):  # half-written files of a run that was killed
            if _HALF_WRITTEN.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def _append(self, value: dict[str, Any]) -> None:
        with open(self.out / PROGRESS, "a", encoding="utf-8") as handle:
            handle.write(json.dumps(value) + "\n")
            handle.flush()
            os.fsync(handle.fileno())

    def _found(self) -> tuple[dict[str, Any], dict[str, PhotoRecord]] | None:
        """Settings and records of an earlier run; None where there was none."""
        if (self.out / PROGRESS).is_file():
            lines = list(_lines((self.out / PROGRESS).read_bytes()))
            if lines:
                return lines[0], {line["source"]: _record(line) for line in lines[1:]}
        if not (self.out / RESULTS).is_file():
            return None
        document = read_json(self.out / RESULTS)
        seconds = read_json(self.out / MANIFEST)["seconds"] if (self.out / MANIFEST).is_file() else {}
        try:
            photos = [_record({**p, "seconds": seconds.get(p["source"], 0.0)}) for p in document["photos"]]
            return document["settings"], {p.source: p for p in photos}
        except (KeyError, TypeError, AttributeError) as error:
            raise BadInput(
                f"{self.out / RESULTS} was not written by faceprobe cloak; choose another --out"
            ) from error


def check_unused(out: Path, force: bool) -> None:
    """Raise :class:`BadInput` where the folder ``out`` holds other files than cloaked photos, unless
    ``force`` is set.
    """
    ours = any((out / name).is_file() for name in (PROGRESS, RESULTS))
    if not ours and not force and any(out.iterdir()):
        raise BadInput(f"{out} is not empty and holds no cloaked photos; choose another --out, or --force")


def _lines(data: bytes) -> list[dict[str, Any]]:
    """The complete lines; a kill may have cut the last one."""
    found = []
    for line in data.split(b"\n"):
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def _record(values: dict[str, Any]) -> PhotoRecord:
    return PhotoRecord(
        **{**values, "notes": tuple(values["notes"]), "reports": tuple(values["reports"])},
    )
