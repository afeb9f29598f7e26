"""A decoded photo and what is known of the faces in it."""

from __future__ import annotations

import hashlib
import io
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import FaceprobeError
from faceprobe.data.png import hidden_pixels, is_png, without_large_texts
from faceprobe.data.sample_range import WIDE_MODES, UnknownRange, check_colours, eight_bits

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 120_000_000
"""Photos with more pixels than this (12,000 x 10,000) are refused before they are decoded."""

ORIENTATION = 0x0112
"""EXIF's tag of the orientation, 1..8."""

_BRANDS = 64
"""Bytes of a file that hold the names of its format's relatives, in HEIF and AVIF."""


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
    """Decode ``data`` to (H, W, 3) uint8 RGB, EXIF rotation applied, transparency laid over white.

    Raises :class:`UnreadablePhoto` for empty, truncated, oversized or non-image data, and where it is not
    known which sample is white.
    """
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise UnreadablePhoto(where, "empty file")
    data, _ = without_large_texts(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of bombs, whose size is checked here, and of odd EXIF
            image = open_image(io.BytesIO(data), where)
            if image.width * image.height > max_pixels:
                raise UnreadablePhoto(where, f"larger than {max_pixels:,} pixels")
            image.load()
            return image_pixels(image, hidden_pixels(data))
    except UnreadablePhoto:
        raise
    except UnknownRange as error:
        raise UnreadablePhoto(where, str(error)) from error
    except Image.DecompressionBombError as error:
        raise UnreadablePhoto(where, f"larger than {max_pixels:,} pixels") from error
    except UnidentifiedImageError as error:
        tiff = data[:4] in (b"II*\0", b"MM\0*")
        raise UnreadablePhoto(where, "TIFF of a kind that is not read" if tiff else "not an image") from error
    except OSError as error:
        known = "truncated" in str(error).lower()
        raise UnreadablePhoto(where, "truncated image" if known else "not an image") from error
    except Exception as error:  # damaged files raise nearly any error from inside the decoders
        raise UnreadablePhoto(where, "damaged image") from error


def open_image(file: BinaryIO, where: str) -> Image.Image:
    """The image in ``file``, whose pixels are read later: what Pillow reads, and HEIC through pi-heif.

    Raises :class:`UnreadablePhoto` for HEIC without pi-heif, and what ``PIL.Image.open`` raises.
    """
    from PIL import Image

    head = file.read(_BRANDS)
    file.seek(0)
    if not is_heic(head):
        return Image.open(file)
    try:
        from pi_heif import HeifImageFile
    except ImportError as error:
        raise UnreadablePhoto(where, "HEIC photo, which needs the package pi-heif") from error
    image: Image.Image = HeifImageFile(file)
    return image


def check_header(file: BinaryIO, where: str) -> None:
    """Raise :class:`UnreadablePhoto` where ``file`` does not begin as an image does; no pixel is decoded."""
    head = file.read(_BRANDS)
    file.seek(0)
    if not head:
        raise UnreadablePhoto(where, "empty file")
    if is_png(head):  # Pillow may refuse its texts
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            open_image(file, where)
    except UnreadablePhoto:
        raise
    except Exception:
        file.seek(0)
        decode_image(file.read(), where)  # says what is wrong
        raise UnreadablePhoto(where, "not an image") from None


def is_heic(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is HEIC: a HEIF file (ISO 23008-12) whose images are coded by
    HEVC. AVIF, its relative, is read by Pillow.
    """
    if head[4:8] != b"ftyp" or b"avi" in head[8:_BRANDS]:
        return False
    return any(brand in head[8:_BRANDS] for brand in (b"hei", b"hev", b"mif1", b"msf1"))


def image_pixels(image: Image.Image, hidden: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a PIL image, EXIF rotation applied, transparency laid over white.

    ``hidden`` (H, W) are the pixels of a transparent colour, where Pillow does not know them. Raises
    :class:`UnknownRange` where it is not known which sample is white.
    """
    rgb = _to_rgb(image, known=hidden is not None)
    pixels = np.asarray(_upright(rgb, image), dtype=np.uint8)
    if hidden is not None and hidden.any():
        from PIL import Image

        turned = _upright(Image.fromarray(hidden.astype(np.uint8)), image)
        pixels = np.where(np.asarray(turned)[..., None] > 0, np.uint8(255), pixels)
    return pixels


def _upright(pixels: Image.Image, image: Image.Image) -> Image.Image:
    """``pixels``, turned as the EXIF block of ``image`` says; a damaged block turns nothing."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    orientation = 1
    with suppress(Exception):  # struct.error, KeyError, ...: the pixels are sound all the same
        orientation = image.getexif().get(ORIENTATION, 1)
    return pixels.transpose(turns[orientation]) if orientation in turns else pixels


def _to_rgb(image: Image.Image, *, known: bool) -> Image.Image:
    """``image`` in RGB; its transparency is laid over white unless it is ``known`` to the caller."""
    from PIL import Image

    if image.mode in WIDE_MODES:
        return Image.fromarray(eight_bits(image)).convert("RGB")
    check_colours(image)
    if not known and (image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info):
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    if image.mode == "RGB":
        return image
    try:
        return image.convert("RGB")
    except ValueError as error:
        raise UnknownRange(f"colours of the kind {image.mode}, which are not read") from error
