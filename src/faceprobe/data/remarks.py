"""Remarks on a figure, each a code, a level and a text.

Code reads the code and the level; the text is for people and may change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

Level = Literal["info", "caution", "unsupported"]
"""``info`` adds a fact, ``caution`` asks for less trust, ``unsupported`` says why there is no figure."""

CODES: dict[str, tuple[Level, str]] = {
    "not-supported": ("unsupported", "the data are too few for the figure"),
    "not-measured": ("unsupported", "the data have nothing to measure it on"),
    "no-spread": ("unsupported", "so few people that no standard deviation is given"),
    "not-defined": ("unsupported", "the figure has no value on these data"),
    "weak-threshold": ("caution", "fewer than 30 false matches or alarms support the threshold"),
    "unstable-threshold": ("caution", "fewer than 100 false matches or alarms support the threshold"),
    "few-false-positives": ("info", "fewer than 30 false positive searches support the threshold"),
    "lower-bound": ("info", "too many comparisons share the threshold's score to tell them apart"),
    "bracket": ("info", "the figure lies between these two values"),
    "bracket-only": ("info", "the figure is known to lie in a range, not exactly"),
    "no-interval": ("caution", "there is no interval, or no figure by people"),
    "zero-width-interval": ("caution", "the interval has no width: too few errors to see their spread"),
    "no-differences": ("info", "no trial differs, so that the interval takes each person for one trial"),
    "coverage-not-assured": ("caution", "the interval rests on few effective people"),
    "largest-person": ("caution", "one person makes up much of the comparisons"),
    "shared-people": ("caution", "people occur in several folds, so that the interval is too narrow"),
    "trivial": ("info", "the gallery is no larger than the rank"),
    "exact": ("info", "the figure is exact, not extrapolated"),
    "extrapolated": ("info", "the figure reaches past the people there are"),
    "few-people": ("info", "so few people that no interval is given"),
    "barely-changed": ("caution", "photos that a cloak changed by so little that it can do nothing"),
    "left-out": ("info", "photos, people or comparisons that the figure leaves out"),
    "pairs-lost": ("info", "listed pairs that lost a photo"),
    "duplicates": ("info", "comparisons between copies of one photo"),
    "duplicates-kept": ("info", "duplicates were kept on request"),
    "copied-distractors": ("caution", "distractors that are copies of searched photos"),
    "other-list": ("info", "the list or its folds are not those that the protocol was published with"),
    "labels-disagree": ("info", "listed pairs contradict the templates' own identities"),
    "scope": ("info", "what the figure counts, or over what it is a mean"),
    "errors": ("info", "how many errors the rate counts"),
    "extremes": ("info", "the groups with the highest and the lowest rate"),
    "above-one-by-chance": ("info", "chance alone lifts the ratio above 1"),
    "cohort-unchecked": ("info", "whether the cohort's people are others is not known"),
    "no-scores": ("info", "no detector scores are known"),
    "used-fmr": ("caution", "the figure was taken at another FMR than its name says, and has no interval"),
}
"""Every code with its level and its meaning."""


@dataclass(frozen=True)
class Remark:
    """``code`` is one of :data:`CODES`, which also fixes its ``level``; ``text`` is for people."""

    code: str
    level: Level
    text: str

    def to_dict(self) -> dict[str, str]:
        return {"code": self.code, "level": self.level, "text": self.text}

    @staticmethod
    def from_dict(stored: Any) -> Remark:
        """The remark that :meth:`to_dict` gave; :class:`ValueError` for anything else."""
        if not isinstance(stored, dict) or set(stored) != {"code", "level", "text"}:
            raise ValueError(f"a remark has a code, a level and a text, not {stored!r}")
        if stored["level"] not in get_args(Level) or not all(isinstance(v, str) for v in stored.values()):
            raise ValueError(
                f"a remark's level is one of {', '.join(get_args(Level))}, not {stored['level']!r}"
            )
        return Remark(**stored)


Remarks = tuple[Remark, ...]


def remark(code: str, text: str) -> Remarks:
    """One remark as a tuple, empty where ``text`` is; the code must be one of :data:`CODES`.

    >>> remark("trivial", "trivial: the gallery holds 1 photo")[0].level
    'info'
    """
    return (Remark(code, CODES[code][0], text),) if text else ()


def join(*parts: Iterable[Remark]) -> Remarks:
    """Several remarks as one tuple, in order."""
    return tuple(one for part in parts for one in part)


def text_of(remarks: Iterable[Remark]) -> str:
    """All texts in one line, separated by semicolons."""
    return "; ".join(one.text for one in remarks)


def without_brackets(remarks: Iterable[Remark]) -> Remarks:
    """The remarks without the two values between which a figure lies, which tables leave out."""
    return tuple(one for one in remarks if one.code != "bracket")


def is_cautioned(remarks: Iterable[Remark]) -> bool:
    """Whether a remark says that the figure deserves less trust."""
    return any(one.level == "caution" for one in remarks)
