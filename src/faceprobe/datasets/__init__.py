"""Datasets: each yields one :class:`FaceTable`. Names are ``NAME`` or ``NAME:PATH?options``."""

from __future__ import annotations

from collections.abc import Callable

from faceprobe.core.errors import NotYet
from faceprobe.core.names import Name, parse_name
from faceprobe.core.registry import Registry
from faceprobe.data.face_table import FaceTable

DATASETS: Registry[Callable[[Name], FaceTable]] = Registry(
    "dataset",
    "datasets",
    {
        "synthetic": "faceprobe.datasets.synthetic.table:load",
        "own": "faceprobe.datasets.own:load",
        "folder": "faceprobe.datasets.folder:load",
        "lfw": "faceprobe.datasets.lfw:load",
        "insightface-bin": "faceprobe.datasets.insightface_bin:load",
        "ijb-b": "faceprobe.datasets.ijb:load_b",
        "ijb-c": "faceprobe.datasets.ijb:load_c",
        "celeba": "faceprobe.datasets.celeba:load",
        "vggface2": "faceprobe.datasets.vggface2:load",
        "perturbed-faces": "faceprobe.datasets.perturbed_faces:load",
        "cloaked": "faceprobe.datasets.cloaked:load",
        "distractors": "faceprobe.datasets.distractors:load",
        "cfp-fp": "faceprobe.datasets.cfp:load",
        "agedb-30": "faceprobe.datasets.agedb:load",
        "calfw": "faceprobe.datasets.calfw:load",
        "cplfw": "faceprobe.datasets.calfw:load",
        "rfw": "faceprobe.datasets.rfw:load",
    },
)


def load_dataset(text: str) -> FaceTable:
    """Open the dataset that ``text`` names, e.g. ``"lfw:PATH?pairs=FILE"`` or ``"synthetic"``."""
    stem = text.partition("?")[0]
    name = parse_name(text) if ":" in stem else parse_name(text.replace(stem, stem + ":", 1))
    if name.kind not in DATASETS:
        from faceprobe.datasets.info import INFOS

        if name.kind in {info.name for info in INFOS}:
            raise NotYet("dataset", name.kind, "until then folder:PATH reads PATH/<person>/<photo>")
    return DATASETS.get(name.kind)(name)
