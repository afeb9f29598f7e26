"""``ijb-b:PATH`` and ``ijb-c:PATH``: IARPA Janus Benchmarks B and C, as public evaluation code lays them out.

C. Whitelam et al., CVPR Workshops 2017 (IJB-B: 227,630 faces, 12,115 templates); B. Maze et al., ICB 2018
(IJB-C: 469,375 faces). PATH holds ``loose_crop/`` with the photos and ``meta/`` with, one line a face,
``ijbc_face_tid_mid.txt`` (name, template, medium) and ``ijbc_name_5pts_score.txt`` (name, five points x y,
detector score); ``ijbc_template_pair_label.txt`` (template, template, 1 or 0); and where there are any the
galleries ``ijbc_1N_gallery_G1.csv``, ``_G2.csv`` (IJB-B: ``_S1.csv``, ``_S2.csv``) and probes
``ijbc_1N_probe_mixed.csv``, whose columns TEMPLATE_ID and SUBJECT_ID name the person of each template.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.names import Name
from faceprobe.data.face_table import FaceTable, face_table_columns
from faceprobe.data.templates import TemplateList
from faceprobe.datasets.base import PUBLIC_FIGURES, Dataset, DatasetCard
from faceprobe.datasets.files import local_folder
from faceprobe.datasets.ijb_meta import (
    Subjects,
    number_templates,
    read_faces,
    read_pairs,
    read_subjects,
    read_tid_mid,
)
from faceprobe.datasets.landmarked import LandmarkedFiles

LICENCE = "its distributor's agreement; on request from NIST"


@dataclass(frozen=True)
class Benchmark:
    """One of the two: ``stem`` begins its files' names; the names of its galleries; its official count."""

    kind: str
    stem: str
    galleries: tuple[str, str]
    n_photos: int


IJB_B = Benchmark("ijb-b", "ijbb", ("S1", "S2"), 227_630)
IJB_C = Benchmark("ijb-c", "ijbc", ("G1", "G2"), 469_375)


def load_b(name: Name) -> FaceTable:
    """``ijb-b:PATH``. :class:`Missing` for a file that does not exist, :class:`BadInput` for a wrong one."""
    return _load(name, IJB_B)


def load_c(name: Name) -> FaceTable:
    """``ijb-c:PATH``, as :func:`load_b`."""
    return _load(name, IJB_C)


def _load(name: Name, which: Benchmark) -> FaceTable:
    name.check_options(set())
    root = local_folder(name)
    photos, meta = root / "loose_crop", root / "meta"
    for part in (photos, meta):
        if not part.is_dir():
            raise Missing(f"{which.kind} {root} has no folder {part.name}/; give the folder that holds it")
    faces = read_faces(meta / f"{which.stem}_name_5pts_score.txt")
    members = read_tid_mid(meta / f"{which.stem}_face_tid_mid.txt", faces.names)
    ids, template = np.unique(members.template, return_inverse=True)
    subjects, notes = _subjects(meta, which)
    pairs = read_pairs(meta / f"{which.stem}_template_pair_label.txt", ids)
    order = np.argsort(faces.names, kind="stable")  # rows are sorted by photo
    place = np.argsort(order, kind="stable")
    templates = TemplateList(
        row=place[members.face],
        template=template.astype(np.int32),
        media=members.media,
        weight=faces.score[members.face],
        names=ids.astype(np.str_),
        identities=np.array([subjects.of.get(t, "") for t in ids.tolist()], dtype=np.str_),
        left=pairs.left,
        right=pairs.right,
        same=pairs.same,
        galleries={k: number_templates(v, ids, f"gallery {k}") for k, v in subjects.galleries.items()},
        probes=number_templates(subjects.probes, ids, "the probes"),
    )
    names = faces.names[order]
    templates.check(len(names))
    if len(names) != which.n_photos:
        notes.append(f"{len(names):,} faces; the complete set has {which.n_photos:,}")
    return FaceTable(
        name=f"{which.kind}:{root.resolve().name}",
        table=face_table_columns(image=names.tolist(), identity=_people(templates, len(names), meta)),
        source=LandmarkedFiles.of(photos, names, faces.points[order], faces.score[order]),
        default_protocol="ijb/1:1",
        identities_known=bool(np.all(templates.identities != "")),
        licence=LICENCE,
        notes=tuple(notes),
        templates=templates,
    )


def _people(templates: TemplateList, n_rows: int, meta: Path) -> list[str]:
    """The person of each photo: the subject of its template, or the template where no subject is known."""
    fallback = np.char.add("template-", templates.names)
    people = np.where(templates.identities == "", fallback, templates.identities)
    of_row = np.full(n_rows, -1, dtype=np.int64)
    of_row[templates.row] = templates.template
    if np.any(of_row < 0):
        raise BadInput(
            f"{meta} gives {int((of_row < 0).sum()):,} faces no template; its files must be of one set"
        )
    if np.any(people[of_row[templates.row]] != people[templates.template]):
        raise BadInput(f"{meta}: one photo is in templates of two subjects; its files must be of one set")
    return [str(person) for person in people[of_row]]


def _subjects(meta: Path, which: Benchmark) -> tuple[Subjects, list[str]]:
    """The subjects of the templates, and a note where they are not known. The 1:N files exist all or none."""
    galleries = {g: meta / f"{which.stem}_1N_gallery_{g}.csv" for g in which.galleries}
    probes = meta / f"{which.stem}_1N_probe_mixed.csv"
    files = [*galleries.values(), probes]
    absent = [path.name for path in files if not path.is_file()]
    if len(absent) == len(files):
        return Subjects({}, {}, np.zeros(0, dtype=np.int64)), [
            f"no {probes.name}: the people of the templates are not known, so no ijb/1:N and no intervals"
        ]
    if absent:
        raise Missing(f"{meta} has no {absent[0]}, which the other 1:N files need; add it or remove them")
    return read_subjects(galleries, probes), []


DATASET_B = Dataset(
    card=DatasetCard(
        name="ijb-b",
        title="IARPA Janus Benchmark B",
        use="ijb-b:PATH",
        status="on request",
        consent=PUBLIC_FIGURES,
        licence="its distributor's agreement",
        non_commercial=None,
        photos=227_630,
        note="from NIST on request; read from a folder with loose_crop/ and meta/",
        people=1_845,
    ),
    load=load_b,
)


DATASET_C = Dataset(
    card=DatasetCard(
        name="ijb-c",
        title="IARPA Janus Benchmark C",
        use="ijb-c:PATH",
        status="on request",
        consent=PUBLIC_FIGURES,
        licence="its distributor's agreement",
        non_commercial=None,
        photos=469_375,
        note="from NIST on request; read from a folder with loose_crop/ and meta/",
        people=3_531,
    ),
    load=load_c,
)
