"""A typed registry of lazily imported parts: one new file adds one new part."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from faceprobe.core.errors import FaceprobeError, UnknownName

T = TypeVar("T")


class Registry(Generic[T]):
    """Names mapped to ``"module:attribute"`` targets, imported only when asked for.

    Third parties add to it through the entry-point group ``faceprobe.<group>``. A name
    that is registered twice is an error, never a silent replacement.
    """

    def __init__(self, kind: str, group: str, builtin: dict[str, str]) -> None:
        self.kind = kind
        self.group = group
        self._targets: dict[str, str] = dict(builtin)
        self._objects: dict[str, T] = {}
        self._entry_points_read = False

    def register(self, name: str, target: str | T) -> None:
        """Add ``name``; ``target`` is ``"module:attribute"`` or the object itself."""
        if name in self._targets or name in self._objects:
            raise FaceprobeError(f"{self.kind} {name!r} is registered twice; choose another name")
        if isinstance(target, str):
            self._targets[name] = target
        else:
            self._objects[name] = target

    def names(self) -> list[str]:
        """Every registered name, sorted."""
        self._read_entry_points()
        return sorted(self._targets.keys() | self._objects.keys())

    def __contains__(self, name: str) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def get(self, name: str) -> T:
        """The object behind ``name``; :class:`UnknownName` with the nearest names otherwise."""
        if name not in self.names():
            raise UnknownName(self.kind, name, self.names())
        if name not in self._objects:
            module, _, attribute = self._targets[name].partition(":")
            loaded: Any = getattr(import_module(module), attribute)
            self._objects[name] = loaded
        return self._objects[name]

    def _read_entry_points(self) -> None:
        if self._entry_points_read:
            return
        self._entry_points_read = True
        for point in entry_points(group=f"faceprobe.{self.group}"):
            self.register(point.name, point.value)
