"""Every cloak by name: the algorithm is the longest registered beginning of the name, the rest its mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from faceprobe.cloaks.base import Cloak, CloakCard, Subject
from faceprobe.cloaks.names import CloakName, parse_cloak
from faceprobe.core.errors import UnknownName
from faceprobe.core.registry import Registry


class CloakFamily(Protocol):
    """One algorithm, in one file. ``stems`` lists its names with every mode (``fawkes-1.0.2-mid``, ...), the
    default one first. ``card`` loads nothing; ``load`` loads surrogates. ``targets`` are clean photos of
    other people, for cloaks whose card says ``needs_targets``.
    """

    stems: Sequence[str]

    def card(self, name: CloakName) -> CloakCard: ...

    def load(self, name: CloakName, *, device: str, offline: bool, targets: Sequence[Subject]) -> Cloak: ...


CLOAKS: Registry[CloakFamily] = Registry(
    "cloak",
    "cloaks",
    {
        "fawkes": "faceprobe.cloaks.attacks.fawkes.cloak:FAMILY",
        "lowkey": "faceprobe.cloaks.attacks.lowkey:FAMILY",
        "pgd": "faceprobe.cloaks.attacks.pgd:FAMILY",
        "opom": "faceprobe.cloaks.attacks.opom:FAMILY",
        "tip-im": "faceprobe.cloaks.attacks.tip_im:FAMILY",
        "noise": "faceprobe.cloaks.noise:FAMILY",
        "jpeg": "faceprobe.cloaks.controls:JPEG",
        "resize": "faceprobe.cloaks.controls:RESIZE",
        "blur": "faceprobe.cloaks.controls:BLUR",
    },
)


def load_cloak(
    text: str, *, device: str = "auto", offline: bool = False, targets: Sequence[Subject] = ()
) -> Cloak:
    """A cloak that is ready to run, e.g. ``"fawkes-1.0.2-mid[bundled:face]"``.

    Raises :class:`UnknownName` with the nearest names, :class:`WrongUsage` for options or surrogates that
    the cloak cannot use, and what loading a surrogate raises.
    """
    name = parse_cloak(text)
    return family_of(name).load(name, device=device, offline=offline, targets=targets)


def cloak_card(text: str) -> CloakCard:
    """What is known of a cloak without loading its surrogates; its ``id`` is the one that rows carry."""
    name = parse_cloak(text)
    return family_of(name).card(name)


def family_of(name: CloakName) -> CloakFamily:
    """The algorithm of ``name``; :class:`UnknownName` where there is none, or no such mode of it."""
    known = [a for a in CLOAKS.names() if name.stem == a or name.stem.startswith(f"{a}-")]
    if not known:
        raise UnknownName("cloak", name.stem, every_stem())
    return CLOAKS.get(max(known, key=len))


def every_stem() -> list[str]:
    """All names of all cloaks, without brackets and options."""
    return [stem for algorithm in CLOAKS.names() for stem in CLOAKS.get(algorithm).stems]
