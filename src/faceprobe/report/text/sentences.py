"""Every sentence that the report computes, and the guard that keeps each within its evidence.

A template begins with ``{lead}``. :func:`say` fills in the lead that belongs to the *weakest*
evidence behind the sentence, then checks the finished text: what was measured in the built-in world
says so, and never speaks of CLIP, of a cloak or of protecting people without that clause.
"""

from __future__ import annotations

from dataclasses import dataclass

from faceprobe.core.errors import FaceprobeError
from faceprobe.data.evidence import Evidence, weakest
from faceprobe.report.cloaks.templates import CLOAK_TEMPLATES

CLAUSE: dict[Evidence, str] = {
    "synthetic": "in the built-in world",
    "real-photos": "on real photos",
    "real-model": "with published weights",
    "published": "published by others, not measured here",
}
"""What a sentence of each evidence must contain (compared without regard to case)."""

LABEL: dict[Evidence, str] = {
    "synthetic": "Built-in world: synthetic people",
    "real-photos": "Real photos",
    "real-model": "Real photos, published weights",
    "published": "Published by others",
}
"""The short label at the head of a page or table."""

SENSITIVE = ("clip", "fawkes", "lowkey", "cloak", "protect")

TEMPLATES: dict[str, str] = {
    "best": (
        "{lead}: the best {kind}, {model}, finds the same person first in {value} of searches among "
        "{people} people{of}{condition}; chance is {chance}."
    ),
    "specialist": "{lead}, the best {kind}, {model}{crop}, does so in {value}.",
    "verification": (
        "{lead}, {model} accepts {value} of comparisons of two photos of one person{condition} when it "
        "accepts one in {one_in} comparisons of different people{caution}."
    ),
    "folds": "{lead}, {model} decides {value} of the listed pairs rightly ({protocol}).",
    "same_event": (
        "{lead}, {model} goes from {cross} to {plain} when photos of the probe's own event may match too: "
        "the background and clothing they share, and the larger number of photos to find, both count there."
    ),
    "context_above_chance": (
        "{lead}, {model} still finds the person first in {value} of searches with the face "
        "removed{condition}; chance is {chance}, so part of the match is not the face."
    ),
    "context_at_chance": (
        "{lead}, with the face removed{condition}, {model} finds the person first in {value} of searches, "
        "which is not shown to exceed chance ({chance})."
    ),
    "face_only": (
        "{lead}, with nothing but the face{condition}, {model} finds the person first in {value} of searches."
    ),
    "context_share": (
        "{lead}, {model} keeps {value} of its rank-1 above chance when the face is removed{condition}."
    ),
    "context_share_masked": (
        "{lead}, {model} keeps {value} of its rank-1 above chance when the face is removed{condition}, and "
        "{masked} when the same area is removed at a random place instead."
    ),
    "larger_better": (
        "{lead}, {larger} ({larger_size}) is better than {smaller} ({smaller_size}) by {difference}, "
        "{p} after correction; {likeness}; {seeds}."
    ),
    "larger_worse": (
        "{lead}, {larger} ({larger_size}) is worse than {smaller} ({smaller_size}) by {difference}, "
        "{p} after correction; {likeness}; {seeds}."
    ),
    "size_unclear": (
        "{lead}, no difference is shown between {larger} ({larger_size}) and {smaller} ({smaller_size}): "
        "{difference}, {p} after correction; {likeness}; {seeds}."
    ),
    "size_below_seeds": (
        "{lead}, whether {larger} ({larger_size}) is better or worse than {smaller} ({smaller_size}) is left "
        "open: the difference, {difference}, is below the spread between training seeds; {likeness}; {seeds}."
    ),
    "size_not_comparable": (
        "{lead}, {larger} ({larger_size}) and {smaller} ({smaller_size}) cannot be compared: {reason}."
    ),
    "size_overview": (
        "{lead}, of {pairs} size comparisons within a family the larger model is better in {better}, worse "
        "in {worse}, and {open} are left open."
    ),
    "reference_floor": (
        "{lead}, grey LFW as measured by faceprobe's developers, the best bundled CLIP-style model, "
        "{model} on {crop}, finds the same person first in {value} of searches and {floor_model} in {floor}: "
        "it is no better there than what knows nothing of faces, so nothing here carries over to photos of "
        "people."
    ),
    "reference_above_floor": (
        "{lead}, grey LFW as measured by faceprobe's developers, the best bundled CLIP-style model, "
        "{model} on {crop}, finds the same person first in {value} of searches, and the best floor, "
        "{floor_model}, in {floor}."
    ),
    "no_rank": "{lead}, no model has a supported rank-1 figure on {dataset}; the tables below say why.",
    "largest_share": (
        "{lead}, one person makes up {share} of the mated comparisons on {dataset}: figures weighted by "
        "pairs lean towards that person."
    ),
    "published": "{lead}: {model} reaches {value} on {benchmark} ({source}).",
    **CLOAK_TEMPLATES,
}


@dataclass(frozen=True)
class Ground:
    """What a sentence rests on: the evidence of each row, and whether the people and the models
    behind them are the built-in ones.
    """

    evidence: tuple[Evidence, ...]
    synthetic_people: bool = False
    bundled_models: bool = False

    @property
    def weakest(self) -> Evidence:
        return weakest(self.evidence)


@dataclass(frozen=True)
class Sentence:
    """A finished ``text``, the ``evidence`` it rests on, and the ``lead`` that the text begins with."""

    text: str
    evidence: Evidence
    lead: str = ""

    @property
    def rest(self) -> str:
        """The text after its lead."""
        return self.text[len(self.lead) :]

    def __str__(self) -> str:
        return self.text


def lead(ground: Ground, full: bool) -> str:
    """The clause that a sentence begins with; ``full`` explains the built-in world in brackets."""
    evidence = ground.weakest
    if evidence == "synthetic":
        if not full:
            return "In the built-in world"
        parts = ["synthetic people"] if ground.synthetic_people else []
        parts += ["small bundled models"] if ground.bundled_models else []
        return f"In the built-in world ({', '.join(parts)})" if parts else "In the built-in world"
    if evidence == "real-photos":
        return "On real photos"
    if evidence == "real-model":
        return "With published weights on real photos"
    return "Published by others, not measured here"


def say(template: str, ground: Ground, **fields: str) -> Sentence:
    """Fill the named template for ``ground`` and check the result against its evidence."""
    pattern = TEMPLATES[template]
    opening = lead(ground, pattern.startswith("{lead}:"))
    text = pattern.format(lead=opening, **fields)
    check(text, ground.weakest)
    return Sentence(text, ground.weakest, text[: len(opening) + 1])


def check(text: str, evidence: Evidence) -> None:
    """Raise :class:`FaceprobeError` where ``text`` claims more than ``evidence`` allows."""
    lower = text.lower()
    if CLAUSE[evidence] not in lower:
        named = [word for word in SENSITIVE if word in lower]
        about = f" and speaks of {', '.join(named)}" if named else ""
        lacks = f"a sentence on {evidence} evidence lacks {CLAUSE[evidence]!r}{about}"
        raise FaceprobeError(f"{lacks}: {text!r}; mend its template")
