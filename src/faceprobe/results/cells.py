"""The stored parts of a run: a model's cell and a cloak's record, each a folder under ``cells/``."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.files import read_json
from faceprobe.results.result import SCHEMA, Result, from_document

CLOAK_PROTOCOLS = "cloak/"
"""How names of protocols for cloaks start, and no others; ``protocols.kinds.check_kind`` enforces it."""

NO_MODEL = "none"
"""Model of the rows that are about photos alone (how much a cloak changes them)."""

ENTRY, ROWS, CURVES, EXCLUDED = "cell.json", "rows.json", "curves.npz", "excluded.json"
"""Files of a part's folder; the last two belong to cells only."""


@dataclass(frozen=True, kw_only=True)
class StoredPart:
    """A finished part of a run: its entry in the manifest, and the folder that holds the rest.

    ``key`` is the name of the folder, ``signature`` the hash of all inputs that decided the rows. ``folder``
    is no part of the entry.
    """

    key: str
    signature: str = field(default="", repr=False)
    folder: Path = field(default=Path(), repr=False, compare=False)

    def entry(self) -> dict[str, Any]:
        """The part as the manifest holds it."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "folder"}

    def within(self, cells: Path) -> Self:
        """The same part, its folder below ``cells``; :class:`BadInput` for a key that is no folder name."""
        if not self.key or Path(self.key).name != self.key:
            raise BadInput(f"the manifest names a cell {self.key!r} that is not a plain folder name")
        return replace(self, folder=cells / self.key)

    @cached_property
    def rows(self) -> list[Result]:
        """The rows of the part; :class:`BadInput` where its file is absent or wrong."""
        path = self.folder / ROWS
        return from_document(read_json(path), str(path))

    @cached_property
    def _details(self) -> dict[str, Any]:
        found = read_json(self.folder / ENTRY)
        return found if isinstance(found, dict) else {}

    @classmethod
    def read(cls, cells: Path, key: str, signature: str) -> Self | None:
        """The part that is stored below ``cells``; None where it is absent, of other inputs or of another
        version of the rows.
        """
        from pydantic import TypeAdapter, ValidationError

        path = cells / key / ENTRY
        if not path.is_file():
            return None
        stored = read_json(path)
        try:
            part = TypeAdapter(cls).validate_python(stored["entry"]).within(cells)
            usable = stored["schema"] == SCHEMA and part.key == key
        except (KeyError, TypeError, ValidationError) as error:
            raise BadInput(f"{path} is not a stored cell; delete its folder, run the study again") from error
        return part if usable and part.signature == signature else None


@dataclass(frozen=True, kw_only=True)
class Cell(StoredPart):
    """One model on one dataset in one crop under one cloak and one purifier.

    ``model`` and ``dataset`` are the names in its rows. ``n_photos`` and ``n_identities`` count what was
    measured, ``excluded`` the photos left out by reason, ``pairs_lost`` the dataset's own pairs that lost a
    photo. ``encoded`` photos went through the encoder, ``reused`` ones came from the cache. ``seconds`` is
    the wall clock of embedding and evaluating, None where it is not known.
    """

    model: str
    dataset: str
    crop: str = "as-is"
    cloak: str = "none"
    purifier: str = "none"
    protocols: tuple[str, ...] = ()
    n_photos: int = 0
    n_identities: int = 0
    excluded: dict[str, int] = field(default_factory=dict)
    pairs_lost: int = 0
    encoded: int = 0
    reused: int = 0
    seconds: float | None = None

    @property
    def is_plain(self) -> bool:
        """Whether its rows belong to the ordinary sections of a report: no purifier, and not measured under
        the protocols for cloaks alone.
        """
        only_cloaks = bool(self.protocols) and all(p.startswith(CLOAK_PROTOCOLS) for p in self.protocols)
        return self.purifier == "none" and not only_cloaks and self.model != NO_MODEL

    @property
    def card(self) -> dict[str, Any]:
        """The card of the model that was measured."""
        return dict(self._details["card"])

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every curve and replicate array of the cell; empty where the file is absent."""
        path = self.folder / CURVES
        if not path.is_file():
            return {}
        try:
            with np.load(path, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (ValueError, OSError, KeyError) as error:
            raise BadInput(f"{path} is not a readable .npz file: {error}") from error

    def curve(self, protocol: str, name: str) -> NDArray[Any] | None:
        """The array ``protocol//name``, or None where the cell has none or an empty one."""
        found = self.arrays.get(f"{protocol}//{name}")
        return found if found is not None and found.size else None

    def replicates(self, protocol: str, metric: str, weighting: str) -> NDArray[np.float64] | None:
        """(R,) bootstrap replicates of one metric, or None."""
        return self.arrays.get(f"replicates//{protocol}//{metric}//{weighting}")

    def influence(self, protocol: str, metric: str, weighting: str) -> NDArray[np.float64] | None:
        """(2, P) each person's influence on one metric and share of its trials, or None."""
        return self.arrays.get(f"influence//{protocol}//{metric}//{weighting}")


@dataclass(frozen=True, kw_only=True)
class CloakRecord(StoredPart):
    """One cloak on one dataset: facts about the cloaked photos themselves, whatever model is measured.

    ``id`` is the cloak's name in rows and ``card`` its card. ``n_photos`` counts the cloaked photos,
    ``n_faces`` the changed faces in them, ``unchanged`` the photos left as they were by reason.
    ``seconds_a_photo`` is the time that a photo took when it was made; None for files that came with the
    dataset.
    """

    id: str
    dataset: str = ""
    card: dict[str, Any] = field(default_factory=dict)
    n_photos: int | None = None
    n_faces: int | None = None
    unchanged: dict[str, int] = field(default_factory=dict)
    seconds_a_photo: float | None = None

    @property
    def sample(self) -> tuple[str, str] | None:
        """Where a clean photo and its cloaked version are found: (image, image or path in the cache)."""
        found = self._details.get("sample")
        return None if found is None else (str(found[0]), str(found[1]))
