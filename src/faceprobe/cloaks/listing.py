"""What cloaks and purifiers there are: the table behind ``faceprobe cloaks``. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from faceprobe.cloaks.base import CloakCard
from faceprobe.cloaks.names import parse_cloak
from faceprobe.cloaks.noise import like_of
from faceprobe.cloaks.purifiers import PURIFIERS, parse_purifier
from faceprobe.cloaks.registry import CLOAKS, cloak_card, family_of
from faceprobe.core.errors import UnknownName

EXAMPLE = "noise[jpeg-75]"
"""``noise`` is nothing without the cloak whose PSNR it copies."""

_MODULES = {"cloak": ("torch", "pytorch_msssim", "skimage"), "control": ("cv2", "skimage")}


@dataclass(frozen=True)
class ListedCloak:
    """``stem`` is how it is written, ``surrogates`` and ``perceptual`` what it uses where the name says
    nothing, ``needs`` what has to be there, ``missing`` the libraries of it that are not.
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
    stems = [stem for algorithm in CLOAKS.names() for stem in CLOAKS.get(algorithm).stems]
    listed = [_listed(stem, EXAMPLE if stem == "noise" else stem) for stem in stems]
    return sorted(listed, key=lambda one: one.card.control)


def describe_cloak(text: str) -> ListedCloak:
    """The cloak that ``text`` names; :class:`UnknownName` with the nearest names."""
    name = parse_cloak(text)
    family_of(name)
    return _listed(name.stem, EXAMPLE if text == "noise" else text)


def list_purifiers() -> list[dict[str, str]]:
    """The usual purifiers: ``name`` and ``about``."""
    return [{"name": name, "about": parse_purifier(name).about} for name in PURIFIERS]


def describe(text: str) -> ListedCloak | dict[str, str]:
    """A cloak, or a purifier that is no cloak (``tv-0.1``)."""
    try:
        return describe_cloak(text)
    except UnknownName as unknown:
        try:
            purifier = parse_purifier(text)
        except UnknownName:
            raise unknown from None
        return {"name": purifier.name, "about": f"purifier: {purifier.about}"}


def perceptual_of(card: CloakCard) -> str:
    """What a cloak keeps small to stay unseen: "dssim" or "lpips"; "" where it bounds each pixel only."""
    named = parse_cloak(card.id).perceptual or str(card.constants.get("perceptual", ""))
    return named or ("dssim" if "dssim_bound" in card.constants else "")


def _listed(stem: str, text: str) -> ListedCloak:
    card = cloak_card(text)
    other = like_of(card.id)
    shown = parse_cloak(other or card.id)
    needs: list[str] = []
    if not card.control:
        needs = ["pip install 'faceprobe[cloak]'", "faces: a detector, unless the dataset knows them"]
    if shown.surrogates and card.control:
        needs.append(f"the photos as {other} leaves them")
    if card.needs_targets:
        needs.append("clean photos of other people (--targets)")
    modules = _MODULES["control" if card.control else "cloak"]
    missing = tuple(m for m in modules if find_spec(m) is None)
    return ListedCloak(stem, card, shown.surrogates, perceptual_of(card), tuple(needs), missing)
