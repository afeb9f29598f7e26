"""Which rows of a comparison are shown, and so are the one family that p-values are corrected over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from faceprobe.core.errors import BadInput, UnknownName
from faceprobe.core.words import counted
from faceprobe.results.run import Key

MAIN_METRICS = ("rank1", "tmr@fmr=1e-3", "accuracy", "added_protection@1nn")

Line = TypeVar("Line")


@dataclass(frozen=True)
class Selection:
    """What a user asked for. ``datasets`` and ``crops`` leave out all other rows, ``common`` those that a run
    lacks; empty: no filter. Of what is left, ``metrics`` (none: :data:`MAIN_METRICS`) are shown, weighted by
    people where they can be, or with ``every`` all rows.
    """

    metrics: tuple[str, ...] = ()
    every: bool = False
    datasets: tuple[str, ...] = ()
    crops: tuple[str, ...] = ()
    common: bool = False

    def kept(
        self, lines: Sequence[Line], key_of: Callable[[Line], Key], shared: Callable[[Line], bool]
    ) -> list[Line]:
        """The lines that the filters leave. :class:`UnknownName` for a dataset, crop or metric that no line
        has, :class:`BadInput` where nothing is left.
        """
        keys = [key_of(line) for line in lines]
        for what, asked in (("dataset", self.datasets), ("crop", self.crops), ("metric", self.metrics)):
            known = {getattr(key, what) for key in keys}
            for name in asked:
                if name not in known:
                    raise UnknownName(what, name, known)
        found = [
            line
            for line, key in zip(lines, keys, strict=True)
            if (not self.datasets or key.dataset in self.datasets)
            and (not self.crops or key.crop in self.crops)
            and (not self.common or shared(line))
        ]
        if not found:
            raise BadInput(f"none of {counted(len(lines), 'row')} is left by the filters; leave one out")
        return found

    def shown(
        self, lines: Iterable[Line], key_of: Callable[[Line], Key], group_of: Callable[[Line], object]
    ) -> list[Line]:
        """The lines that are shown. A line weighted by pairs is left out where one of the same ``group_of``
        (all but the weighting) is weighted by people.
        """
        if self.every:
            return list(lines)
        wanted = [line for line in lines if key_of(line).metric in (self.metrics or MAIN_METRICS)]
        weighed = {group_of(line) for line in wanted if key_of(line).weighting == "identity"}
        return [line for line in wanted if key_of(line).weighting != "pair" or group_of(line) not in weighed]

    def family(self, size: int) -> str:
        """The name of the family of the ``size`` paired differences that are shown."""
        if not size:
            return "no paired differences"
        which = "of all rows"
        if not self.every:
            named = ", ".join(self.metrics or MAIN_METRICS)
            which = f"of {named} (weighted by people where they can be)"
        return f"Holm over the {size} paired differences {which}"
