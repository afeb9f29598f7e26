"""Face detection with YuNet (Wu et al., Machine Intelligence Research 20, 2023) through OpenCV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.extras import require
from faceprobe.core.files import sha256_file, sha256_json
from faceprobe.data.photo import Face

MIN_SCORE = 0.5
NMS_OVERLAP = 0.3
LONG_SIDES = (640, 320, 1280)
"""A photo is scaled so that its longer side has at most these pixels; the first size at which YuNet finds a
face is used. YuNet finds faces of about 10 to 300 pixels: 320 is for a face that fills a large photo, 1280
for small faces in a large photo. Photos are never enlarged."""


class Detector:
    """Finds faces with the weights at ``path``. Picklable; loads on first use; for one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._net: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_net": None}

    def fingerprint(self) -> str:
        """Hash of the weights and of every setting that changes the faces found."""
        settings = [sha256_file(self.path), MIN_SCORE, NMS_OVERLAP, LONG_SIDES]
        return sha256_json(settings)

    def check(self) -> None:
        """Raise :class:`BadInput` where the file is not a YuNet model."""
        self.detect(np.zeros((64, 64, 3), dtype=np.uint8))

    def detect(self, pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
        """Every face with a score of at least .5 in (H, W, 3) uint8 RGB, best first.

        Boxes and landmarks are in pixels of the photo as given, at whatever size the faces were found.
        """
        height, width = pixels.shape[:2]
        scales = [min(1.0, side / max(height, width)) for side in LONG_SIDES]
        for scale in dict.fromkeys(scales):  # in order, each once: small photos have scale 1 only
            faces = self._detect_at(pixels, scale)
            if faces:
                return faces
        return ()

    def _detect_at(self, pixels: NDArray[np.uint8], scale: float) -> tuple[Face, ...]:
        cv2 = require("cv2", "encode", "face detection")
        height, width = pixels.shape[:2]
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        bgr = np.ascontiguousarray(pixels[..., ::-1])
        if size != (width, height):
            bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
        try:
            net = self._loaded(cv2)
            net.setInputSize(size)
            found = net.detect(bgr)[1]
        except (cv2.error, SystemError) as error:
            raise BadInput(
                f"{self.path} is not a YuNet face detector that OpenCV {cv2.__version__} can run; "
                "give face_detection_yunet_2023mar.onnx (a file of dynamic shape needs OpenCV 5)"
            ) from error
        rows = np.zeros((0, 15), np.float32) if found is None else np.asarray(found, dtype=np.float32)
        back = np.array([width / size[0], height / size[1]], dtype=np.float32)
        sound = np.isfinite(rows).all(axis=1) & (rows[:, 14] >= MIN_SCORE)
        return tuple(_face(row, back) for row in rows[sound])

    def _loaded(self, cv2: Any) -> Any:
        if self._net is None:
            with _quiet_opencv(cv2):
                self._net = cv2.FaceDetectorYN.create(
                    str(self.path), "", (320, 320), MIN_SCORE, NMS_OVERLAP, 5000
                )
        return self._net


def _face(row: NDArray[np.float32], back: NDArray[np.float32]) -> Face:
    """YuNet's row: x, y, w, h, the five points, the score. The first point is the person's right eye,
    which is the left one in the photo.
    """
    x, y = row[:2] * back
    w, h = row[2:4] * back
    points = row[4:14].reshape(5, 2) * back
    return Face((float(x), float(y), float(x + w), float(y + h)), points, float(min(row[14], 1.0)))


@contextmanager
def _quiet_opencv(cv2: Any) -> Iterator[None]:
    """Silence OpenCV's own warnings while it loads a network; a failure raises one clear line."""
    if hasattr(cv2, "setLogLevel"):  # OpenCV 4
        read, write = cv2.getLogLevel, cv2.setLogLevel
    else:
        read, write = cv2.utils.logging.getLogLevel, cv2.utils.logging.setLogLevel
    before = read()
    write(0)  # silent
    try:
        yield
    finally:
        write(before)
