"""Numbers as text: rates are fractions in tables and per cent in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from faceprobe.core.words import counted
from faceprobe.metrics.table import metric_info
from faceprobe.results.result import Result

TOO_WIDE = "[wider than the scale]"
"""Stands for an interval that is wider than all values that the figure could have: it says nothing."""

MINUS = "−"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NBSP = "\u00a0"
"""Keeps a number and its unit on one line."""


def fraction(value: float | None, metric: str = "") -> str:
    """A figure with the digits of its metric, counts with separators, "-" where there is no value."""
    if value is None:
        return "-"
    info = metric_info(metric)
    if info.unit == "count":
        return f"{round(value):,}"
    return f"{value:.{info.digits}f}".replace("-", MINUS)


def with_unit(value: float | None, metric: str) -> str:
    """A figure as :func:`fraction` writes it, with its unit: ``33.1 dB``."""
    unit = metric_info(metric).unit
    return fraction(value, metric) + (f" {unit}" if unit == "dB" else "")


def interval(low: float | None, high: float | None, metric: str = "") -> str:
    """``[0.681, 0.742]``, or "" where there is no interval."""
    if low is None or high is None:
        return ""
    if is_too_wide(low, high, metric):
        return TOO_WIDE
    return f"[{fraction(low, metric)}, {fraction(high, metric)}]"


def is_too_wide(low: float, high: float, metric: str = "") -> bool:
    """Whether an interval is wider than the scale of ``metric``: 0 to 1 for a rate, -1 to 1 for a difference
    of rates; a figure without a scale has no such width.
    """
    if metric_info(metric).unit != "fraction":
        return metric == "" and high - low > 1
    return high - low > (2 if metric.startswith("added_") else 1)


def percent(value: float, width: float = 1.0) -> str:
    """``71 %``: as many digits as an interval ``width`` supports, never rounded onto 0 or 100."""
    return f"{_percent_digits(value, _digits(value, width))}{NBSP}%"


def percent_with_interval(row: Result) -> str:
    """``71 % [68, 74]`` for a rate with its 95 % interval, ``71 %`` without one."""
    return "-" if row.value is None else percent_range(row.value, row.ci_low, row.ci_high)


def percent_range(value: float, low: float | None, high: float | None) -> str:
    """``71 % [68, 74]``; without an interval ``71 %``."""
    if low is None or high is None:
        return percent(value)
    if is_too_wide(low, high):
        return f"{percent(value)} {TOO_WIDE}"
    digits = _digits(value, high - low)
    parts = [_percent_digits(v, digits) for v in (value, low, high)]
    return f"{parts[0]}{NBSP}% [{parts[1]},{NBSP}{parts[2]}]"


def points(difference: float, low: float | None = None, high: float | None = None) -> str:
    """A difference of rates in percentage points with its interval: ``+3.1 points [0.4, 5.9]``."""
    text = f"{_signed(difference)}{NBSP}points"
    if low is None or high is None:
        return text
    return f"{text} [{_signed(low, plus=False)},{NBSP}{_signed(high, plus=False)}]"


def magnitude(difference: float, low: float, high: float) -> str:
    """A difference without its sign, where the sentence says which way it goes: ``3.1 points [0.4, 5.9]``."""
    if difference < 0:
        difference, low, high = -difference, -high, -low
    return points(difference, low, high).removeprefix("+")


def probability(p: float, at_floor: bool = False) -> str:
    """``p = 0.012`` or ``p < 0.001``; ``at_floor``, where the true one may be smaller: ``p <= 0.012``."""
    return "p < 0.001" if p < 0.001 else f"p {'≤' if at_floor else '='} {p:.3f}"


def count(value: float | None) -> str:
    """Thousands separated; "-" where unknown."""
    return "-" if value is None else f"{round(value):,}"


def count_of(number: int, noun: str) -> str:
    """``1 cloak``, ``3 cloaks``, ``2 people``, without a break after the number."""
    return counted(number, noun).replace(" ", NBSP, 1)


def scaled(value: float | None) -> str:
    """``5.9 M``, ``34 B``: a number of parameters or samples; "-" where unknown."""
    if value is None:
        return "-"
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            short = value / size
            digits = 0 if short >= 100 or short == round(short) else 1
            return f"{short:.{digits}f}{NBSP}{unit}"
    return f"{value:.0f}"


def power_of_ten(exponent: int) -> str:
    """``10⁻³``; ``1`` for 0."""
    return "1" if exponent == 0 else f"10{str(exponent).translate(_SUPERSCRIPT)}"


def listed(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def _signed(value: float, plus: bool = True) -> str:
    text = f"{abs(100 * value):.1f}"
    if text == "0.0":
        return text
    return (MINUS if value < 0 else "+" if plus else "") + text


def _digits(value: float, width: float) -> int:
    digits = 0 if width >= 0.02 else 1
    while digits < 3 and 0 < value < 1 and float(f"{100 * value:.{digits}f}") in (0.0, 100.0):
        digits += 1
    return max(digits, 1) if 0 < value < 0.0095 or 0.9905 < value < 1 else digits


def _percent_digits(value: float, digits: int) -> str:
    return f"{100 * value:.{digits}f}".replace("-", MINUS)
