"""The parts that a study is put together from, so that a test or a caller can hand in its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceprobe.data.face_table import FaceTable
from faceprobe.models.base import ImageEncoder, ModelCard

if TYPE_CHECKING:
    from faceprobe.embedding import Embedded
    from faceprobe.protocols import Outcome


@dataclass(frozen=True)
class Parts:
    """Functions with the signatures of :func:`faceprobe.load_dataset`, :func:`faceprobe.load_model`,
    ``faceprobe.models.model_card``, ``faceprobe.embedding.check_local``, :func:`faceprobe.embed`,
    :func:`faceprobe.evaluate` and ``faceprobe.report.write_report``.
    """

    load_dataset: Callable[[str], FaceTable]
    model_card: Callable[[str], ModelCard]
    load_model: Callable[..., ImageEncoder]
    check_local: Callable[[FaceTable, str, str | None, Path | None, bool], None]
    embed: Callable[..., Embedded]
    evaluate: Callable[..., Outcome]
    write_report: Callable[..., Path]


def real_parts() -> Parts:
    """The package's own parts, imported only when a study is run."""
    from faceprobe.datasets import load_dataset
    from faceprobe.embedding import check_local, embed
    from faceprobe.models import load_model, model_card
    from faceprobe.protocols import evaluate
    from faceprobe.report import write_report

    return Parts(load_dataset, model_card, load_model, check_local, embed, evaluate, write_report)


def free_memory() -> None:
    """Give a dropped model's memory back, also on a CUDA device."""
    import gc
    import sys

    gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
