"""The photos of a folder and the paths of their cloaked copies, which must never meet an original."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from faceprobe.cloaks.base import Cloak
from faceprobe.cloaks.photos.files import size_of
from faceprobe.cloaks.photos.folder_records import MANIFEST, PROGRESS, RESULTS
from faceprobe.cloaks.photos.loaded_cloak import batches
from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.core.files import sha256_bytes
from faceprobe.data.left_out import LeftOut, printable
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.datasets.folder import load_photos
from faceprobe.datasets.listing import is_photo, utf8_name

MAX_NAME = 255
"""Bytes of the longest file name that common file systems take."""

OWN_FILES = (RESULTS, MANIFEST, PROGRESS)
"""Files that a run writes into the output folder itself."""


@dataclass(frozen=True)
class FolderLayout:
    """``images`` are paths below ``root``, sorted, with ``/``; ``outputs`` maps each to its copy below the
    output folder, and ``left_out`` lists the other entries of the folder.
    """

    root: Path
    images: tuple[str, ...]
    outputs: dict[str, str]
    left_out: tuple[LeftOut, ...] = ()


def read_layout(source: Path, out: Path, ending: str = ".png") -> FolderLayout:
    """The photos of the folder ``source``, or the single photo, and the path of each copy below ``out``.

    Raises :class:`Missing` for a path that is not there, :class:`BadInput` for a folder without photos,
    :class:`WrongUsage` where an output could meet an original: ``out`` must not be ``source``, contain it or
    lie in it, and no link may lead from one into the other.
    """
    if not source.exists() and not source.is_symlink():
        raise Missing(f"{printable(str(source))}: no such folder or photo; check the path")
    single = not source.is_dir()
    root = source.parent if single else source
    _check_apart(_real(root), _real(out), single, out)
    if single:
        if not is_photo(source.name):
            raise BadInput(
                f"{printable(str(source))} is not named like a photo (.jpg, .png, .webp, ...); check the path"
            )
        images = [utf8_name(source.name, root)]
        layout = FolderLayout(root, tuple(images), name_outputs(images, ending))
    else:
        table = load_photos(source)
        images = table.images.tolist()
        outputs = name_outputs(images, ending)
        layout = FolderLayout(root, tuple(images), outputs, table.left_out)
    _check_links(layout, out, single)
    return layout


def name_outputs(images: Sequence[str], ending: str = ".png") -> dict[str, str]:
    """``a/b.jpg`` -> ``a/b.png``, with the ``ending`` of the format that is written.

    Photos whose outputs would be equal, ignoring case, or would have the name of a folder of outputs, keep
    their whole names: ``a/b.jpg.png`` and ``a/b.png.png``. Where such a name is taken too, a number is added;
    where it is longer than file systems take, its end is a hash.
    """
    folders = {parent: _free_folder(parent) for image in images if (parent := image.rpartition("/")[0])}
    inside = {
        image: (folders.get(image.rpartition("/")[0], ""), image.rpartition("/")[2]) for image in images
    }
    plain = {i: _join(folder, PurePosixPath(name).stem, ending) for i, (folder, name) in inside.items()}
    taken = {
        p.as_posix().casefold()
        for f in folders.values()
        for p in (PurePosixPath(f), *PurePosixPath(f).parents)
    }
    counts = Counter([*(name.casefold() for name in plain.values()), *taken])
    outputs = {}
    for image in sorted(images, key=lambda i: (counts[plain[i].casefold()] > 1, i)):
        folder, own = inside[image]
        name = plain[image]
        if counts[name.casefold()] > 1:
            name = _join(folder, own, ending)
        number = 2
        while name.casefold() in taken:
            name, number = _join(folder, f"{own}-{number}", ending), number + 1
        taken.add(name.casefold())
        outputs[image] = name
    return {image: outputs[image] for image in images}


def _join(folder: str, stem: str, ending: str) -> str:
    """``folder/stem.png``; a name of more than :data:`MAX_NAME` bytes is cut and ends in a hash."""
    if len((stem + ending).encode()) > MAX_NAME:
        mark = f"-{sha256_bytes(stem.encode())[:12]}"
        stem = stem.encode()[: MAX_NAME - len(mark) - len(ending)].decode(errors="ignore") + mark
    return f"{folder}/{stem}{ending}" if folder else f"{stem}{ending}"


def _free_folder(folder: str) -> str:
    """``folder``, whose first part gets another name where the output folder has a file of that name."""
    first, slash, rest = folder.partition("/")
    own = first.casefold() in OWN_FILES
    return f"{first}-photos{slash}{rest}" if own else folder


def photo_sizes(layout: FolderLayout) -> tuple[dict[str, int], dict[str, str]]:
    """The number of pixels of every photo whose header can be read, and {photo: reason} of the others.

    Raises :class:`BadInput` where no header can be read.
    """
    pixels: dict[str, int] = {}
    unreadable: dict[str, str] = {}
    for image in layout.images:
        try:
            height, width = size_of(layout.root / image, image)
            pixels[image] = height * width
        except UnreadablePhoto as error:
            unreadable[image] = error.reason
    if not pixels:
        raise nothing_readable(layout, unreadable)
    return pixels, unreadable


def nothing_readable(layout: FolderLayout, unreadable: Mapping[str, str]) -> BadInput:
    """The error of a folder without a photo that can be read."""
    counts = ", ".join(f"{n:,} {reason}" for reason, n in sorted(Counter(unreadable.values()).items()))
    shown = printable(str(layout.root))
    return BadInput(f"no photo of {shown} could be read ({counts}); nothing was cloaked")


def cloak_batches(pixels: Mapping[str, int], cloak: Cloak) -> Iterator[list[str]]:
    """Batches of the photos ``pixels`` (:func:`photo_sizes`), which depend on these alone, as
    :func:`batches` forms them. A cloak that works on a person at once gets all photos of one folder, which
    counts as a person.
    """
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


def _check_links(layout: FolderLayout, out: Path, single: bool) -> None:
    """Raise :class:`WrongUsage` where a link leads from the output folder to originals, or the other way."""
    root, into = _real(layout.root), _real(out)
    places = {_real(folder) for folder in {(layout.root / image).parent for image in layout.images}}
    places |= {_real(p).parent for image in layout.images if (p := layout.root / image).is_symlink()}
    for place in places if not single else ():
        if place == into or into in place.parents:
            raise WrongUsage(f"a link in {layout.root} leads to {place}, which --out {out} holds; remove it")
    for folder in {(out / output).parent for output in layout.outputs.values()}:
        place = _real(folder)
        if place in places or (not single and root in place.parents):
            raise WrongUsage(f"{folder} leads back to the originals in {root}; choose another --out")


def _real(path: Path) -> Path:
    """``path`` without links; a loop of links, for which ``Path.resolve`` raises, stays as it is."""
    return Path(os.path.realpath(path))


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
