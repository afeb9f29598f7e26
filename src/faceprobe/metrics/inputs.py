"""Checks of the arrays that the public metric functions take."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.words import counted
from faceprobe.data.labels import label_texts
from faceprobe.metrics.weighting import WEIGHTINGS, Weighting


def as_array(values: ArrayLike, name: str, ndim: int) -> NDArray[Any]:
    """``values`` of the argument ``name`` as an array of ``ndim`` dimensions with one entry at least."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(
            f"{name} cannot be read as an array: {reason}; give numbers, a numpy array or a CPU tensor"
        ) from error
    if array.ndim != ndim:
        raise BadInput(f"{name} must have {counted(ndim, 'dimension')}, but its shape is {array.shape}")
    if array.size == 0:
        raise BadInput(f"{name} is empty (shape {array.shape}); give one entry at least")
    return array


def as_scores(values: ArrayLike, name: str, ndim: int, left_out: bool = False) -> NDArray[np.float64]:
    """Finite scores as float64, exactly; with ``left_out``, -inf marks a comparison that is left out."""
    array = as_array(values, name, ndim)
    if array.dtype.kind not in "iuf":
        raise BadInput(f"{name} must hold numbers, but its type is {array.dtype}")
    wide: NDArray[np.float64] = array.astype(np.float64)
    wrong = ~np.isfinite(wide) & ~(np.isneginf(wide) if left_out else False)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        where = place[0] if ndim == 1 else place
        raise BadInput(
            f"{name} holds {counted(int(wrong.sum()), 'value')} that cannot be compared "
            f"(first: {wide[place]} at {where}); remove NaN and infinite scores"
        )
    return wide


def as_same(values: ArrayLike, n: int) -> NDArray[np.bool_]:
    """``same`` (n,) as bool, both kinds present."""
    array = as_array(values, "same", 1)
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise BadInput("same must hold True and False (or 1 and 0): whether both photos show one person")
    if len(array) != n:
        raise BadInput(f"scores and same must be equally long, but have {n:,} and {len(array):,} entries")
    same: NDArray[np.bool_] = array.astype(np.bool_)
    if same.all() or not same.any():
        kind, other = ("mated", "non-mated") if same.all() else ("non-mated", "mated")
        raise BadInput(f"all {n:,} comparisons are {kind}; an error rate needs {other} ones too")
    return same


def as_people(values: ArrayLike, name: str) -> NDArray[Any]:
    """(N,) people as whole numbers or as text; :class:`BadInput` where one is missing or is a list.

    What counts as missing is in :mod:`faceprobe.data.labels`: two unknown people are not one person.
    """
    array = as_array(values, name, 1)
    if array.dtype.kind in "iub":
        return array
    people = label_texts(array.tolist(), name)
    if "" in people:
        raise BadInput(
            f"{name} has {counted(people.count(''), 'entry', 'entries')} without a person (first:"
            f" {people.index('')}); leave photos of unknown people out"
        )
    return np.array(people, dtype=np.str_)


def as_rate(value: float, name: str) -> float:
    """``value`` as a fraction in [0, 1]."""
    try:
        rate = float(value)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name} must be a number from 0 to 1, not {value!r}") from error
    if not 0 <= rate <= 1:
        raise BadInput(f"{name} must be a fraction from 0 to 1, not {rate}")
    return rate


def as_weighting(value: str) -> Weighting:
    for weighting in WEIGHTINGS:
        if value == weighting:
            return weighting
    raise BadInput(f"weighting must be one of {', '.join(map(repr, WEIGHTINGS))}, not {value!r}")
