"""The modes of Fawkes: their published constants, and the options that change them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from faceprobe.cloaks.attacks.fawkes.descent import DescentSettings
from faceprobe.cloaks.attacks.surrogate import DEFAULT
from faceprobe.cloaks.names import CloakName
from faceprobe.core.errors import UnknownName, WrongUsage

OPTIONS = {"fidelity", "objective", "steps", "threshold", "patience"}

MODES: dict[str, dict[str, Any]] = yaml.safe_load(
    files("faceprobe.cloaks.attacks.fawkes").joinpath("modes.yaml").read_text(encoding="utf-8")
)

STEMS = ("fawkes-1.0.2-mid", *(f"fawkes-{mode}" for mode in MODES if mode != "1.0.2-mid"))
"""Every mode, the default first."""


@dataclass(frozen=True)
class FawkesMode:
    """The constants of a mode, changed by the options of a name.

    ``extractors`` is how many surrogates the mode sums over. ``targeted`` modes move a face towards another
    person. ``original`` pastes the change as the original code does, with its rescaling.
    """

    settings: DescentSettings
    extractors: int
    targeted: bool
    original: bool


def mode_of(name: CloakName) -> FawkesMode:
    """The mode that ``name`` asks for.

    Raises :class:`UnknownName` for an unknown mode, :class:`WrongUsage` for an option that is unknown or out
    of range.
    """
    constants = MODES.get(name.stem.removeprefix("fawkes-"))
    if constants is None:
        hint = "(fawkes, fawkes-v1, fawkes-v0.3-high mean the authors' own output files)"
        raise UnknownName("cloak", name.stem, STEMS, hint)
    name.check_options(OPTIONS)
    if name.perceptual not in ("", "dssim"):
        raise WrongUsage(f"{name.stem} bounds DSSIM; it has no ;{name.perceptual}")
    settings = DescentSettings(
        bound=_number(name, "threshold", constants["dssim"], 1e-5, 0.5),
        steps=int(_number(name, "steps", constants["steps"], 1, 10_000, whole=True)),
        rate=float(constants["rate"]),
        weight=float(constants["weight"]),
        patience=int(_number(name, "patience", 0, 0, 10_000, whole=True)),
    )
    return FawkesMode(
        settings,
        constants["extractors"],
        _one_of(name, "objective", constants["objective"], ("untargeted", "targeted")) == "targeted",
        _one_of(name, "fidelity", "fixed", ("fixed", "original")) == "original",
    )


def used_surrogates(name: CloakName, mode: FawkesMode) -> tuple[str, ...]:
    """The first surrogates of ``name``, as many as ``mode`` uses; the default one where it gives none."""
    return (name.surrogates or (DEFAULT,))[: mode.extractors]


def _one_of(name: CloakName, key: str, default: str, known: tuple[str, ...]) -> str:
    value = name.option(key, default)
    if value not in known:
        raise WrongUsage(f"{name.stem}: {key} is {' or '.join(known)}, not {value!r}")
    return value


def _number(
    name: CloakName, key: str, default: float, low: float, high: float, *, whole: bool = False
) -> float:
    text = name.option(key, str(default))
    try:
        value = float(int(text)) if whole else float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise WrongUsage(f"{name.stem}: {key} is {kind} from {low:g} to {high:g}, not {text!r}")
    return value
