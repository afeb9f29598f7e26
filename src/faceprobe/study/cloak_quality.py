"""The effect of a cloak on the photos themselves: how visible it is, and whether a face is still found."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from faceprobe.cloaks.photos.barely_changed import SMALL_CHANGE, largest_change
from faceprobe.cloaks.photos.cloaked_table import CloakedPhotos
from faceprobe.cloaks.photos.visibility import installed_lpips, photo_quality
from faceprobe.core.errors import Missing, Unreachable
from faceprobe.core.files import cache_dir, sha256_json
from faceprobe.core.words import counted
from faceprobe.data.face_table import FaceTable
from faceprobe.data.remarks import Remarks, join, remark
from faceprobe.faces.detect import Detector
from faceprobe.faces.weights import find_detector
from faceprobe.metrics.bootstrap import identity_weights
from faceprobe.metrics.small_samples import Scale
from faceprobe.protocols.cloak_quality import QUALITY
from faceprobe.protocols.metric_rows import add_metric
from faceprobe.protocols.person_rows import PerPerson, add_people
from faceprobe.protocols.types import Evaluation
from faceprobe.results.cells import NO_MODEL, CloakRecord
from faceprobe.results.result import Result, attach
from faceprobe.study.schema import Study
from faceprobe.study.types import CloakJob

METRICS = ("psnr", "ssim", "dssim", "delta_e", "delta_e_p95", "lpips")


@dataclass
class _PhotoValues:
    """Values of a measure, one for each photo that has it, with the index of the person."""

    people: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, person: int, value: float) -> None:
        self.people.append(person)
        self.values.append(value)


@dataclass(frozen=True)
class CloakQuality:
    """The ``rows`` on the quality of one cloak on one dataset, and its ``record``. ``sample`` says where a
    clean photo and its cloaked version are found: (image, image or path in the cache); None where no photo
    was changed. It is the photo whose largest change is the median one.
    """

    rows: list[Result]
    record: CloakRecord
    sample: tuple[str, str] | None


def measure_quality(job: CloakJob, table: FaceTable, photos: CloakedPhotos, study: Study) -> CloakQuality:
    """Compare every cloaked photo of ``job`` with its clean one in ``table``.

    LPIPS is left out where its weights are not at hand, ``face_found`` where no detector is.
    """
    people, person = np.unique(table.identities[photos.rows], return_inverse=True)
    found: dict[str, _PhotoValues] = {
        name: _PhotoValues() for name in (*METRICS, "changed", "face", "face_clean")
    }
    unchanged: Counter[str] = Counter(reason for _, reason in photos.unreadable)
    lpips, detector = installed_lpips(), _local_detector(study.options.detector)
    changes: list[tuple[int, tuple[str, str]]] = []
    reframed = 0
    for k, row in enumerate(photos.rows):
        photo, owner, changed = table.photo(row), int(person[k]), photos.pixels(k)
        clean, faces = photo.pixels, photos.faces[k] if photo.faces is None else photo.faces
        if detector is not None:
            detected = detector.detect(clean)
            faces = detected if faces is None else faces
            found["face"].add(owner, float(bool(detector.detect(changed))))
            found["face_clean"].add(owner, float(bool(detected)))
        differs = clean.shape != changed.shape or not np.array_equal(clean, changed)
        found["changed"].add(owner, float(differs))
        if not differs:
            unchanged[photos.records[k].note or "nothing changed"] += 1
        elif clean.shape != changed.shape:
            reframed += 1
        else:
            changes.append((largest_change(clean, changed), (str(table.images[row]), _place(photos, k))))
            for name, value in photo_quality(clean, changed, lpips, faces).to_dict().items():
                if value is not None:
                    found[name].add(owner, value)
    barely = sum(largest <= SMALL_CHANGE for largest, _ in changes)
    outcome = _outcome(photos, found, len(people), study, reframed, barely)
    seconds = [record.seconds for record in photos.records] if job.text else []
    record = CloakRecord(
        key=job.key,
        id=job.cloak,
        dataset=job.dataset,
        card=job.card.to_dict(),
        n_photos=len(photos),
        n_faces=sum(len(record.faces) for record in photos.records),
        unchanged=dict(sorted(unchanged.items())),
        seconds_a_photo=round(math.fsum(seconds) / len(seconds), 4) if seconds else None,
    )
    rows = attach(
        outcome.metrics,
        model=NO_MODEL,
        dataset=job.dataset,
        crop="as-is",
        cloak=job.cloak,
        evidence="synthetic" if table.evidence == "synthetic" else "real-photos",
        dataset_hash=sha256_json([table.fingerprint, photos.keys]),
    )
    changes.sort(key=lambda entry: entry[0])
    return CloakQuality(rows, record, changes[len(changes) // 2][1] if changes else None)


def _outcome(
    photos: CloakedPhotos,
    found: dict[str, _PhotoValues],
    n_people: int,
    study: Study,
    reframed: int,
    barely: int,
) -> Evaluation:
    outcome = Evaluation()
    weights = identity_weights(n_people, study.replicates, study.seed)
    left = len(photos) - len(found["ssim"].values) - reframed
    other_size = (
        f"{counted(reframed, 'photo')} of another size than the clean one left out" if reframed else ""
    )
    weak = f"{counted(barely, 'photo')} barely changed (by at most {SMALL_CHANGE} of 255)" if barely else ""
    remarks_on_change = join(
        remark("left-out", f"{counted(left, 'unchanged photo')} left out" if left else ""),
        remark("left-out", other_size),
        remark("barely-changed", weak),
    )

    def add(metric: str, values: _PhotoValues, remarks: Remarks = (), scale: Scale = "rate") -> None:
        if values.values:
            trials = PerPerson(np.array(values.people, dtype=np.int64), weights)
            mean = trials.means(np.array(values.values))
            add_people(outcome, QUALITY, metric, trials, mean, remarks=remarks, scale=scale)

    for metric in METRICS:
        add(metric, found[metric], remarks_on_change, "mean")
    crops = [f.dssim for record in photos.records for f in record.faces if f.dssim is not None]
    if crops:
        most = float(max(crops))
        add_metric(outcome, QUALITY, "dssim_crop_max", "identity", most, n=len(crops), n_identities=n_people)
    add("share_changed", found["changed"], remark("barely-changed", weak))
    add("face_found", found["face"])
    add("face_found_clean", found["face_clean"])
    return outcome


def _place(photos: CloakedPhotos, k: int) -> str:
    """The name of a photo that the dataset brings; of a made one the path in the cache of cloaks."""
    return (
        Path(photos.paths[k]).relative_to(cache_dir("cloaks")).as_posix()
        if photos.paths
        else photos.images[k]
    )


def _local_detector(path: str | None) -> Detector | None:
    """A detector that is on this machine; none is downloaded for this alone."""
    try:
        return find_detector(path, offline=True)
    except (Missing, Unreachable):
        return None
