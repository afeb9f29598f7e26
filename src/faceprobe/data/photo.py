"""A decoded photo and what is known of the faces in it."""

from __future__ import annotations

import hashlib
import io
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import FaceprobeError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 120_000_000
"""Photos with more pixels than this (12,000 x 10,000) are refused before they are decoded."""


class UnreadablePhoto(FaceprobeError):
    """A photo that could not be decoded; ``reason`` is short and groups well in a count."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where, self.reason = where, reason

    def __reduce__(self) -> tuple[type[UnreadablePhoto], tuple[str, str]]:
        return (UnreadablePhoto, (self.where, self.reason))


@dataclass(frozen=True)
class Face:
    """One face: ``box`` (x0, y0, x1, y1) in pixels, ``landmarks`` (5, 2) float32 or None.

    Landmarks are left eye, right eye, nose tip, left and right mouth corner, left and right *as in
    the photo*. ``score`` in [0, 1] is the detector's; ground truth has 1. ``mask`` is an (H, W)
    bool array of the face region where the dataset knows it.
    """

    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32] | None = None
    score: float = 1.0
    mask: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Photo:
    """``pixels`` (H, W, 3) uint8 RGB; ``content_hash`` hex SHA-256 of the encoded bytes (or of
    the pixels, where there never was a file); ``faces`` None = unknown, () = known to have none.
    """

    pixels: NDArray[np.uint8]
    content_hash: str
    faces: tuple[Face, ...] | None = None


class PhotoDigest(NamedTuple):
    """Identifies a photo: ``content`` is its content hash, ``faces`` the hash of the faces that its source
    knows, "" where the source knows nothing of them.
    """

    content: str
    faces: str = ""


def digest_faces(faces: tuple[Face, ...] | None) -> str:
    """Hex SHA-256 of every box, landmark, score and mask; "" for unknown faces."""
    if faces is None:
        return ""
    digest = hashlib.sha256(b"faces/1")
    for face in faces:
        digest.update(np.asarray([*face.box, face.score], dtype=np.float64).tobytes())
        landmarks = np.zeros(0) if face.landmarks is None else np.asarray(face.landmarks)
        digest.update(b"landmarks" + landmarks.astype(np.float32).tobytes())
        if face.mask is not None:
            digest.update(f"mask{face.mask.shape}".encode() + np.packbits(face.mask).tobytes())
    return digest.hexdigest()


def decode_image(data: bytes, where: str, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode ``data`` to (H, W, 3) uint8 RGB, EXIF rotation applied, alpha laid over white.

    Raises :class:`UnreadablePhoto` for empty, truncated, oversized or non-image data.
    """
    from PIL import Image

    if not data:
        raise UnreadablePhoto(where, "empty file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of bombs, whose size is checked here, and of odd EXIF
            image: Image.Image = Image.open(io.BytesIO(data))
            if image.width * image.height > max_pixels:
                raise UnreadablePhoto(where, f"larger than {max_pixels:,} pixels")
            image.load()
            return image_pixels(image)
    except UnreadablePhoto:
        raise
    except Image.DecompressionBombError as error:
        raise UnreadablePhoto(where, f"larger than {max_pixels:,} pixels") from error
    except OSError as error:
        known = "truncated" in str(error).lower()
        raise UnreadablePhoto(where, "truncated image" if known else "not an image") from error
    except Exception as error:  # damaged files raise nearly anything from inside the decoders
        raise UnreadablePhoto(where, "damaged image") from error


def image_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a PIL image, EXIF rotation applied (in place), alpha laid over white."""
    return np.asarray(_to_rgb(_upright(image)), dtype=np.uint8)


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF rotation; a photo whose EXIF block is damaged stays as it is."""
    from PIL import ImageOps

    with suppress(Exception):  # struct.error, KeyError, ...: the pixels are sound all the same
        ImageOps.exif_transpose(image, in_place=True)  # no copy of what is upright already
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode in ("I;16", "I;16L", "I;16B", "I"):
        grey = (np.asarray(image, dtype=np.uint32) >> 8).clip(0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
