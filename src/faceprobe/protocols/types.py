"""A protocol, and what measuring by it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.metrics.bootstrap import identity_weights
from faceprobe.results.result import Metric, Weighting

if TYPE_CHECKING:
    from faceprobe.data.embeddings import Embeddings
    from faceprobe.metrics.verification.normalisation import CohortScores, Method
    from faceprobe.protocols.ordering import Arranged
    from faceprobe.scores import MatedScores, Ranking, ScoreSummary
    from faceprobe.scores.search.memory import SearchLimits


@dataclass(frozen=True)
class Protocol:
    """``kind`` chooses the code (:data:`faceprobe.protocols.kinds.KINDS`), all else is data from the
    protocol's file.

    ``short`` is the text that each metric carries as its conventions; ``conventions`` says the same
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
    """The data have what ``protocol`` needs, but trials that it cannot do without are left out."""

    def __init__(self, protocol: Protocol, reason: str) -> None:
        super().__init__(f"{protocol.name}: {reason}")
        self.reason = reason


@dataclass
class Outcome:
    """What :func:`faceprobe.protocols.evaluate` returns.

    ``curves`` maps ``"<protocol>//<name>"`` to an array, ``replicates`` maps
    ``"<protocol>//<metric>//<weighting>"`` to the (R,) bootstrap replicates behind an interval.
    Replicates of two models are paired where seed, R and ``identities`` (sorted, unique) agree.
    """

    metrics: list[Metric] = field(default_factory=list)
    curves: dict[str, NDArray[Any]] = field(default_factory=dict)
    replicates: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    identities: NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, dtype=np.str_))

    def add(self, other: Outcome) -> None:
        """Take over another protocol's figures."""
        self.metrics += other.metrics
        self.curves |= other.curves
        self.replicates |= other.replicates


@dataclass
class Context:
    """What a protocol is measured on. ``weights`` (R, P) are the identity weights of the bootstrap,
    for people in the order of ``arranged.names``; ``summary`` and ``ranks`` (by protocol) are there for
    the kinds that share the pass over all pairs, ``limits`` (by protocol) for those that search a
    gallery, ``cohorts`` (by method) for those that measure scores against a cohort. ``kept`` are the rows of
    the caller's data that ``data`` are (None: all of them), since curves that name rows name those.
    """

    data: Embeddings
    arranged: Arranged
    replicates: int
    seed: int
    quiet: bool = True
    kept: NDArray[np.int64] | None = None
    summary: ScoreSummary | None = None
    ranks: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    rankings: dict[str, Ranking] = field(default_factory=dict)
    limits: dict[str, SearchLimits] = field(default_factory=dict)
    cohorts: dict[Method, CohortScores] = field(default_factory=dict)

    @cached_property
    def weights(self) -> NDArray[np.int64]:
        return identity_weights(len(self.arranged.names), self.replicates, self.seed)


@dataclass(frozen=True)
class Kind:
    """The code of a kind of protocol, one object in one module each.

    ``figures`` are the (metric, weighting) rows it gives. ``lacking`` says why data cannot be measured,
    or "" where they can. ``measure`` does it, and raises :class:`NothingLeft` where no trial is left.
    ``sweeps``: it reads ``context.summary``; ``ranking`` then asks the pass for ranks. ``holds``: it
    searches, and keeps so many bytes besides a block of scores; then ``context.limits`` are there for it.
    ``cloaks``: it is shown cloaked photos beside the clean ones, while all other kinds see the clean ones
    alone.
    """

    figures: Sequence[tuple[str, Weighting]]
    lacking: Callable[[Protocol, Embeddings], str]
    measure: Callable[[Protocol, Context], Outcome]
    sweeps: bool = False
    cloaks: bool = False
    ranking: Callable[[Protocol, Arranged, MatedScores], Ranking] | None = None
    holds: Callable[[Embeddings, Arranged], int] | None = None
