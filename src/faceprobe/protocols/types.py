"""A protocol, and the evaluation of data by protocols."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.results.result import Metric


@dataclass(frozen=True)
class Protocol:
    """A protocol as its data file describes it; ``kind`` chooses the code
    (:data:`faceprobe.protocols.kinds.KINDS`).

    ``short`` is the text that each row carries as its conventions; ``conventions`` says the same
    at length, by subject. ``needs`` lists what the data must bring ("identities", "events", "pairs", ...).
    A protocol ``on_request`` is measured only where it is named. ``options`` are the kind's own:
    ``cross_event`` leaves out mates of the same event, ``enrol`` is what identification puts into
    the gallery ("all-but-one" or "first").
    """

    name: str
    version: int
    kind: str
    title: str
    short: str
    conventions: dict[str, str]
    citation: str
    needs: tuple[str, ...] = ("identities",)
    on_request: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def cross_event(self) -> bool:
        return bool(self.options.get("cross_event", False))

    def to_dict(self) -> dict[str, Any]:
        """What ``faceprobe protocols --json`` prints."""
        return {
            "name": self.name,
            "version": self.version,
            "kind": self.kind,
            "title": self.title,
            "needs": list(self.needs),
            "on_request": self.on_request,
            "options": self.options,
            "conventions": self.conventions,
            "citation": self.citation,
        }

    @property
    def label(self) -> str:
        """The conventions of a result row."""
        return f"{self.name} v{self.version}: {self.short}"


class NothingLeft(BadInput):
    """The data have what ``protocol`` needs, but no trial is left (all are duplicates, say)."""

    def __init__(self, protocol: Protocol, reason: str) -> None:
        super().__init__(f"{protocol.name}: {reason}")
        self.reason = reason


def unknown_people(photos: int) -> dict[str, int]:
    """The photos of unknown people among those that were left out, by reason: {} where there are none."""
    return {"no identity": photos} if photos else {}


@dataclass
class Evaluation:
    """The rows, curves and bootstrap replicates that :func:`faceprobe.protocols.evaluate` returns.

    ``curves`` maps ``"<protocol>//<name>"`` to an array, ``replicates`` maps
    ``"<protocol>//<metric>//<weighting>"`` to the (R,) bootstrap replicates behind an interval.
    Replicates of two models are paired where seed, R and ``identities`` (sorted, unique) agree.
    ``n_unknown`` photos of unknown people were left out.
    ``influences`` maps the same keys to a (2, P) array: each person's jackknife influence on the figure and
    share of its trials, people in the order of ``identities``; differences of two models come from them.
    """

    metrics: list[Metric] = field(default_factory=list)
    curves: dict[str, NDArray[Any]] = field(default_factory=dict)
    replicates: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    influences: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    identities: NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, dtype=np.str_))
    n_unknown: int = 0

    def add(self, other: Evaluation) -> None:
        """Add another protocol's rows, curves, replicates and influences."""
        self.metrics += other.metrics
        self.curves |= other.curves
        self.replicates |= other.replicates
        self.influences |= other.influences
