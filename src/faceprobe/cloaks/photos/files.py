"""Read the file of a photo, and write a PNG that differs from it by the cloak's change only.

A cloak works on 8-bit RGB. Its change is *added* to the channels of the original: 16 bits stay 16 bits, and
the transparency channel is written back unchanged.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.extras import require
from faceprobe.core.files import sha256_bytes
from faceprobe.data.photo import Photo, UnreadablePhoto, decode_image

if TYPE_CHECKING:
    from PIL import Image

MARK = "faceprobe-cloak"
"""Keyword of the PNG text that names the cloak in a changed photo."""
MARKED_NAMES = ("_high_cloaked.png", "_cloaked.png", "_attacked.png")
"""Endings of the output of the authors' own tools."""
COMPRESSION = 3
"""zlib's level: takes a third of the time of the default 6, and files are a fifth larger."""
STRIP_ROWS = 256

_PNG = b"\x89PNG\r\n\x1a\n"
_HEAD = len(_PNG) + 25
"""Bytes of a PNG before its first optional chunk: the signature and the header."""
_ORIENTATION, _EXIF_IFD, _MAKER_NOTE = 0x0112, 0x8769, 0x927C

Pixels = NDArray[np.uint8]
Planes = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True)
class Original:
    """A photo as it is stored.

    ``photo.pixels`` are the input of a cloak: upright, transparency laid over white, 16 bits cut to the upper
    8. ``planes`` (H, W, 3 or 4) are the upright original, uint16 or with a transparency channel; None where
    it has no more than ``photo.pixels``. ``exif`` are the bytes to keep (b"" for none), ``icc`` is the colour
    profile. ``grey`` says that all three channels are equal. ``mark`` names the cloak that the file already
    has, "" for none. ``notes`` list what the PNG cannot keep.
    """

    photo: Photo
    planes: Planes | None = None
    exif: bytes = b""
    icc: bytes = b""
    grey: bool = False
    mark: str = ""
    notes: tuple[str, ...] = ()

    @property
    def bits(self) -> int:
        return 16 if self.planes is not None and self.planes.dtype == np.uint16 else 8

    @property
    def alpha(self) -> bool:
        return self.planes is not None and self.planes.shape[2] == 4


def read_bytes(path: Path, name: str) -> bytes:
    """The file's bytes; :class:`UnreadablePhoto` with a short reason."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UnreadablePhoto(name, "missing file") from error
    except OSError as error:
        raise UnreadablePhoto(name, (error.strerror or "cannot be read").lower()) from error
    if not data:
        raise UnreadablePhoto(name, "empty file")
    return data


def read_original(path: Path, name: str, *, keep_exif: bool = False) -> Original:
    """Decode the photo at ``path``; ``name`` is used in errors. Raises :class:`UnreadablePhoto`."""
    data = read_bytes(path, name)
    pixels = decode_image(data, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _opened(data) as image:  # the header only; pixels are decoded where needed
            notes = _notes(image)
            exif = kept_exif(image) if keep_exif else b""
            icc = _rgb_profile(image)
            mark = str(image.info.get(MARK, "")) or _named(name)
            transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
        planes: Planes | None = None
        if data.startswith(_PNG) and data[24] == 16:
            planes = _sixteen_bits(data, name)
        elif transparent:
            planes = _eight_bits(data)
    return Original(
        Photo(pixels, sha256_bytes(data)),
        planes,
        exif,
        icc,
        grey=colourfulness(pixels) == 0,
        mark=mark,
        notes=notes,
    )


def render(original: Original, cloaked: Pixels, cloak_id: str = "") -> bytes:
    """A lossless PNG of ``original`` with the change from its pixels to ``cloaked`` (H, W, 3) added.

    It is marked with ``cloak_id`` unless that is "". The same input gives the same bytes. Of 16 bits, the
    upper 8 become those of ``cloaked`` and the lower 8 stay, so a reader of the upper 8 gets exactly
    ``cloaked``.
    """
    if original.planes is None:
        encoded = _encode(cloaked)
    else:
        encoded = _encode(_changed_planes(original.planes, original.photo.pixels, cloaked))
    chunks = []
    if original.icc:
        chunks.append((b"iCCP", b"profile\0\0" + zlib.compress(original.icc)))
    if original.exif:
        chunks.append((b"eXIf", original.exif))
    if cloak_id:
        chunks.append((b"tEXt", MARK.encode() + b"\0" + cloak_id.encode("latin-1", "replace")))
    inside = b"".join(_chunk(kind, body) for kind, body in chunks)
    return b"".join((encoded[:_HEAD], inside, memoryview(encoded)[_HEAD:]))


def colourfulness(pixels: Pixels) -> int:
    """The largest difference between two channels of one pixel, in levels 0..255: 0 for a grey photo."""
    most = 0
    for rows in _strips(pixels):
        channels = pixels[rows]
        most = max(most, int(np.max(channels.max(axis=2) - channels.min(axis=2), initial=0)))
    return most


def kept_exif(image: Image.Image) -> bytes:
    """The EXIF block for the cloaked photo, b"" for none.

    Without the orientation, since the pixels are upright, and without thumbnail and maker's note, which show
    the clean photo.
    """
    try:
        exif = image.getexif()
        exif.pop(_ORIENTATION, None)
        exif.get_ifd(_EXIF_IFD).pop(_MAKER_NOTE, None)
        return exif.tobytes().removeprefix(b"Exif\0\0") if len(exif) else b""
    except Exception:  # a damaged block raises nearly any error; it cannot be kept
        return b""


def size_of(path: Path, name: str) -> tuple[int, int]:
    """(height, width) from the header; :class:`UnreadablePhoto` where it cannot be read."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                return image.height, image.width
    except Exception as error:
        read_bytes(path, name)  # raises where the file itself cannot be read
        raise UnreadablePhoto(name, "not an image") from error


