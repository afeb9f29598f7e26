"""Datasets that their authors withdrew: faceprobe shows their cards and reads none of their files."""

from __future__ import annotations

from faceprobe.core.errors import NotYet
from faceprobe.core.names import Name
from faceprobe.data.face_table import FaceTable
from faceprobe.datasets.base import PUBLIC_FIGURES, Dataset, DatasetCard

LATER = "later step: reads from a folder"


def load(name: Name) -> FaceTable:
    """Raises :class:`NotYet`, whose message says how to read such photos from a folder."""
    raise NotYet("dataset", name.kind, "until then folder:PATH reads PATH/<person>/<photo>")


MEGAFACE = Dataset(
    card=DatasetCard(
        name="megaface",
        title="MegaFace",
        use=LATER,
        status="withdrawn",
        consent="none asked: private people's photos from Flickr",
        licence="withdrawn by its authors; never downloaded by faceprobe",
        non_commercial=True,
        note="any folder of photos can be the strangers: distractors:PATH?of=DATASET",
    ),
    load=load,
    readable=False,
)


MS_CELEB = Dataset(
    card=DatasetCard(
        name="ms-celeb",
        title="MS-Celeb-1M and its derivatives (MS1M, Glint360K, ...)",
        use=LATER,
        status="withdrawn",
        consent=f"{PUBLIC_FIGURES}, and people who never were public figures",
        licence="withdrawn by its authors; never downloaded by faceprobe",
        non_commercial=True,
    ),
    load=load,
    readable=False,
)
