"""Metrics of face recognition as plain functions of arrays, and what the protocols compute with.

    >>> from faceprobe.metrics import eer
    >>> eer([0.9, 0.8, 0.7, 0.2, 0.6, 0.3, 0.1, 0.0], [1, 1, 1, 1, 0, 0, 0, 0])
    0.25

The functions take numpy arrays, lists or CPU tensors and follow one set of conventions: a higher score means
more alike; a comparison matches at score >= T; FMR (FPIR) is at most the target, at the lowest T that
achieves it; ties count against the system; rates are fractions in [0, 1]. ``faceprobe score`` reports the
same figures with intervals. Importing this package loads numpy and nothing heavier.

Adding a metric takes one function in ``verification/`` or ``identification/`` and one row in ``table.py``.
"""

from __future__ import annotations

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
