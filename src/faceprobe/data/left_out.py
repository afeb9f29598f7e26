"""Entries of a folder or an archive that are left out, each with its kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from faceprobe.core.words import counted

NAMES_SHOWN = 8
"""Names that one line shows of each kind."""


class LeftOut(NamedTuple):
    """``path`` is relative, with ``/``, in printable characters; ``kind`` is what it is, in the singular:
    ".txt file", "named pipe", "hidden file", "link loop".
    """

    path: str
    kind: str


def printable(name: str) -> str:
    """``name`` with each byte that is not UTF-8 as ``\\xe9``, so that it can be printed and stored."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def left_out_note(left_out: Sequence[LeftOut]) -> tuple[str, ...]:
    """The counts as a dataset's note: ``left out: 2 .txt files, 1 named pipe``; none for nothing."""
    counts = left_out_counts(left_out)
    return (f"left out: {counts}",) if counts else ()


def left_out_counts(left_out: Sequence[LeftOut]) -> str:
    """The counts by kind: ``2 .txt files, 1 named pipe``; "" where nothing is left out."""
    kinds = Counter(entry.kind for entry in left_out)
    return ", ".join(_counted(kinds[kind], kind) for kind in sorted(kinds))


def left_out_lines(left_out: Sequence[LeftOut]) -> list[str]:
    """One line a kind with the names: ``.txt file: a.txt, b/c.txt, and 12 more``."""
    lines = []
    for kind in sorted({entry.kind for entry in left_out}):
        paths = sorted(entry.path for entry in left_out if entry.kind == kind)
        more = f", and {len(paths) - NAMES_SHOWN:,} more" if len(paths) > NAMES_SHOWN else ""
        lines.append(f"{kind}: {', '.join(paths[:NAMES_SHOWN])}{more}")
    return lines


def _counted(number: int, kind: str) -> str:
    """``2 named pipes``; of a kind in several words the first noun takes the s: ``2 links to ...``."""
    for joint in (" to ", " without ", " that ", " outside ", " in "):
        noun, found, rest = kind.partition(joint)
        if found:
            return counted(number, noun) + joint + rest
    return counted(number, kind)
