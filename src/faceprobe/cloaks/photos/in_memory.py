"""Cloak photos in memory: nothing is written but what the caller saves."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.base import Cloak, Cloaked, Subject
from faceprobe.cloaks.photos.files import Original, read_original, render
from faceprobe.cloaks.photos.quality import photo_quality
from faceprobe.cloaks.photos.surrogate_cosine import cosine_to_clean
from faceprobe.cloaks.registry import cloak_card, load_cloak
from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.files import write_bytes
from faceprobe.data.photo import Photo, UnreadablePhoto
from faceprobe.datasets.own import photo_of

if TYPE_CHECKING:
    from PIL import Image

    from faceprobe.faces.detect import Detector


@dataclass(frozen=True)
class CloakedImage:
    """One cloaked photo and what changed.

    ``pixels`` (H, W, 3) uint8 RGB. ``changed`` says whether any pixel differs; where none does, ``note`` says
    why. ``faces`` counts the faces that were found. ``psnr`` in dB, ``ssim`` in [-1, 1] and ``dssim`` in
    [0, 1] compare the whole photo with the clean one, None for an unchanged photo. ``cosine`` in [-1, 1] is
    between the clean and the cloaked face as the surrogate sees them; it says little about other recognisers.
    ``seconds`` is the photo's share of the wall clock.
    """

    name: str
    cloak: str
    pixels: NDArray[np.uint8] = field(repr=False)
    changed: bool
    faces: int | None
    note: str = ""
    psnr: float | None = None
    ssim: float | None = None
    dssim: float | None = None
    cosine: float | None = None
    seconds: float = 0.0
    original: Original = field(default=None, repr=False)  # type: ignore[assignment]

    @property
    def image(self) -> Image.Image:
        """The photo as a PIL image."""
        from PIL import Image

        return Image.fromarray(self.pixels)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a lossless PNG that names the cloak; :class:`BadInput` for another ending or the original."""
        target = Path(path).expanduser()
        if target.suffix.lower() != ".png":
            raise BadInput(f"{target}: a cloaked photo is saved as .png, since JPEG changes its pixels")
        if target.exists() and Path(self.name).exists() and target.samefile(self.name):
            raise BadInput(f"{target} is the original photo; save the cloaked one elsewhere")
        write_bytes(target, render(self.original, self.pixels, self.cloak if self.changed else ""))
        return target

    def _repr_png_(self) -> bytes:
        return render(self.original, self.pixels, self.cloak if self.changed else "")


def cloak_images(
    photos: Any,
    cloak: str,
    *,
    seed: int = 0,
    device: str = "auto",
    detector: str | None = None,
    offline: bool = False,
    targets: str = "",
) -> list[CloakedImage]:
    """Cloak one photo or several: paths, PIL images, (H, W, 3) uint8 arrays, or :class:`Photo` objects.

    Faces are found by YuNet, unless a :class:`Photo` brings them. ``targets`` is a dataset of other people,
    for cloaks that steer towards one. Raises :class:`BadInput` for what is no photo, :class:`UnknownName`
    for a cloak that does not exist, :class:`Missing` for a path or detector that is not there.
    """
    from faceprobe.cloaks.noise import like_of
    from faceprobe.cloaks.photos.folder import TARGETS, other_people

    reference = like_of(cloak)
    cards = [cloak_card(name) for name in (cloak, reference) if name]
    originals = [_original(photo, k) for k, photo in enumerate(_listed(photos))]
    needs_faces = not all(card.control for card in cards)
    find = _detector(originals, detector, offline) if needs_faces else None
    people = other_people(targets or TARGETS, find) if any(card.needs_targets for card in cards) else []
    loaded = [
        load_cloak(name, device=device, offline=offline, targets=people)
        for name in (cloak, reference)
        if name
    ]
    subjects = [_subject(original, find) for _, original in originals]
    if len(loaded) > 1:
        others = loaded[1].apply(subjects, seed=seed)
        subjects = [
            Subject(s.name, s.photo, s.identity, other.pixels)
            for s, other in zip(subjects, others, strict=True)
        ]
    done = loaded[0].apply(subjects, seed=seed)
    surrogates: Sequence[Any] = getattr(loaded[-1], "surrogates", ())
    return [
        _measured(name, replace(original, photo=subject.photo), cloaked, loaded[0], surrogates)
        for (name, original), subject, cloaked in zip(originals, subjects, done, strict=True)
    ]


def _listed(photos: Any) -> list[Any]:
    single = isinstance(photos, str | os.PathLike | Photo | np.ndarray) or hasattr(photos, "convert")
    if not single and not isinstance(photos, Iterable):
        raise BadInput(
            f"a {type(photos).__name__} is no photo; give a path, a PIL image or an array (H, W, 3)"
        )
    listed = [photos] if single else list(photos)
    if not listed:
        raise BadInput("there are no photos to cloak")
    return listed


def _original(photo: Any, number: int) -> tuple[str, Original]:
    """The photo's name in messages, and the photo."""
    if not isinstance(photo, str | os.PathLike):
        return f"photo {number}", Original(photo_of(photo, f"photo {number}"))
    path = Path(photo).expanduser()
    if not path.exists():
        raise Missing(f"no photo at {path}; check the path")
    try:
        return str(path), read_original(path, str(path))
    except UnreadablePhoto as error:
        raise BadInput(f"{path} cannot be cloaked: {error.reason}") from error


def _detector(originals: list[tuple[str, Original]], path: str | None, offline: bool) -> Detector | None:
    """A detector where some photo's faces are not known."""
    from faceprobe.faces.weights import find_detector

    if all(original.photo.faces is not None for _, original in originals):
        return None
    return find_detector(path, offline)


def _subject(original: Original, detector: Detector | None) -> Subject:
    photo = original.photo
    if photo.faces is None and detector is not None:
        photo = replace(photo, faces=detector.detect(photo.pixels))
    return Subject(photo.content_hash, photo)


def _measured(
    name: str, original: Original, done: Cloaked, cloak: Cloak, surrogates: Sequence[Any]
) -> CloakedImage:
    clean = original.photo
    faces = None if clean.faces is None else len(clean.faces)
    made = CloakedImage(
        name,
        cloak.card.id,
        done.pixels,
        not np.array_equal(done.pixels, clean.pixels),
        faces,
        seconds=done.seconds,
        original=original,
    )
    if not made.changed:
        reasons = dict.fromkeys(face.note for face in done.faces if face.note)
        return replace(made, note=done.note or ("no face found" if faces == 0 else "; ".join(reasons)))
    quality = photo_quality(clean.pixels, done.pixels)
    return replace(
        made,
        psnr=quality.psnr if math.isfinite(quality.psnr) else None,
        ssim=quality.ssim,
        dssim=quality.dssim,
        cosine=cosine_to_clean(surrogates, clean, done.pixels),
    )
