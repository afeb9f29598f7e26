"""An outside judge of a cloaked folder: does a recogniser that the cloak was not made for still recognise the
faces?

The people of the photos are not known. What can be asked without their names: does the cloaked face still
match its own clean face, at a threshold that few pairs of different people reach? This is the easiest match
there is (same moment, same pose), so a face that fails it is lost to this judge, and one that passes may be
found in other photos too. How many photos match *another* clean photo of the folder, before and after,
stands next to it.

A judge without a known threshold, or one that finds hardly anybody at its threshold, is asked an easier
question: is the clean version of the photo the nearest of all clean photos of the folder? Another photo of
the same person may be nearer, so this can count too few, never too many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray

from faceprobe.cloaks.base import Pixels
from faceprobe.core.errors import WrongUsage
from faceprobe.data.photo import Photo
from faceprobe.faces.crops import CropPolicy, NoFace
from faceprobe.models import load_model
from faceprobe.models.base import ImageEncoder, model_hash

if TYPE_CHECKING:
    from faceprobe.cloaks.attacks.surrogate import Surrogate

AUTO, NONE = "auto", "none"
FMR = 1e-3
"""Share of pairs of different people that match at the known thresholds."""
WEAK = 0.5
"""A judge that matches fewer of the clean pairs of one person than this is called weak."""
MOST = 1000
"""Photos that are judged; of a larger folder as many in even steps."""

ALIGNED = CropPolicy.parse("aligned-112")


@dataclass(frozen=True)
class Judgement:
    """What ``model`` makes of ``photos`` photos with a face that it can use. ``with_face`` photos of the
    folder have a face.

    ``recognised`` photos are those that match their own clean version: by ``rule`` "threshold", with a
    cosine of at least ``threshold``, which 1 in 1,000 pairs of different people reach and the share ``tmr``
    of pairs of one person (measured on ``people`` people); by ``rule`` "nearest", where it is the nearest
    of all clean photos. ``linked`` photos match another clean photo of the folder at the threshold,
    ``linked_before`` did so without the cloak. What is not known is None.
    """

    model: str
    photos: int
    with_face: int
    rule: Literal["threshold", "nearest"]
    recognised: int
    linked: int | None = None
    linked_before: int | None = None
    threshold: float | None = None
    tmr: float | None = None
    people: int | None = None

    @property
    def weak(self) -> bool:
        """Whether the judge finds so few people in clean photos that a face it misses is not safe."""
        return self.tmr is not None and self.tmr < WEAK

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "weak": self.weak}


@cache
def known_judges() -> dict[str, dict[str, Any]]:
    """By hash of weights and preprocessing: ``model``, ``threshold``, ``tmr``, ``people``."""
    text = files("faceprobe.cloaks.photos").joinpath("judges.yaml").read_text(encoding="utf-8")
    known: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return known


def load_judge(
    text: str, surrogates: Sequence[Surrogate], *, device: str = "auto", offline: bool = False
) -> ImageEncoder | None:
    """The judge that ``text`` names: a model, "none", or "auto" for a bundled one.

    "auto" takes the bundled model that matches most pairs of one person among those that are no surrogate
    of the cloak, and none where all are, or for a cloak without surrogates. Raises :class:`WrongUsage` for a
    model that is one of ``surrogates``, and what loading a model raises.
    """
    if text == NONE or (text == AUTO and not surrogates):
        return None
    used = {surrogate.id for surrogate in surrogates}
    if text == AUTO:
        bundled = [j for j in known_judges().values() if j["model"].startswith("bundled:")]
        outside = [j for j in bundled if j["model"] not in used]
        if not outside:
            return None
        text = max(outside, key=lambda j: j["tmr"])["model"]
    judge = load_model(text, device=device, offline=offline)
    if judge.id in used or model_hash(judge) in {surrogate.fingerprint for surrogate in surrogates}:
        raise WrongUsage(
            f"--judge {text}: the cloak was made for this model, so it is no outside judge; give another"
        )
    return judge


class Judge:
    """Collects the faces of clean and written photos, one photo at a time, and judges them together."""

    def __init__(self, encoder: ImageEncoder) -> None:
        self.encoder = encoder
        self._clean: list[NDArray[np.float64]] = []
        self._cloaked: list[NDArray[np.float64]] = []
        self._contents: list[str] = []

    def add(self, photo: Photo, cloaked: Pixels) -> None:
        """Add a photo with its faces and ``cloaked`` (H, W, 3) uint8, its written copy; one without a
        usable face counts for nothing. Both are cut around the faces of the clean photo.
        """
        for number, pixels in enumerate((photo.pixels, cloaked)):
            features = []
            for face in photo.faces or ():
                try:
                    crop = ALIGNED.apply(
                        Photo(pixels, photo.content_hash, (face,)), self.encoder.preprocess.mean_color()
                    )
                except NoFace:
                    continue
                features.append(self.encoder.encode_images(self.encoder.preprocess(crop)[None])[0])
            if not features:
                return
            (self._cloaked if number else self._clean).append(np.stack(features).astype(np.float64))
        self._contents.append(photo.content_hash)

    def judgement(self, with_face: int) -> Judgement:
        """What the judge makes of all photos added; ``with_face`` photos of the folder have a face."""
        model, count = self.encoder.id, len(self._clean)
        own = [float(np.max(np.sum(a * b, axis=1))) for a, b in zip(self._clean, self._cloaked, strict=True)]
        known = known_judges().get(model_hash(self.encoder), {})
        figures = {key: known.get(key) for key in ("threshold", "tmr", "people")}
        others = np.not_equal.outer(self._contents, self._contents) if count else np.zeros((0, 0), dtype=bool)
        after = _best_scores(self._cloaked, self._clean)
        if not known or known["tmr"] < WEAK:
            rivals = np.where(others, after, -np.inf).max(axis=1, initial=-np.inf)
            nearest = int(np.sum(np.array(own) > rivals))
            return Judgement(model, count, with_face, "nearest", nearest, **figures)
        before = _best_scores(self._clean, self._clean)
        matches, linked, linked_before = (
            int(np.sum(found))
            for found in (
                np.array(own) >= known["threshold"],
                (others & (after >= known["threshold"])).any(axis=1),
                (others & (before >= known["threshold"])).any(axis=1),
            )
        )
        return Judgement(model, count, with_face, "threshold", matches, linked, linked_before, **figures)


def _best_scores(
    left: Sequence[NDArray[np.float64]], right: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """(N, M): the highest cosine of a face of photo n on the ``left`` and a face of photo m on the
    ``right``.
    """
    if not left or not right:
        return np.zeros((len(left), len(right)))
    scores = np.concatenate(left) @ np.concatenate(right).T
    rows = np.maximum.reduceat(scores, _starts(left), axis=0)
    best: NDArray[np.float64] = np.maximum.reduceat(rows, _starts(right), axis=1)
    return best


def _starts(parts: Sequence[NDArray[np.float64]]) -> list[int]:
    return [0, *np.cumsum([len(part) for part in parts])[:-1].tolist()]
