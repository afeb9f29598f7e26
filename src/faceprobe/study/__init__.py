"""Studies: models x datasets x crops x cloaks x protocols, planned, run and kept.

>>> from faceprobe.study import run_study
>>> run_study("quickstart", Path("runs/quickstart"))  # doctest: +SKIP
"""

from __future__ import annotations

from faceprobe.study.packaged import packaged_studies, resolve_study
from faceprobe.study.run import RunResult, run_study
from faceprobe.study.schema import Study, parse_study, read_study
from faceprobe.study.single import EvalResult, evaluate_one

__all__ = [
    "EvalResult",
    "RunResult",
    "Study",
    "evaluate_one",
    "packaged_studies",
    "parse_study",
    "read_study",
    "resolve_study",
    "run_study",
]
