"""Read the file of a photo, and write a file that differs from it by the cloak's change only.

A cloak works on 8-bit RGB. In a PNG its change is *added* to the channels of the original: 16 bits stay 16
bits, and the transparency channel is written back unchanged. A JPEG has 8 bits and no transparency, and loses
a little. The colour profile and the tags of colours and size are kept, or ``notes`` say what is lost.
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

from faceprobe.cloaks.photos.colour_tags import kept_tags, rgb_profile
from faceprobe.cloaks.photos.formats import PNG_FILE, FileFormat
from faceprobe.core.errors import BadInput
from faceprobe.core.extras import require
from faceprobe.core.files import sha256_bytes
from faceprobe.data.photo import ORIENTATION, Photo, UnreadablePhoto, decode_image, open_image
from faceprobe.data.png import SIGNATURE, bit_depth, hidden_pixels, is_png, without_large_texts
from faceprobe.data.sample_range import WIDE_MODES
from faceprobe.datasets.files import open_photo_file, read_photo_file

if TYPE_CHECKING:
    from PIL import Image

MARK = "faceprobe-cloak"
"""Keyword of the PNG text that names the cloak in a changed photo."""
MARKED_NAMES = ("_high_cloaked.png", "_cloaked.png", "_attacked.png")
"""Endings of the output of the authors' own tools."""
COMPRESSION = 3
"""zlib's level: takes a third of the time of the default 6, and files are a fifth larger."""
STRIP_ROWS = 256

_LARGEST_EXIF = 65_500
"""Bytes of EXIF that fit into one segment of a JPEG."""

_HEAD = len(SIGNATURE) + 25
"""Bytes of a PNG before its first optional chunk: the signature and the header."""
_EXIF_IFD, _MAKER_NOTE = 0x8769, 0x927C

Pixels = NDArray[np.uint8]
Planes = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True)
class Original:
    """A photo as it is stored.

    ``photo.pixels`` are the input of a cloak: upright, transparency laid over white, 16 bits cut to the upper
    8. ``planes`` (H, W, 3 or 4) are the upright original, uint16 or with a transparency channel; None where
    it has no more than ``photo.pixels``. ``exif`` are the bytes to keep (b"" for none), ``icc`` is the colour
    profile, ``tags`` are the PNG chunks (kind, body) of its colours and its size in print. ``grey`` says that
    all three channels are equal. ``mark`` names the cloak that the file already has, "" for none. ``notes``
    list what a PNG cannot keep.
    """

    photo: Photo
    planes: Planes | None = None
    exif: bytes = b""
    icc: bytes = b""
    tags: tuple[tuple[bytes, bytes], ...] = ()
    grey: bool = False
    mark: str = ""
    notes: tuple[str, ...] = ()

    @property
    def bits(self) -> int:
        return 16 if self.planes is not None and self.planes.dtype == np.uint16 else 8

    @property
    def alpha(self) -> bool:
        return self.planes is not None and self.planes.shape[2] == 4


