"""The table of models behind ``faceprobe models``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from faceprobe.core.errors import Missing
from faceprobe.core.names import Name
from faceprobe.models import MODEL_KINDS, parse_model
from faceprobe.models.base import ModelCard, ModelFamily, model_id

LISTED = ("bundled", "openclip", "hf")
"""Kinds that are listed by default; the others have too many names, or take any path."""

SEARCHED = (*LISTED, "hf-hub")
"""Kinds that are searched by default; timm's 1,800 names need timm, which takes seconds to import."""


ABSENT = "its files are missing from this installation"


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
    name = parse_model(text)
    family = MODEL_KINDS.get(name.kind)
    return Listed(name.kind, family.card(name), family.cached(name))


def list_models(kind: str = "", *, search: str = "", here: bool = False) -> list[Listed]:
    """Every known name of ``kind``, or of :data:`LISTED`; :class:`UnknownName` for no such kind.

    ``search`` keeps the models whose name, family, training data, licence or notes hold each of its words,
    in any case; without a kind it looks in :data:`SEARCHED`. ``here`` keeps those that need no network.
    """
    kinds: Sequence[str] = [kind] if kind else SEARCHED if search or here else LISTED
    words = search.lower().split()
    found = []
    for one in kinds:
        family = MODEL_KINDS.get(one)
        for text in family.known():
            name = parse_model(text)
            card = _card(family, name)
            if not all(word in _searched(card) for word in words):
                continue
            cached = False if card.notes == ABSENT else family.cached(name)
            if cached is not False or not here:
                found.append(Listed(one, card, cached))
    return found


def list_kinds() -> list[dict[str, str]]:
    """How the names of each kind are written: ``kind``, ``usage``, ``about``."""
    families = ((k, MODEL_KINDS.get(k)) for k in MODEL_KINDS)
    return [{"kind": k, "usage": f.usage, "about": f.about} for k, f in families]


def _card(family: ModelFamily, name: Name) -> ModelCard:
    """The model's card, or one that says that its files are missing from this installation."""
    try:
        return family.listed(name)
    except (Missing, FileNotFoundError):
        return ModelCard(id=model_id(name), family="-", notes=ABSENT)


def _searched(card: ModelCard) -> str:
    return " ".join((card.id, card.family, card.training_data, card.licence, card.notes)).lower()
