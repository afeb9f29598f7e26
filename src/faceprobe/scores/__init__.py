"""One pass over all pairs of embeddings: integers and arrays in, a :class:`ScoreSummary` out.

This layer knows no faces, files or protocols. What a figure depends on is counted exactly, whatever the
size of blocks and the number of threads (see :mod:`faceprobe.scores.exact` and
:mod:`faceprobe.scores.sweep.all_pairs`).
"""

from __future__ import annotations

from faceprobe.scores.duplicates import Duplicates, find_duplicates
from faceprobe.scores.exact import exact_rows, pair_scores
from faceprobe.scores.mated import mated_scores
from faceprobe.scores.summary import ScoreSummary
from faceprobe.scores.sweep.all_pairs import sweep_pairs
from faceprobe.scores.sweep.memory import Limits, plan_memory
from faceprobe.scores.types import Grid, MatedScores, Ranking, Tail, offsets

__all__ = [
    "Duplicates",
    "Grid",
    "Limits",
    "MatedScores",
    "Ranking",
    "ScoreSummary",
    "Tail",
    "exact_rows",
    "find_duplicates",
    "mated_scores",
    "offsets",
    "pair_scores",
    "plan_memory",
    "sweep_pairs",
]
