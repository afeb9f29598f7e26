"""Photos and a tiny encoder for the embedding tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.fake_encoder import FakeEncoder, save_photo


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def make_people(tmp_path: Path) -> Callable[..., Path]:
    """``make_people(5, 4)``: a folder of 5 people x 4 photos."""

    def make(n_people: int = 5, n_photos: int = 4, name: str = "photos") -> Path:
        root = tmp_path / name
        for i in range(n_people):
            for k in range(n_photos):
                save_photo(root / f"person{i:02d}" / f"{k}.png", 100 * i + k)
        return root

    return make
