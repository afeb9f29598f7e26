"""What one dataset declares about itself: its card and the function that opens it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from faceprobe.core.files import cache_dir
from faceprobe.core.names import Name
from faceprobe.data.evidence import Evidence
from faceprobe.data.face_table import FaceTable

PUBLIC_FIGURES = "none asked: public figures in photos from the web"


@dataclass(frozen=True)
class DatasetCard:
    """What is known of a dataset before it is opened, as ``faceprobe datasets --json`` prints it.

    ``use`` is how to write its name. ``status`` is "built-in", "your own", "available", "on request" or
    "withdrawn". ``non_commercial`` is None where the authors do not say. ``photos`` and ``people`` are the
    counts of the complete set, ``pairs`` those of its own list of comparisons; None = not stated.
    ``download_mb`` is what the first use fetches (0 = nothing); ``source`` is the address of a set that
    faceprobe does not fetch.
    """

    name: str
    title: str
    use: str
    status: str
    consent: str
    licence: str
    non_commercial: bool | None
    photos: int | None = None
    people: int | None = None
    pairs: int | None = None
    source: str = ""
    download_mb: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Dataset:
    """A registered dataset: its ``card``, and ``load``, which opens it by a parsed name.

    ``evidence`` is that of figures measured on its photos with a real model. Where ``readable`` is False,
    ``load`` raises :class:`faceprobe.core.errors.NotYet`. Where ``listed`` is False, the set exists in this
    process only, and ``faceprobe datasets`` leaves it out. ``files`` are paths in the set's folder of the
    cache: all of them exist once the set is downloaded.
    """

    card: DatasetCard
    load: Callable[[Name], FaceTable]
    evidence: Evidence = "real-photos"
    readable: bool = True
    listed: bool = True
    files: tuple[str, ...] = ()

    @property
    def is_cached(self) -> bool:
        """Whether the dataset can be used on this machine without a download."""
        if not self.card.download_mb:
            return self.card.status in ("built-in", "your own")
        folder = cache_dir("datasets", self.card.name)
        return all((folder / file).exists() for file in self.files)
