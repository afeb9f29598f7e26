"""From the name of a photo to the pixels an encoder takes: read, find the face, crop, resize.

Everything here is a pure function of the photo's bytes, so that it can run in any process. Nothing in
it imports torch: worker processes start fast and stay small.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faceprobe.data.face_table import PhotoSource
from faceprobe.data.photo import UnreadablePhoto, digest_faces
from faceprobe.faces.crops import CropPolicy
from faceprobe.faces.detect import Detector
from faceprobe.models.preprocess import PhotoPreprocess


@dataclass(frozen=True)
class Digest:
    """``content`` is the photo's content hash; ``faces`` hashes the faces that the dataset knows, "" where
    it knows nothing. ``failure`` says why the photo cannot be read, "" where it can.
    """

    content: str = ""
    faces: str = ""
    failure: str = ""


@dataclass(frozen=True)
class Prepared:
    """``pixels`` (H, W, 3) uint8 of the encoder's size, or None with the reason in ``failure``."""

    digest: Digest
    pixels: NDArray[np.uint8] | None
    failure: str = ""


@dataclass(frozen=True)
class Recipe:
    """How the photos of ``source`` become an encoder's input. Picklable, if the source is.

    ``fill`` is the colour that masked regions get. ``detector`` may be None where the crop needs no
    faces or the dataset brings them.
    """

    source: PhotoSource
    crop: CropPolicy
    fill: tuple[int, int, int]
    preprocess: PhotoPreprocess
    detector: Detector | None = None

    def digest(self, image: str) -> Digest:
        """Identify a photo; one that cannot be read is an answer, not an error."""
        try:
            return Digest(*self.source.digest(image))
        except UnreadablePhoto as error:
            return Digest(failure=error.reason)

    def prepare(self, image: str) -> Prepared:
        """Read and crop one photo; a photo that cannot be used is an answer, not an error."""
        digest = Digest()
        try:
            photo = self.source.read(image)
            digest = Digest(photo.content_hash, digest_faces(photo.faces))
            if self.crop.needs_faces and photo.faces is None:
                if self.detector is None:
                    raise ValueError(f"{image}: its faces are unknown and no detector was given")
                photo = replace(photo, faces=self.detector.detect(photo.pixels))
            pixels = self.preprocess.prepare(self.crop.apply(photo, self.fill))
        except UnreadablePhoto as error:
            return Prepared(digest if digest.content else self.digest(image), None, error.reason)
        return Prepared(digest, np.ascontiguousarray(pixels))
