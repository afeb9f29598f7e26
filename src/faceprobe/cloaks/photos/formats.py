"""The formats in which cloaked photos are written: PNG without loss, or JPEG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from faceprobe.core.errors import WrongUsage

if TYPE_CHECKING:
    from faceprobe.cloaks.photos.files import Original


_CICP_SRGB = bytes([1, 13])
"""Primaries and transfer of sRGB (ITU-T H.273), which readers of JPEG assume."""


@dataclass(frozen=True)
class FileFormat:
    """The format of the files that are written: PNG for a ``quality`` of 0, else JPEG of that quality, 1 to
    100, without chroma subsampling.
    """

    quality: int = 0

    @property
    def name(self) -> str:
        """``png`` or ``jpeg-95``."""
        return f"jpeg-{self.quality}" if self.quality else "png"

    @property
    def ending(self) -> str:
        return ".jpg" if self.quality else ".png"

    def notes(self, original: Original) -> tuple[str, ...]:
        """What this format cannot keep of ``original``, besides its own notes."""
        if not self.quality:
            return ()
        lost = [
            kind.decode()
            for kind, body in original.tags
            if kind not in (b"sRGB", b"pHYs") and (kind, body[:2]) != (b"cICP", _CICP_SRGB)
        ]
        found = []
        if lost and not original.icc:
            found.append(f"JPEG cannot keep {'the colour tags ' if len(lost) > 1 else ''}{', '.join(lost)}")
        found += ["16 bits: written with 8 bits"] if original.bits == 16 else []
        found += ["transparency: laid over white"] if original.alpha else []
        return tuple(found)


PNG_FILE = FileFormat()
JPEG_QUALITY = 95
"""Quality of JPEG where none is asked for."""


def file_format(kind: str, quality: int | None = None) -> FileFormat:
    """The format ``png``, or ``jpeg`` of a ``quality`` of 1 to 100 (None: 95); :class:`WrongUsage` for
    others.
    """
    if kind not in ("png", "jpeg"):
        raise WrongUsage(f"a cloaked photo is not written as {kind!r}; known formats: png, jpeg")
    if kind == "png" and quality is not None:
        raise WrongUsage("a PNG loses nothing and has no quality; --quality goes with --format jpeg")
    if quality is not None and not 1 <= quality <= 100:
        raise WrongUsage(f"a JPEG's quality is a whole number from 1 to 100, not {quality}")
    return PNG_FILE if kind == "png" else FileFormat(quality or JPEG_QUALITY)
