"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photos and vectors (``FACEPROBE_TEST_DATA``); skips where it is absent."""
    folder = Path(os.environ.get("FACEPROBE_TEST_DATA") or ROOT.parent / "shared")
    if not (folder / "data").is_dir():
        pytest.skip(f"no test data at {folder}; set FACEPROBE_TEST_DATA")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's caches."""
    monkeypatch.setenv("FACEPROBE_CACHE", str(tmp_path_factory.mktemp("cache")))
