"""The cloaks and purifiers that ``faceprobe cloaks`` lists. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from faceprobe.cloaks.base import CloakCard, CloakFamily
from faceprobe.cloaks.names import parse_cloak
from faceprobe.cloaks.purifiers import PURIFIERS, parse_purifier
from faceprobe.cloaks.registry import CLOAKS, cloak_card, family_of, reference_card
from faceprobe.core.errors import UnknownName
from faceprobe.core.extras import install


@dataclass(frozen=True)
class ListedCloak:
    """A cloak with one mode.

    ``stem`` is its name without brackets. ``surrogates`` and ``perceptual`` are the ones that it uses if the
    name gives none. ``needs`` lists what it requires, ``missing`` the required libraries that are not
    installed.
    """

    stem: str
    card: CloakCard
    surrogates: tuple[str, ...]
    perceptual: str
    needs: tuple[str, ...]
    missing: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.stem,
            **self.card.to_dict(),
            "surrogates": list(self.surrogates),
            "perceptual": self.perceptual,
            "needs": list(self.needs),
            "available": not self.missing,
            "missing": list(self.missing),
        }


def list_cloaks() -> list[ListedCloak]:
    """Every cloak with every mode, cloaks before controls."""
    listed = [
        _listed(stem, family.examples.get(stem, stem), family)
        for family in map(CLOAKS.get, CLOAKS.names())
        for stem in family.stems
    ]
    return sorted(listed, key=lambda one: one.card.control)


def describe_cloak(text: str) -> ListedCloak:
    """The cloak that ``text`` names; :class:`UnknownName` with the nearest names."""
    name = parse_cloak(text)
    family = family_of(name)
    return _listed(name.stem, family.examples.get(text, text), family)


def list_purifiers() -> list[dict[str, str]]:
    """The usual purifiers, each with ``name`` and ``about``."""
    return [{"name": name, "about": parse_purifier(name).about} for name in PURIFIERS]


def describe(text: str) -> ListedCloak | dict[str, str]:
    """The cloak that ``text`` names, or the purifier that is no cloak (``tv-0.1``) with ``name`` and
    ``about``.
    """
    try:
        return describe_cloak(text)
    except UnknownName as unknown:
        try:
            purifier = parse_purifier(text)
        except UnknownName:
            raise unknown from None
        return {"name": purifier.name, "about": f"purifier: {purifier.about}"}


def perceptual_of(card: CloakCard) -> str:
    """The perceptual distance that a cloak keeps small, "dssim" or "lpips"; "" where it has none."""
    named = parse_cloak(card.id).perceptual or str(card.constants.get("perceptual", ""))
    return named or ("dssim" if "dssim_bound" in card.constants else "")


def _listed(stem: str, text: str, family: CloakFamily) -> ListedCloak:
    card = cloak_card(text)
    reference = reference_card(card)
    shown = parse_cloak((reference or card).id)
    needs: list[str] = []
    if not card.control:
        needs = [install("cloak"), "faces: a detector, unless the dataset knows them"]
    if reference is not None and shown.surrogates:
        needs.append(f"the photos as {reference.id} leaves them")
    if card.needs_targets:
        needs.append("clean photos of other people (--targets)")
    missing = tuple(module for module in family.modules if find_spec(module) is None)
    return ListedCloak(stem, card, shown.surrogates, perceptual_of(card), tuple(needs), missing)
