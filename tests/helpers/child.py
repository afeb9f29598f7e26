"""Programs that tests start: they import what the tests import."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def child_environment(**changes: str) -> dict[str, str]:
    """The environment of a Python child process that finds the tests' helpers and this faceprobe."""
    paths = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    return os.environ | {"PYTHONPATH": paths} | changes
