"""Golden vectors of the bundled models: checks that this installation computes the published vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import FaceprobeError
from faceprobe.core.files import read_json
from faceprobe.core.names import Name
from faceprobe.models.base import ImageEncoder
from faceprobe.models.bundled import DATA, FAMILY, NAMES

GOLDEN = DATA / "golden.json"
LEAST_COSINE = 0.9999
"""Processors and versions of torch change the last bits; a wrong weight or preprocessing changes more."""


def check() -> dict[str, str]:
    """What is wrong with each bundled model, "" where its vector of a fixed pattern is the golden one."""
    golden = read_json(GOLDEN)
    return {name: _complaint(name, golden.get(name)) for name in NAMES}


def golden_vector(encoder: ImageEncoder) -> NDArray[np.float32]:
    """(D,) float32: the encoder's unit vector of :func:`pattern`."""
    batch = encoder.preprocess(pattern())[None]
    vector: NDArray[np.float32] = encoder.encode_images(batch)[0]
    return vector


def pattern() -> NDArray[np.uint8]:
    """A (112, 112, 3) uint8 photo of integer arithmetic only: ramps, stripes and checks."""
    y, x = np.mgrid[0:112, 0:112]
    red = (x * 2 + y // 3) % 256
    green = (y * 2 + (x // 8 % 2) * 40) % 256
    blue = ((x // 14 + y // 14) % 2) * 180 + 30
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


def _complaint(name: str, expected: list[float] | None) -> str:
    if expected is None:
        return "no golden vector is recorded"
    try:
        vector = golden_vector(FAMILY.load(Name("bundled", name), device="cpu", offline=True))
    except FaceprobeError as error:
        return str(error)
    cosine = float(vector.astype(np.float64) @ np.asarray(expected))
    return "" if cosine >= LEAST_COSINE else f"its vector of the test pattern differs (cosine {cosine:.5f})"
