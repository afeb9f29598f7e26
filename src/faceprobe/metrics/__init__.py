"""Metrics of face recognition as plain functions of arrays, and what the protocols compute with.

    >>> from faceprobe.metrics import eer
    >>> eer([0.9, 0.8, 0.7, 0.2, 0.6, 0.3, 0.1, 0.0], [1, 1, 1, 1, 0, 0, 0, 0])
    0.25

The functions take numpy arrays, lists or CPU tensors and follow one set of conventions: a higher score means
more alike; a comparison matches at score >= T; FMR (FPIR) is at most the target, at the lowest T that
achieves it; ties count against the system; rates are fractions in [0, 1]. ``faceprobe score`` reports the
same figures with intervals. The functions are imported when they are first used and load
numpy, nothing heavier.

Adding a metric takes one function in ``verification/`` or ``identification/`` and one row in ``table.py``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faceprobe.metrics.identification.functions import cmc, dir_at_fpir, fnir_at_fpir, mrr, rank_k
    from faceprobe.metrics.table import METRICS, MetricInfo, metric_info
    from faceprobe.metrics.verification.functions import (
        DetCurve,
        RocCurve,
        auc,
        d_prime,
        det,
        eer,
        fnmr_at_fmr,
        roc,
        tmr_at_fmr,
    )

_MODULES = (
    "faceprobe.metrics.verification.functions",
    "faceprobe.metrics.identification.functions",
    "faceprobe.metrics.table",
)

__all__ = [
    "METRICS",
    "DetCurve",
    "MetricInfo",
    "RocCurve",
    "auc",
    "cmc",
    "d_prime",
    "det",
    "dir_at_fpir",
    "eer",
    "fnir_at_fpir",
    "fnmr_at_fmr",
    "metric_info",
    "mrr",
    "rank_k",
    "roc",
    "tmr_at_fmr",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in map(import_module, _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'faceprobe.metrics' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
