"""Machine, versions, names in results."""

from __future__ import annotations

import json
import os
import platform

from faceprobe import __version__
from faceprobe.core.machine import describe_machine, installed_version, usable_cores, versions


def test_the_machine_is_described_in_json() -> None:
    machine = describe_machine()
    assert json.loads(json.dumps(machine)) == machine
    assert machine["python"] == platform.python_version()
    assert 1 <= machine["cores"] == usable_cores() <= (os.cpu_count() or 1)
    assert machine["memory_gib"] is None or 0.1 < machine["memory_gib"] < 1e6
    assert machine["cpu"]


def test_versions_name_what_is_installed_and_nothing_else() -> None:
    import numpy

    found = versions()
    assert found["faceprobe"] == __version__ and found["numpy"] == numpy.__version__
    assert all(found.values())
    assert installed_version("a-distribution-that-does-not-exist") == ""
