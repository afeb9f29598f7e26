"""Optional dependencies: a part that lacks one names the extra that brings it."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from faceprobe.core.errors import Missing


def install(extra: str) -> str:
    """The command that adds ``extra``. It is run in a clone, since faceprobe is in no package index."""
    return f"pip install '.[{extra}]'"


def require(module: str, extra: str, what: str) -> ModuleType:
    """Import ``module``; :class:`Missing` says what ``what`` needs and how to install ``extra``."""
    try:
        return import_module(module)
    except ImportError as error:
        if error.name and not module.startswith(error.name):
            raise
        raise Missing(
            f"{what} needs {module.partition('.')[0]}; in your clone of faceprobe run {install(extra)}"
        ) from error
