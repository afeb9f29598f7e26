"""Fixtures of the report's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.run_writer import Writer


@pytest.fixture
def writer(tmp_path: Path) -> Callable[..., Writer]:
    """``writer(**changes)`` makes a :class:`Writer` for a folder of its own."""
    made: list[Writer] = []

    def make(**changes: Any) -> Writer:
        made.append(Writer(tmp_path / f"run{len(made)}", **changes))
        return made[-1]

    return make


@pytest.fixture
def run_dir(writer: Callable[..., Writer]) -> Path:
    """The quickstart as it might come out: five models, two crops, both variants."""
    return writer().write()
