"""The cloaked photos of a dataset: made here, found in the cache, or brought by the dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.attacks.targets import target_subjects
from faceprobe.cloaks.base import Cloaked
from faceprobe.cloaks.photos.cloaked_table import NO_PIXELS, CloakedPhotos, with_cloaked
from faceprobe.cloaks.photos.dataset_cache import cloak_table
from faceprobe.cloaks.registry import load_cloak
from faceprobe.data.embeddings import CLEAN
from faceprobe.data.face_table import FaceTable
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.faces.detect import Detector
from faceprobe.faces.weights import find_detector
from faceprobe.study.cloak_plan import target_rows
from faceprobe.study.schema import Study
from faceprobe.study.types import CloakJob


@dataclass(frozen=True)
class OwnPhotos(CloakedPhotos):
    """Cloaked photos that came with the dataset ``table``, where ``images`` names them."""

    table: FaceTable

    def pixels(self, k: int) -> NDArray[np.uint8]:
        return self.table.source.read(self.images[k]).pixels


def make_cloaked(
    job: CloakJob,
    table: FaceTable,
    study: Study,
    *,
    noise_reference: CloakedPhotos | None = None,
    offline: bool = False,
    tick: Callable[[], None] = lambda: None,
) -> CloakedPhotos:
    """The cloaked photos of ``job``. ``table`` holds the clean photos of its dataset.

    Photos that were cloaked before come from the cache. The surrogates are loaded here and freed when the
    photos are made. ``noise_reference`` are the photos whose PSNR a noise control copies. ``tick`` is called
    once for each photo. Raises the errors of loading the surrogates and the detector, and of cloaking.
    """
    if job.table is not None:
        return own_photos(job, table)
    detector = None if job.card.control else find_detector_for(table, job, study.options.detector, offline)
    aims = target_rows(table, study.cloak_people, study.seed) if job.card.needs_targets else []
    targets = target_subjects(table, aims, detector)
    cloak = load_cloak(job.text, device=study.options.device, offline=offline, targets=targets)
    reference = noise_reference
    rows = list(job.rows) if reference is None else [row for row in job.rows if row in set(reference.rows)]
    return cloak_table(
        table, cloak, rows, seed=study.seed, detector=detector, noise_reference=reference, tick=tick
    )


def cloaked_photos_of(job: CloakJob, table: FaceTable, photos: CloakedPhotos) -> FaceTable:
    """The photos of a cell under ``job``: every clean photo, and the cloaked ones."""
    return with_cloaked(table, photos) if job.table is None else job.table


def own_photos(job: CloakJob, clean: FaceTable) -> OwnPhotos:
    """The photos of the dataset's own variant; of two versions of one photo the first by name."""
    table = job.table
    assert table is not None and table.variants is not None
    sources = table.images if table.sources is None else table.sources
    version: dict[str, str] = {}
    for row in np.flatnonzero(table.variants != CLEAN).tolist():
        version.setdefault(str(sources[row]), str(table.images[row]))
    rows: list[int] = []
    images: list[str] = []
    keys: list[str] = []
    unreadable: list[tuple[int, str]] = []
    for row in job.rows:
        image = version[str(clean.images[row])]
        try:
            keys.append(table.source.digest(image).content)
        except UnreadablePhoto as error:
            unreadable.append((row, error.reason))
            continue
        rows.append(row)
        images.append(image)
    records = [Cloaked(image, NO_PIXELS) for image in images]
    return OwnPhotos(job.card, rows, images, [], records, keys, [None] * len(rows), unreadable, table)


def find_detector_for(table: FaceTable, job: CloakJob, path: str | None, offline: bool) -> Detector | None:
    """A detector where the faces of the dataset are not known; None where they are."""
    for row in job.rows[:10]:
        try:
            if table.photo(row).faces is not None:
                return None
            break
        except UnreadablePhoto:
            continue
    return find_detector(path, offline)
