"""Every kind of protocol, in the order in which results list them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from faceprobe.protocols.types import Kind

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
