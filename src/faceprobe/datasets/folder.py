"""``folder:PATH``: one subfolder a person, ``PATH/<identity>/<photo>``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.names import Name
from faceprobe.data.evidence import Evidence
from faceprobe.data.face_table import FaceTable, face_table_columns
from faceprobe.data.labels import clean_label
from faceprobe.data.left_out import LeftOut, left_out_counts, left_out_note, printable
from faceprobe.datasets.base import Dataset, DatasetCard
from faceprobe.datasets.files import SYNTHETIC_MARK, FileSource, existing_folder, path_of
from faceprobe.datasets.listing import list_folder, list_subfolder, walk_folder

PART_OPTIONS = {"people", "photos", "min_photos"}

LOOSE = "photo outside any person's folder"
DEEPER = "folder in a person's folder"


def load(name: Name) -> FaceTable:
    """``folder:PATH[?people=N&photos=K&min_photos=M]``.

    The options select a part, always the same: of the people with at least M photos the first N by name,
    and of each person the first K photos by name. Raises :class:`Missing` for a path that does not exist and
    :class:`BadInput` for a folder without photos or with one person only.
    """
    name.check_options(PART_OPTIONS)
    root = existing_folder(path_of(name, "folder:PATH, as in folder:photos"), "folder")
    people, left_out = photos_by_person(root)
    people = take_part(people, name)
    if len(set(map(clean_label, people))) < 2:
        only = next(iter(people), None)
        found = f"one person only ({only!r})" if only else "no person that the options allow"
        raise BadInput(f"folder {root} holds {found}; comparing people needs at least two subfolders")
    return FaceTable(
        name=short_name(name, root),
        table=person_columns(people),
        source=FileSource(str(root.resolve())),
        evidence=evidence_of(root),
        licence="your own photos: see RESPONSIBLE_USE.md",
        notes=left_out_note(left_out),
        left_out=left_out,
    )


def load_photos(root: Path) -> FaceTable:
    """Every photo below ``root``, for embedding without labels.

    A photo in exactly one subfolder (``<identity>/<photo>``) has its name as identity, any other has "".
    """
    root = existing_folder(root, "folder")
    images: list[str] = []
    left_out: list[LeftOut] = []
    for inside, listing in walk_folder(root):
        images += [f"{inside}/{photo}" if inside else photo for photo in listing.photos]
        left_out += listing.left_out
    if not images:
        raise BadInput(
            f"folder {root} holds no photos (.jpg, .png, .webp, ...){_but(left_out)}; check the path"
        )
    images.sort()
    identities = [image.split("/")[0] if image.count("/") == 1 else "" for image in images]
    return FaceTable(
        name=f"folder:{folder_name(root)}",
        table=face_table_columns(image=images, identity=identities),
        source=FileSource(str(root.resolve())),
        evidence=evidence_of(root),
        notes=left_out_note(left_out),
        left_out=tuple(sorted(left_out)),
    )


def evidence_of(root: Path) -> Evidence:
    """``synthetic`` for photos that ``faceprobe datasets --export`` drew, ``real-photos`` for all others."""
    marked = any((place / SYNTHETIC_MARK).exists() for place in (root, root.parent))
    return "synthetic" if marked else "real-photos"


def evidence_of_files(paths: Iterable[Path]) -> Evidence:
    """``synthetic`` where one of the files is a photo that faceprobe drew, else ``real-photos``."""
    folders = {path.parent for path in paths}
    return "synthetic" if any(evidence_of(folder) == "synthetic" for folder in folders) else "real-photos"


def photos_by_person(root: Path) -> tuple[dict[str, list[str]], tuple[LeftOut, ...]]:
    """``{identity: [photo, ...]}`` of ``root/<identity>/<photo>``, both sorted, and what is left out."""
    top = list_folder(root)
    people: dict[str, list[str]] = {}
    left_out = [*top.left_out, *(LeftOut(photo, LOOSE) for photo in top.photos)]
    deeper = []
    for person in top.folders:
        listing = list_subfolder(root, person)
        left_out += listing.left_out
        if listing.photos:
            people[person] = listing.photos
        if listing.folders:
            deeper.append(person)
            left_out += [LeftOut(f"{person}/{folder}", DEEPER) for folder in listing.folders]
    if not people:
        raise BadInput(
            f"folder {printable(str(root))} holds no <identity>/<photo>;"
            f" {_fix(root, top.photos, deeper, left_out)}"
        )
    return people, tuple(sorted(left_out))


def take_part(people: dict[str, list[str]], name: Name) -> dict[str, list[str]]:
    """Apply the options ``people``, ``photos`` and ``min_photos`` of a dataset's name."""
    least = _count(name, "min_photos", 1)
    enough = [person for person, photos in people.items() if len(photos) >= least]
    chosen = enough[: _count(name, "people", len(enough) or 1)]
    most = _count(name, "photos", max(map(len, people.values())))
    return {person: people[person][:most] for person in chosen}


def part_of_set(everyone: dict[str, list[str]], name: Name) -> dict[str, list[str]]:
    """:func:`take_part` of a published set; :class:`BadInput` where fewer than two people are left."""
    people = take_part(everyone, name)
    if len(set(map(clean_label, people))) < 2:
        raise BadInput(f"{name} leaves {len(people)} people of {len(everyone)}; comparing needs two")
    return people


def person_columns(people: dict[str, list[str]]) -> pa.Table:
    """The Arrow table of ``<identity>/<photo>``, sorted by path."""
    rows = sorted((f"{person}/{photo}", person) for person, photos in people.items() for photo in photos)
    return face_table_columns(image=[r[0] for r in rows], identity=[r[1] for r in rows])


def short_name(name: Name, root: Path) -> str:
    """The dataset's name in results: the folder's name without its path, and the part."""
    part = {k: v for k, v in name.options.items() if k in PART_OPTIONS}
    return str(Name(name.kind, folder_name(root), options=part))


def folder_name(root: Path) -> str:
    """The name of the folder itself, without its path, in printable characters."""
    return printable(root.resolve().name)


def _count(name: Name, option: str, default: int) -> int:
    text = name.option(option, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise WrongUsage(f"{name}: {option}={text} must be a whole number from 1")
    return int(text)


def _fix(root: Path, loose: list[str], deeper: list[str], left_out: list[LeftOut]) -> str:
    """What to do about a folder in which no person has photos."""
    if loose:
        return f"its {len(loose)} photos lie in the folder itself: put each person's photos into a subfolder"
    if deeper:
        named = "photos" if "photos" in deeper else deeper[0]
        return f"its photos lie deeper: did you mean {root / named}?"
    return f"it has no photos (.jpg, .png, .webp, ...){_but(left_out)}: check the path"


def _but(left_out: list[LeftOut]) -> str:
    """What a folder without photos holds instead: ``, but 3 .txt files``."""
    counts = left_out_counts(left_out)
    return f", but {counts}" if counts else ""


DATASET = Dataset(
    card=DatasetCard(
        name="folder",
        title="Your own photos, <identity>/<photo>",
        use="folder:PATH[?people=N&photos=K&min_photos=M]",
        status="your own",
        consent="yours to obtain: face embeddings can be biometric data",
        licence="your own",
        non_commercial=None,
        note="see RESPONSIBLE_USE.md",
    ),
    load=load,
)