def read_original(path: Path, name: str, *, keep_exif: bool = False) -> Original:
    """Decode the photo at ``path``; ``name`` is used in errors. Raises :class:`UnreadablePhoto`."""
    data = read_photo_file(path, name)
    pixels = decode_image(data, name)
    readable, dropped = without_large_texts(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with open_image(io.BytesIO(readable), name) as image:  # the header; pixels are decoded where needed
            notes = (*_notes(image), *(f"{kind} of more than 1 MB dropped" for kind in dropped))
            exif = kept_exif(image) if keep_exif else b""
            icc, tags = rgb_profile(image), kept_tags(image, readable)
            mark = _mark(image) or _named(name)
            transparent = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
        planes: Planes | None = None
        if is_png(data) and bit_depth(data) == 16:
            planes = _sixteen_bits(readable, name)
        elif transparent:
            planes = _eight_bits(readable, name)
    return Original(
        Photo(pixels, sha256_bytes(data)),
        planes,
        exif,
        icc,
        tags,
        grey=colourfulness(pixels) == 0,
        mark=mark,
        notes=notes,
    )


def render(
    original: Original, cloaked: Pixels, cloak_id: str = "", file_format: FileFormat = PNG_FILE
) -> bytes:
    """The file of ``original`` with the change from its pixels to ``cloaked`` (H, W, 3) added: a PNG, which
    loses nothing, or a JPEG.

    It is marked with ``cloak_id`` unless that is "". The same input gives the same bytes. Of 16 bits, the
    upper 8 become those of ``cloaked`` and the lower 8 stay, so a reader of the upper 8 gets exactly
    ``cloaked``.
    """
    if file_format.quality:
        return _jpeg(original, cloaked, cloak_id, file_format.quality)
    if original.planes is None:
        encoded = _encode(cloaked)
    else:
        encoded = _encode(_changed_planes(original.planes, original.photo.pixels, cloaked))
    chunks = list(original.tags)
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
        exif.pop(ORIENTATION, None)
        exif.get_ifd(_EXIF_IFD).pop(_MAKER_NOTE, None)
        return exif.tobytes().removeprefix(b"Exif\0\0") if len(exif) else b""
    except Exception:  # a damaged block raises nearly any error; it cannot be kept
        return b""


def size_of(path: Path, name: str) -> tuple[int, int]:
    """(height, width) from the header; :class:`UnreadablePhoto` where it cannot be read."""
    with open_photo_file(path, name) as handle:
        head = handle.read(33)
        if not head:
            raise UnreadablePhoto(name, "empty file")
        if is_png(head):  # whose texts before the pixels Pillow may refuse
            width, height = struct.unpack(">II", head[16:24])
            return height, width
        handle.seek(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with open_image(handle, name) as image:
                    return image.height, image.width
        except UnreadablePhoto:
            raise
        except Exception as error:
            handle.seek(0)
            decode_image(handle.read(), name)  # says what is wrong
            raise UnreadablePhoto(name, "not an image") from error


def _mark(image: Image.Image) -> str:
    """The mark that :func:`render` leaves in a PNG's text or a JPEG's comment, "" for none."""
    comment = image.info.get("comment", b"")
    if isinstance(comment, bytes) and comment.startswith(MARK.encode() + b": "):
        return comment.decode("latin-1").partition(": ")[2]
    return str(image.info.get(MARK, ""))


def _named(name: str) -> str:
    """The mark in words where the file is named as the authors' tools name their output, else ""."""
    ending = next((e for e in MARKED_NAMES if name.lower().endswith(e)), "")
    return f"a name that ends in {ending}" if ending else ""


def _notes(image: Image.Image) -> tuple[str, ...]:
    found = []
    if getattr(image, "n_frames", 1) > 1:
        found.append("first frame of several")
    if image.mode in WIDE_MODES and image.format != "PNG":
        bits = 16 if image.mode.startswith("I;16") else 32
        found.append(f"{bits}-bit {image.format}: written with 8 bits")
    depth = image.info.get("bit_depth", 8)
    if isinstance(depth, int) and depth > 8:
        found.append(f"{depth}-bit {image.format}: written with 8 bits")
    profile: Any = image.info.get("icc_profile")
    if image.mode == "CMYK":
        found.append(
            "CMYK: written as RGB, without its colour profile" if profile else "CMYK: written as RGB"
        )
    elif profile and not rgb_profile(image):
        found.append("the colour profile is not for RGB: dropped")
    return tuple(found)


def _eight_bits(data: bytes, name: str) -> NDArray[np.uint8]:
    """(H, W, 4) upright RGBA."""
    from PIL import ImageOps

    image = open_image(io.BytesIO(data), name)
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
    hidden = hidden_pixels(data)
    if hidden is not None and channels in (1, 3):  # OpenCV knows the transparent colour of RGB only
        alpha = np.where(hidden, np.uint16(0), np.uint16(65535))[..., None]
        planes = np.concatenate([planes[..., [0, 0, 0]] if channels == 1 else planes, alpha], axis=2)
        channels = 4
    order = {1: [0, 0, 0], 2: [0, 0, 0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    upright = _turn(planes[..., order], int(open_image(io.BytesIO(data), name).getexif().get(ORIENTATION, 1)))
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


def _jpeg(original: Original, cloaked: Pixels, cloak_id: str, quality: int) -> bytes:
    from PIL import Image

    options: dict[str, Any] = (
        {"comment": f"{MARK}: {cloak_id}".encode("latin-1", "replace")} if cloak_id else {}
    )
    if original.icc:
        options["icc_profile"] = original.icc
    if original.exif and len(original.exif) < _LARGEST_EXIF:
        options["exif"] = b"Exif\0\0" + original.exif
    size = dict(original.tags).get(b"pHYs")
    if size is not None and size[8] == 1:
        options["dpi"] = tuple(round(dots * 0.0254) for dots in struct.unpack(">II", size[:8]))
    buffer = io.BytesIO()
    photo = Image.fromarray(np.ascontiguousarray(cloaked))
    photo.save(buffer, "JPEG", quality=quality, subsampling=0, optimize=True, **options)
    return buffer.getvalue()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _strips(pixels: Pixels) -> Iterator[slice]:
    for start in range(0, len(pixels), STRIP_ROWS):
        yield slice(start, start + STRIP_ROWS)
