"""The packaged studies, and how a study is found by its name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.study.schema import Study, parse_study, read_study


def packaged_studies() -> list[str]:
    """Names of the packaged studies, sorted."""
    return sorted(p.name.removesuffix(".yaml") for p in _folder().iterdir() if p.name.endswith(".yaml"))


def resolve_study(study: str | Path | Mapping[str, Any] | Study) -> tuple[str, Study]:
    """The name and the content of a study: a packaged name, a YAML file, a mapping with the content of such a
    file, or a :class:`Study`.

    Raises :class:`WrongUsage` for a file that is not there or not a study, :class:`UnknownName`
    with the nearest packaged names otherwise.
    """
    if isinstance(study, Study):
        return study.title, study
    if isinstance(study, Mapping):
        parsed = parse_study(dict(study), "the study")
        return parsed.title, parsed
    if str(study) in packaged_studies():
        with resources.as_file(_folder() / f"{study}.yaml") as path:
            return str(study), read_study(path)
    path = Path(study)
    if path.is_file():
        return path.stem, read_study(path)
    if path.suffix in (".yaml", ".yml") or path.is_dir() or len(path.parts) > 1:
        raise WrongUsage(
            f"{path} is not a study file; give a YAML file or one of {', '.join(packaged_studies())}"
        )
    raise UnknownName("study", str(study), packaged_studies(), hint="(or give the path of a YAML file)")


def _folder() -> resources.abc.Traversable:
    return resources.files("faceprobe.study") / "data"
