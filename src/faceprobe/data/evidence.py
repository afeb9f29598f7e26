"""Where a figure comes from: its evidence label, from weakest to strongest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Evidence = Literal["synthetic", "real-photos", "real-model", "published"]

EVIDENCE_ORDER: tuple[Evidence, ...] = ("synthetic", "real-photos", "real-model", "published")
"""From weakest to strongest: a sentence is led by the weakest evidence behind it."""


def weakest(evidence: Iterable[Evidence]) -> Evidence:
    """The weakest of several evidence labels; ``synthetic`` for none at all."""
    return min(evidence, key=EVIDENCE_ORDER.index, default="synthetic")
