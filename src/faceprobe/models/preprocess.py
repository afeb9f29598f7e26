"""Declared preprocessing: data, not code, so that it can be hashed, printed and sent to workers.

The arithmetic is that of torchvision's ``Resize -> CenterCrop -> ToTensor -> Normalize`` on PIL
images, which OpenCLIP, timm and CLIP itself use; tests check that the result equals OpenCLIP's
transform and a golden file exactly.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceprobe.core.files import sha256_json

RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class PhotoPreprocess(Protocol):
    """How one photo becomes an encoder's input, in two steps: ``prepare`` for each photo, which may run in
    another process where ``picklable`` is true, then ``normalise`` for a batch of prepared photos. A call
    does both for one photo.

    ``size`` (height, width) is what the encoder takes. ``fingerprint`` identifies the preprocessing in cache
    keys; ``to_dict`` says the same as JSON values. ``mean_color`` is what removed regions are filled with.
    """

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def picklable(self) -> bool: ...

    def fingerprint(self) -> str: ...

    def to_dict(self) -> dict[str, Any]: ...

    def mean_color(self) -> tuple[int, int, int]: ...

    def prepare(self, pixels: NDArray[np.uint8]) -> NDArray[Any]: ...

    def normalise(self, batch: NDArray[Any]) -> NDArray[np.float32]: ...

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Preprocess:
    """``size`` (height, width) is what the encoder takes.

    ``mode`` "shortest" scales the shorter side to ``resize`` (default: so that ``size`` is just covered)
    and crops the centre; "squash" scales both sides to ``size``, or to ``resize`` and crops the centre;
    "longest" scales so that the photo just fits into ``size`` and pads with ``fill``. Values are
    ``pixel / 255``, then ``(x - mean) / std`` a channel; ``color`` "bgr" reverses the channels *before*
    mean and std apply. ``flip`` "sum" asks the encoder to add the mirrored photo's feature before
    normalisation.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    mode: Literal["shortest", "squash", "longest"] = "shortest"
    interpolation: str = "bicubic"
    resize: int | None = None
    fill: int = 0
    color: Literal["rgb", "bgr"] = "rgb"
    flip: Literal["none", "sum"] = "none"

    picklable: ClassVar[bool] = True

    def fingerprint(self) -> str:
        """Hex SHA-256 of every field."""
        return sha256_json(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON values."""
        return asdict(self)

    def mean_color(self) -> tuple[int, int, int]:
        """The RGB colour (0..255) that normalises to about zero: what removed regions are filled with."""
        rgb = self.mean if self.color == "rgb" else self.mean[::-1]
        red, green, blue = (round(255 * min(max(m, 0.0), 1.0)) for m in rgb)
        return red, green, blue

    def prepare(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize and crop (H, W, 3) uint8 RGB to (size[0], size[1], 3) uint8."""
        height, width = self.size
        if pixels.shape[:2] == (height, width) and self.resize in (None, min(height, width)):
            return pixels
        image = Image.fromarray(pixels)
        how = RESAMPLING[self.interpolation]
        if self.mode == "longest":
            return self._pad(image, how)
        scaled = self.scaled_size(image.width, image.height)
        if scaled != image.size:
            image = image.resize(scaled, how)
        return _center_crop(np.asarray(image, dtype=np.uint8), height, width)

    def normalise(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 -> (B, 3, H, W) float32."""
        ordered = batch if self.color == "rgb" else batch[..., ::-1]
        scaled = ordered.astype(np.float32) / np.float32(255)
        mean = np.asarray(self.mean, dtype=np.float32)
        std = np.asarray(self.std, dtype=np.float32)
        normal = (scaled - mean) / std
        return np.ascontiguousarray(normal.transpose(0, 3, 1, 2), dtype=np.float32)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """One photo (H, W, 3) uint8 -> (3, size[0], size[1]) float32."""
        photo: NDArray[np.float32] = self.normalise(self.prepare(pixels)[None])[0]
        return photo

    def scaled_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) that a photo of this size is scaled to before its centre is cropped, in the modes
        "shortest" and "squash".
        """
        rows, columns = self.size
        if self.mode == "squash":
            return (self.resize, self.resize) if self.resize else (columns, rows)
        if rows != columns and self.resize is None:  # timm's ResizeKeepRatio, which OpenCLIP shares
            ratio = min(height / rows, width / columns)
            return round(width / ratio), round(height / ratio)
        short = self.resize or rows
        if width <= height:
            return short, int(short * height / width)
        return int(short * width / height), short

    def _pad(self, image: Image.Image, how: Image.Resampling) -> NDArray[np.uint8]:
        height, width = self.size
        ratio = max(image.height / height, image.width / width)
        scaled = (max(1, round(image.width / ratio)), max(1, round(image.height / ratio)))
        canvas = Image.new("RGB", (width, height), (self.fill,) * 3)
        corner = ((width - scaled[0]) // 2, (height - scaled[1]) // 2)
        canvas.paste(image.resize(scaled, how), corner)
        return np.asarray(canvas, dtype=np.uint8)


def _center_crop(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """torchvision's CenterCrop: its rounding, and black padding where the photo is smaller."""
    pad_h, pad_w = max(height - pixels.shape[0], 0), max(width - pixels.shape[1], 0)
    if pad_h or pad_w:
        rows, columns = (pad_h // 2, (pad_h + 1) // 2), (pad_w // 2, (pad_w + 1) // 2)
        pixels = np.pad(pixels, (rows, columns, (0, 0)))
    top = round((pixels.shape[0] - height) / 2.0)
    left = round((pixels.shape[1] - width) / 2.0)
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])
