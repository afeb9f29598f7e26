"""What tests of cloaks share: a face detector, where its weights are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def shared_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """YuNet's weights of the shared test data; tests that find faces skip without them."""
    folder = Path(os.environ.get("FACEPROBE_TEST_DATA") or ROOT.parent / "shared")
    weights = folder / "weights" / "yunet_n_dynamic.onnx"
    if weights.is_file():
        monkeypatch.setenv("FACEPROBE_DETECTOR", str(weights))
