"""The outside judge: what counts as recognised, which model judges, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from faceprobe.cli.cloak_command import judge_lines
from faceprobe.cloaks.photos import judge as judge_module
from faceprobe.cloaks.photos.judge import Judge, known_judges, load_judge
from faceprobe.core.errors import WrongUsage
from faceprobe.data.photo import Photo
from faceprobe.models import load_model
from faceprobe.models.base import model_hash
from tests.helpers.cloak_faces import drawn

SURROGATES: Any = [SimpleNamespace(id="bundled:face", fingerprint="x")]


class Colours:
    """An encoder of the mean colour of a crop, centred at mid-grey; enough to be right or wrong about
    people.
    """

    id, weights_hash = "colours", "colours"
    card = SimpleNamespace(default_crop="as-is")

    class preprocess:
        @staticmethod
        def mean_color() -> tuple[int, int, int]:
            return (0, 0, 0)

        @staticmethod
        def fingerprint() -> str:
            return "plain"

        def __new__(cls, crop: NDArray[np.uint8]) -> NDArray[np.float32]:  # type: ignore[misc]
            return (crop.mean(axis=(0, 1)) - 128).astype(np.float32)

    def encode_images(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = batch / np.linalg.norm(batch, axis=1, keepdims=True)
        return rows


def portrait(name: str, *colours: tuple[int, int, int]) -> Photo:
    """A photo with one face of a plain colour for each of ``colours``."""
    faces = [(20.0 + 140 * k, 20.0, 1.0) for k in range(len(colours))]
    photo = drawn(160, 160 + 140 * len(colours), faces)
    pixels = photo.pixels.copy()
    for k, colour in enumerate(colours):
        pixels[:, 140 * k : 140 * k + 150] = colour
    return replace(photo, pixels=pixels, content_hash=name)


RED, GREEN, BLUE = (200, 100, 100), (100, 200, 100), (100, 100, 200)


def judged(known: dict[str, Any] | None, *photos: tuple[Photo, Photo], with_face: int = 9) -> Any:
    encoder: Any = Colours()
    judge = Judge(encoder)
    for clean, cloaked in photos:
        judge.add(clean, cloaked.pixels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge_module, "known_judges", lambda: {model_hash(encoder): known} if known else {})
        return judge.judgement(with_face)


KNOWN = {"model": "colours", "threshold": 0.9, "tmr": 0.8, "people": 50}


def test_a_face_is_recognised_by_a_threshold_of_different_people() -> None:
    red, green, blue = (portrait(n, c) for n, c in (("r", RED), ("g", GREEN), ("b", BLUE)))
    reddish = portrait("s", (190, 105, 100))  # another photo of the person of ``red``
    kept = judged(KNOWN, (red, red), (green, blue), (blue, blue), (reddish, reddish))
    assert (kept.rule, kept.photos, kept.with_face, kept.recognised) == ("threshold", 4, 9, 3)
    assert (kept.linked_before, kept.linked) == (2, 3)  # the green one looks like the blue one now
    lost = judged(KNOWN, (red, green), (reddish, green))
    assert (lost.recognised, lost.linked_before, lost.linked) == (0, 2, 0)
    two = portrait("t", RED, GREEN)
    half = judged(KNOWN, (two, portrait("u", BLUE, GREEN)))
    assert half.recognised == 1  # one of its faces is enough
    copy = replace(red, content_hash="r")
    assert judged(KNOWN, (red, red), (copy, red)).linked_before == 0  # a copy is no other photo


@pytest.mark.parametrize("known", [None, {**KNOWN, "tmr": 0.01}])
def test_without_a_threshold_or_for_a_weak_judge_the_nearest_clean_photo_counts(
    known: dict[str, Any],
) -> None:
    red, green, blue = (portrait(n, c) for n, c in (("r", RED), ("g", GREEN), ("b", BLUE)))
    found = judged(known, (red, red), (green, portrait("x", (110, 190, 100))), (blue, red))
    assert (found.rule, found.recognised, found.linked) == ("nearest", 2, None)
    assert found.weak == (known is not None)
    *before, last = judge_lines(found.to_dict())
    assert "still recognises 2 of 3: finds the clean version first of 3 (3 of 9 were judged)" in last
    assert ("weak judge" in before[0]) == (known is not None)


def test_photos_without_a_face_are_not_judged() -> None:
    found = judged(KNOWN, (replace(portrait("a", RED), faces=()), portrait("a", RED)))
    assert (found.photos, found.recognised) == (0, 0)
    assert list(judge_lines(found.to_dict())) == [
        "outside judge colours: no face that it can use; nothing was judged"
    ]


def test_the_nearest_of_one_photo_is_no_verdict() -> None:
    (line,) = judge_lines(judged(None, (portrait("r", RED), portrait("r", BLUE))).to_dict())
    assert line.startswith("outside judge colours cannot judge one photo")


def test_the_verdict_is_the_last_line() -> None:
    red = portrait("r", RED)
    *_, last = judge_lines(judged(KNOWN, (red, red), with_face=1).to_dict())
    assert last == "outside judge colours (not a surrogate of this cloak) still recognises 1 of 1"


def test_which_model_judges() -> None:
    assert load_judge("none", SURROGATES) is None and load_judge("auto", ()) is None
    judge = load_judge("auto", SURROGATES, device="cpu")
    assert judge is not None and judge.id.startswith("bundled:") and judge.id != "bundled:face"
    known = known_judges()
    assert model_hash(judge) in known, "docs/judges.py must run again: the bundled models changed"
    assert known[model_hash(load_model("bundled:face", device="cpu"))]["model"] == "bundled:face"
    best = [k["tmr"] for k in known.values() if k["model"].startswith("bundled:clip")]
    assert known[model_hash(judge)]["tmr"] == max(best)
    for same in (SURROGATES, [SimpleNamespace(id="other", fingerprint=model_hash(judge))]):
        with pytest.raises(WrongUsage, match="no outside judge"):
            load_judge("bundled:face" if same is SURROGATES else judge.id, same, device="cpu")