def _opened(data: bytes) -> Image.Image:
    from PIL import Image

    return Image.open(io.BytesIO(data))


def _named(name: str) -> str:
    """The mark in words where the file is named as the authors' tools name their output, else ""."""
    ending = next((e for e in MARKED_NAMES if name.lower().endswith(e)), "")
    return f"a name that ends in {ending}" if ending else ""


def _notes(image: Image.Image) -> tuple[str, ...]:
    found = []
    if getattr(image, "n_frames", 1) > 1:
        found.append("first frame of several")
    if image.mode.startswith("I;16") and image.format != "PNG":
        found.append(f"16-bit {image.format}: written with 8 bits")
    return tuple(found)


def _rgb_profile(image: Image.Image) -> bytes:
    """The colour profile if it is for RGB, as the output is; without it colours would change."""
    profile: Any = image.info.get("icc_profile") or b""
    return bytes(profile) if profile[16:20] == b"RGB " else b""


def _eight_bits(data: bytes) -> NDArray[np.uint8]:
    """(H, W, 4) upright RGBA."""
    from PIL import ImageOps

    image = _opened(data)
    ImageOps.exif_transpose(image, in_place=True)
    return np.asarray(image.convert("RGBA"), dtype=np.uint8)


def _sixteen_bits(data: bytes, name: str) -> NDArray[np.uint16]:
    """(H, W, 3 or 4) upright uint16 RGB or RGBA; Pillow would cut them to 8 bits."""
    cv2: Any = require("cv2", "encode", "reading 16-bit photos")
    raw = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if raw is None or raw.dtype != np.uint16:
        raise UnreadablePhoto(name, "damaged image")
    planes: NDArray[np.uint16] = raw[..., None] if raw.ndim == 2 else raw
    channels = planes.shape[2]
    order = {1: [0, 0, 0], 2: [0, 0, 0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    upright = _turn(planes[..., order], int(_opened(data).getexif().get(_ORIENTATION, 1)))
    return np.ascontiguousarray(upright)


def _turn(planes: NDArray[np.uint16], orientation: int) -> NDArray[np.uint16]:
    """Apply EXIF's orientation 1..8, as Pillow's ``exif_transpose`` does."""
    if orientation in (5, 6, 7, 8):
        planes = planes.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        planes = planes[:, ::-1]
    if orientation in (3, 4, 7, 8):
        planes = planes[::-1]
    return planes


def _changed_planes(planes: Planes, clean: Pixels, cloaked: Pixels) -> Planes:
    changed = planes.copy()
    step, highest = (256, 65535) if planes.dtype == np.uint16 else (1, 255)
    for rows in _strips(clean):
        difference = cloaked[rows].astype(np.int32) - clean[rows]
        colours = planes[rows][..., :3].astype(np.int32) + step * difference
        changed[rows][..., :3] = colours.clip(0, highest).astype(planes.dtype)
    return changed


def _encode(planes: Planes) -> bytes:
    """A bare PNG of (H, W, 3 or 4) uint8 or uint16."""
    if planes.dtype == np.uint8:
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(planes)).save(buffer, "PNG", compress_level=COMPRESSION)
        return buffer.getvalue()
    cv2: Any = require("cv2", "encode", "writing 16-bit photos")
    order = [2, 1, 0, 3][: planes.shape[2]]
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(planes[..., order]))
    if not done:
        raise BadInput("OpenCV could not write a 16-bit PNG; install a build of it with PNG")
    data: bytes = encoded.tobytes()
    return data


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _strips(pixels: Pixels) -> Iterator[slice]:
    for start in range(0, len(pixels), STRIP_ROWS):
        yield slice(start, start + STRIP_ROWS)
