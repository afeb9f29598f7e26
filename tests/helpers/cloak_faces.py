"""Photos to cloak, and how a recogniser sees the result the ordinary way, through 8 bits and its own crop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

import faceprobe
from faceprobe.cloaks import Cloaked, Subject
from faceprobe.data.photo import Face, Photo
from faceprobe.faces.align import TEMPLATE_112
from faceprobe.faces.crops import CropPolicy
from faceprobe.models.base import ImageEncoder


def synthetic(people: int, photos: int, size: int = 112) -> list[Subject]:
    """Subjects of the built-in world, with its ground-truth faces."""
    table = faceprobe.load_dataset(f"synthetic?people={people}&photos={photos}&size={size}")
    return [Subject(f"photo-{r}", table.photo(r), str(table.identities[r])) for r in range(len(table))]


def drawn(height: int, width: int, faces: list[tuple[float, float, float]], seed: int = 0) -> Photo:
    """Smooth random colours with faces declared at (x, y) of the template's corner, and its scale."""
    import cv2

    rough = np.random.default_rng(seed).integers(60, 196, (9, 12, 3), dtype=np.uint8)
    pixels = cv2.resize(rough, (width, height), interpolation=cv2.INTER_LINEAR)
    made = []
    for x, y, scale in faces:
        points = (TEMPLATE_112 * scale + (x, y)).astype(np.float32)
        made.append(Face((x, y, x + 112 * scale, y + 112 * scale), points))
    return Photo(pixels, f"drawn-{height}-{width}-{seed}", tuple(made))


def encoded(encoder: ImageEncoder, photo: Photo) -> NDArray[np.float32]:
    """The unit feature of a photo as ``faceprobe eval`` computes it in the encoder's default crop."""
    crop = CropPolicy.parse(encoder.card.default_crop)
    pixels = crop.apply(photo, encoder.preprocess.mean_color())
    feature: NDArray[np.float32] = encoder.encode_images(encoder.preprocess(pixels)[None])[0]
    return feature


def cosine(encoder: ImageEncoder, clean: Photo, changed: NDArray[np.uint8]) -> float:
    """Cosine of a photo and its changed form under ``encoder``."""
    return float(encoded(encoder, clean) @ encoded(encoder, replace(clean, pixels=changed)))


def psnr(clean: NDArray[np.uint8], changed: NDArray[np.uint8]) -> float:
    error = np.square(clean.astype(np.float64) - changed).mean()
    return float(10 * np.log10(255**2 / error))


def noisy(clean: NDArray[np.uint8], like: NDArray[np.uint8], seed: int = 0) -> NDArray[np.uint8]:
    """Gaussian noise on ``clean`` with the PSNR of ``like``, to .05 dB after rounding and clipping."""
    draw = np.random.default_rng(seed).standard_normal(clean.shape)
    low, high = 0.0, 120.0
    for _ in range(30):
        sigma = (low + high) / 2
        made = np.rint(np.clip(clean + sigma * draw, 0, 255)).astype(np.uint8)
        low, high = (low, sigma) if psnr(clean, made) < psnr(clean, like) else (sigma, high)
    assert abs(psnr(clean, made) - psnr(clean, like)) < 0.05
    return made


def largest_change(subjects: list[Subject], cloaked: list[Cloaked]) -> int:
    """In levels of 0..255."""
    pairs = zip(subjects, cloaked, strict=True)
    return max(int(np.abs(s.photo.pixels.astype(int) - c.pixels).max()) for s, c in pairs)
