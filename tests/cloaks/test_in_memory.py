"""Cloaking photos in memory: the forms they come in, the folder command's bytes, and errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from faceprobe.cloaks import load_cloak
from faceprobe.cloaks.photos.files import MARK
from faceprobe.cloaks.photos.folder import MEASURES, cloak_folder
from faceprobe.cloaks.photos.in_memory import cloak_images
from faceprobe.cloaks.photos.visibility import photo_quality
from faceprobe.core.errors import BadInput, FaceprobeError, Missing, UnknownName, WrongUsage
from faceprobe.data.photo import Photo
from faceprobe.datasets import load_dataset
from tests.helpers.cloak_faces import synthetic
from tests.helpers.cloak_photos import textured

PGD = "pgd[bundled:face]"


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of PGD's steps: the tests compare ways to call it."""
    monkeypatch.setattr("faceprobe.cloaks.attacks.pgd.STEPS", 10)


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    return textured(90, 70)


@pytest.fixture
def portraits(tmp_path: Path, shared: Path) -> list[Path]:
    """Three photos that the detector finds faces in, as files."""
    world = load_dataset("synthetic?people=3&photos=1&size=224")
    folder = tmp_path / "portraits"
    folder.mkdir()
    for row in range(3):
        Image.fromarray(world.photo(row).pixels).save(folder / f"{row}.png")
    return sorted(folder.iterdir())


def test_every_form_of_a_photo_gives_the_same_pixels(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    forms = [path, str(path), Image.fromarray(pixels), pixels, Photo(pixels, "hash")]
    several = cloak_images(forms, "jpeg-75")
    assert [image.name for image in several[:3]] == [str(path), str(path), "photo 2"]
    for form, image in zip(forms, several, strict=True):
        (one,) = cloak_images(form, "jpeg-75")
        assert np.array_equal(one.pixels, several[0].pixels) and np.array_equal(one.pixels, image.pixels)
    grey = cloak_images(pixels[..., 0], "jpeg-75")[0]
    assert grey.pixels.shape == pixels.shape and grey.colour == 0


def test_measures_are_those_of_the_two_photos(pixels: NDArray[np.uint8]) -> None:
    (done,) = cloak_images(pixels, "blur-2")
    wanted = photo_quality(pixels, done.pixels)
    assert (done.changed, done.note, done.cloak, done.faces) == (True, "", "blur-2", None)
    assert (done.psnr, done.ssim, done.dssim) == (wanted.psnr, wanted.ssim, wanted.dssim)
    assert done.cosine is None and done.seconds > 0
    assert np.array_equal(np.asarray(done.image), done.pixels)


def test_the_pixels_and_measures_are_those_of_the_folder_command(
    portraits: list[Path], tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    for cloak in (PGD, f"noise[{PGD}]"):
        folder = cloak_folder(portraits[0].parent, tmp_path / cloak[:5], cloak, quiet=True)
        for image, record in zip(cloak_images(portraits, cloak), folder.records, strict=True):
            written = image.save(tmp_path / "saved.png")
            assert written.read_bytes() == (tmp_path / cloak[:5] / record.output).read_bytes()
            assert image.changed and image.faces == record.faces == 1
            for measure in (*MEASURES, "cosine_max", "largest_change", "barely", "starts"):
                if measure != "lpips":
                    assert getattr(image, measure) == getattr(record, measure), measure
            assert image.cosine is not None and image.cosine < 0.9 if cloak == PGD else True


def test_known_faces_need_no_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr("faceprobe.cloaks.photos.loaded_cloak.find_detector", lambda *_: pytest.fail("asked"))
    photos = [subject.photo for subject in synthetic(2, 1)]
    cloak = load_cloak(PGD, device="cpu")
    first, second = cloak_images([*photos], cloak, seed=1)
    assert first.faces == second.faces == 1 and first.changed and second.changed
    by_name = cloak_images(photos, PGD, seed=1, device="cpu")
    assert [np.array_equal(a.pixels, b.pixels) for a, b in zip(by_name, (first, second), strict=True)] == [
        True,
        True,
    ]
    again = cloak_images(photos, PGD, seed=2, device="cpu")
    assert not np.array_equal(again[0].pixels, first.pixels)


def test_a_photo_without_a_face_is_unchanged_and_says_so(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (done,) = cloak_images(np.full((120, 120, 3), 90, dtype=np.uint8), PGD)
    assert (done.changed, done.note, done.faces, done.psnr, done.cosine) == (
        False,
        "no face found",
        0,
        None,
        None,
    )
    with Image.open(done.save(tmp_path / "same.png")) as saved:
        assert MARK not in saved.info and (np.asarray(saved) == 90).all()


def test_saving_is_lossless_marked_and_never_over_the_original(
    tmp_path: Path, pixels: NDArray[np.uint8]
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    before = path.read_bytes()
    (done,) = cloak_images(path, "jpeg-75")
    (tmp_path / "link.png").symlink_to(path)
    for original in (path, tmp_path / "link.png"):
        with pytest.raises(BadInput, match="is the original"):
            done.save(original)
    assert path.read_bytes() == before
    with pytest.raises(BadInput, match=r"saved as \.png"):
        done.save(tmp_path / "b.jpg")
    with Image.open(done.save(str(tmp_path / "new" / "b.png"))) as saved:
        assert saved.info[MARK] == "jpeg-75" and np.array_equal(np.asarray(saved), done.pixels)


@pytest.mark.parametrize(
    ("photo", "said"),
    [
        (np.zeros((4, 5, 4), dtype=np.uint8), r"array \(H, W, 3\)"),
        (np.zeros((2, 4, 5, 3), dtype=np.uint8), r"array \(H, W, 3\)"),
        (np.zeros((4, 5, 3), dtype=np.float32), "float32"),
        (np.zeros((0, 5, 3), dtype=np.uint8), r"array \(H, W, 3\)"),
        (7, "int"),
        ([7], "int"),
        ([], "no photos"),
    ],
)
def test_what_is_no_photo(photo: object, said: str) -> None:
    with pytest.raises(BadInput, match=said) as error:
        cloak_images(photo, "jpeg-75")
    assert "\n" not in str(error.value)


def test_paths_that_hold_no_photo(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="check the path"):
        cloak_images(tmp_path / "absent.png", "jpeg-75")
    with pytest.raises(BadInput, match="is a folder"):
        cloak_images(tmp_path, "jpeg-75")
    (tmp_path / "a.png").write_bytes(b"no photo")
    with pytest.raises(BadInput, match="not an image"):
        cloak_images([tmp_path / "a.png"], "jpeg-75")


@pytest.mark.parametrize(
    ("cloak", "error"), [("jpag-75", UnknownName), ("noise[fawkes]", WrongUsage), ("fawkes", WrongUsage)]
)
def test_names_that_are_no_cloak(cloak: str, error: type[FaceprobeError], pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(error):
        cloak_images(pixels, cloak)


def test_no_detector_is_one_clear_error(
    pixels: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FACEPROBE_DETECTOR", str(tmp_path / "absent.onnx"))
    with pytest.raises(FaceprobeError, match=r"absent\.onnx"):
        cloak_images(pixels, PGD)
