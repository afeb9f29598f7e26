"""The photos of a folder and the paths of their cloaked copies, which must never meet an original."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from faceprobe.cloaks.base import Cloak
from faceprobe.cloaks.photos.files import size_of
from faceprobe.cloaks.photos.loaded_cloak import batches
from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.datasets.files import is_photo
from faceprobe.datasets.folder import load_photos


@dataclass(frozen=True)
class FolderLayout:
    """``images`` are paths below ``root``, sorted, with ``/``; ``outputs`` maps each to its PNG below the
    output folder. ``ignored`` are notes on other files of the folder.
    """

    root: Path
    images: tuple[str, ...]
    outputs: dict[str, str]
    ignored: tuple[str, ...] = ()


def read_layout(source: Path, out: Path) -> FolderLayout:
    """The photos of the folder ``source``, or the single photo, and the path of each copy below ``out``.

    Raises :class:`Missing` for a path that is not there, :class:`BadInput` for a folder without photos,
    :class:`WrongUsage` where an output could meet an original: ``out`` must not be ``source``, contain it or
    lie in it.
    """
    if not source.exists():
        raise Missing(f"{source}: no such folder or photo; check the path")
    single = not source.is_dir()
    notes: tuple[str, ...] = ()
    root = source.parent if single else source
    _check_apart(root.resolve(), out.resolve(), single, out)
    if single:
        if not is_photo(source.name):
            raise BadInput(f"{source} is not named like a photo (.jpg, .png, .webp, ...); check the path")
        images = [source.name]
    else:
        table = load_photos(source)
        images, notes = table.images.tolist(), table.notes
    layout = FolderLayout(root, tuple(images), name_outputs(images), notes)
    for output in layout.outputs.values():  # a link inside the output folder may lead back
        place = (out / output).parent.resolve()
        if place == root.resolve() or (not single and root.resolve() in place.parents):
            raise WrongUsage(
                f"{(out / output).parent} leads back to the originals in {root}; choose another --out"
            )
    return layout


def name_outputs(images: Sequence[str]) -> dict[str, str]:
    """``a/b.jpg`` -> ``a/b.png``.

    Photos whose outputs would be equal, ignoring case, keep their whole names: ``a/b.jpg.png`` and
    ``a/b.png.png``. Where such a name is taken too, a number is added.
    """
    plain = {image: PurePosixPath(image).with_suffix(".png").as_posix() for image in images}
    counts = Counter(name.casefold() for name in plain.values())
    outputs, taken = {}, set()
    for image in sorted(images, key=lambda i: (counts[plain[i].casefold()] > 1, i)):
        alone = counts[plain[image].casefold()] == 1
        name = plain[image] if alone else f"{image}.png"
        number = 2
        while name.casefold() in taken:
            name, number = f"{image}-{number}.png", number + 1
        taken.add(name.casefold())
        outputs[image] = name
    return {image: outputs[image] for image in images}


def cloak_batches(layout: FolderLayout, cloak: Cloak, unreadable: dict[str, str]) -> Iterator[list[str]]:
    """Batches that depend on the list of photos only, as :func:`batches` forms them.

    A cloak that works on a person at once gets all photos of one folder, which counts as a person. A photo
    whose header cannot be read goes to ``unreadable``, {image: reason}.
    """
    pixels: dict[str, int] = {}
    for image in layout.images:
        try:
            height, width = size_of(layout.root / image, image)
            pixels[image] = height * width
        except UnreadablePhoto as error:
            unreadable[image] = error.reason
    if cloak.card.scope == "person":
        people: dict[str, list[str]] = {}
        for image in pixels:
            people.setdefault(identity_of(image), []).append(image)
        yield from people.values()
        return
    yield from batches(pixels, cloak.batch)


def identity_of(image: str) -> str:
    """The folder of a photo counts as its person; "" for a photo outside of subfolders."""
    return image.rpartition("/")[0]


def check_writable(out: Path) -> None:
    """Create ``out`` and check that files can be written there; :class:`BadInput` otherwise."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".faceprobe-{os.getpid()}.tmp"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise BadInput(
            f"cannot write into {out}: {error.strerror}; choose another folder for --out"
        ) from error


def _check_apart(root: Path, out: Path, single: bool, shown: Path) -> None:
    if out == root:
        raise WrongUsage(
            f"--out {shown} is where the originals lie; choose another folder, nothing is overwritten"
        )
    if single:
        return
    if root in out.parents:
        raise WrongUsage(
            f"--out {shown} lies inside the folder of originals; choose a folder outside {root.name}"
        )
    if out in root.parents:
        raise WrongUsage(f"--out {shown} holds the folder of originals; choose a folder next to it")
