"""LowKey and PGD on real photos with an ONNX recogniser as surrogate (skips where the data are absent)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.cloak_faces import cosine, largest_change, noisy

pytest.importorskip("torch")
pytest.importorskip("onnx2torch")

import faceprobe
from faceprobe.cloaks import Subject, load_cloak
from faceprobe.data.photo import Photo, decode_image
from faceprobe.faces.detect import Detector

RECOGNISER = "onnx:{}/weights/mobilefacenet_112.onnx?size=112&mean=127.5&scale=128&color=rgb&flip=sum"


@pytest.fixture(scope="module")
def photos(shared: Path) -> list[Subject]:
    people = shared / "data" / "lfw10_color"
    weights = shared / "weights" / "yunet_n_dynamic.onnx"
    if not people.is_dir() or not weights.is_file():
        pytest.skip("lfw10_color or YuNet's weights are absent")
    detector, found = Detector(weights), []
    for person in sorted(p for p in people.iterdir() if p.is_dir())[:2]:
        file = min(person.glob("*.jpg"))
        pixels = decode_image(file.read_bytes(), file.name)
        found.append(Subject(file.stem, Photo(pixels, file.stem, detector.detect(pixels)), person.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("algorithm", "bound"), [("lowkey", 33), ("pgd", 8)])
def test_far_below_noise_of_equal_psnr(
    shared: Path, photos: list[Subject], algorithm: str, bound: int
) -> None:
    surrogate = RECOGNISER.format(shared)
    perceptual = ";dssim" if algorithm == "lowkey" else ""
    cloak = load_cloak(f"{algorithm}[({surrogate}){perceptual}]", device="cpu")
    assert cloak.card.id == f"{algorithm}[onnx:mobilefacenet_112.onnx{perceptual}]"
    cloaked = cloak.apply(photos, seed=0)
    assert largest_change(photos, cloaked) <= bound
    encoder = faceprobe.load_model(surrogate, device="cpu")
    pairs = list(zip(photos, cloaked, strict=True))
    own = [cosine(encoder, s.photo, c.pixels) for s, c in pairs]
    noise = [cosine(encoder, s.photo, noisy(s.photo.pixels, c.pixels)) for s, c in pairs]
    assert max(own) < 0.1 and np.mean(noise) - np.mean(own) > 0.5, (own, noise)
