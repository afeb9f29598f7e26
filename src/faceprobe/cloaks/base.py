"""What a cloak is: a change of a photo that is meant to make a face recogniser fail on it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from faceprobe.data.photo import Photo

Scope = Literal["photo", "person"]
"""What a cloak has to see at once: a photo, or all photos of a person (one mask for all of them)."""

LIMITS = (
    "what is known of cloaks: newer recognisers and collectors who train on cloaked photos undo most of "
    "them; faceprobe measures this and promises nothing"
)
"""Said before any cloaked photo is written."""


@dataclass(frozen=True)
class Subject:
    """A photo to cloak. ``name`` decides its noise, so it must be stable; ``photo.faces`` are known (() for
    none). ``identity`` is whom it shows, "" where unknown. ``like`` is, for a control at equal PSNR, the
    same photo as another cloak left it: (H, W, 3) uint8 RGB.
    """

    name: str
    photo: Photo
    identity: str = ""
    like: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class FaceReport:
    """What was done to one face. ``box`` (x0, y0, x1, y1) in pixels. ``shift`` is the mean over surrogates of
    the relative squared distance ||f(x') - f(x)||^2 / ||f(x)||^2 in the surrogate's own view, 0..4 for unit
    features; ``dssim`` is (1 - SSIM)/2 in [0, 1] of the face crop before it was pasted back. None where a
    cloak does not measure it. ``steps`` counts the iterations done, ``note`` says why a face was left alone.
    """

    box: tuple[float, float, float, float]
    changed: bool
    shift: float | None = None
    dssim: float | None = None
    steps: int = 0
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Cloaked:
    """One photo after cloaking: ``pixels`` (H, W, 3) uint8 RGB of the subject's size; equal to its pixels
    where nothing could be done, and ``note`` then says why ("no face found"). ``seconds`` is the photo's
    share of the wall clock of its batch.
    """

    name: str
    pixels: NDArray[np.uint8]
    faces: tuple[FaceReport, ...] = ()
    note: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class CloakCard:
    """What is known of a cloak without loading its surrogates. ``id`` names algorithm, mode, surrogate and
    perceptual term: ``fawkes-1.0.2-mid[bundled:face]``. ``control`` marks what any pipeline does by
    accident (noise, JPEG, resizing, blur). ``constants`` are the published numbers of the mode.
    """

    id: str
    about: str
    citation: str = ""
    control: bool = False
    scope: Scope = "photo"
    needs_targets: bool = False
    constants: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Cloak(Protocol):
    """A cloak that is ready to run.

    ``fingerprint`` hashes all that decides its output besides photo, faces and seed: constants, the
    surrogates' weights, the targets, the version of its code. ``batch`` is how many photos it wants at once.
    ``apply`` returns one :class:`Cloaked` a subject, in order; the noise of a photo depends on ``seed`` and
    on the subject's name only, not on its neighbours. A cloak of scope "person" gets all photos of whole
    persons. ``tick`` is called once a photo.
    """

    card: CloakCard
    batch: int

    @property
    def fingerprint(self) -> str: ...

    def apply(
        self, subjects: Sequence[Subject], *, seed: int, tick: Callable[[], None] = ...
    ) -> list[Cloaked]: ...


def no_tick() -> None:
    """The default of ``tick``: nobody counts."""


def one_by_one(
    subjects: Sequence[Subject],
    change: Callable[[Subject], tuple[NDArray[np.uint8], str]],
    tick: Callable[[], None],
) -> list[Cloaked]:
    """``apply`` of a cloak that needs one photo at a time: ``change`` gives its pixels and a note."""
    done = []
    for subject in subjects:
        began = time.perf_counter()
        pixels, note = change(subject)
        done.append(Cloaked(subject.name, pixels, note=note, seconds=time.perf_counter() - began))
        tick()
    return done


def photo_seed(seed: int, name: str) -> int:
    """A 63-bit seed for one photo: the same in any batch and on any machine."""
    digest = hashlib.sha256(f"{seed}|{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
