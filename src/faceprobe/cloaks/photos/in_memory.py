"""Cloak photos in memory; nothing is written but what the caller saves."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from faceprobe.cloaks.base import Cloak, Cloaked, Pixels, Subject
from faceprobe.cloaks.photos.colour_tags import kept_tags, rgb_profile
from faceprobe.cloaks.photos.files import Original, colourfulness, read_original, render
from faceprobe.cloaks.photos.loaded_cloak import (
    TARGETS,
    LoadedCloak,
    batches,
    cloak_cards,
    detector_for,
    load_with_reference,
)
from faceprobe.cloaks.photos.measures import ChangeMeasures, measure_change
from faceprobe.cloaks.photos.visibility import Lpips, installed_lpips
from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.files import write_bytes
from faceprobe.data.photo import Photo, UnreadablePhoto
from faceprobe.datasets.own import photo_of

if TYPE_CHECKING:
    from PIL import Image

PhotoLike = Any
"""A path, a PIL image, an (H, W, 3) or grey (H, W) uint8 array, or a :class:`Photo` with or without faces."""


@dataclass(frozen=True, eq=False)
class CloakedImage:
    """One cloaked photo and its measures.

    ``name`` is the path of the photo, or its place in the list ("photo 0"); ``cloak`` the cloak's id.
    ``pixels`` (H, W, 3) uint8 RGB. ``changed`` says whether any pixel differs from the clean photo; where
    none does, ``note`` says why. ``faces`` is the number of faces found, None where none were looked for.

    ``psnr`` (dB), ``ssim`` in [-1, 1], ``dssim`` in [0, 1] and ``lpips`` (None where AlexNet's weights are
    not on this machine) compare the whole photo with the clean one. ``delta_e`` and ``delta_e_p95`` are the
    mean and the 95th percentile of the colour difference CIEDE2000 over the face that changed most, None
    where no face is known; above a mean of 2.3 the face is visibly tinted. ``cosine`` in [-1, 1] is the
    similarity of the clean and the cloaked face under the cloak's surrogate, None for a control; it says
    little about other recognisers. All are None for an unchanged photo. ``barely`` says why a changed photo
    counts as barely changed (no pixel changed by more than 2 of 255, or a face that keeps a cosine above
    .98 under the surrogate) after ``starts`` random starts, and is "" for others. ``seconds`` is the
    photo's share of the wall-clock time of its batch.
    """

    name: str
    cloak: str
    pixels: Pixels = field(repr=False)
    original: Original = field(repr=False)
    changed: bool
    faces: int | None
    note: str = ""
    psnr: float | None = None
    ssim: float | None = None
    dssim: float | None = None
    delta_e: float | None = None
    delta_e_p95: float | None = None
    lpips: float | None = None
    dssim_crop_max: float | None = field(default=None, repr=False)
    cosine: float | None = None
    cosine_max: float | None = field(default=None, repr=False)
    largest_change: int | None = field(default=None, repr=False)
    barely: str = ""
    colour: int | None = field(default=None, repr=False)
    seconds: float = 0.0
    starts: int = field(default=1, repr=False)

    @property
    def image(self) -> Image.Image:
        """The photo as a PIL image (RGB)."""
        from PIL import Image

        return Image.fromarray(self.pixels)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a lossless PNG and return its path; a changed photo is marked with the cloak's id.

        Raises :class:`BadInput` for another ending than .png, for the path of the original and where nothing
        can be written.
        """
        target = Path(path).expanduser()
        if target.suffix.lower() != ".png":
            raise BadInput(f"{target}: a cloaked photo is saved as .png, since JPEG would change its pixels")
        original = Path(self.name)
        if target.exists() and original.exists() and target.samefile(original):
            raise BadInput(f"{target} is the original photo; save the cloaked one under another name")
        try:
            write_bytes(target, self._repr_png_())
        except OSError as error:
            raise BadInput(f"cannot write {target}: {error.strerror}; choose another path") from error
        return target

    def _repr_png_(self) -> bytes:
        """The PNG that :meth:`save` writes, for a notebook."""
        return render(self.original, self.pixels, self.cloak if self.changed else "")


