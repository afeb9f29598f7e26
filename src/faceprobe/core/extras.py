"""Optional dependencies: a part that lacks one names the extra that brings it."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from faceprobe.core.errors import Missing


def require(module: str, extra: str, what: str) -> ModuleType:
    """Import ``module``, or say that ``what`` needs ``pip install 'faceprobe[extra]'``."""
    try:
        return import_module(module)
    except ImportError as error:
        if error.name and not module.startswith(error.name):
            raise
        raise Missing(f"{what} needs {module}; install it: pip install 'faceprobe[{extra}]'") from error
