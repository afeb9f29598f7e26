"""The detector on real photos (skipped without them), and where its weights come from."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from faceprobe.core.errors import BadInput, Missing, Unreachable
from faceprobe.core.files import cache_dir
from faceprobe.data.photo import decode_image
from faceprobe.faces import weights
from faceprobe.faces.detect import Detector
from faceprobe.faces.weights import find_detector

cv2 = pytest.importorskip("cv2")


@pytest.fixture(autouse=True)
def no_detector_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEPROBE_DETECTOR", raising=False)


@pytest.fixture
def detector(shared: Path) -> Detector:
    return find_detector(str(shared / "weights" / "yunet_n_320_320.onnx"))  # OpenCV 4 reads it as well


@pytest.fixture
def pixels(shared: Path) -> np.ndarray:
    path = shared / "data" / "lfw10_color" / "Colin_Powell" / "Colin_Powell_0001.jpg"
    return decode_image(path.read_bytes(), path.name)


def test_lfw_faces_lie_in_the_middle(detector: Detector, shared: Path) -> None:
    """LFW's photos are centred on one face of about 90 x 120 pixels; the eyes lie above the mouth."""
    for path in sorted((shared / "data" / "lfw").glob("A*/*_0001.jpg"))[:12]:
        faces = detector.detect(decode_image(path.read_bytes(), path.name))
        assert faces
        best = min(faces, key=lambda f: abs(f.box[0] + f.box[2] - 250) + abs(f.box[1] + f.box[3] - 250))
        x0, y0, x1, y1 = best.box
        assert abs((x0 + x1) / 2 - 125) < 30 and abs((y0 + y1) / 2 - 125) < 30
        assert 50 < x1 - x0 < 150 and 70 < y1 - y0 < 200
        assert 0.5 <= best.score <= 1
        left_eye, right_eye, nose, left_mouth, right_mouth = best.landmarks
        assert left_eye[0] < right_eye[0] and left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


@pytest.mark.parametrize("factor", [2, 6])
def test_boxes_of_large_photos_are_mapped_back(detector: Detector, pixels: np.ndarray, factor: int) -> None:
    """6 x 250 = 1,500 pixels with a face of 700: found in the reduced photo, reported in the large one."""
    small = detector.detect(pixels)[0]
    big = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    large = detector.detect(big)[0]
    tolerance = 0.12 * (small.box[2] - small.box[0])
    np.testing.assert_allclose(np.array(large.box) / factor, small.box, atol=tolerance)
    np.testing.assert_allclose(large.landmarks / factor, small.landmarks, atol=tolerance)


def test_a_photo_without_a_face_and_tiny_ones(detector: Detector) -> None:
    assert detector.detect(np.zeros((120, 90, 3), dtype=np.uint8)) == ()
    assert detector.detect(np.full((1, 1, 3), 200, dtype=np.uint8)) == ()
    assert detector.detect(np.full((1, 3000, 3), 200, dtype=np.uint8)) == ()


def test_it_travels_to_other_processes(detector: Detector, pixels: np.ndarray) -> None:
    first = detector.detect(pixels)
    again = pickle.loads(pickle.dumps(detector))  # noqa: S301
    assert again.fingerprint() == detector.fingerprint()
    np.testing.assert_array_equal(again.detect(pixels)[0].landmarks, first[0].landmarks)


def test_other_weights_have_another_fingerprint(shared: Path, detector: Detector) -> None:
    other = Detector(shared / "weights" / "yunet_n_dynamic.onnx")
    assert other.fingerprint() != detector.fingerprint()


def test_the_environment_names_weights(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEPROBE_DETECTOR", str(shared / "weights" / "yunet_n_320_320.onnx"))
    assert find_detector().path.name == "yunet_n_320_320.onnx"


def test_a_path_that_is_not_there() -> None:
    with pytest.raises(Missing, match=r"--detector nowhere\.onnx: no such file"):
        find_detector("nowhere.onnx")


def test_the_variable_is_named_where_it_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEPROBE_DETECTOR", "nowhere.onnx")
    with pytest.raises(Missing, match="FACEPROBE_DETECTOR"):
        find_detector()


def test_a_file_that_is_not_a_detector(tmp_path: Path, shared: Path) -> None:
    text = tmp_path / "yunet.onnx"
    text.write_bytes(b"not a network")
    for path in (text, shared / "weights" / "mobilefacenet_112.onnx"):
        with pytest.raises(BadInput, match="not a YuNet face detector"):
            find_detector(str(path))


class NoNetwork:
    asked = 0

    def head(self, *_: object, **__: object) -> None:
        NoNetwork.asked += 1
        raise ConnectionError("no route to host")


def test_without_network_one_line_says_what_to_put_where(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "get_session", NoNetwork)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    NoNetwork.asked = 0
    with pytest.raises(Unreachable) as caught:
        find_detector()
    message = str(caught.value)
    assert NoNetwork.asked == 1
    assert weights.url() in message and "--detector" in message and "\n" not in message
    assert str(cache_dir("detectors", weights.FILE)) in message


def test_the_hubs_offline_switch_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "get_session", NoNetwork)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    NoNetwork.asked = 0
    with pytest.raises(Unreachable, match="--detector"):
        find_detector()
    assert NoNetwork.asked == 0


def test_offline_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "get_session", NoNetwork)
    NoNetwork.asked = 0
    with pytest.raises(Unreachable, match="--offline is set"):
        find_detector(offline=True)
    assert NoNetwork.asked == 0


def test_weights_in_the_cache_are_checked() -> None:
    path = cache_dir("detectors", weights.FILE)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    with pytest.raises(BadInput, match="not the expected file"):
        find_detector()


def test_a_download_with_another_hash_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    fake = tmp_path / "fetched.onnx"
    fake.write_bytes(b"tampered")
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_, **__: str(fake))
    with pytest.raises(BadInput, match="another SHA-256"):
        find_detector()
