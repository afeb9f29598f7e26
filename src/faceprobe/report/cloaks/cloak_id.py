"""The id of a cloak taken apart: algorithm, surrogates, options, and whether it is a control."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from faceprobe.core.names import split_brackets, split_parts
from faceprobe.results.cells import CloakRecord

CONTROLS = ("noise", "jpeg", "resize", "blur", "clean")
"""Algorithms that are controls; used where the manifest holds no card of a cloak."""


@dataclass(frozen=True)
class CloakInfo:
    """The parts of a cloak's id, and its record in the manifest.

    ``stem`` is the algorithm with its mode, ``surrogates`` are the models in its brackets, ``rest`` is
    everything else (perceptual term, options), ``noise_for`` is the cloak whose PSNR a noise control has, and
    ``record`` holds the card, the seconds a photo and the photos left unchanged.
    """

    id: str
    stem: str
    surrogates: tuple[str, ...] = ()
    rest: str = ""
    noise_for: str = ""
    record: CloakRecord | None = field(default=None, compare=False)

    @property
    def card(self) -> dict[str, Any]:
        """The cloak's card; empty where the manifest has none."""
        return {} if self.record is None else self.record.card

    @property
    def control(self) -> bool:
        """Whether the cloak is a control: a change that is not meant to mislead a recogniser."""
        if "control" in self.card:
            return bool(self.card["control"])
        return bool(self.noise_for) or self.stem.split("-")[0] in CONTROLS


def read_cloak(identifier: str, record: CloakRecord | None = None) -> CloakInfo:
    """Take an id apart, such as ``fawkes-1.0.2-mid[bundled:face;dssim]?x=1`` or
    ``noise[lowkey[bundled:face]]``; the whole of any other text is the stem.
    """
    stem, inside, query = split_brackets(identifier) or (identifier, "", None)
    options = query or ""
    if stem == "noise":
        return CloakInfo(identifier, stem, rest=options, noise_for=inside, record=record)
    models, _, perceptual = inside.partition(";")
    rest = ", ".join(t for t in (perceptual, options) if t)
    surrogates = tuple(name for name in split_parts(models) if name)
    return CloakInfo(identifier, stem, surrogates, rest, record=record)
