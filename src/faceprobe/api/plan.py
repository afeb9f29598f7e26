"""``fp.plan``: the size of a data set before it is collected."""

from __future__ import annotations

from faceprobe.metrics.planning import CORRELATION, SPREAD, Plan, plan_figure


def plan(
    fmr: float | None = None,
    *,
    half_width: float = 0.02,
    expect: float = 0.9,
    photos: int = 4,
    people: int | None = None,
    correlation: float = CORRELATION,
    spread: float = SPREAD,
) -> Plan:
    """How many people a figure needs for a 95 % interval of +- ``half_width``: TMR at ``fmr``, or rank-1
    accuracy where no ``fmr`` is given.

    ``expect`` is the expected value in (0, 1), ``photos`` those of each person. With ``people``, the plan
    holds the half-width that they give. ``correlation`` and ``spread`` describe the model:
    :mod:`faceprobe.metrics.planning` has the formulas. Raises :class:`WrongUsage` for values out of range.

    >>> plan(1e-4, half_width=0.02).people
    598
    >>> plan(half_width=0.02).people
    415
    """
    return plan_figure(
        "rank1" if fmr is None else "tmr",
        fmr=fmr,
        half_width=half_width,
        expect=expect,
        photos=photos,
        people=people,
        correlation=correlation,
        spread=spread,
    )
