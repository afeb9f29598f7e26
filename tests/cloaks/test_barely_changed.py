"""Photos that a cloak hardly changes: the rule, other starts, and their names in the records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from faceprobe.cloaks import Cloak, Cloaked, Subject, cloak_card
from faceprobe.cloaks.base import FaceReport, Pixels, no_tick
from faceprobe.cloaks.photos import barely_changed
from faceprobe.cloaks.photos.barely_changed import STARTS, Change, apply_with_starts
from faceprobe.cloaks.photos.folder import not_cloaked
from faceprobe.cloaks.photos.folder_records import PhotoRecord
from faceprobe.data.photo import Photo
from tests.helpers.cloak_photos import FACE, subject


class Fixed(Cloak):
    """A cloak whose result depends on the start: it adds ``levels[start]``, with the cosine 1 - level /
    1000.
    """

    surrogates: Any = (SimpleNamespace(),)

    def __init__(self, *levels: int, name: str = "pgd[bundled:face]", steps: int = 5) -> None:
        self.card, self.levels, self.steps = cloak_card(name), levels, steps
        self.calls: list[tuple[list[str], int]] = []

    @property
    def fingerprint(self) -> str:
        return "fixed"

    def apply(
        self, subjects: Sequence[Subject], *, seed: int, tick: Callable[[], None] = no_tick
    ) -> list[Cloaked]:
        self.calls.append(([s.name for s in subjects], seed))
        change = np.uint8(self.levels[len(self.calls) - 1])
        done = []
        for one in subjects:
            tick()
            added = np.uint8(30) if one.name == "easy" else change
            report = FaceReport(FACE.box, True, steps=self.steps)
            done.append(Cloaked(one.name, one.photo.pixels + added, (report,), seconds=2.0))
        return done


@pytest.fixture(autouse=True)
def cosine_of_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    def invented(surrogates: object, photo: Photo, cloaked: Pixels) -> Change:
        largest = barely_changed.largest_change(photo.pixels, cloaked)
        return Change(largest, (1 - largest / 1000,))

    monkeypatch.setattr(barely_changed, "change_of", invented)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Change(15, (0.5,)), ""),
        (Change(15, (0.98,)), ""),
        (Change(15, (0.981,)), "cosine 0.981 under the surrogate"),
        (Change(2, (0.5,)), "largest change 2 of 255"),
        (Change(15, (0.5, 0.99, 0.985)), "2 of 3 faces, cosine 0.990 under the surrogate"),
        (Change(3, ()), ""),
    ],
)
def test_the_rule(change: Change, reason: str) -> None:
    assert change.reason == reason


def test_the_best_of_several_starts_is_kept() -> None:
    cloak = Fixed(10, 25, 9)
    ticks: list[int] = []
    photos = [subject("easy", FACE), subject("hard", FACE)]
    done = apply_with_starts(cloak, photos, seed=7, tick=lambda: ticks.append(1))
    assert [names for names, _ in cloak.calls] == [["easy", "hard"], ["hard"]]  # the second start will do
    assert len(ticks) == 2 and [(d.starts, d.seconds) for d in done] == [(1, 2.0), (2, 4.0)]
    assert (done[1].pixels == photos[1].photo.pixels + np.uint8(25)).all()
    never = Fixed(10, 12, 9)
    (worst,) = apply_with_starts(never, photos[1:], seed=7, tick=no_tick)
    assert len(never.calls) == STARTS == worst.starts and len({seed for _, seed in never.calls}) == STARTS
    assert (worst.pixels == photos[1].photo.pixels + np.uint8(12)).all()
    again = Fixed(10, 12, 9)
    apply_with_starts(again, photos[1:], seed=7, tick=no_tick)
    assert again.calls == never.calls


@pytest.mark.parametrize(
    "cloak", [Fixed(1, name="jpeg-75"), Fixed(1, name="opom[bundled:face]"), Fixed(1, steps=0)]
)
def test_one_start_for_controls_masks_of_a_person_and_faces_left_alone(cloak: Fixed) -> None:
    apply_with_starts(cloak, [subject("hard", FACE)], seed=7, tick=no_tick)
    assert len(cloak.calls) == 1


def test_every_photo_that_is_not_cloaked_is_named() -> None:
    def record(source: str, changed: bool, **more: str) -> PhotoRecord:
        return PhotoRecord(source, source + ".png", "key", "hash", changed, **more)  # type: ignore[arg-type]

    records = [
        record("a.jpg", True),
        record("w.webp", True, barely="largest change 1 of 255"),
        record("tree.jpg", False, note="no face found"),
        record("odd.jpg", False),
    ]
    assert not_cloaked(records, {"x.heic": "HEIC, which is not read"}) == [
        {"source": "x.heic", "reason": "HEIC, which is not read"},
        {"source": "w.webp", "reason": "barely changed: largest change 1 of 255"},
        {"source": "tree.jpg", "reason": "no face found"},
        {"source": "odd.jpg", "reason": "the cloak changed nothing"},
    ]
