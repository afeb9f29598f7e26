"""How many people and photos a figure needs before its interval is as narrow as was asked for.

For n people of m photos each, the variance of a mean over people is, with p the expected value, K comparisons
a person (m (m - 1) / 2 mated ones, or m probes for rank-1) and rho their correlation within a person,

    V = p (1 - p) (1 + (K - 1) rho) / (K n)

(the design effect of clusters: L. Kish, Survey Sampling, 1965, section 5.4). TMR at a fixed FMR f also has
the uncertainty of its threshold, which rests on F = f N false matches among the N non-mated comparisons:

    Var(log FMR) = 4 c^2 / n + 1 / F

where c is the spread of people's own FMR over its mean. The first term is that of a mean over pairs of people
(W. Hoeffding, Annals of Mathematical Statistics 19, 1948, p. 293), the second that of F independent events.
It reaches TMR through the slope of a binormal ROC, dTMR / d log f = f phi(z_p) / phi(z_f), z = Phi^-1. The
half-width is that of Wilson's interval (JASA 22, 1927, p. 209) for the number of independent trials with that
variance, at Student's t for n - 1 degrees of freedom.

A threshold needs 100 false matches for its row to bear no remark (30 for "weak": the rule of 30 of G.
Doddington et al., Speech Communication 31, 2000, p. 225), and an interval 30 people.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.metrics.small_samples import FEW_MATED_PEOPLE as PEOPLE
from faceprobe.metrics.special import ndtri, stdtrit

FALSE_MATCHES = 100
CORRELATION, SPREAD = 0.3, 1.6
"""Correlation of a person's comparisons and spread of people's FMR, as MobileFaceNet has them on grey LFW at
FMR 1e-4 (.28 and 1.61; .20 and .88 at 1e-3).
"""
MOST_PEOPLE = 10**8

Figure = Literal["tmr", "rank1"]


@dataclass(frozen=True)
class Plan:
    """``people`` of ``photos_each`` photos, and what they give: ``half_width`` of the 95 % interval of a
    ``figure`` near ``expect``, ``mated`` and ``nonmated`` comparisons, and for TMR the ``false_matches`` that
    support the threshold of ``fmr``. ``limit`` says what decides the number, or what is wrong with it.
    """

    figure: Figure
    fmr: float | None
    expect: float
    half_width: float
    people: int
    photos_each: int
    mated: int
    nonmated: int
    false_matches: float | None
    limit: str

    @property
    def photos(self) -> int:
        return self.people * self.photos_each

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "photos": self.photos}


def plan_figure(
    figure: Figure,
    *,
    fmr: float | None = None,
    half_width: float = 0.02,
    expect: float = 0.9,
    photos: int = 4,
    people: int | None = None,
    correlation: float = CORRELATION,
    spread: float = SPREAD,
) -> Plan:
    """The smallest number of people that gives ``half_width``, or what a given number of ``people`` gives.

    ``figure`` is "tmr" at ``fmr``, or "rank1" with every photo searched among all others; both weigh people
    equally. ``expect`` in (0, 1) is its expected value, ``photos`` >= 2 the photos a person, ``correlation``
    in [0, 1] that of a person's comparisons, ``spread`` >= 0 the standard deviation of people's own FMR
    over their mean. Raises :class:`WrongUsage` for values out of range, and :class:`BadInput` where no
    number up to 100 million is enough.

    >>> plan_figure("tmr", fmr=1e-3, half_width=0.05).people
    113
    """
    _check(figure, fmr, half_width, expect, photos, people, correlation, spread)

    def reached(n: int) -> float:
        return _half_width(figure, n, fmr, expect, photos, correlation, spread)

    def supported(n: int) -> bool:
        return fmr is None or figure == "rank1" or fmr * _nonmated(n, photos) >= FALSE_MATCHES

    if people is None:
        needed = _smallest(lambda n: reached(n) <= half_width, half_width)
        found = max(PEOPLE, needed, _smallest(supported, half_width))
        limit = (
            "the interval" if found == needed else "the least people" if found == PEOPLE else "false matches"
        )
    else:
        found = people
        few = f"fewer than {PEOPLE} people: coverage not assured" if people < PEOPLE else ""
        weak = "" if supported(people) else f"fewer than {FALSE_MATCHES} false matches support the threshold"
        limit = "; ".join(filter(None, (few, weak)))
    nonmated = _nonmated(found, photos)
    return Plan(
        figure=figure,
        fmr=fmr if figure == "tmr" else None,
        expect=expect,
        half_width=reached(found),
        people=found,
        photos_each=photos,
        mated=found * (photos * (photos - 1) // 2),
        nonmated=nonmated,
        false_matches=fmr * nonmated if figure == "tmr" and fmr is not None else None,
        limit=limit,
    )


def _check(
    figure: str,
    fmr: float | None,
    half_width: float,
    expect: float,
    photos: int,
    people: int | None,
    correlation: float,
    spread: float,
) -> None:
    if figure not in ("tmr", "rank1"):
        raise WrongUsage(f"unknown figure {figure!r}; known: tmr, rank1")
    if figure == "tmr" and fmr is None:
        raise WrongUsage("TMR is planned at an FMR; give fmr, as in 1e-4")
    if fmr is not None and not 0 < fmr < 0.5:
        raise WrongUsage(f"fmr must lie between 0 and 0.5, not {fmr}")
    for name, value in (("half_width", half_width), ("expect", expect)):
        if not 0 < value < 1:
            raise WrongUsage(f"{name} must lie between 0 and 1, not {value}")
    if not 0 <= correlation <= 1 or not 0 <= spread < math.inf:
        raise WrongUsage(
            f"correlation must lie in [0, 1] and spread be 0 or more, not {correlation} and {spread}"
        )
    if photos < 2 or (people is not None and people < 2):
        raise WrongUsage("a plan needs 2 photos a person and 2 people, or more")


def _half_width(
    figure: Figure, n: int, fmr: float | None, expect: float, photos: int, correlation: float, spread: float
) -> float:
    own = photos * (photos - 1) / 2 if figure == "tmr" else photos
    variance = expect * (1 - expect) * (1 + (own - 1) * correlation) / (own * n)
    if figure == "tmr" and fmr is not None:
        z_expect, z_fmr = float(ndtri(expect)), float(ndtri(fmr))
        slope = fmr * math.exp((z_fmr * z_fmr - z_expect * z_expect) / 2)
        variance += slope**2 * (4 * spread**2 / n + 1 / (fmr * _nonmated(n, photos)))
    trials = expect * (1 - expect) / variance
    t = stdtrit(n - 1, 0.975)
    return t * math.sqrt(expect * (1 - expect) / trials + t * t / (4 * trials**2)) / (1 + t * t / trials)


def _nonmated(people: int, photos: int) -> int:
    return people * (people - 1) // 2 * photos * photos


def _smallest(enough: Callable[[int], bool], half_width: float) -> int:
    """The smallest number of people that is ``enough``, which all larger ones are too."""
    high = 4
    while not enough(high):
        if high > MOST_PEOPLE:
            raise BadInput(
                f"no {MOST_PEOPLE:,} people are enough for +-{half_width:g}; ask for a wider interval"
            )
        high *= 2
    low = 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
