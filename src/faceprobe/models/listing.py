"""The table of models behind ``faceprobe models``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from faceprobe.core.errors import Missing
from faceprobe.core.names import Name
from faceprobe.models import MODEL_KINDS, parse_model
from faceprobe.models.base import ModelCard, model_id

LISTED = ("bundled", "openclip", "hf")
"""Kinds that are listed by default; the others have too many names, or take any path."""


@dataclass(frozen=True)
class Listed:
    """A model's card, its kind, and whether loading it needs no network (None: nothing to fetch)."""

    kind: str
    card: ModelCard
    cached: bool | None

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "cached": self.cached, **self.card.to_dict()}


def describe_model(text: str) -> Listed:
    """The model that ``text`` names."""
    return _listed(parse_model(text))


def list_models(kind: str = "") -> list[Listed]:
    """Every known name of ``kind``, or of :data:`LISTED`; :class:`UnknownName` for no such kind."""
    kinds: Sequence[str] = [kind] if kind else LISTED
    return [_or_absent(parse_model(text)) for k in kinds for text in MODEL_KINDS.get(k).known()]


def list_kinds() -> list[dict[str, str]]:
    """How the names of each kind are written: ``kind``, ``usage``, ``about``."""
    families = ((k, MODEL_KINDS.get(k)) for k in MODEL_KINDS)
    return [{"kind": k, "usage": f.usage, "about": f.about} for k, f in families]


def _or_absent(name: Name) -> Listed:
    """The model, or a line that says that its files are missing from this installation."""
    try:
        return _listed(name)
    except (Missing, FileNotFoundError):
        note = "its files are missing from this installation"
        return Listed(name.kind, ModelCard(id=model_id(name), family="-", notes=note), False)


def _listed(name: Name) -> Listed:
    family = MODEL_KINDS.get(name.kind)
    return Listed(name.kind, family.card(name), family.cached(name))
