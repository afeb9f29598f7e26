"""The chunks of a PNG file: what Pillow refuses or loses, and the tags of its colours.

Chunks and their lengths: PNG specification, third edition (W3C 2025), section 11.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"

COLOUR_TAGS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"pHYs": 9}
"""Chunks that say what the samples mean, with their lengths in bytes; the colour profile, iCCP, is apart."""

MAX_TEXT = 2**20
"""Unpacked bytes of one text or profile from which on Pillow refuses the whole photo."""
MAX_TEXTS = 64 * 2**20
"""The same of all texts together."""

_GREY, _RGB = 0, 2


def is_png(data: bytes) -> bool:
    return data.startswith(SIGNATURE) and len(data) >= 33


def bit_depth(data: bytes) -> int:
    """Bits a sample of a PNG: 1 to 16."""
    return data[24]


def colour_tags(data: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """(kind, body) of the chunks of :data:`COLOUR_TAGS`, in the file's order, each kind once."""
    found: dict[bytes, bytes] = {}
    for kind, start, length in _chunks(data):
        if COLOUR_TAGS.get(kind) == length:
            found.setdefault(kind, data[start : start + length])
    return tuple(found.items())


def without_large_texts(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """``data`` without the texts and profiles that Pillow would refuse the photo for, and their kinds.

    Nothing is unpacked beyond the limit. The pixels are not touched.
    """
    kept, dropped, at, texts = [], [], 0, 0
    for kind, start, length in _chunks(data):
        if kind in (b"tEXt", b"zTXt", b"iTXt", b"iCCP"):
            size = _unpacked(kind, data[start : start + length])
            if size > (MAX_TEXT if kind != b"tEXt" else MAX_TEXTS) or texts + size > MAX_TEXTS:
                kept.append(data[at : start - 8])
                at = start + length + 4
                dropped.append(kind.decode())
            elif kind != b"iCCP":
                texts += size
    if not dropped:
        return data, ()
    return b"".join((*kept, data[at:])), tuple(dict.fromkeys(dropped))


def hidden_pixels(data: bytes) -> NDArray[np.bool_] | None:
    """(H, W): the pixels of a 16-bit PNG that have its transparent colour (tRNS), compared in all 16 bits;
    None where it has none. Pillow ignores that colour in grey photos, and cuts it to 8 bits in others.
    """
    if not is_png(data) or bit_depth(data) != 16 or data[25] not in (_GREY, _RGB):
        return None
    channels = 1 if data[25] == _GREY else 3
    keys = (data[s : s + n] for kind, s, n in _chunks(data) if kind == b"tRNS" and n == 2 * channels)
    if (key := next(keys, None)) is None:
        return None
    wanted = np.frombuffer(key, dtype=">u2")
    if channels == 1:
        hidden: NDArray[np.bool_] = _samples(data, "I;16B") == wanted[0]
    else:
        high, low = (_samples(data, raw) for raw in ("RGB;16B", "RGB;16L"))
        hidden = ((high == wanted >> 8) & (low == (wanted & 255))).all(axis=2)
    return hidden


def _samples(data: bytes, raw: str) -> NDArray[np.generic]:
    """The samples as Pillow's raw mode ``raw`` unpacks them: RGB;16B gives the upper bytes of 16-bit RGB and
    RGB;16L, meant for the other byte order, the lower ones.
    """
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        image.tile = [tile._replace(args=raw) for tile in image.tile]
        image.load()
        return np.asarray(image)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start of the body, its length) of every complete chunk of a PNG; nothing of another file."""
    at = len(SIGNATURE)
    while is_png(data) and at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if at + 12 + length > len(data):
            return
        yield data[at + 4 : at + 8], at + 8, length
        at += 12 + length


def _unpacked(kind: bytes, body: bytes) -> int:
    """The bytes of a text or profile once unpacked; of more than the limit just one byte more than it."""
    if kind == b"tEXt":
        return len(body)
    _, _, rest = body.partition(b"\0")
    if kind == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = rest[2:].split(b"\0", 2)[-1]
        if not packed:
            return len(rest)
    else:
        rest = rest[1:]
    try:
        return len(zlib.decompressobj().decompress(rest, MAX_TEXT + 1))
    except zlib.error:  # Pillow ignores a text that is damaged
        return 0
