"""What says how the colours of a photo look: its profile, and the PNG chunks for its copy."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from faceprobe.data.png import colour_tags, is_png

if TYPE_CHECKING:
    from PIL import Image

_EXIF_IFD, _INTEROP_IFD, _COLOUR_SPACE = 0x8769, 0xA005, 0xA001
_ADOBE_RGB = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
"""x and y of white, red, green and blue of Adobe RGB (1998), times 100,000."""


def kept_tags(image: Image.Image, data: bytes = b"") -> tuple[tuple[bytes, bytes], ...]:
    """The PNG chunks of colours and size in print for a photo: those of ``data``, if it is a PNG, else what
    ``image`` says of them.

    From Pillow's ``gamma``, ``chromaticity``, ``srgb`` and ``dpi``; the colour description of HEIC (nclx,
    ITU-T H.273) becomes cICP. A photo that calls itself Adobe RGB in EXIF (DCF 2.0, interoperability R03)
    and has no profile gets the gamma and the primaries of that colour space.
    """
    if is_png(data):
        return colour_tags(data)
    info: dict[Any, Any] = image.info
    tags: dict[bytes, bytes] = {}
    with suppress(Exception):  # values of any kind come from damaged files; such a tag is not kept
        nclx = info.get("nclx_profile") or {}
        if nclx and not info.get("icc_profile"):
            kinds = (nclx["color_primaries"], nclx["transfer_characteristics"])
            if 2 not in kinds:  # 2 is "unspecified"
                tags[b"cICP"] = struct.pack("4B", *kinds, 0, 1)  # RGB of full range
    with suppress(Exception):
        if info.get("gamma"):
            tags[b"gAMA"] = struct.pack(">I", round(info["gamma"] * 100_000))
        if info.get("chromaticity"):
            tags[b"cHRM"] = struct.pack(">8I", *(round(value * 100_000) for value in info["chromaticity"]))
        if "srgb" in info:
            tags[b"sRGB"] = struct.pack("B", info["srgb"])
    with suppress(Exception):
        if not info.get("icc_profile") and _is_adobe_rgb(image):
            tags[b"gAMA"], tags[b"cHRM"] = struct.pack(">I", 45455), struct.pack(">8I", *_ADOBE_RGB)
    with suppress(Exception):
        a_metre = [round(float(dots) / 0.0254) for dots in info["dpi"]]
        if min(a_metre) > 0:
            tags[b"pHYs"] = struct.pack(">IIB", *a_metre, 1)
    return tuple(tags.items())


def rgb_profile(image: Image.Image) -> bytes:
    """The colour profile if it is for RGB, as the output is; without it colours would change."""
    profile: Any = image.info.get("icc_profile") or b""
    return bytes(profile) if profile[16:20] == b"RGB " else b""


def _is_adobe_rgb(image: Image.Image) -> bool:
    """Whether EXIF says so: an uncalibrated colour space and the interoperability index R03."""
    exif = image.getexif()
    return (
        exif.get_ifd(_EXIF_IFD).get(_COLOUR_SPACE) in (2, 0xFFFF)
        and exif.get_ifd(_INTEROP_IFD).get(1) == "R03"
    )
