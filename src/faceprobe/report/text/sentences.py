"""Sentences filled in from templates, each checked to claim no more than its evidence supports.

A template begins with ``{lead}``. :func:`say` fills in the lead that belongs to the *weakest* evidence
behind the sentence, then checks the finished text. A sentence about the built-in world says so, and does not
speak of CLIP, of a cloak or of protecting people without that clause.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from faceprobe.core.errors import FaceprobeError
from faceprobe.data.evidence import Evidence, weakest
from faceprobe.report.scenes import is_synthetic
from faceprobe.report.text.templates import TEMPLATES
from faceprobe.results.result import Result
from faceprobe.results.run import CROSS_EVENT, Run

CLAUSE: dict[Evidence, str] = {
    "synthetic": "in the built-in world",
    "real-photos": "on real photos",
    "real-model": "with published weights",
    "published": "published by others, not measured here",
}
"""The clause that a sentence on each kind of evidence must contain, in any case of letters."""

LABEL: dict[Evidence, str] = {
    "synthetic": "Built-in world: synthetic people",
    "real-photos": "Real photos",
    "real-model": "Real photos, published weights",
    "published": "Published by others",
}
"""The label at the head of a page or table."""

SENSITIVE = ("clip", "fawkes", "lowkey", "cloak", "protect")
"""Words that an error message about a missing clause names."""


@dataclass(frozen=True)
class Basis:
    """What a sentence is based on: the evidence of each row, and whether all its people and all its models
    are the built-in ones.
    """

    evidence: tuple[Evidence, ...]
    synthetic_people: bool = False
    bundled_models: bool = False

    @property
    def weakest(self) -> Evidence:
        return weakest(self.evidence)


def basis_of(run: Run, rows: Iterable[Result]) -> Basis:
    """The basis of a sentence about ``rows``. The manifest says which datasets and models are the built-in
    ones, also where a study gave them labels of its own.
    """
    rows = list(rows)
    return Basis(
        evidence=tuple(dict.fromkeys(r.evidence for r in rows)),
        synthetic_people=all(is_synthetic(run, r.dataset) for r in rows),
        bundled_models=all(run.card(r.model).get("synthetic") for r in rows),
    )


@dataclass(frozen=True)
class Sentence:
    """A finished ``text``, its weakest ``evidence``, and the ``lead`` that the text begins with."""

    text: str
    evidence: Evidence
    lead: str = ""

    @property
    def rest(self) -> str:
        """The text after its lead."""
        return self.text[len(self.lead) :]

    def __str__(self) -> str:
        return self.text


def lead(basis: Basis, full: bool) -> str:
    """The clause that a sentence begins with; ``full`` explains the built-in world in brackets."""
    evidence = basis.weakest
    if evidence == "synthetic":
        if not full:
            return "In the built-in world"
        parts = ["synthetic people"] if basis.synthetic_people else []
        parts += ["small bundled models"] if basis.bundled_models else []
        return f"In the built-in world ({', '.join(parts)})" if parts else "In the built-in world"
    if evidence == "real-photos":
        return "On real photos"
    if evidence == "real-model":
        return "With published weights on real photos"
    return "Published by others, not measured here"


def say(template: str, basis: Basis, **fields: str) -> Sentence:
    """Fill the named template of :data:`TEMPLATES` with ``fields`` and the lead for ``basis``, and check it.

    Raises :class:`FaceprobeError` where the sentence claims more than its evidence allows.
    """
    pattern = TEMPLATES[template]
    opening = lead(basis, pattern.startswith("{lead}:"))
    text = pattern.format(lead=opening, **fields)
    check(text, basis.weakest)
    return Sentence(text, basis.weakest, text[: len(opening) + 1])


def condition(protocol: str) -> str:
    """The addition to a sentence about a cross-event protocol; "" for another protocol."""
    return " (photos of the same event left out)" if protocol.endswith(CROSS_EVENT) else ""


def check(text: str, evidence: Evidence) -> None:
    """Raise :class:`FaceprobeError` where ``text`` claims more than ``evidence`` allows."""
    lower = text.lower()
    if CLAUSE[evidence] not in lower:
        named = [word for word in SENSITIVE if word in lower]
        about = f" and speaks of {', '.join(named)}" if named else ""
        lacks = f"a sentence on {evidence} evidence lacks {CLAUSE[evidence]!r}{about}"
        raise FaceprobeError(f"{lacks}: {text!r}; correct its template")
