"""Fawkes on real photos (``FACEPROBE_TEST_DATA``): bounds, effect against noise, batches, bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from faceprobe.cloaks import Cloak, Cloaked, Subject, load_cloak
from faceprobe.cloaks.attacks.fawkes.cloak import Fawkes
from faceprobe.cloaks.attacks.fawkes.square import Square, take
from faceprobe.data.photo import Photo, decode_image
from faceprobe.faces.align import align_112
from faceprobe.faces.detect import Detector

pytest.importorskip("cv2")

PEOPLE = ("Colin_Powell", "Tony_Blair", "Hugo_Chavez", "Ariel_Sharon", "Jacques_Chirac", "Vladimir_Putin")
BOUND = 0.012


@pytest.fixture(scope="module")
def subjects(shared: Path) -> list[Subject]:
    detector = Detector(shared / "weights" / "yunet_n_dynamic.onnx")
    found = []
    for person in PEOPLE:
        path = shared / "data" / "lfw10_color" / person / f"{person}_0001.jpg"
        pixels = decode_image(path.read_bytes(), path.name)
        found.append(Subject(path.name, Photo(pixels, path.name, detector.detect(pixels)), person))
    return found


@pytest.fixture(scope="module", params=["recogniser", "bundled"])
def cloak(request: pytest.FixtureRequest, shared: Path) -> Fawkes:
    weights = shared / "weights" / "mobilefacenet_112.onnx"
    surrogate = f"onnx:{weights}?size=112&mean=127.5&scale=128" if request.param == "recogniser" else ""
    inside = surrogate or "bundled:face"
    made = load_cloak(f"fawkes-1.0.2-mid[{inside}]", device="cpu")
    assert isinstance(made, Fawkes)
    return made


@pytest.fixture(scope="module")
def made(cloak: Fawkes, subjects: list[Subject]) -> list[Cloaked]:
    return cloak.apply(subjects, seed=0)


def noisy(clean: np.ndarray, changed: np.ndarray, box: tuple[float, ...], draw: np.random.Generator):
    """``clean`` with Gaussian noise in ``box`` that leaves the PSNR which ``changed`` has."""
    error = np.square(changed.astype(float) - clean).sum()
    x0, y0, x1, y1 = (int(v) for v in box)
    grain = draw.normal(size=(y1 - y0, x1 - x0, 3))
    grain *= np.sqrt(error / np.square(grain).sum())
    other = clean.astype(float)
    other[y0:y1, x0:x1] += grain
    return np.rint(other).clip(0, 255).astype(np.uint8)


def cosine(cloak: Fawkes, a: np.ndarray, b: np.ndarray) -> float:
    """Of two (112, 112, 3) uint8 crops under the surrogate."""
    pair = torch.from_numpy(np.stack([a, b])).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        rows = cloak.surrogates[0].features(pair)
    return float(rows[0] @ rows[1])


def test_dssim_stays_within_a_tenth_of_the_bound(made: list[Cloaked]) -> None:
    reports = [f for m in made for f in m.faces if f.changed]
    assert len(reports) >= 5
    for report in reports:
        assert report.dssim is not None and 0 < report.dssim <= 1.1 * BOUND
        assert report.steps == 75 and report.shift is not None and 0 < report.shift <= 4


def test_the_cosine_falls_far_more_than_equal_noise_makes_it_fall(
    cloak: Fawkes, made: list[Cloaked], subjects: list[Subject]
) -> None:
    """In the 8-bit photo, as Fawkes sees the face and as the recogniser's aligned crop does."""
    draw = np.random.default_rng(0)
    falls: dict[str, list[float]] = {"square": [], "square noise": [], "aligned": [], "aligned noise": []}
    for one, subject in zip(made, subjects, strict=True):
        box, clean = one.faces[0].box, subject.photo.pixels
        assert subject.photo.faces and subject.photo.faces[0].landmarks is not None
        grain = noisy(clean, one.pixels, box, draw)
        square = Square(*(int(v) for v in box))
        for name, pixels in (("", one.pixels), (" noise", grain)):
            views = [
                np.rint(take(p, square).transpose(1, 2, 0) * 255).astype(np.uint8) for p in (clean, pixels)
            ]
            falls[f"square{name}"].append(1 - cosine(cloak, *views))
            points = subject.photo.faces[0].landmarks
            falls[f"aligned{name}"].append(
                1 - cosine(cloak, align_112(clean, points), align_112(pixels, points))
            )
    means = {k: float(np.mean(v)) for k, v in falls.items()}
    print(means)  # pytest -s shows them
    assert means["square"] > 0.3 and means["square"] > 5 * means["square noise"]
    assert means["aligned"] > 3 * means["aligned noise"]


def test_outside_the_faces_no_pixel_changes(made: list[Cloaked], subjects: list[Subject]) -> None:
    for one, subject in zip(made, subjects, strict=True):
        apart = np.abs(one.pixels.astype(int) - subject.photo.pixels).max(axis=2)
        for face in one.faces:
            x0, y0, x1, y1 = (int(v) for v in face.box)
            apart[y0:y1, x0:x1] = 0
        assert (apart == 0).all()


def test_another_batch_gives_the_same_photos(
    cloak: Fawkes, made: list[Cloaked], subjects: list[Subject]
) -> None:
    again = cloak.apply([subjects[4], subjects[1]], seed=0)
    for one, k in zip(again, (4, 1), strict=True):
        apart = np.abs(one.pixels.astype(int) - made[k].pixels)
        assert apart.max() <= 1 and (apart > 0).mean() < 0.01
        assert one.faces[0].shift == pytest.approx(made[k].faces[0].shift, rel=1e-3)


def test_the_same_seed_gives_the_same_bytes(subjects: list[Subject]) -> None:
    runs: list[list[Cloaked]] = []
    for _ in range(2):
        fresh: Cloak = load_cloak("fawkes-1.0.2-low", device="cpu")
        runs.append(fresh.apply(subjects[:3], seed=7))
    assert all(a.pixels.tobytes() == b.pixels.tobytes() for a, b in zip(*runs, strict=True))


def test_a_photo_without_a_face_passes_through(cloak: Fawkes, subjects: list[Subject], shared: Path) -> None:
    """The upper left corner of a photo, in which the detector finds nothing."""
    corner = subjects[0].photo.pixels[:60, :60]
    faces = Detector(shared / "weights" / "yunet_n_dynamic.onnx").detect(corner)
    assert faces == ()
    one = replace(subjects[0], photo=Photo(corner, "corner", faces))
    out = cloak.apply([one], seed=0)[0]
    assert np.array_equal(out.pixels, corner) and out.note == "no face found"
