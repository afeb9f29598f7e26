"""Axes of the figures: scales, ticks and their labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from faceprobe.report.text.numbers import MINUS, power_of_ten, scaled

_SCALES: dict[str, Callable[[float], float]] = {
    "linear": float,
    "log": math.log10,
    "probit": NormalDist().inv_cdf,
}

_PROBIT_TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)


@dataclass(frozen=True)
class Axis:
    """An axis from ``low`` to ``high`` in data units.

    ``scale`` is ``linear``, ``log`` or ``probit``; ``ticks`` are (value, label).
    """

    title: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    scale: str = "linear"

    def place(self, value: float) -> float:
        """Position of ``value`` on the axis: 0 at ``low``, 1 at ``high``."""
        transform = _SCALES[self.scale]
        low, high = transform(self.low), transform(self.high)
        return (transform(value) - low) / (high - low) if high != low else 0.5


def share_axis(title: str) -> Axis:
    """A share from 0 to 1."""
    return Axis(title, 0.0, 1.0, [(k / 5, f"{k / 5:.1f}") for k in range(6)])


def points_axis(title: str, low: float) -> Axis:
    """Percentage points of a share: from the fifth at or below ``low`` (at most 0) up to 1."""
    start = max(-5, min(0, math.floor(5 * low + 1e-9)))
    ticks = [(k / 5, f"{20 * k}".replace("-", MINUS)) for k in range(start, 6)]
    return Axis(title, start / 5, 1.0, ticks)


def log_axis(title: str, low: int, high: int) -> Axis:
    """From 10**``low`` to 10**``high``, a tick at each power."""
    ticks = [(10.0**k, power_of_ten(k)) for k in range(low, high + 1)]
    return Axis(title, 10.0**low, 10.0**high, ticks, "log")


def probit_axis(title: str, low: float, high: float) -> Axis:
    """From the tick at or below ``low`` to the tick at or above ``high``."""
    start = max((t for t in _PROBIT_TICKS if t <= low * 1.05), default=_PROBIT_TICKS[0])
    end = min((t for t in _PROBIT_TICKS if t >= high * 0.9999), default=0.995)
    ticks = [(t, power_of_ten(round(math.log10(t))) if t < 0.005 else f"{t:g}") for t in _PROBIT_TICKS]
    return Axis(title, start, end, [t for t in ticks if start <= t[0] <= end], "probit")


def people_axis(largest: float) -> Axis:
    """The number of people in a gallery, from 1 to ``largest``."""
    top = max(1, math.ceil(math.log10(largest) - 1e-9))
    ticks = [(10.0**k, f"{10**k:,}" if k <= 3 else power_of_ten(k)) for k in range(top + 1)]
    shown = [t for t in ticks if t[0] <= largest]
    return Axis("People in the gallery", 1.0, max(largest, 10.0), shown, "log")


def parameters_axis(counts: Sequence[float]) -> Axis:
    """The number of parameters of a model, around ``counts``."""
    low, high = min(counts) / 1.9, max(counts) * 1.9
    shown = ticks_1_2_5(low, high, most=8)
    return Axis("Parameters of the image tower", low, high, [(t, scaled(t)) for t in shown], "log")


def ticks_1_2_5(low: float, high: float, most: int) -> list[float]:
    """1, 2 and 5 times the powers of ten in ``low`` .. ``high``; only the powers above ``most`` ticks."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [t for k in powers for m in (1, 2, 5) if low <= (t := m * 10.0**k) <= high]
    return ticks if len(ticks) <= most else [t for t in ticks if f"{t:e}".startswith("1")]
