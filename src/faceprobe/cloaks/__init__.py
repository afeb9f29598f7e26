"""Cloaks: changes of photos that are meant to defeat face recognisers, and purifiers that undo them.

A cloak is one file over :mod:`faceprobe.cloaks.base` and one line in :mod:`faceprobe.cloaks.registry` (or an
entry point of the group ``faceprobe.cloaks``); its card stands in its file. In results, bare ``fawkes`` and
``lowkey`` mean the authors' own output files; what is made here has its surrogate in its name.
"""

from __future__ import annotations

from faceprobe.cloaks.base import Cloak, CloakCard, Cloaked, CloakFamily, FaceReport, Subject
from faceprobe.cloaks.registry import CLOAKS, cloak_card, load_cloak, with_surrogate

__all__ = [
    "CLOAKS",
    "Cloak",
    "CloakCard",
    "CloakFamily",
    "Cloaked",
    "FaceReport",
    "Subject",
    "cloak_card",
    "load_cloak",
    "with_surrogate",
]
