"""From the name of a photo to an encoder's input: read, find the face, crop, resize.

Everything here is a pure function of the photo's bytes, so that it can run in any process. Nothing in
it imports torch: worker processes start fast and stay small.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.data.face_table import PhotoSource
from faceprobe.data.photo import UnreadablePhoto, digest_faces
from faceprobe.embedding.photo_keys import PhotoHashes, hash_photo
from faceprobe.faces import crops
from faceprobe.faces.crops import CropPolicy
from faceprobe.faces.detect import Detector
from faceprobe.models.base import ImageEncoder
from faceprobe.models.preprocess import PhotoPreprocess


@dataclass(frozen=True)
class PreparedPhoto:
    """``pixels`` are what ``PhotoPreprocess.prepare`` gave: (H, W, 3) uint8, or (3, H, W) float32 for a
    user's own function; None with the reason in ``failure`` where the photo cannot be used.
    """

    hashes: PhotoHashes
    pixels: NDArray[Any] | None
    failure: str = ""


@dataclass(frozen=True)
class PhotoPreparation:
    """How the photos of ``source`` become an encoder's input. Picklable if ``source`` and ``preprocess`` are.

    ``fill`` is the RGB colour (0..255) of masked regions. ``detector`` may be None where the crop needs no
    faces or the dataset knows them.
    """

    source: PhotoSource
    crop: CropPolicy
    fill: tuple[int, int, int]
    preprocess: PhotoPreprocess
    detector: Detector | None = None

    def prepare(self, image: str) -> PreparedPhoto:
        """Read, crop and resize one photo. A photo that cannot be used is an answer, not an error."""
        hashes = PhotoHashes()
        try:
            photo = self.source.read(image)
            hashes = PhotoHashes(photo.content_hash, digest_faces(photo.faces))
            if self.crop.needs_faces and photo.faces is None:
                if self.detector is None:
                    raise ValueError(f"{image}: its faces are unknown and no detector was given")
                photo = replace(photo, faces=self.detector.detect(photo.pixels))
            pixels = self.preprocess.prepare(self.crop.apply(photo, self.fill))
        except UnreadablePhoto as error:
            if not hashes.content:
                hashes = hash_photo(self.source, image)
            return PreparedPhoto(hashes, None, error.reason)
        return PreparedPhoto(hashes, np.ascontiguousarray(pixels))


def cache_settings(encoder: ImageEncoder, preparation: PhotoPreparation) -> dict[str, Any]:
    """Everything but the photo that a vector depends on; the cache's key is the hash of it."""
    return {
        "weights_hash": encoder.weights_hash,
        "preprocess": preparation.preprocess.fingerprint(),
        "crop": preparation.crop.name,
        "crops_version": crops.VERSION,
        "fill": list(preparation.fill),
    }


def store_settings(
    encoder: ImageEncoder, preparation: PhotoPreparation, dataset: str, dtype: str
) -> dict[str, Any]:
    """What two runs must share to write into the same folder."""
    detector = preparation.detector
    return {
        "dataset": dataset,
        "encoder": encoder.id,
        "weights_hash": encoder.weights_hash,
        "preprocess": preparation.preprocess.to_dict(),
        "crop": preparation.crop.name,
        "fill": list(preparation.fill),
        "detector": detector.fingerprint() if detector else None,
        "dtype": dtype,
    }
