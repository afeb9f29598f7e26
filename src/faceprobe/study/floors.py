"""Untrained baselines that run along with a study, so that its figures can be compared with them."""

from __future__ import annotations

from faceprobe.core.errors import FaceprobeError
from faceprobe.models import model_card, parse_model
from faceprobe.models.base import ModelCard
from faceprobe.models.openclip.cards import catalogue
from faceprobe.study.schema import ModelEntry, Study
from faceprobe.study.types import NO_CLOAK

PIXELS = "pixels:32"
"""The floor of every study without one: encoding a photo costs less than reading it."""

MOST_GFLOPS = 200.0
"""An architecture that needs more than this for a photo (ViT-L/14 at 224 needs 162) gets no random-weights
floor by itself: it would cost hours, and gigabytes of memory.
"""

OPT_OUT = "'floors: []' in a study file leaves them out"


def with_floors(study: Study) -> tuple[Study, str]:
    """``study`` with its floors among its models, last, and a sentence about those that were added ("" for
    none).

    ``study.floors`` names them. Where that is None and no model is a floor, they are raw pixels, and random
    weights in the smallest of the OpenCLIP architectures that the study measures, which needs no download.
    A floor is measured on clean photos only: raw pixels on the first crop of every model, random weights on
    the first crop of the models of that architecture. A floor that cannot be measured stops nothing.
    """
    if NO_CLOAK not in study.cloaks:
        return study, ""
    cards = {text: card for text in study.models if (card := _card(text)) is not None}
    roles = {text: study.models[text].role or card.role for text, card in cards.items()}
    first = {text: (entry.crops or study.crops)[0] for text, entry in study.models.items()}
    crops: dict[str, list[str]] = {}
    cost = ""
    if study.floors is not None:
        crops = {text: list(dict.fromkeys(first.values())) for text in study.floors}
    elif "floor" not in roles.values():
        crops[PIXELS] = list(dict.fromkeys(first.values()))
        arch, models = _cheapest_architecture(cards)
        if arch:
            crops[f"random:{arch}"] = list(dict.fromkeys(first[m] for m in models))
            cost = f" (the latter takes as long as {models[0]} on one crop)"
    added = {text: found for text, found in crops.items() if text not in study.models}
    if not added:
        return study, ""
    own = list(study.models)
    entries = {text: ModelEntry(crops=found, optional=True) for text, found in added.items()}
    changed = {
        "models": {**study.models, **entries},
        "floors": list(added),
        "cloak_models": study.cloak_models or own,
    }
    names = " and ".join(f"{text} on {', '.join(found)}" for text, found in added.items())
    by_default = f"; {OPT_OUT}" if study.floors is None else ""
    return study.model_copy(update=changed), f"floors run along: {names}{cost}{by_default}"


def _card(text: str) -> ModelCard | None:
    """The card of a model; None where it is absent or unknown, which the plan reports."""
    try:
        return model_card(text)
    except FaceprobeError:
        return None


def _cheapest_architecture(cards: dict[str, ModelCard]) -> tuple[str, list[str]]:
    """The cheapest OpenCLIP architecture of ``cards`` and the models that have it; "" for none."""
    found: dict[str, list[str]] = {}
    for text in cards:
        name = parse_model(text)
        stem = name.body.partition("/")[0] if name.kind == "openclip" else name.options.get("arch", "")
        arch = stem.removesuffix("-quickgelu")
        cost = catalogue()["towers"].get(arch, {}).get("gflops")
        if cost is not None and cost <= MOST_GFLOPS:
            found.setdefault(arch, []).append(text)
    if not found:
        return "", []
    arch = min(found, key=lambda a: (float(catalogue()["towers"][a]["gflops"]), a))
    return arch, found[arch]
