"""What a study is made of: cells, and before them the cloaked photos that some of them look at."""

from __future__ import annotations

from dataclasses import dataclass, field

from faceprobe.cloaks.base import CloakCard
from faceprobe.core.files import sha256_json
from faceprobe.core.words import slug
from faceprobe.data.face_table import FaceTable

NO_CLOAK = "none"
NO_PURIFIER = "none"


@dataclass(frozen=True)
class Cell:
    """One model on one dataset in one crop under one cloak, all photos through one purifier.

    ``model`` and ``dataset`` are the names that rows carry, ``model_text`` is what loads the model.
    ``protocols`` None stands for every first-set protocol that the data allows: of those for cloaks in a
    cell with a cloak, of the others in a cell without.
    """

    model: str
    model_text: str
    dataset: str
    crop: str
    cloak: str
    protocols: tuple[str, ...] | None
    purifier: str = NO_PURIFIER

    @property
    def key(self) -> str:
        """Name of the cell's folder: readable, short, and different for different cells."""
        parts = [self.model, self.dataset, self.crop, self.cloak]
        digest = sha256_json(parts if self.purifier == NO_PURIFIER else [*parts, self.purifier])[:8]
        return f"{slug(f'{self.model} {self.dataset} {self.crop}')[:72]}-{digest}"

    def __str__(self) -> str:
        cloak = "" if self.cloak == NO_CLOAK else f", {self.cloak}"
        purifier = "" if self.purifier == NO_PURIFIER else f", {self.purifier}"
        return f"{self.model} on {self.dataset}, {self.crop}{cloak}{purifier}"


@dataclass(frozen=True)
class CloakJob:
    """One dataset under one cloak.

    ``cloak`` is the name that rows carry, ``text`` is what loads it, "" for a variant of the dataset's
    own photos. ``rows`` are the clean photos of the plan's table that are cloaked, or that have such a
    version. ``like`` is the cloak of the same dataset that has to be made first. ``table`` holds the clean
    photos and the variant's.
    """

    dataset: str
    cloak: str
    text: str
    rows: tuple[int, ...]
    card: CloakCard = field(repr=False)
    like: str = ""
    table: FaceTable | None = field(default=None, repr=False, compare=False)

    @property
    def key(self) -> str:
        """Name of the folder that keeps the photos' quality rows."""
        digest = sha256_json([self.dataset, self.cloak])[:8]
        return f"cloak-{slug(f'{self.cloak} {self.dataset}')[:66]}-{digest}"

    def __str__(self) -> str:
        return f"{self.cloak} of {self.dataset}"
