"""``perturbed-faces:PATH``: 1,000 CelebA photos, each with its Fawkes and its LowKey version.

The Hugging Face dataset ``aadityaubhat/perturbed_faces``: one archive of clean photos ``000001.jpg``, with
``000001_cloaked.png`` (Fawkes, mode mid) and ``000001_attacked.png`` (LowKey). Since the clean files are
JPEG and the others PNG, the file format differs too: ``?control=`` adds the clean photos saved again.
"""

from __future__ import annotations

import re
from pathlib import Path

from faceprobe.core.errors import BadInput, Missing, NoPath
from faceprobe.core.names import Name
from faceprobe.data.face_table import FaceTable, face_table_columns
from faceprobe.data.left_out import left_out_note
from faceprobe.datasets.base import PUBLIC_FIGURES, Dataset, DatasetCard
from faceprobe.datasets.celeba import read_identities
from faceprobe.datasets.files import EncodedSource, FileSource, path_of
from faceprobe.datasets.listing import Listing, list_folder
from faceprobe.datasets.resaved import (
    CONTROLS,
    ControlledSource,
    asked_controls,
    chosen_variants,
    control_note,
)
from faceprobe.datasets.zip_source import ZipSource, list_archive

LICENCE = "that of CelebA, from which it is made: non-commercial research"

_FILES = {
    "clean": re.compile(r"(\d+)\.jpe?g", re.IGNORECASE),
    "fawkes": re.compile(r"(\d+)_cloaked\.png", re.IGNORECASE),
    "lowkey": re.compile(r"(\d+)_attacked\.png", re.IGNORECASE),
}


def load(name: Name) -> FaceTable:
    """``perturbed-faces:PATH?identities=FILE&control=png,jpeg&variant=clean,fawkes``; a folder or a zip.

    The column ``variant`` is ``clean``, ``fawkes``, ``lowkey``, ``clean-png`` or ``clean-jpeg``; the option
    keeps some of them only. ``source_image`` names the clean photo that a row was made from, its own
    for a clean photo. ``control`` adds the clean photos saved again as PNG or as JPEG (quality 95).
    ``identities`` is CelebA's ``identity_CelebA.txt``; without it each clean photo and its versions are
    labelled as one person, and ``identities_known`` is False. Raises :class:`Missing`, :class:`BadInput`,
    :class:`faceprobe.core.errors.WrongUsage`.
    """
    name.check_options({"identities", "control", "variant"})
    if not name.body:
        raise NoPath(
            "perturbed-faces needs the folder or the zip of the Hugging Face dataset "
            "aadityaubhat/perturbed_faces (135 MB): perturbed-faces:PATH"
        )
    controls = asked_controls(name, tuple(CONTROLS))
    inner, listing = _photos(path_of(name, "perturbed-faces:PATH"))
    rows, notes = _rows(name, listing.photos, controls)
    people, known_people = _people(name, sorted({source for _, source, _ in rows}))
    if not known_people:
        notes.append("no ?identities=FILE: only the versions of one photo are known to show one person")
    return FaceTable(
        name=str(Name("perturbed-faces", "", options=_shown(name))),
        table=face_table_columns(
            image=[image for image, _, _ in rows],
            identity=[people[source] for _, source, _ in rows],
            variant=[variant for _, _, variant in rows],
            source_image=[source for _, source, _ in rows],
        ),
        source=ControlledSource(inner),
        identities_known=known_people,
        licence=LICENCE,
        notes=(*notes, *left_out_note(listing.left_out)),
        left_out=tuple(listing.left_out),
    )


def _rows(name: Name, names: list[str], controls: list[str]) -> tuple[list[tuple[str, str, str]], list[str]]:
    """(image, clean photo, variant) of every row, sorted, and notes on what is missing or added."""
    found = {variant: _numbered(pattern, names) for variant, pattern in _FILES.items()}
    clean = found["clean"]
    if not clean:
        raise BadInput(f"{name} holds no clean photos called 000001.jpg and so on; is it perturbed_faces?")
    notes, rows = [], []
    for variant, photos in found.items():
        known = {number: image for number, image in photos.items() if number in clean}
        if lost := len(photos) - len(known):
            notes.append(f"{lost:,} {variant} photos have no clean original and are left out")
        if absent := len(clean) - len(known):
            notes.append(f"{absent:,} clean photos have no {variant} version")
        rows += [(image, clean[number], variant) for number, image in known.items()]
    for control in controls:
        variant, ending = CONTROLS[control]
        rows += [(f"{image}{ending}", image, variant) for image in clean.values()]
        notes.append(control_note(control))
    return sorted(chosen_variants(name, rows)), notes


def _photos(path: Path) -> tuple[EncodedSource, Listing]:
    """The source of the photos, and their names with what else is there."""
    if not path.exists():
        raise Missing(f"perturbed-faces {path}: no such folder or archive; check the path")
    if path.is_file():
        return ZipSource(str(path.resolve())), list_archive(path)
    listing = list_folder(path)
    if not listing.photos and len(listing.folders) == 1:  # the archive unpacks into a folder of its own
        path = path / listing.folders[0]
        listing = list_folder(path)
    return FileSource(str(path.resolve())), listing


def _numbered(pattern: re.Pattern[str], names: list[str]) -> dict[str, str]:
    matches = ((pattern.fullmatch(name), name) for name in names)
    return {match[1]: name for match, name in matches if match}


def _people(name: Name, sources: list[str]) -> tuple[dict[str, str], bool]:
    """The person of each clean photo, and whether people are known."""
    given = name.option("identities", "")
    if not given:
        return {source: f"photo-{Path(source).stem}" for source in sources}, False
    path = Path(given).expanduser()
    if not path.is_file():
        raise Missing(
            f"perturbed-faces: ?identities={given}: no such file; give CelebA's identity_CelebA.txt"
        )
    everyone = read_identities(path)
    people = {source: everyone.get(f"{Path(source).stem}.jpg", "") for source in sources}
    unknown = [source for source, person in people.items() if not person]
    if unknown:
        raise BadInput(f"{path} names no person for {len(unknown)} photos (first: {unknown[0]})")
    return people, True


def _shown(name: Name) -> dict[str, str]:
    """The options as results show them, without paths of this machine."""
    options = {k: v for k, v in name.options.items() if k in ("control", "variant")}
    return options | ({"identities": "known"} if name.option("identities", "") else {})


DATASET = Dataset(
    card=DatasetCard(
        name="perturbed-faces",
        title="CelebA photos with Fawkes and LowKey cloaks",
        use="perturbed-faces:PATH[?identities=FILE&control=png]",
        status="available",
        consent=PUBLIC_FIGURES,
        licence="that of CelebA, from which it is made",
        non_commercial=True,
        photos=3_000,
        note="Hugging Face dataset aadityaubhat/perturbed_faces, 135 MB, folder or zip; it names no people",
    ),
    load=load,
)
