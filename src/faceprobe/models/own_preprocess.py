"""The preprocessing of a user's own encoder: declared fields, a known ``Compose``, or any function."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceprobe.core.errors import BadInput
from faceprobe.core.files import sha256_json
from faceprobe.models.preprocess import RESAMPLING, PhotoPreprocess, Preprocess

PROBE_SIZES = ((150, 100), (90, 130))
"""(height, width) of the fixed probe photos: one upright, one lying."""
UNCHANGED = (
    *("ToTensor", "MaybeToTensor", "PILToTensor", "ConvertImageDtype", "ToImage", "ToDtype"),
    *("RGB", "MaybeConvertMode", "_convert_to_rgb"),
)
"""Steps of a ``Compose`` that :class:`Preprocess` always does: to RGB, to float32 values in [0, 1]."""


class OwnPreprocess:
    """A function of a user's own: PIL image (RGB) -> (3, H, W) float tensor or array, preprocessed fully.

    ``size`` (H, W) is found by calling it on two fixed probe photos. ``fingerprint`` hashes what it gives for
    them, so that a changed function does not get vectors from the cache that the old one made. The function
    need not be picklable, so photos are prepared in this process.
    """

    picklable = False

    def __init__(self, function: Callable[[Image.Image], Any], id: str) -> None:
        self.function, self.id = function, id
        self.size = (0, 0)
        self.name = getattr(function, "__qualname__", type(function).__qualname__)
        photos = probe_photos()
        outputs = [self._call(photo) for photo in photos]
        shapes = [output.shape for output in outputs]
        if shapes[0] != shapes[1]:
            sizes = " and ".join(f"{rows} x {columns}" for rows, columns in PROBE_SIZES)
            raise BadInput(
                f"{id}: the preprocess gives {shapes[0]} and {shapes[1]} for photos of {sizes} pixels;"
                " one size for every photo was expected, e.g. by a centre crop"
            )
        if not np.array_equal(outputs[0], self._call(photos[0])):
            raise BadInput(
                f"{id}: the preprocess gives other values for the same photo when it is called again;"
                " leave random augmentation out"
            )
        self.size = (int(shapes[0][1]), int(shapes[0][2]))
        self._outputs = [hashlib.sha256(output.tobytes()).hexdigest() for output in outputs]

    def fingerprint(self) -> str:
        """Hex SHA-256 of the function's name and of its outputs for the probe photos."""
        return sha256_json(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """What identifies the function, as JSON values."""
        return {"own": self.name, "size": list(self.size), "outputs": self._outputs}

    def mean_color(self) -> tuple[int, int, int]:
        """Medium grey: which colour the function maps to zero is not known."""
        return 128, 128, 128

    def prepare(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W, 3) uint8 RGB -> (3, size[0], size[1]) float32; :class:`BadInput` for another shape."""
        output = self._call(pixels)
        if output.shape[1:] != self.size:
            raise BadInput(
                f"{self.id}: the preprocess gave {output.shape} for a photo of {pixels.shape[0]} x"
                f" {pixels.shape[1]} pixels; (3, {self.size[0]}, {self.size[1]}) was expected"
            )
        return output

    def normalise(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """(B, 3, H, W) float32 as it is: :meth:`prepare` has normalised it."""
        return np.ascontiguousarray(batch, dtype=np.float32)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """One photo (H, W, 3) uint8 -> (3, size[0], size[1]) float32."""
        return self.prepare(pixels)

    def _call(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The function's output as a float32 array, with its shape, dtype and values checked."""
        try:
            answer = self.function(Image.fromarray(pixels))
        except Exception as error:
            raise BadInput(
                f"{self.id}: the preprocess failed on a PIL image: {type(error).__name__}: {error};"
                " give a function of one RGB PIL image"
            ) from error
        output = to_array(answer)
        if output is None or output.ndim != 3 or output.shape[0] != 3 or 0 in output.shape:
            found = type(answer).__name__ if output is None else f"{output.shape}"
            raise BadInput(
                f"{self.id}: the preprocess gave {found} for one photo; (3, H, W), a tensor or an array, was"
                " expected"
            )
        if not np.issubdtype(output.dtype, np.floating):
            raise BadInput(
                f"{self.id}: the preprocess gave {output.dtype} values; floating-point values were expected,"
                " e.g. pixel / 255"
            )
        if not np.isfinite(output).all():
            raise BadInput(f"{self.id}: the preprocess gave NaN or infinity for a photo")
        return np.ascontiguousarray(output, dtype=np.float32)


def preprocess_of(given: Any, id: str) -> PhotoPreprocess:
    """``given`` as preprocessing: a :class:`Preprocess`, a mapping of its fields, a ``Compose`` of
    torchvision, OpenCLIP or timm, or any function of a PIL image.

    A ``Compose`` of known steps becomes the equal :class:`Preprocess`. Raises :class:`BadInput` for anything
    else, for wrong fields, and for what the function does wrong on the probe photos.
    """
    if isinstance(given, Preprocess):
        return _checked(given, id)
    if isinstance(given, Mapping):
        return _checked(_from_fields(given, id), id)
    if not callable(given):
        raise BadInput(
            f"{id}: the preprocess is a {type(given).__name__}; give a faceprobe.Preprocess, a dict of its"
            " fields, or a function of a PIL image"
        )
    own = OwnPreprocess(given, id)
    declared = read_compose(given)
    if declared is not None and all(
        np.allclose(declared(photo), own.prepare(photo), rtol=0, atol=2e-6) for photo in probe_photos()
    ):
        return declared
    return own


def read_compose(transform: Any) -> Preprocess | None:
    """The :class:`Preprocess` that a ``Compose`` of Resize, CenterCrop, ToTensor and Normalize should equal;
    None where a step is not known. The order of steps is not looked at: compare the outputs.
    """
    steps = getattr(transform, "transforms", None)
    if not isinstance(steps, list | tuple):
        return None
    found: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    resized: tuple[int, ...] = ()
    for step in steps:
        kind = getattr(step, "__name__", type(step).__name__)
        if kind in ("Resize", "ResizeKeepRatio"):
            resized = _numbers(step.size)
            found["interpolation"] = str(getattr(step.interpolation, "value", step.interpolation))
            found["mode"] = "squash" if kind == "Resize" and len(resized) == 2 else "shortest"
            if getattr(step, "longest", 0.0) == 1.0:
                found["mode"] = "longest"
        elif kind in ("CenterCrop", "CenterCropOrPad"):
            found["size"] = (_numbers(step.size) * 2)[:2]
            found["fill"] = getattr(step, "fill", 0)
        elif kind == "Normalize":
            found["mean"], found["std"] = _three(step.mean), _three(step.std)
        elif kind not in UNCHANGED:
            return None
    if "size" not in found and len(resized) == 2:
        found["size"] = resized
    if not resized or "size" not in found or found["interpolation"] not in RESAMPLING:
        return None
    if not isinstance(found.setdefault("fill", 0), int):
        return None
    if (resized * 2)[:2] != found["size"]:
        found["resize"] = resized[0]
    return Preprocess(**found)


def probe_photos() -> list[NDArray[np.uint8]]:
    """Two fixed photos (H, W, 3) uint8 of coloured blocks with noise, an upright and a lying one."""
    rng = np.random.default_rng(20240611)
    photos = []
    for height, width in PROBE_SIZES:
        blocks = rng.integers(20, 236, (height // 10, width // 10, 3)).repeat(10, axis=0).repeat(10, axis=1)
        noise = rng.integers(-20, 20, (height, width, 3))
        photos.append(np.asarray(blocks + noise, dtype=np.uint8))
    return photos


def to_array(answer: Any) -> NDArray[Any] | None:
    """``answer`` (an array, a torch tensor on any device, nested lists) as an array; None for other types."""
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu()
        if not hasattr(answer, "numpy"):
            return None
        dtype = str(answer.dtype)
        answer = answer.float().numpy() if dtype == "torch.bfloat16" else answer.numpy()
    try:
        array = np.asarray(answer)
    except ValueError:  # rows of different lengths
        return None
    return array if array.dtype.kind in "fiub" else None


def _from_fields(given: Mapping[str, Any], id: str) -> Preprocess:
    known = [field.name for field in fields(Preprocess)]
    unknown = [key for key in given if key not in known]
    lacking = [key for key in ("size", "mean", "std") if key not in given]
    if unknown or lacking:
        what = f"has no field {unknown[0]!r}" if unknown else f"needs {' and '.join(lacking)}"
        raise BadInput(f"{id}: a preprocess {what}; its fields are {', '.join(known)}")
    made = dict(given)
    for key in ("size", "mean", "std"):
        value = made[key]
        made[key] = (value,) * 2 if key == "size" and isinstance(value, int) else value
        if isinstance(made[key], list):
            made[key] = tuple(made[key])
    return Preprocess(**made)


def _checked(p: Preprocess, id: str) -> Preprocess:
    """``p``, or :class:`BadInput` for the first field whose value cannot be used."""
    choices = {
        "mode": ("shortest", "squash", "longest"),
        "interpolation": tuple(RESAMPLING),
        "color": ("rgb", "bgr"),
        "flip": ("none", "sum"),
    }
    wrong = ""
    if not (_are(p.size, 2, int) and min(p.size) > 0):
        wrong = f"size is (height, width) in pixels, not {p.size!r}"
    elif not (_are(p.mean, 3, float) and _are(p.std, 3, float) and min(p.std) > 0):
        wrong = f"mean and std are three numbers each, std above 0, not {p.mean!r} and {p.std!r}"
    elif p.resize is not None and not (isinstance(p.resize, int) and p.resize > 0):
        wrong = f"resize is a number of pixels or None, not {p.resize!r}"
    else:
        for key, allowed in choices.items():
            if getattr(p, key) not in allowed:
                wrong = f"{key} is {' or '.join(allowed)}, not {getattr(p, key)!r}"
    if wrong:
        raise BadInput(f"{id}: the preprocess's {wrong}")
    return p


def _are(values: Any, count: int, kind: type) -> bool:
    """Whether ``values`` is a tuple of ``count`` finite numbers of ``kind`` (int passes as float)."""
    kinds = (int, np.integer) if kind is int else (int, float, np.integer, np.floating)
    return (
        isinstance(values, tuple)
        and len(values) == count
        and all(isinstance(v, kinds) and math.isfinite(v) for v in values)
    )


def _numbers(size: Any) -> tuple[int, ...]:
    """A step's size, a number or one or two of them, as a tuple."""
    return (int(size),) if isinstance(size, int) else tuple(int(side) for side in size)


def _three(values: Any) -> tuple[float, ...]:
    """Three numbers; float32 values of a tensor as the shortest decimals that give the same float32."""
    return tuple(v if isinstance(v, float) else float(str(np.float32(float(v)))) for v in values)
