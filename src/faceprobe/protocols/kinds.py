"""Kinds of protocols by name: the code that measures them and the data that it gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.data.embeddings import Embeddings
from faceprobe.metrics.bootstrap import identity_weights
from faceprobe.protocols.ordering import OrderedEmbeddings
from faceprobe.protocols.types import Evaluation, Protocol
from faceprobe.results.cells import CLOAK_PROTOCOLS
from faceprobe.results.result import Weighting

if TYPE_CHECKING:
    from faceprobe.metrics.verification.normalisation import CohortScores, Method
    from faceprobe.scores import MatedScores, Ranking, ScoreSummary
    from faceprobe.scores.search.memory import SearchLimits

_NAMES = (
    "pair-list",
    "verification",
    "normalised",
    "identification",
    "centroid",
    "open-set",
    "gallery-size",
    "template-verification",
    "template-identification",
    "distractors",
    "fairness",
    "cloak-recognition",
    "cloak-retrieval",
    "cloak-verification",
    "cloak-adaptive",
)
"""Kinds in the order in which results list them."""


@dataclass
class Context:
    """The data that a protocol is measured on. ``weights`` (R, P) are the identity weights of the bootstrap,
    for people in the order of ``ordered.names``; ``summary`` and ``ranks`` (by protocol) are there for
    the kinds that share the pass over all pairs, ``limits`` (by protocol) for those that search a
    gallery, ``cohorts`` (by method) for those that measure scores against a cohort. ``kept`` are the rows of
    the caller's data that ``data`` are (None: all of them), since curves name rows of the caller's data.
    """

    data: Embeddings
    ordered: OrderedEmbeddings
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
        return identity_weights(len(self.ordered.names), self.replicates, self.seed)


@dataclass(frozen=True)
class Kind:
    """The code of a kind of protocol, one object in one module each.

    ``figures`` are the (metric, weighting) rows it gives. ``lacking`` says why data cannot be measured,
    or "" where they can. ``measure`` does it, and raises :class:`NothingLeft` where no trial is left.
    ``sweeps``: it reads ``context.summary``; ``ranking`` then asks the pass for ranks. ``memory``: it
    searches, and needs so many bytes besides a block of scores; then ``context.limits`` are there for it.
    ``cloaks``: it compares cloaked photos with clean ones; all other kinds get the clean photos only.
    """

    figures: Sequence[tuple[str, Weighting]]
    lacking: Callable[[Protocol, Embeddings], str]
    measure: Callable[[Protocol, Context], Evaluation]
    sweeps: bool = False
    cloaks: bool = False
    ranking: Callable[[Protocol, OrderedEmbeddings, MatedScores], Ranking] | None = None
    memory: Callable[[Embeddings, OrderedEmbeddings], int] | None = None


class _Kinds(Mapping[str, Kind]):
    """The kind ``open-set`` is ``KIND`` in the module ``open_set``, imported when it is asked for."""

    def __getitem__(self, name: str) -> Kind:
        return _loaded(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


@cache
def _loaded(name: str) -> Kind:
    if name not in _NAMES:
        raise KeyError(name)
    kind: Kind = import_module(f"faceprobe.protocols.{name.replace('-', '_')}").KIND
    return kind


KINDS: Mapping[str, Kind] = _Kinds()


def check_kind(protocol: Protocol) -> None:
    """:class:`BadInput` for a protocol (of a plugin) of an unknown kind, or with a name that misleads.

    Protocols for cloaks, and no others, are called ``cloak/...``: rows of a run are sorted by that.
    """
    if protocol.kind not in KINDS:
        known = ", ".join(KINDS)
        raise BadInput(f"protocol {protocol.name}: unknown kind {protocol.kind!r}; known: {known}")
    if KINDS[protocol.kind].cloaks != protocol.name.startswith(CLOAK_PROTOCOLS):
        wrong = "needs a name that starts with" if KINDS[protocol.kind].cloaks else "must not be called"
        raise BadInput(f"protocol {protocol.name}: the kind {protocol.kind} {wrong} {CLOAK_PROTOCOLS}")
