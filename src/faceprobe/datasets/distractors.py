"""``distractors:PATH?of=DATASET``: strangers from PATH around the people of DATASET, as MegaFace does.

I. Kemelmacher-Shlizerman, S. Seitz, D. Miller, E. Brossard, The MegaFace Benchmark, CVPR 2016: each photo of
a person is enrolled in turn among the distractors, and that person's other photos search for it. Any folder
of photos can be the distractors; the people in them are not known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.names import Name
from faceprobe.data.face_table import FaceTable, PhotoSource, face_table_columns
from faceprobe.data.photo import Photo, PhotoDigest, UnreadablePhoto
from faceprobe.data.templates import TemplateList
from faceprobe.datasets.base import Dataset, DatasetCard
from faceprobe.datasets.files import path_of
from faceprobe.datasets.folder import load_photos
from faceprobe.datasets.registry import load_dataset

GALLERY = "distractors"
STRANGER = "distractor"
PARTS = ("distractors/", "probes/")


def load(name: Name) -> FaceTable:
    """Every photo below PATH as a distractor, and the photos of DATASET (write & in its name as %26).

    Each photo is a template; the probes are the photos of people with at least two. Raises :class:`BadInput`
    where DATASET names no people, and what the loaders of both parts raise.
    """
    name.check_options({"of"})
    inner = name.option("of", "")
    if not inner:
        raise WrongUsage(f"{name} needs the people to search for: distractors:PATH?of=DATASET")
    root = path_of(name, "distractors:PATH?of=DATASET")
    people, crowd = load_dataset(inner).known_people(), load_photos(root)
    if not people.identities_known:
        raise BadInput(f"{name}: {people.name} names no people; give a dataset with people")
    persons, photos = np.unique(people.identities, return_counts=True)
    searchable = set(persons[photos > 1].tolist())
    if not searchable:
        raise BadInput(f"{name}: no person in {people.name} has two photos, which a search needs")
    n = len(crowd)
    each = np.arange(n + len(people))
    identities = [""] * n + people.identities.tolist()
    probes = [n + k for k, person in enumerate(people.identities.tolist()) if person in searchable]
    images = [PARTS[0] + i for i in crowd.images.tolist()] + [PARTS[1] + i for i in people.images.tolist()]
    return FaceTable(
        name=f"{crowd.name.replace('folder:', 'distractors:', 1)}?of={people.name}",
        table=face_table_columns(
            image=images,
            identity=[STRANGER] * n + people.identities.tolist(),
            split=[GALLERY] * n + ["probes"] * len(people),
        ),
        source=JoinedSource((crowd.source, people.source)),
        default_protocol="identification/megaface",
        evidence="synthetic" if "synthetic" in (crowd.evidence, people.evidence) else people.evidence,
        identities_known=False,
        licence=people.licence,
        notes=(
            *crowd.notes,
            *people.notes,
            f"{n:,} distractors of unknown people: a probe's person among them counts as an error",
        ),
        left_out=crowd.left_out + people.left_out,
        templates=TemplateList(
            row=each,
            template=each.astype(np.int32),
            media=np.zeros(len(each), dtype=np.int64),
            names=each.astype(np.str_),
            identities=np.array(identities, dtype=np.str_),
            galleries={GALLERY: each[:n]},
            probes=np.array(probes, dtype=np.int64),
        ),
    )


@dataclass(frozen=True)
class JoinedSource(PhotoSource):
    """Photos of two sources; the beginning of a name says of which (:data:`PARTS`)."""

    sources: tuple[PhotoSource, PhotoSource]

    def read(self, image: str) -> Photo:
        source, inside = self._part(image)
        return source.read(inside)

    def digest(self, image: str) -> PhotoDigest:
        source, inside = self._part(image)
        return source.digest(inside)

    def check(self, image: str) -> None:
        source, inside = self._part(image)
        source.check(inside)

    @property
    def drawn(self) -> bool:
        return any(source.drawn for source in self.sources)

    def _part(self, image: str) -> tuple[PhotoSource, str]:
        for prefix, source in zip(PARTS, self.sources, strict=True):
            if image.startswith(prefix):
                return source, image.removeprefix(prefix)
        raise UnreadablePhoto(image, "no such photo in the set")


DATASET = Dataset(
    card=DatasetCard(
        name="distractors",
        title="Strangers around another dataset's people (MegaFace style)",
        use="distractors:PATH?of=DATASET",
        status="your own",
        consent="yours to obtain: face embeddings can be biometric data",
        licence="your own, and that of DATASET",
        non_commercial=None,
        note="every photo below PATH; for identification/megaface",
    ),
    load=load,
)
