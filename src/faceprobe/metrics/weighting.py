"""What one trial counts: the same each, or the same total for each person."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Weighting = Literal["identity", "pair"]
"""``pair``: every trial (a comparison, a search) counts once. ``identity``: every person counts once, however
many trials the person has.
"""

WEIGHTINGS: tuple[Weighting, Weighting] = ("identity", "pair")


def trial_weights(label: NDArray[np.integer], weighting: Weighting) -> NDArray[np.float64]:
    """(M,) float64 weight of each trial of the person ``label`` (M,), counted from 0: 1, or 1 / the number of
    trials of that person.
    """
    if weighting == "pair":
        return np.ones(len(label))
    weights: NDArray[np.float64] = 1.0 / np.bincount(label)[label]
    return weights
