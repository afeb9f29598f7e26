"""Numbers with their nouns, for remarks and messages, and pieces of file names."""

from __future__ import annotations


def counted(number: int, noun: str, many: str = "") -> str:
    """``1 photo``, ``3,000 photos``; ``many`` is the plural where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def slug(text: str) -> str:
    """A piece of a file name or an HTML id: letters, digits and single dashes only."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())
    return "-".join(part for part in kept.split("-") if part) or "x"
