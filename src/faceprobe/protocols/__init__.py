"""Published and own protocols: small versioned data files, and the code that reads them.

>>> from faceprobe.protocols import evaluate
>>> evaluation = evaluate(data, ["verification/all-pairs"])  # doctest: +SKIP
"""

from __future__ import annotations

from faceprobe.protocols.evaluate import evaluate
from faceprobe.protocols.registry import PROTOCOLS
from faceprobe.protocols.types import Evaluation, Protocol

__all__ = ["PROTOCOLS", "Evaluation", "Protocol", "evaluate"]
