"""faceprobe: measure the face recognition that hides inside image models.

    >>> import faceprobe as fp
    >>> results = fp.evaluate("bundled:clip-s", "synthetic?people=20&photos=4")  # doctest: +SKIP
    >>> results.value("rank1", protocol="identification/leave-one-out")  # doctest: +SKIP

The public names are imported when they are first used, so ``import faceprobe`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "evaluate": "faceprobe.api.evaluate",
    "score": "faceprobe.api.score",
    "embed": "faceprobe.api.embed",
    "cloak": "faceprobe.api.cloak",
    "cloak_folder": "faceprobe.cloaks.photos.folder",
    "plan": "faceprobe.api.plan",
    "run_study": "faceprobe.api.study",
    "load_model": "faceprobe.api.load",
    "check_model": "faceprobe.api.doctor",
    "load_dataset": "faceprobe.api.load",
    "load_cloak": "faceprobe.api.load",
    "encoder": "faceprobe.models.own",
    "from_mteb": "faceprobe.models.mteb",
    "Results": "faceprobe.api.results",
    "CropPolicy": "faceprobe.faces.crops",
    "Embeddings": "faceprobe.data.embeddings",
    "EmbeddingStore": "faceprobe.embedding.store",
    "FaceprobeError": "faceprobe.core.errors",
    "FaceTable": "faceprobe.data.face_table",
    "ImageEncoder": "faceprobe.models.base",
    "PairList": "faceprobe.data.pairs",
    "Preprocess": "faceprobe.models.preprocess",
    "Remark": "faceprobe.data.remarks",
    "Result": "faceprobe.results.result",
    "Study": "faceprobe.study.schema",
    "TextImageEncoder": "faceprobe.models.base",
    "unit_rows": "faceprobe.data.embeddings",
}
"""Public name -> module that defines it."""

_SUBMODULES = ("metrics",)
"""Packages whose functions are used as ``faceprobe.metrics.eer(...)``."""

__all__ = ["__version__", *_PUBLIC, *_SUBMODULES]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"faceprobe.{name}")
    if name not in _PUBLIC:
        from difflib import get_close_matches

        near = get_close_matches(name, __all__, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise AttributeError(f"module 'faceprobe' has no attribute {name!r}{hint}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
