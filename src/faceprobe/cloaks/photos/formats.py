"""The formats in which cloaked photos are written: PNG without loss, or JPEG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from faceprobe.core.errors import WrongUsage

if TYPE_CHECKING:
    from faceprobe.cloaks.photos.files import Original


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
        lost = [kind.decode() for kind, _ in original.tags if kind not in (b"sRGB", b"pHYs")]
        found = [f"JPEG cannot keep the colour tags {', '.join(lost)}"] if lost and not original.icc else []
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
