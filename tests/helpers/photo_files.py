"""Encoded photos of odd kinds: 16-bit PNGs chunk by chunk, and a drawn HEIC."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAA"
    "AAAAADRpbG9jAAAAAERAAAIAAQAAAAAB7AABAAAAAAAAASsAAgAAAAADFwABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVp"
    "bmZlAgAAAAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADmaXBjbwAAAHZo"
    "dmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAA"
    "AwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAA"
    "AAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAAAlpcm90"
    "AwAAABlpcG1hAAAAAAAAAAEAAQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAVdtZGF0AAABJygBrwT4cfxj"
    "J2qLvnUyhl0KimG4fO+9eX+9RrYL47rvTWLRBjdX/PzM+RfzE7cybHdDG3/y0tkALvi/e8cSlmSaj8IIT0VRgwKxRK6qNmRt"
    "2RHCKuTMz57sCH2RLF6YlGnGVGi40ZVFqyN/KogiTZqmG4N7bZ+8zYC5DwRvQeENEDUfgrMJVV7/UA93PSgOs531TMu92P7e"
    "mp23AH9C7kYh1jY6marpCkdHVmOEPy92bxoCnOKkeKJwbmrrgKWX8iVDvA6gtSZ/guw1WG6vW3FGFLdwzzt9Ft6O3sN1aRwg"
    "eJ8bI9fVEmX1r96lP440S6oKQvfFjvr4mwlCss2pyUyDU3cWchCkbQ1IiTyd2K4/ZvXJY8CYC0DnGdEimPN88jSy/xI0/+AA"
    "AAAGRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA="
)
"""A drawn photo, stored 64 wide and 48 high and turned by orientation 6, so 48 wide and 64 high: red is
40 + 3 x, green 200 - 2 y, blue 60 + y of the stored columns x and rows y. HEVC of quality 80, by
pillow-heif 1.8.1."""


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png16(planes: NDArray[np.uint16], more: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """A 16-bit PNG of (H, W) grey or (H, W, 3) RGB; ``more`` are chunks (kind, body) before the pixels."""
    height, width = planes.shape[:2]
    rows = planes.astype(">u2").reshape(height, -1)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", width, height, 16, 0 if planes.ndim == 2 else 2, 0, 0, 0)
    chunks = [(b"IHDR", header), *more, (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in chunks)


def png8(pixels: NDArray[np.uint8], more: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """An 8-bit PNG of ``pixels``; ``more`` are chunks before the pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    data = buffer.getvalue()
    return data[:33] + b"".join(chunk(kind, body) for kind, body in more) + data[33:]


def tiff(samples: NDArray[np.generic], tags: dict[int, object] | None = None) -> bytes:
    """A TIFF of one channel of the dtype of ``samples``."""
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, "TIFF", tiffinfo=tags or {})
    return buffer.getvalue()
