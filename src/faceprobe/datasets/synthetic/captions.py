"""Captions like alt text on the web: attributes, sometimes a name, sometimes neither."""

from __future__ import annotations

import numpy as np

from faceprobe.datasets.synthetic.people import Person
from faceprobe.datasets.synthetic.shots import Capture, Event

_ONSETS = ("M", "T", "S", "L", "R", "K", "D", "N", "V", "B", "J", "F")
_CORES = ("ira", "alo", "ena", "oro", "ila", "usa", "eri", "ano", "ova", "iel", "ura", "eno", "ami", "ode",
          "isa", "ulo", "aya", "ete", "oni", "iva")  # fmt: skip
_STEMS = ("Hol", "Bran", "Cas", "Dor", "Fen", "Gar", "Hart", "Kel", "Lor", "Mar", "Nor", "Pem", "Quin", "Ros",
          "Sel", "Tan", "Ul", "Ver", "Wes", "Yar")  # fmt: skip
_ENDINGS = ("ton", "well", "ley", "by", "ford", "man", "wick", "den", "more", "son", "stad", "vik", "berg",
            "ska", "dale")  # fmt: skip
N_FIRST, N_LAST = len(_ONSETS) * len(_CORES), len(_STEMS) * len(_ENDINGS)

NAME_CLASSES = {"never": 0.0, "rare": 0.2, "often": 0.9}
"""Share of a person's captions that hold the name."""


def person_name(index: int) -> str:
    """A made-up name, unique for the first 72,000 people of a world."""
    first = index % N_FIRST
    last = (index // N_FIRST + 7 * index) % N_LAST
    return (
        _ONSETS[first % len(_ONSETS)]
        + _CORES[first // len(_ONSETS)]
        + " "
        + _STEMS[last % len(_STEMS)]
        + _ENDINGS[last // len(_STEMS)]
    )


def name_class(seed: int, index: int) -> str:
    """The class of person ``index``, a key of :data:`NAME_CLASSES`: 20 % never, 20 % rare, 60 % often."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 3, index])))
    level = rng.random()
    return "never" if level < 0.2 else "rare" if level < 0.4 else "often"


def caption(
    person: Person, event: Event, capture: Capture, rng: np.random.Generator, name_share: float
) -> tuple[str, bool]:
    """Alt text of one photo, and whether it holds the person's name."""
    named = bool(rng.random() < name_share)
    if not named and rng.random() < 0.06:
        return f"img {int(rng.integers(1000, 9999))}", False
    parts = [p for p in _looks(person, capture) if rng.random() < 0.65]
    scene = [p for p in _scene(event, capture) if rng.random() < 0.3]
    subject = person_name(person.index) if named else _noun(person, rng)
    if named and rng.random() < 0.25:
        parts, scene = [], []
    opening = ("", "a photo of ", "portrait of ", "picture of ")[int(rng.integers(4))]
    text = opening + subject
    if parts:
        text += (" with " if not named else ", ") + ", ".join(parts)
    if scene:
        text += ", " + ", ".join(scene)
    return text.strip(), named


def attributes(person: Person, event: Event, capture: Capture) -> dict[str, str]:
    """The true attributes of one photo, by name."""
    return {
        "hair_style": person.hair_style,
        "hair_color": person.hair_color if person.hair_style != "bald" else "none",
        "eyes": person.iris_name,
        "beard": person.beard,
        "glasses": person.glasses if capture.wears_glasses else "none",
        "age": _age(person),
        "place": event.place,
        "garment": event.garment,
        "pattern": event.pattern,
        "cloth": event.cloth_name,
        "expression": "smiling" if capture.smile > 0.45 else "serious" if capture.smile < 0 else "neutral",
    }


def _noun(person: Person, rng: np.random.Generator) -> str:
    return (f"{_age(person)} person", "person", "someone", "face")[int(rng.integers(4))]


def _age(person: Person) -> str:
    return "young" if person.age < 35 else "older" if person.age > 58 else "middle aged"


def _looks(person: Person, capture: Capture) -> list[str]:
    looks = [
        "a bald head" if person.hair_style == "bald" else f"{person.hair_color} {person.hair_style} hair"
    ]
    looks.append(f"{person.iris_name} eyes")
    if person.beard != "none":
        looks.append({"full": "a full beard", "stubble": "stubble"}.get(person.beard, f"a {person.beard}"))
    if capture.wears_glasses:
        looks.append(f"{person.frame_color} {person.glasses} glasses")
    if person.freckles:
        looks.append("freckles")
    if person.earring:
        looks.append("earrings")
    looks.append("a round face" if person.jaw_width > 0.55 else "a narrow face")
    looks.append("thick eyebrows" if person.brow_thick > 0.036 else "thin eyebrows")
    looks.append("a long nose" if person.nose_length > 0.37 else "a short nose")
    looks.append("wide set eyes" if person.eye_gap > 0.305 else "close set eyes")
    looks.append("full lips" if person.lip_down > 0.065 else "thin lips")
    return looks


def _scene(event: Event, capture: Capture) -> list[str]:
    worn = event.garment if event.pattern == "plain" else f"{event.pattern} {event.garment}"
    scene = [f"in a {event.cloth_name} {worn}", f"in front of {event.place}"]
    if capture.smile > 0.45:
        scene.append("smiling")
    return scene


def scene_caption(thing: str, event: Event) -> str:
    """Alt text of a scene without people."""
    return f"a {event.cloth_name} {thing} in front of {event.place}"
