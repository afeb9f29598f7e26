"""The plan of a study: cells to measure, and jobs that make the cloaked photos for some of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from faceprobe.cloaks.base import CloakCard
from faceprobe.core.files import sha256_json
from faceprobe.core.words import slug
from faceprobe.data.face_table import FaceTable
from faceprobe.models.base import ModelCard

NO_CLOAK = "none"
NO_PURIFIER = "none"


@dataclass(frozen=True)
class PlannedCell:
    """One model on one dataset in one crop under one cloak, all photos through one purifier.

    ``model`` and ``dataset`` are the names in rows, ``model_text`` is what loads the model. ``protocols``
    None stands for every usual protocol that the data allow: those for cloaks in a cell with a cloak, the
    others in a cell without.
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

    ``cloak`` is the name in rows. ``text`` is what loads the cloak, "" for a variant that the dataset brings.
    ``rows`` are the clean photos of the plan's table that are cloaked, or that have such a version.
    ``noise_reference`` is the cloak whose PSNR this one copies, which has to be made first; "" for none.
    ``table`` holds the clean photos and those of the variant; None for a cloak that is made.
    """

    dataset: str
    cloak: str
    text: str
    rows: tuple[int, ...]
    card: CloakCard = field(repr=False)
    noise_reference: str = ""
    table: FaceTable | None = field(default=None, repr=False, compare=False)

    @property
    def key(self) -> str:
        """Name of the folder that holds the quality rows of the photos."""
        digest = sha256_json([self.dataset, self.cloak])[:8]
        return f"cloak-{slug(f'{self.cloak} {self.dataset}')[:66]}-{digest}"

    def __str__(self) -> str:
        return f"{self.cloak} of {self.dataset}"


@dataclass
class Plan:
    """The cells of a study, and what they need.

    ``cells`` are in the order of work: the cells of a model follow each other. ``tables`` (clean photos only)
    and ``cards`` have the names in rows as keys. ``jobs`` by dataset and cloak are in the order in which the
    photos are made. ``missing`` says in sentences what the study asks for and does not get.
    """

    cells: list[PlannedCell] = field(default_factory=list)
    tables: dict[str, FaceTable] = field(default_factory=dict)
    cards: dict[str, ModelCard] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    jobs: dict[tuple[str, str], CloakJob] = field(default_factory=dict)

    def photos_of(self, cell: PlannedCell) -> int:
        """The number of photos that ``cell`` measures, clean and cloaked."""
        job = self.jobs.get((cell.dataset, cell.cloak))
        return len(self.tables[cell.dataset]) + (len(job.rows) if job else 0)

    @property
    def n_photos(self) -> int:
        """The number of photos over all cells, and of those to be cloaked before."""
        return sum(map(self.photos_of, self.cells)) + sum(len(job.rows) for job in self.jobs.values())
