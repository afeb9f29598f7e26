"""Fixtures that every test may use, and the rule that no test skips without an expected reason."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.helpers.skips import is_expected

if "PYTEST_XDIST_WORKER" in os.environ:  # one worker a core: more threads would only get in the way
    os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent


def shared_folder() -> Path:
    """Where the research files lie, whether or not they are there."""
    return Path(os.environ.get("FACEPROBE_TEST_DATA") or ROOT.parent / "shared")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photos and vectors (``FACEPROBE_TEST_DATA``); skips where it is absent."""
    folder = shared_folder()
    if not (folder / "data").is_dir():
        pytest.skip(f"no test data at {folder}; set FACEPROBE_TEST_DATA")
    return folder


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's caches, and tables are as wide wherever the tests run."""
    monkeypatch.setenv("FACEPROBE_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("COLUMNS", "160")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip whose reason is not listed in tests/helpers/skips.py into a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not is_expected(reason):
            report.outcome = "failed"
            report.longrepr = (
                f"{item.nodeid} skipped for a reason that tests/helpers/skips.py does not list: {reason}"
            )
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that skips while it is imported."""
    report = yield
    if report.skipped:
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not is_expected(reason):
            report.outcome = "failed"
            report.longrepr = f"{collector.nodeid} skipped as a whole: {reason}"
    return report
