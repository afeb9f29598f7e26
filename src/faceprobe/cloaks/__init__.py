"""Cloaks: changes of photos that are meant to defeat face recognisers, and what undoes them.

Each algorithm is one file over :class:`faceprobe.cloaks.base.Cloak`. Bare ``fawkes`` and ``lowkey`` in
results mean the authors' own output files; what is made here carries its surrogate in its name.
"""

from __future__ import annotations

from faceprobe.cloaks.base import Cloak, CloakCard, Cloaked, FaceReport, Subject
from faceprobe.cloaks.registry import CLOAKS, cloak_card, load_cloak

__all__ = ["CLOAKS", "Cloak", "CloakCard", "Cloaked", "FaceReport", "Subject", "cloak_card", "load_cloak"]
