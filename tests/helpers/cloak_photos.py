"""Made-up photos for the cloaks' tests: smooth colour noise, with faces where the test says so."""

from __future__ import annotations

import cv2
import numpy as np

from faceprobe.cloaks.base import Subject
from faceprobe.data.photo import Face, Photo


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8: coarse colours with some fine grain, values about 40 to 215."""
    draw = np.random.default_rng(seed)
    coarse = cv2.resize(draw.uniform(60, 195, (9, 9, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
    return (coarse + draw.normal(0, 4, coarse.shape)).clip(0, 255).astype(np.uint8)


def subject(name: str = "a", *faces: Face, size: tuple[int, int] = (160, 150), identity: str = "") -> Subject:
    seed = sum(name.encode())
    return Subject(name, Photo(textured(*size, seed), f"hash of {name}", tuple(faces)), identity)


FACE = Face((30.2, 40.4, 120.1, 140.3))
