"""The content of a study file, and the errors for any other content.

A study is a YAML mapping. Names of models, datasets and crops follow the grammar of the command
line. Paths in them are relative to the working folder, as on the command line::

    title: Two encoders on my photos
    models: [ViT-B-32/openai, "bundled:clip-s"]
    datasets: ["folder:photos"]
    crops: [as-is, face-only]
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from faceprobe.core.errors import WrongUsage
from faceprobe.core.files import sha256_json
from faceprobe.core.text_files import read_text
from faceprobe.models.base import Role


def _named(value: Any) -> Any:
    """Accept a list of names, or a mapping from name to overrides, as one mapping."""
    if not isinstance(value, list | dict):
        raise ValueError(
            f"write a list of names, or a mapping from name to its overrides, not {_shown(value)}"
        )
    items: list[tuple[Any, Any]] = []
    for item in value if isinstance(value, list) else [value]:
        items += item.items() if isinstance(item, dict) else [(item, None)]
    flat: dict[str, Any] = {}
    for name, overrides in items:
        if not isinstance(name, str):
            nested = isinstance(name, list | dict | set)
            fix = "write each name on its own" if nested else "put it in quotes"
            raise ValueError(f"a name is a text, not {_shown(name)}; {fix}")
        _not_blank(name)
        if name in flat:
            raise ValueError(f"{name!r} is listed twice")
        flat[name] = {} if overrides is None else overrides
    return flat


def _not_blank(name: str) -> str:
    if not name.strip():
        raise ValueError("a name is empty; write it or remove it")
    return name


def _shown(value: Any) -> str:
    """``value`` for a message: on one line and not long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


_LONGEST = 60


def _distinct(names: list[str]) -> list[str]:
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ValueError(f"{twice[0]!r} is listed twice")
    return names


NameList = Annotated[
    list[Annotated[str, AfterValidator(_not_blank)]], Field(min_length=1), AfterValidator(_distinct)
]


CLOAK_PEOPLE = 24
"""The default number of people whose photos are cloaked: enough for intervals, few enough to be quick."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ModelEntry(_Part):
    """Overrides of one model: ``label`` is its name in rows, ``family`` the models that a figure joins by a
    line, ``role`` what it is ("clip", "encoder", "specialist" for a model made for faces, "fusion", "floor"),
    ``crops`` its own crops in place of the study's. An ``optional`` model that is absent is listed in
    the run's ``missing`` and does not stop the run; ``fetch`` says how to get it.
    """

    label: str = ""
    family: str = ""
    role: Role | None = None
    crops: NameList | None = None
    optional: bool = False
    fetch: str = ""


class DatasetEntry(_Part):
    """Overrides of one dataset: ``label``, ``optional`` and ``fetch`` as for a model."""

    label: str = ""
    optional: bool = False
    fetch: str = ""


class CloakEntry(_Part):
    """Overrides of one cloak, each in place of the study's own: ``models`` are those of the study's models
    that are measured on its photos, ``crops`` replaces the first crop of each model, ``purifiers`` are
    applied to every photo.
    """

    models: NameList | None = None
    crops: NameList | None = None
    purifiers: NameList | None = None


class Options(_Part):
    """How the work is done. ``max_excluded`` is the share of photos, in [0, 1], that may be left out
    (unreadable, or without a face) before a cell fails. ``detector`` is a path to YuNet weights.
    """

    batch_size: int = Field(default=32, ge=1)
    max_excluded: float = Field(default=0.1, ge=0.0, le=1.0, allow_inf_nan=False)
    detector: str | None = None
    device: str = "auto"


class Study(_Part):
    """A resolved study: its cells are models x datasets x crops x cloaks x purifiers.

    ``protocols`` None stands for every usual protocol that the data allow. The cloak ``none`` is the
    ordinary measurement: clean photos, every crop, and no purifier, unless its entry names some. Under any
    other cloak, ``cloak_models`` (None: all) are measured by the ``cloak/`` protocols, each in the first of
    its crops, with each of ``purifiers`` (what a collector does to all photos). A cloak is a variant that the
    dataset brings; if it brings none of that name, the photos of ``cloak_people`` people, drawn by the seed,
    are cloaked (``cloak_photos`` of each, None: all), and all other photos stay clean. ``replicates`` is the
    number of bootstrap replicates. ``floors`` are untrained baselines that run along; None stands for those
    of :func:`faceprobe.study.floors.with_floors`, and an empty list for none. ``allow_missing`` makes every
    model and dataset optional. ``needs_later`` are sentences about what a later step of faceprobe adds to the
    study; a run repeats them. ``opening`` names packaged figures that the report leads with, if the run holds
    only drawn people and bundled models.
    """

    title: str
    description: str = ""
    models: Annotated[dict[str, ModelEntry], BeforeValidator(_named), Field(min_length=1)]
    datasets: Annotated[dict[str, DatasetEntry], BeforeValidator(_named), Field(min_length=1)]
    crops: NameList = ["as-is"]
    cloaks: Annotated[dict[str, CloakEntry], BeforeValidator(_named), Field(min_length=1)] = {
        "none": CloakEntry()
    }
    cloak_models: NameList | None = None
    cloak_people: int = Field(default=CLOAK_PEOPLE, ge=1)
    cloak_photos: int | None = Field(default=None, ge=1)
    purifiers: NameList = ["none"]
    protocols: NameList | None = None
    seed: int = Field(default=0, ge=0)
    replicates: int = Field(default=1000, ge=0)
    floors: Annotated[list[str], AfterValidator(_distinct)] | None = None
    options: Options = Options()
    allow_missing: bool = False
    needs_later: list[str] = []
    opening: Literal["", "real-clip"] = ""

    @model_validator(mode="after")
    def _known_models(self) -> Self:
        asked = {"cloak_models": self.cloak_models or ()}
        asked |= {f"cloaks.{name}.models": entry.models or () for name, entry in self.cloaks.items()}
        for key, models in asked.items():
            for model in models:
                if model not in self.models:
                    raise ValueError(f"{key}: {model!r} is not one of the study's models")
        return self

    def fingerprint(self) -> str:
        """Hash of everything that decides the results; not of title, texts, device or the detector's path."""
        content = self.model_dump(exclude={"title", "description", "needs_later", "allow_missing", "opening"})
        content["options"] = self.options.model_dump(include={"batch_size", "max_excluded"})
        for entry in (*content["models"].values(), *content["datasets"].values()):
            entry.pop("optional")
            entry.pop("fetch")
        return sha256_json(content)


