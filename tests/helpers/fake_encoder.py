"""A tiny deterministic encoder, a fixed random projection of 8 x 8 pixels, and photos for it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceprobe.models.base import ModelCard
from faceprobe.models.preprocess import Preprocess


class FakeEncoder:
    """Counts the photos and batches that it sees; kills its own process after ``die_after`` batches."""

    def __init__(self, seed: int = 0, size: int = 8, dim: int = 16, die_after: int | None = None) -> None:
        self.id = f"fake-{seed}"
        self.dim = dim
        self.preprocess = Preprocess((size, size), (0.5, 0.4, 0.3), (0.2, 0.2, 0.2), mode="squash")
        self.weights_hash = f"weights-{seed}"
        self.differentiable = False
        self.n_params = 0
        self.card = ModelCard(self.id, "fake", dim=dim)
        self.weights = np.random.default_rng(seed).standard_normal((3 * size * size, dim)).astype(np.float32)
        self.batches: list[tuple[int, ...]] = []
        self.die_after = die_after

    def encode_images(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.die_after is not None and len(self.batches) >= self.die_after:
            os.kill(os.getpid(), signal.SIGKILL)
        self.batches.append(batch.shape)
        raw = batch.reshape(len(batch), -1) @ self.weights
        unit: NDArray[np.float32] = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return unit

    def alone(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What one photo's vector must be, computed by itself."""
        raw = self.preprocess(pixels).reshape(-1).astype(np.float64) @ self.weights.astype(np.float64)
        return (raw / np.linalg.norm(raw)).astype(np.float32)


def save_photo(path: Path, seed: int, size: tuple[int, int] = (20, 24)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, format="PNG")
    return path
