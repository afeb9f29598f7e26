"""Photos in a folder, each with the five points of its face, so that crops need no detector."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.files import sha256_bytes
from faceprobe.data.photo import Face, Photo, PhotoDigest, UnreadablePhoto, digest_faces
from faceprobe.datasets.files import FileSource

BOX_SCALE = 2.0
"""Side of the face box divided by the longer side of the five points' bounding box. An estimate, since these
sets give points only; it decides ``margin-<m>`` and the masks, not ``aligned-112``."""


@dataclass(frozen=True, eq=False)
class LandmarkedFiles(FileSource):
    """``names`` (F,) str, sorted; ``points`` (F, 5, 2) float32 and ``score`` (F,) float32 of each."""

    names: NDArray[np.str_]
    points: NDArray[np.float32]
    score: NDArray[np.float32]

    @staticmethod
    def of(
        root: Path, names: NDArray[np.str_], points: NDArray[np.float32], score: NDArray[np.float32]
    ) -> LandmarkedFiles:
        """The photos ``names`` (sorted) below ``root``."""
        return LandmarkedFiles(str(root.resolve()), names, points, score)

    def read(self, image: str) -> Photo:
        return replace(super().read(image), faces=self.faces(image))

    def faces(self, image: str) -> tuple[Face, ...]:
        """The face of ``image``."""
        k = int(np.searchsorted(self.names, image))
        if k == len(self.names) or self.names[k] != image:
            raise UnreadablePhoto(image, "no such photo in the set")
        points = self.points[k]
        low, high = points.min(axis=0).astype(float), points.max(axis=0).astype(float)
        half = BOX_SCALE * max(high - low) / 2
        x, y = (low + high) / 2
        box = (float(x - half), float(y - half), float(x + half), float(y + half))
        return (Face(box, points, float(min(self.score[k], 1.0))),)

    def digest(self, image: str) -> PhotoDigest:
        """The content hash of the bytes, and the hash of the face."""
        return PhotoDigest(sha256_bytes(self.encoded(image)), digest_faces(self.faces(image)))

    @cached_property
    def faces_hash(self) -> str:
        """Hex SHA-256 of all points and scores."""
        return sha256_bytes(self.points.tobytes() + self.score.tobytes())
