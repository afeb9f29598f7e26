"""Numbers with their nouns, for notes and messages."""

from __future__ import annotations


def counted(number: int, noun: str, many: str = "") -> str:
    """``1 photo``, ``3,000 photos``; ``many`` is the plural where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"
