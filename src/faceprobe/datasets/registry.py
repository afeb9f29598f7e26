"""Every dataset by name. A new one is a module with an object ``DATASET`` and a line in the table below."""

from __future__ import annotations

from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.core.names import parse_name
from faceprobe.core.registry import Registry
from faceprobe.data.face_table import FaceTable
from faceprobe.data.label_files import LABEL_ENDINGS
from faceprobe.datasets.base import Dataset, DatasetCard
from faceprobe.datasets.insightface_bin import is_bin

BUILT_IN = {
    "synthetic": "faceprobe.datasets.synthetic.table:DATASET",
    "folder": "faceprobe.datasets.folder:DATASET",
    "table": "faceprobe.datasets.table:DATASET",
    "lfw": "faceprobe.datasets.lfw:DATASET",
    "insightface-bin": "faceprobe.datasets.insightface_bin:DATASET",
    "celeba": "faceprobe.datasets.celeba:DATASET",
    "perturbed-faces": "faceprobe.datasets.perturbed_faces:DATASET",
    "cloaked": "faceprobe.datasets.cloaked:DATASET",
    "ijb-b": "faceprobe.datasets.ijb:DATASET_B",
    "ijb-c": "faceprobe.datasets.ijb:DATASET_C",
    "distractors": "faceprobe.datasets.distractors:DATASET",
    "megaface": "faceprobe.datasets.withdrawn:MEGAFACE",
    "ms-celeb": "faceprobe.datasets.withdrawn:MS_CELEB",
    "vggface2": "faceprobe.datasets.vggface2:DATASET",
    "rfw": "faceprobe.datasets.rfw:DATASET",
    "cfp-fp": "faceprobe.datasets.cfp:DATASET",
    "agedb-30": "faceprobe.datasets.agedb:DATASET",
    "calfw": "faceprobe.datasets.calfw:CALFW",
    "cplfw": "faceprobe.datasets.calfw:CPLFW",
    "own": "faceprobe.datasets.own:DATASET",
}
"""In the order in which ``faceprobe datasets`` lists them."""

DATASETS: Registry[Dataset] = Registry("dataset", "datasets", BUILT_IN)
"""Other packages add a :class:`Dataset` through the entry-point group ``faceprobe.datasets``."""


CLOSE = 0.7
"""How alike (difflib's ratio) a name must be to be offered: ``faces`` is no slip for ``vggface2``."""

TABLE = "table:FILE"


def load_dataset(text: str) -> FaceTable:
    """Open the dataset that ``text`` names, e.g. ``"lfw:PATH?pairs=FILE"`` or ``"synthetic"``.

    Raises :class:`UnknownDataset` with the nearest names, or how to name a path, and what the dataset's own
    loader raises: :class:`Missing` for a path that does not exist, :class:`BadInput` for files of the wrong
    kind, :class:`WrongUsage` for an unknown option.
    """
    name = parse_name(text, bare_kind=None)
    if name.kind not in DATASETS:
        raise UnknownDataset(text, name.kind)
    return DATASETS.get(name.kind).load(name)


class UnknownDataset(UnknownName):
    """A name that no dataset has: a path of the user's own photos, or a slip."""

    def __init__(self, text: str, kind: str) -> None:
        stem = text if Path(text).expanduser().exists() else text.partition("?")[0]
        near = get_close_matches(kind, DATASETS.names(), n=3, cutoff=CLOSE)
        near = near or [n for n in DATASETS.names() if sorted(n) == sorted(kind)]  # letters swapped
        if written := name_of_path(stem):
            fix = f"it is a path of yours: write {written}"
        elif "/" in stem or "\\" in stem or stem.startswith((".", "~")) or Path(stem).suffix:
            fix = f"nor is it a path; your own photos are folder:PATH or, with a file of labels, {TABLE}"
        elif near:
            fix = "did you mean " + " or ".join(map(repr, near)) + "?"
        else:
            path = "PATH" if ":" in stem else stem
            fix = f"your own photos are folder:{path} or, with a file of labels, {TABLE}; all are listed by"
            fix += " `faceprobe datasets`"
        WrongUsage.__init__(self, f"unknown dataset {kind!r}; {fix}")
        self.kind, self.name, self.near = "dataset", kind, near


def name_of_path(text: str) -> str:
    """The name of the dataset at a path that exists: ``folder:``, ``table:`` for a file of labels,
    ``insightface-bin:`` for packed pairs; "" for other files and for a path that does not exist.
    """
    path = Path(text).expanduser()
    if path.is_dir():
        return f"folder:{text}"
    if path.suffix.lower() in LABEL_ENDINGS and path.is_file():
        return f"table:{text}"
    return f"insightface-bin:{text}" if is_bin(path) and path.is_file() else ""


def list_datasets() -> list[dict[str, Any]]:
    """The fields of every :class:`DatasetCard`, with ``readable`` (this version opens it) and ``cached``
    (usable without a download). Datasets of other packages come last.
    """
    others = sorted(set(DATASETS) - set(BUILT_IN))
    datasets = [DATASETS.get(name) for name in BUILT_IN] + [_of_package(name) for name in others]
    return [
        asdict(dataset.card) | {"readable": dataset.readable, "cached": dataset.is_cached}
        for dataset in datasets
        if dataset.listed
    ]


def _of_package(name: str) -> Dataset:
    """A dataset of another package; one that cannot be imported is listed with the reason."""
    try:
        dataset = DATASETS.get(name)
        if isinstance(dataset, Dataset):
            return dataset
        reason = f"it is a {type(dataset).__name__}, not a faceprobe.datasets.Dataset"
    except Exception as error:  # whatever the other package raises when it is imported
        reason = f"{type(error).__name__}: {error}"
    unknown = "unknown"
    note = f"cannot be used: {reason}"
    card = DatasetCard(name, "added by another package", name, unknown, unknown, unknown, None, note=note)
    return Dataset(card, lambda _: load_dataset(name), readable=False)
