"""What the name of a bare OpenCLIP checkpoint states about it, and what has to be assumed.

A file of weights says neither which activation nor which preprocessing it was trained with, and every
combination loads. ``tag=TAG`` takes both from one of OpenCLIP's tags of the architecture; ``quickgelu=0/1``,
``mean=R,G,B`` and ``std=R,G,B`` (on 0..1) state them one by one. What is not stated is assumed, and said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faceprobe.core.errors import WrongUsage
from faceprobe.core.names import Name
from faceprobe.models.base import flag, numbers
from faceprobe.models.openclip import cards as openclip_cards
from faceprobe.models.openclip import published as openclip

OPTIONS = {"tag", "quickgelu", "mean", "std"}


def quick_gelu(name: Name) -> bool | None:
    """The activation by ``tag`` or ``quickgelu``, which must not contradict each other; None: not stated."""
    arch, stated = name.options.get("arch", ""), flag(name, "quickgelu")
    openclip_cards.check_arch(arch)
    if "tag" not in name.options:
        return stated
    tag = name.options["tag"]
    openclip_cards.arch_and_tag(Name("openclip", f"{arch}/{tag}"))
    by_tag = openclip.activation(arch, tag)
    if stated is not None and stated != by_tag:
        word = "with" if by_tag else "without"
        raise WrongUsage(f"{name}: {arch}/{tag} was trained {word} QuickGELU; leave quickgelu out")
    return by_tag


def preprocessing(name: Name, declared: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The preprocessing that is stated: ``declared`` by a folder or by ``tag``, then ``mean`` and ``std``."""
    found = dict(declared or {})
    if "tag" in name.options:
        found = openclip.declared(name.options["arch"], name.options["tag"])
    for key in ("mean", "std"):
        if key in name.options:
            found[key] = tuple(numbers(name, key, ""))
            if max(found[key]) > 1 or min(found[key]) < 0 or (key == "std" and 0 in found[key]):
                raise WrongUsage(f"{name}: {key} is on 0..1, where a pixel of 255 is 1")
    return found


def assumed(name: Name, arch: str = "", declared: Mapping[str, Any] | None = None) -> str:
    """What the name leaves open, and what is taken for it, as one sentence; "" where all is stated.

    ``arch`` is the architecture of a bare file, "" for a folder, whose configuration ``declared`` the
    preprocessing; there the activation is OpenCLIP's default where the configuration names none.
    """
    parts, fixes = [], []
    if arch and "tag" not in name.options:
        tower = openclip_cards.catalogue()["towers"][arch]
        if "quickgelu" not in name.options and not tower["quick_gelu"]:
            parts.append("the activation GELU (OpenAI's weights and some others need QuickGELU)")
            fixes.append("quickgelu=0 or 1")
    stated = {*name.options, *(declared or {})}
    if "tag" not in stated and not {"mean", "std"} <= stated:
        parts.append("OpenAI CLIP's mean and std")
        fixes.append("mean=R,G,B and std=R,G,B (on 0..1)")
    if not parts:
        return ""
    what = "the file does" if arch else "its configuration does"
    either = f"tag=TAG of OpenCLIP's {arch}, or " if arch else ""
    return f"{what} not say it, so assumed: {', '.join(parts)}; state {either}{', '.join(fixes)}"
