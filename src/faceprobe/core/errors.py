"""The error family: each message names the thing, the reason and the fix."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class FaceprobeError(Exception):
    """Base of every error that a user can fix; the command line prints it as one line.

    ``exit_code`` follows DESIGN.md: 1 = the work failed, 2 = the command was used wrongly.
    """

    exit_code = 1


class BadInput(FaceprobeError):
    """A file or a value is there, but cannot be used as it is."""


class Missing(FaceprobeError):
    """Something that is needed is absent: a path, an extra, a file of weights."""


class Unreachable(FaceprobeError):
    """A remote source did not answer, or ``--offline`` forbids asking it."""


class Refused(FaceprobeError):
    """A file was readable but not safe to load (an unrestricted pickle, a decompression bomb)."""


class WrongUsage(FaceprobeError):
    """The command line or a study file names an unknown option, value or combination."""

    exit_code = 2


class NoPath(WrongUsage, Missing):
    """A name lacks the path that it cannot do without: wrong usage on the command line, and one more thing
    that is missing in a study that tolerates that.
    """


class UnknownName(WrongUsage):
    """A registered name was asked for that does not exist; the nearest known ones are offered."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(set(known))
        near = get_close_matches(name, known, n=3, cutoff=0.4)
        if near:
            fix = "did you mean " + " or ".join(repr(n) for n in near) + "?"
        elif not known:
            fix = "there is none yet"
        else:
            fix = "known: " + ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        super().__init__(f"unknown {kind} {name!r}; {fix}" + (f" {hint}" if hint else ""))
        self.kind, self.name, self.near = kind, name, near


class NotYet(UnknownName):
    """A name that is announced, but not read by this version; ``instead`` says what to do meanwhile."""

    def __init__(self, kind: str, name: str, instead: str) -> None:
        WrongUsage.__init__(self, f"{kind} {name} comes with a later step of faceprobe; {instead}")
        self.kind, self.name, self.near = kind, name, []