def parse_study(content: Any, where: str) -> Study:
    """Check the ``content`` of a study file; :class:`WrongUsage` names ``where`` and the key."""
    if not isinstance(content, dict):
        raise WrongUsage(f"{where}: a study is a mapping with title, models and datasets")
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise WrongUsage(f"{where}: " + "; ".join(_explain(error))) from error


def read_study(path: Path) -> Study:
    """Read a study from a YAML file (safe loader; a key that is written twice is an error)."""
    import yaml

    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{path}: cannot be read as a study: {error}") from error
    try:
        content = yaml.load(text, Loader=_loader())  # noqa: S506 - a SafeLoader
    except RecursionError as error:
        raise WrongUsage(f"{path} is not valid YAML: it is nested too deeply") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise WrongUsage(f"{path} is not valid YAML: {error.problem or error.context}{where}") from error
    except Exception as error:  # the library lets errors of its converters through, as for 2020-13-45
        raise WrongUsage(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    return parse_study(content, str(path))


def _loader() -> Any:
    import yaml

    class UniqueKeys(yaml.SafeLoader):
        """Equal keys are an error here; YAML alone would use the last one without a word."""

    def mapping(loader: Any, node: Any) -> dict[Any, Any]:
        keys: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in keys:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is written twice", key.start_mark
                )
            keys.add(str(key.value))
        loader.flatten_mapping(node)
        return dict(yaml.SafeLoader.construct_mapping(loader, node, deep=True))

    UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    return UniqueKeys


def _explain(error: ValidationError) -> Iterable[str]:
    """One clause a problem: the key's path, and the nearest known key for an unknown one."""
    for problem in error.errors():
        path = [str(part) for part in problem["loc"]]
        key = ".".join(path) or "the study"
        if problem["type"] == "extra_forbidden":
            known = sorted(_fields_at(path[:-1]))
            near = get_close_matches(path[-1], known, n=1, cutoff=0.5)
            fix = f"did you mean {near[0]!r}?" if near else "known keys: " + ", ".join(known)
            yield f"unknown key {key!r}; {fix}"
        elif problem["type"] == "missing":
            yield f"the key {key!r} is missing"
        elif problem["type"] == "too_short":
            yield f"{key}: it is empty; give at least 1"
        elif problem["type"] in ("model_type", "dict_type"):
            yield f"{key}: it should be a mapping, not {_shown(problem['input'])}"
        elif problem["type"] == "value_error":
            yield f"{key}: {problem['msg'].removeprefix('Value error, ')}"
        else:
            yield f"{key}: {problem['msg'].replace('Input', 'it')}, not {_shown(problem['input'])}"


def _fields_at(path: list[str]) -> set[str]:
    """The keys that a study allows at ``path``."""
    inner: dict[str, type[BaseModel]] = {
        "models": ModelEntry,
        "datasets": DatasetEntry,
        "cloaks": CloakEntry,
        "options": Options,
    }
    part = inner.get(path[0], Study) if path else Study
    return set(part.model_fields)
