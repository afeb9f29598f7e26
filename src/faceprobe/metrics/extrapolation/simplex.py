"""The downhill simplex search of J. Nelder and R. Mead, The Computer Journal 7, 1965, p. 308."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STEP, _STEP_FROM_ZERO = 0.05, 0.00025
"""The first simplex: each coordinate 5 % larger, or this far from zero."""


def minimum(
    loss: Callable[[Array], float], start: Array, *, x_step: float, loss_step: float, rounds: int
) -> tuple[Array, float]:
    """The point (N,) where ``loss`` is least near ``start`` (N,), and that loss.

    Ends where no corner of the simplex is further than ``x_step`` from the best in any coordinate and no loss
    more than ``loss_step`` above the best, or after ``rounds``. The steps are those of scipy's
    ``minimize(method="Nelder-Mead")``, so both go the same way.
    """
    corners = np.tile(np.asarray(start, dtype=np.float64), (len(start) + 1, 1))
    for k in range(len(start)):
        corners[k + 1, k] = (1 + _STEP) * start[k] if start[k] else _STEP_FROM_ZERO
    losses = np.array([loss(corner) for corner in corners])
    corners, losses = _sorted(corners, losses)
    for _ in range(rounds - 1):
        near = np.max(np.abs(corners[1:] - corners[0])) <= x_step
        if near and np.max(np.abs(losses[0] - losses[1:])) <= loss_step:
            break
        centre, worst = corners[:-1].sum(axis=0) / len(start), corners[-1]
        point = 2 * centre - worst
        value = loss(point)
        if value < losses[0]:
            further = 3 * centre - 2 * worst
            at_further = loss(further)
            if at_further < value:
                point, value = further, at_further
        elif value >= losses[-2]:
            outside = value < losses[-1]
            between = 1.5 * centre - 0.5 * worst if outside else 0.5 * centre + 0.5 * worst
            at_between = loss(between)
            if at_between <= value if outside else at_between < losses[-1]:
                point, value = between, at_between
            else:
                for k in range(1, len(corners)):
                    corners[k] = corners[0] + 0.5 * (corners[k] - corners[0])
                    losses[k] = loss(corners[k])
                point, value = corners[-1], losses[-1]
        corners[-1], losses[-1] = point, value
        corners, losses = _sorted(corners, losses)
    return corners[0], float(losses[0])


def _sorted(corners: Array, losses: Array) -> tuple[Array, Array]:
    order = np.argsort(losses)
    return corners[order], losses[order]
