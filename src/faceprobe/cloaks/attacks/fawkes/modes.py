"""What a name of Fawkes asks for: the modes' published constants and the options that change them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from faceprobe.cloaks.attacks.fawkes.descent import Settings
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
class Plan:
    """What a name asks for: the mode's constants, changed by the options."""

    settings: Settings
    extractors: int
    targeted: bool
    original: bool


def plan_of(name: CloakName) -> Plan:
    """The constants that ``name`` asks for; :class:`UnknownName` for another mode, :class:`WrongUsage` for
    an option that is not understood.
    """
    mode = MODES.get(name.stem.removeprefix("fawkes-"))
    if mode is None:
        hint = "(fawkes, fawkes-v1, fawkes-v0.3-high mean the authors' own output files)"
        raise UnknownName("cloak", name.stem, STEMS, hint)
    name.check_options(OPTIONS)
    if name.perceptual not in ("", "dssim"):
        raise WrongUsage(f"{name.stem} bounds DSSIM; it has no ;{name.perceptual}")
    settings = Settings(
        bound=_number(name, "threshold", mode["dssim"], 1e-5, 0.5),
        steps=int(_number(name, "steps", mode["steps"], 1, 10_000, whole=True)),
        rate=float(mode["rate"]),
        weight=float(mode["weight"]),
        patience=int(_number(name, "patience", 0, 0, 10_000, whole=True)),
    )
    return Plan(
        settings,
        mode["extractors"],
        _one_of(name, "objective", mode["objective"], ("untargeted", "targeted")) == "targeted",
        _one_of(name, "fidelity", "fixed", ("fixed", "original")) == "original",
    )


def used_surrogates(name: CloakName, plan: Plan) -> tuple[str, ...]:
    return (name.surrogates or (DEFAULT,))[: plan.extractors]


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
