"""Where the detector's weights come from: a given path, a cache, or the Hugging Face hub."""

from __future__ import annotations

import os
from pathlib import Path

from faceprobe.core.errors import BadInput, Missing, Unreachable
from faceprobe.core.extras import require
from faceprobe.core.files import cache_dir, sha256_file
from faceprobe.faces.detect import Detector

REPOSITORY = "opencv/face_detection_yunet"
REVISION = "3cc26e7f1014a5ee5d74a42acee58bafc9d0a310"
FILE = "face_detection_yunet_2023mar.onnx"
SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
URL = f"https://huggingface.co/{REPOSITORY}/resolve/{REVISION}/{FILE}"


def find_detector(path: str | None = None) -> Detector:
    """The detector at ``path``, else at ``FACEPROBE_DETECTOR``, else from the cache or the hub.

    Raises :class:`Missing` for a path that is not there, :class:`BadInput` for a file that is not a
    YuNet model, :class:`Unreachable` where the weights cannot be fetched.
    """
    given = path or os.environ.get("FACEPROBE_DETECTOR")
    if given:
        origin = "--detector" if path else "FACEPROBE_DETECTOR"
        file = Path(given).expanduser()
        if not file.is_file():
            raise Missing(f"{origin} {given}: no such file; give the path of YuNet weights ({FILE})")
        detector = Detector(file)
    else:
        detector = Detector(_cached() or _fetch())
    detector.check()
    return detector


def _cached() -> Path | None:
    """Weights that a user without network put into faceprobe's own cache."""
    file = cache_dir("detectors", FILE)
    if not file.is_file():
        return None
    if sha256_file(file) != SHA256:
        raise BadInput(f"{file} is not the expected file (SHA-256 {SHA256[:12]}...); fetch it again: {URL}")
    return file


def _fetch() -> Path:
    mend = f"fetch {URL} and put it at {cache_dir('detectors', FILE)}, or give --detector PATH"
    try:
        hub = require("huggingface_hub", "encode", "fetching the face detector")
    except Missing as error:
        raise Missing(f"{error}; or {mend}") from error
    try:
        file = Path(hub.hf_hub_download(REPOSITORY, FILE, revision=REVISION))
    except Exception as error:  # the hub raises a dozen types of its own and of its HTTP library
        raise Unreachable(
            f"cannot fetch the face detector ({type(error).__name__}); without network {mend}"
        ) from error
    if sha256_file(file) != SHA256:
        raise BadInput(f"{URL} gave a file with another SHA-256 than {SHA256[:12]}...; {mend}")
    return file
