"""What every cloak is made of: the cloak itself, its card, its family, and the photos it takes and gives."""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from faceprobe.data.photo import Photo

if TYPE_CHECKING:
    from faceprobe.cloaks.attacks.surrogate import Surrogate
    from faceprobe.cloaks.names import CloakName

Pixels = NDArray[np.uint8]

Scope = Literal["photo", "person"]
"""What a cloak works on at once: one photo, or all photos of a person (one mask for all of them)."""

LIMITS = (
    "what is known of cloaks: newer recognisers and collectors who train on cloaked photos undo most of "
    "them; faceprobe measures this and promises nothing"
)
"""Shown before any cloaked photo is written."""


@dataclass(frozen=True)
class Subject:
    """A photo to cloak.

    ``name`` decides its random numbers, so it must be stable. ``photo.faces`` must be known, () for none;
    only controls work without. ``identity`` is the person in the photo, "" where unknown. ``noise_reference``
    is the same photo as another cloak changed it, (H, W, 3) uint8 RGB: ``noise[...]`` copies its PSNR.
    """

    name: str
    photo: Photo
    identity: str = ""
    noise_reference: Pixels | None = None

    @property
    def person(self) -> str:
        """The identity; a photo of unknown identity counts as a person of its own."""
        return self.identity or f"photo {self.name}"


@dataclass(frozen=True)
class FaceReport:
    """What was done to one face.

    ``box`` (x0, y0, x1, y1) in pixels. ``shift`` is the mean over surrogates of the relative squared distance
    ||f(x') - f(x)||^2 / ||f(x)||^2 between the features of the cloaked and the clean face, 0..4 for unit
    features. ``dssim`` is (1 - SSIM)/2 in [0, 1] of the face crop before it was pasted back. Both are None
    where a cloak does not measure them. ``steps`` counts the iterations done. ``note`` says why a face was
    left unchanged.
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
    """One photo after cloaking.

    ``pixels`` (H, W, 3) uint8 RGB of the subject's size. Where nothing could be done they equal the
    subject's, and ``note`` says why ("no face found"). ``seconds`` is the photo's share of the wall-clock
    time of its batch, ``starts`` the number of random starts that were tried.
    """

    name: str
    pixels: Pixels
    faces: tuple[FaceReport, ...] = ()
    note: str = ""
    seconds: float = 0.0
    starts: int = 1

    def why_unchanged(self, faces_found: int | None) -> str:
        """The reason for an unchanged photo, "" where none is known; ``faces_found`` is None if unknown."""
        reasons = dict.fromkeys(face.note for face in self.faces if face.note)
        return self.note or ("no face found" if faces_found == 0 else "; ".join(reasons))


@dataclass(frozen=True)
class CloakCard:
    """What is known of a cloak without loading its surrogates.

    ``id`` names algorithm, mode, surrogate and perceptual term: ``fawkes-1.0.2-mid[bundled:face]``.
    ``control`` marks what any image pipeline does by accident (noise, JPEG, resizing, blur). ``constants``
    are the published numbers of the mode. ``noise_reference`` is the name of the cloak whose PSNR this one
    copies, "" for all but ``noise[...]``. It may hold a path of this machine, so :meth:`to_dict` leaves it
    out.
    """

    id: str
    about: str
    citation: str = ""
    control: bool = False
    scope: Scope = "photo"
    needs_targets: bool = False
    constants: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    noise_reference: str = ""

    def to_dict(self) -> dict[str, Any]:
        """All fields but ``noise_reference``, JSON-able."""
        values = asdict(self)
        del values["noise_reference"]
        return values


def no_tick() -> None:
    """No-op progress callback."""


class Cloak(ABC):
    """A cloak that is ready to run.

    ``batch`` is the number of photos it takes at once, ``surrogates`` are the encoders that it differentiates
    through, () for controls. A cloak with ``card.scope`` "person" must get all photos of a person in one
    call.
    """

    card: CloakCard
    batch: int = 1
    surrogates: Sequence[Surrogate] = ()

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hex SHA-256 of all that decides the output besides photo, faces and seed: constants, the
        surrogates' weights, the targets, the version of the code.
        """

    @abstractmethod
    def apply(
        self, subjects: Sequence[Subject], *, seed: int, tick: Callable[[], None] = no_tick
    ) -> list[Cloaked]:
        """One :class:`Cloaked` for each subject, in order; ``tick`` is called once for each photo.

        Random numbers depend on ``seed`` and on the subject's name, not on the other photos of the batch.
        Raises :class:`ValueError` where the cloak needs faces and ``photo.faces`` is None.
        """


class CloakFamily(ABC):
    """One algorithm with all its modes: what a file of this package registers.

    ``stems`` lists its names with every mode (``fawkes-1.0.2-mid``, ...), the default one first. ``examples``
    maps a stem that needs brackets to a complete name. ``files`` are cards of variants that only come as
    files of a dataset, under a name without brackets, such as the authors' own output. ``modules`` are the
    libraries that the family imports.
    """

    stems: Sequence[str] = ()
    examples: Mapping[str, str] = {}
    files: Sequence[CloakCard] = ()
    modules: ClassVar[tuple[str, ...]] = ("torch", "pytorch_msssim", "skimage")

    @abstractmethod
    def card(self, name: CloakName) -> CloakCard:
        """The card of ``name``; loads nothing. Raises :class:`UnknownName` for an unknown mode and
        :class:`WrongUsage` for brackets or options that the family does not take.
        """

    @abstractmethod
    def load(self, name: CloakName, *, device: str, offline: bool, targets: Sequence[Subject]) -> Cloak:
        """The cloak that ``name`` asks for, with its surrogates loaded on ``device``. ``targets`` are clean
        photos of other people; cards with ``needs_targets`` need some.
        """


def one_by_one(
    subjects: Sequence[Subject],
    change: Callable[[Subject], tuple[Pixels, str]],
    tick: Callable[[], None],
) -> list[Cloaked]:
    """``apply`` of a cloak that needs one photo at a time; ``change`` returns new pixels and a note."""
    done = []
    for subject in subjects:
        started = time.perf_counter()
        pixels, note = change(subject)
        done.append(Cloaked(subject.name, pixels, note=note, seconds=time.perf_counter() - started))
        tick()
    return done


def photo_seed(seed: int, name: str) -> int:
    """A 63-bit seed for one photo: the same in any batch and on any machine."""
    digest = hashlib.sha256(f"{seed}|{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
