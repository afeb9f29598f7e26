"""``faceprobe datasets``."""

from __future__ import annotations

EPILOG = ""


def command() -> None:
    """(being written)"""
