"""What surrogates see: the warp against OpenCV's, whole photos against Pillow's, gradients of both."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.cloak_faces import drawn, synthetic

torch = pytest.importorskip("torch")
pytest.importorskip("pytorch_msssim")

from faceprobe.cloaks.attacks.differentiable_crop import face_grid, face_map, read_grid  # noqa: E402
from faceprobe.cloaks.attacks.face_windows import plan_windows, read_window  # noqa: E402
from faceprobe.cloaks.attacks.lowkey import blurred  # noqa: E402
from faceprobe.cloaks.attacks.surrogate import load_surrogates  # noqa: E402
from faceprobe.cloaks.attacks.surrogate_view import (  # noqa: E402
    SurrogateView,
    WindowBatch,
    relative,
    whole_view,
    window_batch,
)
from faceprobe.data.photo import Photo  # noqa: E402
from faceprobe.faces.align import align_112  # noqa: E402
from faceprobe.models.preprocess import Preprocess  # noqa: E402

CPU = torch.device("cpu")
MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


def a_batch(photos: list[Photo], *, whole: bool = False) -> WindowBatch:
    windows = [plan_windows(p, whole=whole).windows[0] for p in photos]
    made = [
        (w, read_window(p.pixels, w), k, str(k)) for k, (w, p) in enumerate(zip(windows, photos, strict=True))
    ]
    return window_batch(made, CPU)


@pytest.mark.parametrize(
    ("x", "y", "scale"), [(20, 15, 1.0), (3.3, 9.7, 1.4), (40.2, 30.1, 0.5), (-30, -20, 1.1)]
)
def test_the_warp_is_the_crop_aligned_112(x: float, y: float, scale: float) -> None:
    photo = drawn(200, 180, [(x, y, scale)])
    assert photo.faces and photo.faces[0].landmarks is not None
    wanted = align_112(photo.pixels, photo.faces[0].landmarks)
    pixels = torch.from_numpy(photo.pixels.transpose(2, 0, 1)[None].astype(np.float32))
    grid = face_grid(face_map(photo.faces[0].landmarks), (200, 180), CPU)
    found = read_grid(pixels, grid[None])[0].numpy().transpose(1, 2, 0)
    # OpenCV rounds sampling positions to 1/32 px: on these smooth colours well under a level, but at the
    # photo's edge, where black begins, up to 1/32 of the whole range.
    assert np.abs(found - wanted).max() <= 255 / 32 + 1
    assert np.mean(np.abs(found - wanted)) < 0.6


def test_real_landmarks_in_the_built_in_world_too() -> None:
    for subject in synthetic(3, 2):
        assert subject.photo.faces and subject.photo.faces[0].landmarks is not None
        wanted = align_112(subject.photo.pixels, subject.photo.faces[0].landmarks)
        batch = a_batch([subject.photo])
        found = batch.aligned(batch.clean)[0].numpy().transpose(1, 2, 0) * 255
        assert np.mean(np.abs(found - wanted)) < 1.0


@pytest.mark.parametrize(
    "preprocess",
    [
        Preprocess((64, 64), MEAN, STD),
        Preprocess((64, 64), MEAN, STD, interpolation="bilinear", resize=72),
        Preprocess((48, 80), MEAN, STD, mode="squash"),
        Preprocess((64, 64), MEAN, STD, mode="longest", fill=127),
        Preprocess((64, 64), MEAN, STD, resize=48),
        Preprocess((224, 224), MEAN, STD),
    ],
    ids=["shortest", "resize-then-crop", "squash", "longest", "pad-in-crop", "enlarged"],
)
@pytest.mark.parametrize("size", [(150, 201), (180, 120)])
def test_a_whole_photo_is_resized_as_the_encoder_does(preprocess: Preprocess, size: tuple[int, int]) -> None:
    photo = drawn(*size, [])
    wanted = preprocess.prepare(photo.pixels).astype(float)
    pixels = torch.from_numpy(photo.pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255)
    found = whole_view(pixels, preprocess)[0].numpy().transpose(1, 2, 0) * 255
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 2  # Pillow rounds to 8 bits after each of its two passes


def test_blur_is_the_published_gaussian() -> None:
    spike = torch.zeros(1, 3, 21, 21)
    spike[:, :, 10, 10] = 1
    found = blurred(spike)[0, 0].numpy()
    bell = np.exp(-0.5 * (np.arange(-3, 4) / 3.0) ** 2)
    bell /= bell.sum()
    wanted = np.zeros((21, 21))
    wanted[7:14, 7:14] = np.outer(bell, bell)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    edge = torch.arange(8.0).repeat(1, 3, 8, 1)
    reflected = np.pad(np.arange(8.0), 3, mode="reflect")
    np.testing.assert_allclose(blurred(edge)[0, 0, 0], np.convolve(reflected, bell, "valid"), atol=1e-5)


@pytest.mark.parametrize("name", ["bundled:face", "bundled:clip-s"])
@pytest.mark.parametrize("blur", [False, True])
def test_the_gradient_is_that_of_the_gain(name: str, blur: bool) -> None:
    """Along the gradient, the gain changes as the gradient says (central difference)."""
    photos = [s.photo for s in synthetic(2, 1)]
    surrogates = load_surrogates([name], device="cpu")
    batch = a_batch(photos, whole=name != "bundled:face")
    view = SurrogateView(surrogates, batch)
    transforms = (blurred,) if blur else ()
    start = batch.clean + batch.noise(0.02)
    gradient = view.gradient(start, relative, transforms)
    assert float(gradient.abs().max()) > 0

    def gain(photos: torch.Tensor) -> np.ndarray:
        return view.shifts(blurred(photos) if blur else photos)[1]

    direction = gradient.sign()
    step = 2e-4
    with torch.no_grad():
        rise = (gain(start + step * direction) - gain(start - step * direction)) / (2 * step)
    predicted = (gradient * direction).sum((1, 2, 3)).numpy()
    np.testing.assert_allclose(rise, predicted, rtol=0.05)


def test_gradients_reach_the_face_and_nothing_else() -> None:
    photo = drawn(300, 300, [(100, 120, 0.8)])
    view = SurrogateView(load_surrogates(["bundled:face"], device="cpu"), a_batch([photo]))
    start = view.batch.clean + view.batch.noise(0.02)
    gradient = view.gradient(start, relative)[0].abs().sum(0).numpy()
    inside = gradient[120:209, 100:189]
    assert (inside > 0).mean() > 0.95
    gradient[118:212, 98:192] = 0
    assert gradient.max() == 0


def test_noise_follows_the_window_alone() -> None:
    photos = [s.photo for s in synthetic(3, 1)]
    together, alone = a_batch(photos), a_batch(photos[:1])
    assert torch.equal(together.noise(0.1)[:1], alone.noise(0.1))
    assert float(together.noise(0.1).abs().max()) <= 0.1
    assert not torch.equal(together.noise(0.1)[0], together.noise(0.1)[1])
