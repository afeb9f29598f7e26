"""Clean photos of other people, for cloaks that steer a face towards another person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from faceprobe.cloaks.base import Subject
from faceprobe.data.face_table import FaceTable
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.faces.detect import Detector


def target_subjects(table: FaceTable, rows: Iterable[int], detector: Detector | None) -> list[Subject]:
    """One subject for each photo of ``rows``, in order, named by its content hash.

    Photos that cannot be read are left out. Faces that the dataset does not know are found by ``detector``;
    without a detector such a photo has none.
    """
    subjects = []
    for row in rows:
        try:
            photo = table.photo(row)
        except UnreadablePhoto:
            continue
        if photo.faces is None:
            photo = replace(photo, faces=() if detector is None else detector.detect(photo.pixels))
        subjects.append(Subject(photo.content_hash, photo, str(table.identities[row])))
    return subjects
