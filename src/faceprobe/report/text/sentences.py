"""Sentences filled in from templates, each checked to claim no more than its evidence supports.

A template begins with ``{lead}``. :func:`say` fills in the lead that belongs to the *weakest* evidence
behind the sentence, then checks the finished text. A sentence about the built-in world says so, and does not
speak of CLIP, of a cloak or of protecting people without that clause.

A figure comes into a sentence as :class:`Quoted`, with the rows that it is of, and the remarks of those rows
follow the sentence. A figure with an interval that is given as plain text is an error, so that no sentence
can lose what its table says of the figure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from faceprobe.core.errors import FaceprobeError
from faceprobe.core.words import counted
from faceprobe.data.evidence import Evidence, weakest
from faceprobe.data.remarks import CODES, Remark, without_brackets
from faceprobe.report.scenes import FLOOR, is_synthetic, mates_of, role_of
from faceprobe.report.tables.cells import FootnoteList
from faceprobe.report.text.numbers import listed, percent_with_interval
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


MOST_REMARKS = 2
"""With more different remarks than this, a sentence names what kinds they are and not each."""

_INTERVAL = re.compile(r"(%|points|\d)\s\[[^\[\]]*\d,\s?[^\[\]]*\d[^\[\]]*\]")
"""A figure with its interval, as :mod:`faceprobe.report.text.numbers` writes it."""


@dataclass(frozen=True)
class Quoted:
    """The ``text`` of a figure, or of several, with the ``rows`` that it was made from."""

    text: str
    rows: tuple[Result, ...]


def quoted(text: str, *rows: Result) -> Quoted:
    """``text`` about ``rows``."""
    return Quoted(text, rows)


def quote(row: Result) -> Quoted:
    """A rate of a row with its interval, in per cent."""
    return Quoted(percent_with_interval(row), (row,))


def quoted_list(items: Sequence[Quoted]) -> Quoted:
    """``a, b and c`` of several quoted texts."""
    return Quoted(listed([one.text for one in items]), tuple(row for one in items for row in one.rows))


@dataclass(frozen=True)
class Basis:
    """What a sentence is based on: the evidence of each row, whether all its people and all its models are
    the built-in ones, and the remarks of its rows.
    """

    evidence: tuple[Evidence, ...]
    synthetic_people: bool = False
    bundled_models: bool = False
    remarks: tuple[Remark, ...] = ()

    @property
    def weakest(self) -> Evidence:
        return weakest(self.evidence)

    @property
    def bare(self) -> Basis:
        """Without remarks: for a sentence that tells what was measured and gives or counts no figure."""
        return replace(self, remarks=())


def basis_of(run: Run, rows: Iterable[Result]) -> Basis:
    """The basis of a sentence about ``rows``. The manifest says which datasets and models are the built-in
    ones, also where a study gave them labels of its own; floors are not counted among the models.
    """
    rows = list(rows)
    trained = [r for r in rows if role_of(run, r.model) != FLOOR]
    return Basis(
        evidence=tuple(dict.fromkeys(r.evidence for r in rows)),
        synthetic_people=all(is_synthetic(run, r.dataset) for r in rows),
        bundled_models=bool(trained) and all(run.card(r.model).get("synthetic") for r in trained),
        remarks=tuple(dict.fromkeys(one for r in rows for one in without_brackets(r.remarks))),
    )


@dataclass(frozen=True)
class Sentence:
    """A finished ``text``, its weakest ``evidence``, the ``lead`` that the text begins with, and the
    ``caution`` that it ends with: the remarks of its rows.
    """

    text: str
    evidence: Evidence
    lead: str = ""
    caution: str = ""

    @property
    def rest(self) -> str:
        """The text after its lead, with its caution."""
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


def say(template: str, basis: Basis | Run, *rows: Result, **fields: str | Quoted) -> Sentence:
    """Fill the named template of :data:`TEMPLATES` with ``fields`` and the lead of its basis, and check it.

    The basis is that of all rows of the :class:`Quoted` fields and of ``rows``, which are figures that the
    sentence counts without quoting them; ``basis`` is the run they are of. Where no rows are at hand, as for
    packaged figures, a :class:`Basis` stands in their place. Raises :class:`FaceprobeError` where the
    sentence claims more than its evidence allows, or where a figure with an interval has no row.
    """
    pattern = TEMPLATES[template]
    behind = [*(row for field in fields.values() if isinstance(field, Quoted) for row in field.rows), *rows]
    if isinstance(basis, Run):
        basis = basis_of(basis, behind)
    elif behind:
        raise FaceprobeError(f"{template}: rows need the run that they are of; give it in place of the basis")
    for name, field in fields.items():
        if isinstance(field, str) and _INTERVAL.search(field):
            raise FaceprobeError(
                f"{template}: the figure {field!r} in {name} has no row; quote it from its row"
            )
    opening = lead(basis, pattern.startswith("{lead}:"))
    texts = {name: field.text if isinstance(field, Quoted) else field for name, field in fields.items()}
    caution = _caution(basis.remarks)
    text = pattern.format(lead=opening, **texts)
    text = text.removesuffix(".") + caution if caution else text
    check(text, basis.weakest)
    return Sentence(text, basis.weakest, text[: len(opening) + 1], caution)


def _caution(remarks: Sequence[Remark]) -> str:
    """The remarks as the end of a text: each, those that differ in numbers only as one, or the kinds of
    many.
    """
    notes = FootnoteList("")
    for one in remarks:
        notes.number(one.text)
    texts = notes.texts
    if len(texts) > MOST_REMARKS:
        texts = list(dict.fromkeys(CODES[one.code][1] if one.code in CODES else one.text for one in remarks))
    return f" ({'; '.join(texts)})." if texts else ""


def condition(protocol: str) -> str:
    """The addition to a sentence about a cross-event protocol; "" for another protocol."""
    return " (photos of the same event left out)" if protocol.endswith(CROSS_EVENT) else ""


def enrolled(row: Result) -> str:
    """How many photos of a person the searches of a leave-one-out row find at most, as the addition to a
    sentence; "" where it is not known.
    """
    others = mates_of(row)
    if others is None:
        return ""
    if abs(others - round(others)) < 0.05:
        return f", {counted(round(others), 'other photo')} of each person enrolled"
    return f", on average {others:.1f} other photos of each person enrolled"


def check(text: str, evidence: Evidence) -> None:
    """Raise :class:`FaceprobeError` where ``text`` claims more than ``evidence`` allows."""
    lower = text.lower()
    if CLAUSE[evidence] not in lower:
        named = [word for word in SENSITIVE if word in lower]
        about = f" and speaks of {', '.join(named)}" if named else ""
        lacks = f"a sentence on {evidence} evidence lacks {CLAUSE[evidence]!r}{about}"
        raise FaceprobeError(f"{lacks}: {text!r}; correct its template")