def cloak_images(
    photos: PhotoLike | Iterable[PhotoLike],
    cloak: str | Cloak,
    *,
    seed: int = 0,
    device: str = "auto",
    detector: str | None = None,
    offline: bool = False,
    targets: str = TARGETS,
) -> list[CloakedImage]:
    """Cloak one photo or several, in order, as ``faceprobe cloak`` does.

    ``cloak`` is a name, or a loaded cloak. Faces are found by YuNet (weights at the path ``detector``, or at
    FACEPROBE_DETECTOR), except for a :class:`Photo` that has its faces; controls need none. ``targets`` is a
    dataset of other people, for cloaks that steer towards another person.

    Raises :class:`BadInput` for an input that is no photo or cannot be decoded, :class:`Missing` for a path
    that does not exist and where no detector is found, :class:`UnknownName` and :class:`WrongUsage` for the
    cloak's name, and what loading a surrogate raises.
    """
    cards = cloak_cards(cloak) if isinstance(cloak, str) else [cloak.card]
    if not isinstance(cloak, str) and cloak.card.noise_reference:
        cards += cloak_cards(cloak.card.noise_reference)
    named = [_original(photo, number) for number, photo in enumerate(_listed(photos))]
    all_known = all(original.photo.faces is not None for _, original in named)
    loaded = load_with_reference(
        cloak,
        seed=seed,
        detector=None if all_known else detector_for(cards, detector, offline),
        device=device,
        offline=offline,
        targets=targets,
    )
    lpips = installed_lpips()
    pixels = {k: original.photo.pixels[..., 0].size for k, (_, original) in enumerate(named)}
    images = []
    for batch in batches(pixels, loaded.leader.batch):
        names = [named[k][0] for k in batch]
        originals = [replace(named[k][1], photo=loaded.with_faces(named[k][1].photo)) for k in batch]
        cloaked = loaded.apply([Subject(o.photo.content_hash, o.photo) for o in originals])
        for name, original, done in zip(names, originals, cloaked, strict=True):
            images.append(_measured(name, original, done, loaded, lpips))
    return images


def _listed(photos: Any) -> list[Any]:
    single = isinstance(photos, str | os.PathLike | Photo | np.ndarray) or hasattr(photos, "convert")
    if not single and not isinstance(photos, Iterable):
        raise BadInput(
            f"a {type(photos).__name__} is no photo; give a path, a PIL image or an array (H, W, 3)"
        )
    listed = [photos] if single else list(photos)
    if not listed:
        raise BadInput("there are no photos to cloak; give one photo or a list of them")
    return listed


def _original(photo: PhotoLike, number: int) -> tuple[str, Original]:
    """The name of a photo, and the photo."""
    if not isinstance(photo, str | os.PathLike):
        known = photo_of(photo, f"photo {number}")
        original = Original(known, grey=colourfulness(known.pixels) == 0)
        if hasattr(photo, "getexif"):  # a PIL image, which knows what its colours are
            original = replace(original, icc=rgb_profile(photo), tags=kept_tags(photo))
        return f"photo {number}", original
    path = Path(photo).expanduser()
    if not path.exists() and not path.is_symlink():
        raise Missing(f"no photo at {path}; check the path")
    if path.is_dir():
        raise BadInput(f"{path} is a folder; cloak it with faceprobe cloak, or give the paths of its photos")
    try:
        return str(path), read_original(path, str(path))
    except UnreadablePhoto as error:
        raise BadInput(f"{path} cannot be cloaked: {error.reason}") from error


def _measured(
    name: str, original: Original, done: Cloaked, loaded: LoadedCloak, lpips: Lpips | None
) -> CloakedImage:
    faces = None if original.photo.faces is None else len(original.photo.faces)
    changed = not np.array_equal(done.pixels, original.photo.pixels)
    measures = ChangeMeasures()
    if changed:
        control = loaded.cloak.card.control
        measures = measure_change(original, done, done.pixels, loaded.surrogates, lpips, control=control)
    return CloakedImage(
        name=name,
        cloak=loaded.cloak.card.id,
        pixels=done.pixels,
        original=original,
        changed=changed,
        faces=faces,
        note="" if changed else done.why_unchanged(faces),
        seconds=done.seconds,
        starts=done.starts,
        **asdict(measures),
    )
