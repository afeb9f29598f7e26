"""Numbers with their nouns, for remarks and messages, and pieces of file names."""

from __future__ import annotations


def counted(number: int, noun: str, many: str = "") -> str:
    """``1 photo``, ``3,000 photos``, ``2 false matches``, ``0 people``; ``many`` is another plural."""
    return f"{number:,} {noun if number == 1 else many or _plural(noun)}"


def agreeing(number: int, noun: str, verb: str) -> str:
    """:func:`counted` with a verb, given as for one: ``1 photo is``, ``2 photos are``, ``2 people occur``."""
    many = {"is": "are", "has": "have"}.get(verb) or verb.removesuffix("s")
    return f"{counted(number, noun)} {verb if number == 1 else many}"


def _plural(noun: str) -> str:
    if noun.endswith("person"):
        return noun.removesuffix("person") + "people"
    if noun.endswith(("ch", "sh", "s", "x")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in tuple("aeou"):
        return noun.removesuffix("y") + "ies"
    return noun + "s"


def slug(text: str) -> str:
    """A piece of a file name or an HTML id: letters, digits and single dashes only."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())
    return "-".join(part for part in kept.split("-") if part) or "x"
