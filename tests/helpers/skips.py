"""The reasons for which a test may skip. Any other skip fails the run."""

from __future__ import annotations

EXPECTED = {
    "no test data at": "the research files of ../shared are not on this machine (FACEPROBE_TEST_DATA)",
    "no cloaked photos at": "../shared is there without its cloaked photos",
    "lfw10_color or YuNet's weights are absent": "../shared is there without them",
    "no browser": "no Chromium or Chrome is installed; .ci/run installs one",
    "root may write anywhere": "a read-only folder cannot be made for root",
    "needs /proc": "only Linux tells a process's peak memory there",
}
"""How the reason of an expected skip begins -> when a user meets it."""


def is_expected(reason: str) -> bool:
    """Whether a test may skip for ``reason``, as pytest reports it."""
    text = reason.removeprefix("Skipped: ")
    return any(text.startswith(start) for start in EXPECTED)
