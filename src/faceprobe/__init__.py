"""faceprobe: measure the face recognition that hides inside image models.

The public names are imported lazily, so that ``import faceprobe`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "LabelledEmbeddings": "faceprobe.data.embeddings",
    "PairList": "faceprobe.data.embeddings",
    "unit_rows": "faceprobe.data.embeddings",
    "FaceprobeError": "faceprobe.core.errors",
    "Metric": "faceprobe.results.result",
    "Result": "faceprobe.results.result",
    "FaceTable": "faceprobe.data.face_table",
    "load_dataset": "faceprobe.datasets",
    "CropPolicy": "faceprobe.faces.crops",
    "EmbeddingStore": "faceprobe.embedding.store",
    "ImageEncoder": "faceprobe.models.base",
    "TextImageEncoder": "faceprobe.models.base",
    "load_model": "faceprobe.models",
    "from_mteb": "faceprobe.models.mteb",
    "evaluate": "faceprobe.protocols",
    "run_study": "faceprobe.study",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'faceprobe' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
