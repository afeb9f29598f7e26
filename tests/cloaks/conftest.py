"""What tests of cloaks share: a face detector, where its weights are at hand."""

from __future__ import annotations

import pytest

from tests.conftest import shared_folder


@pytest.fixture(autouse=True)
def shared_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """YuNet's weights of the shared test data; tests that find faces skip without them."""
    weights = shared_folder() / "weights" / "yunet_n_dynamic.onnx"
    if weights.is_file():
        monkeypatch.setenv("FACEPROBE_DETECTOR", str(weights))
