"""The registry of protocols, filled from the data files in ``data/``."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml

from faceprobe.core.errors import FaceprobeError
from faceprobe.core.registry import Registry
from faceprobe.protocols.types import Protocol

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The compiled loader reads ten times as fast; PyYAML may have been built without it."""

PROTOCOLS: Registry[Protocol] = Registry("protocol", "protocols", {})


def read_protocol(text: str, where: str) -> Protocol:
    """Read one YAML data file; a wrong or missing field is an error that names ``where``."""
    fields: dict[str, Any] = yaml.load(text, Loader=_LOADER)  # noqa: S506 (both are safe loaders)
    try:
        fields["needs"] = tuple(fields["needs"])
        return Protocol(**fields)
    except (KeyError, TypeError) as error:
        raise FaceprobeError(f"{where} is not a protocol file: {error}") from error


for _file in sorted(files("faceprobe.protocols").joinpath("data").iterdir(), key=lambda f: f.name):
    if _file.name.endswith(".yaml"):
        _protocol = read_protocol(_file.read_text(encoding="utf-8"), _file.name)
        PROTOCOLS.register(_protocol.name, _protocol)
