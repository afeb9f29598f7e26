"""Find the detector's weights: at a given path, in the cache, or on the Hugging Face hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from faceprobe.core.errors import BadInput, Missing, Unreachable
from faceprobe.core.extras import require
from faceprobe.core.files import cache_dir, sha256_file
from faceprobe.core.hub_access import REACH_SECONDS, endpoint, hub_is_off, hub_store, reach
from faceprobe.faces.detect import Detector

REPOSITORY = "opencv/face_detection_yunet"
REVISION = "3cc26e7f1014a5ee5d74a42acee58bafc9d0a310"
FILE = "face_detection_yunet_2023mar.onnx"
SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"


def url() -> str:
    """Where the weights are on the hub."""
    return f"{endpoint()}/{REPOSITORY}/resolve/{REVISION}/{FILE}"


def find_detector(path: str | None = None, offline: bool = False) -> Detector:
    """The detector at ``path``, else at ``FACEPROBE_DETECTOR``, else from the cache or the hub.

    Raises :class:`Missing` for a path that does not exist, :class:`BadInput` for a file that is not a YuNet
    model, :class:`Unreachable` where the weights cannot be fetched or ``offline`` forbids it.
    """
    given = path or os.environ.get("FACEPROBE_DETECTOR")
    if given:
        origin = "--detector" if path else "FACEPROBE_DETECTOR"
        file = Path(given).expanduser()
        if not file.is_file():
            raise Missing(f"{origin} {given}: no such file; give the path of YuNet weights ({FILE})")
        detector = Detector(file)
    else:
        detector = Detector(_cached() or _fetch(offline))
    detector.check()
    return detector


def _cached() -> Path | None:
    """The weights in faceprobe's cache, where a user without network puts them; None without them."""
    file = cache_dir("detectors", FILE)
    if not file.is_file():
        return None
    if sha256_file(file) != SHA256:
        raise BadInput(f"{file} is not the expected file (SHA-256 {SHA256[:12]}...); fetch it again: {url()}")
    return file


def _fetch(offline: bool) -> Path:
    fix = f"fetch {url()} and put it at {cache_dir('detectors', FILE)}, or give --detector PATH"
    try:
        hub = require("huggingface_hub", "encode", "fetching the face detector")
    except Missing as error:
        raise Missing(f"{error}; or {fix}") from error
    store = hub_store()
    known = hub.try_to_load_from_cache(REPOSITORY, FILE, revision=REVISION, cache_dir=store)
    if (offline or hub_is_off()) and not isinstance(known, str):
        setting = "--offline" if offline else "HF_HUB_OFFLINE"
        raise Unreachable(f"the face detector is not on this machine and {setting} is set; {fix}")
    try:
        file = Path(known if isinstance(known, str) else _download(hub, store))
    except Exception as error:  # the hub raises a dozen types of its own and of its HTTP library
        raise Unreachable(
            f"cannot fetch the face detector from {endpoint(hub)} ({type(error).__name__});"
            f" without network {fix}"
        ) from error
    if sha256_file(file) != SHA256:
        raise BadInput(f"{url()} returned a file with another SHA-256 than {SHA256[:12]}...; {fix}")
    return file


def _download(hub: Any, store: str | None) -> str:
    """Download from the hub; first one short request, since the client retries for half a minute."""
    if not hub.constants.HF_HUB_OFFLINE:
        reach(hub)
    settings = {"cache_dir": store, "etag_timeout": REACH_SECONDS, "endpoint": endpoint(hub)}
    path: str = hub.hf_hub_download(REPOSITORY, FILE, revision=REVISION, **settings)
    return path
