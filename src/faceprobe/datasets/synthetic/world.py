"""The built-in world: people, their events and photos, all from one seed and in any order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceprobe.datasets.synthetic.captions import (
    NAME_CLASSES,
    attributes,
    caption,
    name_class,
    person_name,
    scene_caption,
)  # fmt: skip
from faceprobe.datasets.synthetic.people import Person, sample_person
from faceprobe.datasets.synthetic.render import DEFAULT_SIZE, Rendering, render
from faceprobe.datasets.synthetic.scene import OBJECTS
from faceprobe.datasets.synthetic.shots import Capture, Event, sample_capture, sample_event

WORLD_VERSION = 1
"""Increased when a pixel of the world changes: bundled models and golden hashes belong to a version."""

SPLITS = {"test": 0, "train": 10_000, "check": 20_000, "specialist": 40_000}
"""First person number of each split. People never occur in two splits."""


@dataclass(frozen=True)
class Shot:
    """The content of one photo: people with their poses, event and camera.

    ``event_number`` counts a person's events from 0.
    """

    people: tuple[tuple[Person, Capture], ...]
    event: Event
    event_number: int
    camera: Capture


class World:
    """People and photos of one seed. They do not depend on the order in which they are asked for."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def person(self, index: int) -> Person:
        return sample_person(self.seed, index)

    def shot(self, index: int, photo: int) -> Shot:
        """Photo number ``photo`` of person ``index``. An event spans one to three photos in a row."""
        person = self.person(index)
        number = self._event_number(index, photo)
        event = sample_event(self._rng(4, index, number))
        capture = sample_capture(self._rng(5, index, photo), person.glasses != "none")
        return Shot(((person, capture),), event, number, capture)

    def photo(self, index: int, photo: int, size: int = DEFAULT_SIZE) -> Rendering:
        shot = self.shot(index, photo)
        return render(list(shot.people), shot.event, shot.camera, size)

    def pair_photo(self, first: int, second: int, number: int, size: int = DEFAULT_SIZE) -> Rendering:
        """A photo with two people side by side, ``first`` on the left."""
        rng = self._rng(6, first, second, number)
        event = sample_event(rng)
        people = []
        for side, index in ((-1, first), (1, second)):
            person = self.person(index)
            capture = sample_capture(rng, person.glasses != "none")
            shifted = {
                "x": 0.46 * side + 0.2 * capture.x,
                "y": capture.y + 0.05,
                "scale": 0.62 * capture.scale,
            }
            people.append((person, Capture(**{**capture.__dict__, **shifted})))
        return render(people, event, people[0][1], size)

    def scene(self, number: int, size: int = DEFAULT_SIZE) -> tuple[Rendering, str]:
        """A scene without people, and its caption."""
        rng = self._rng(7, number)
        event = sample_event(rng)
        thing = OBJECTS[int(rng.integers(len(OBJECTS)))]
        return render([], event, sample_capture(rng, False), size, thing), scene_caption(thing, event)

    def name(self, index: int) -> str:
        return person_name(index)

    def caption(self, index: int, photo: int) -> tuple[str, bool]:
        """Alt text of a photo, and whether it holds the name (:data:`captions.NAME_CLASSES`)."""
        shot = self.shot(index, photo)
        person, capture = shot.people[0]
        share = NAME_CLASSES[name_class(self.seed, index)]
        return caption(person, shot.event, capture, self._rng(8, index, photo), share)

    def attributes(self, index: int, photo: int) -> dict[str, str]:
        """Ground-truth attributes of a photo, by name."""
        shot = self.shot(index, photo)
        person, capture = shot.people[0]
        return attributes(person, shot.event, capture)

    def _event_number(self, index: int, photo: int) -> int:
        rng = self._rng(9, index)
        number, end = 0, int(rng.integers(1, 4))
        while end <= photo:
            number, end = number + 1, end + int(rng.integers(1, 4))
        return number

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, *key])))
