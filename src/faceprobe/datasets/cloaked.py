"""``cloaked:PATH``: cloaked photos of any origin with their clean ones; recognised by their file names.

Every photo in PATH and its folders is read. The file name gives the variant:

- ``KEY_attacked.png``: LowKey, variant ``lowkey``; ``KEY_small.png`` is the clean photo as LowKey scaled it,
  variant ``clean-small``;
- ``KEY_cloaked.png``: Fawkes, variant ``fawkes``; ``KEY_high_cloaked.png`` (``low``, ``mid``, ...): a mode of
  version 0.3, variant ``fawkes-v0.3-high``; a folder named after a version takes precedence: below
  ``fawkes_v1/`` it is ``fawkes-v1``;
- ``KEY_fawkes.png`` and ``KEY_lowkey.png``: variants ``fawkes`` and ``lowkey``;
- a photo listed in a folder's ``cloak.json`` (written by ``faceprobe cloak``): the id of that cloak;
- any other photo is clean, and KEY is its name without the ending.

A cloaked photo belongs to the clean one with its KEY in a folder of the same name, else to the only clean
photo with that KEY. The innermost folder of the clean photo names its person.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.files import read_json
from faceprobe.core.names import Name
from faceprobe.data.embeddings import CLEAN
from faceprobe.data.face_table import FaceTable, face_table_columns
from faceprobe.datasets.base import Dataset, DatasetCard
from faceprobe.datasets.files import FileSource, existing_folder, path_of
from faceprobe.datasets.folder import evidence_of, folder_name, load_photos
from faceprobe.datasets.resaved import (
    CONTROLS,
    FRAMED,
    ControlledSource,
    asked_controls,
    chosen_variants,
    control_note,
)

CLOAK_FILE = "cloak.json"
"""The file that ``faceprobe cloak`` writes into the folder of its photos."""
SMALL = "clean-small"
REFRAMED = ("fawkes", "fawkes-v1")
"""Variants with a border around the photo: Fawkes 1.0 pads a photo that the face fills."""

_ENDINGS = (
    (re.compile(r"(.+)_attacked\.png", re.IGNORECASE), "lowkey"),
    (re.compile(r"(.+)_small\.png", re.IGNORECASE), SMALL),
    (re.compile(r"(.+)_(min|low|mid|high|ultra)_cloaked\.png", re.IGNORECASE), "fawkes-v0.3-{}"),
    (re.compile(r"(.+)_(?:cloaked|fawkes)\.png", re.IGNORECASE), "fawkes"),
    (re.compile(r"(.+)_lowkey\.png", re.IGNORECASE), "lowkey"),
)
_VERSION = re.compile(r"(fawkes|lowkey)[-_]v?(\d)(?:[._]?(\d))?(?:[-_]([a-z]+))?", re.IGNORECASE)


@dataclass(frozen=True)
class _File:
    """One photo: its path, its KEY, the name of its innermost folder, the variant that its name gives."""

    image: str
    key: str
    folder: str
    variant: str


def load(name: Name) -> FaceTable:
    """``cloaked:PATH?variant=clean,lowkey&control=png,jpeg,framed&clean=small``.

    ``variant`` keeps some variants only. ``control`` adds the clean photos saved again as PNG or JPEG, and
    with ``framed`` in the border that Fawkes 1.0 adds (:func:`faceprobe.datasets.resaved.framed_as`), as
    variant ``clean-framed``. ``clean=small`` uses LowKey's scaled photos as the clean ones where there are
    any. Raises :class:`Missing`, :class:`WrongUsage`, and :class:`BadInput` where no photo is cloaked, or no
    cloaked photo has a clean one.
    """
    name.check_options({"control", "variant", "clean"})
    controls = asked_controls(name, (*CONTROLS, "framed"))
    if name.option("clean", "original") not in ("original", "small"):
        raise WrongUsage(f"{name}: clean={name.option('clean', '')}; known: original, small")
    root = existing_folder(path_of(name, "cloaked:PATH"), "cloaked")
    photos = load_photos(root)
    listed = _listed(root)
    files = [_file(image) for image in photos.images.tolist() if image not in listed]
    clean, files = _clean_ones(files, small=name.option("clean", "original") == "small")
    rows, notes = _paired(name, clean, files, listed)
    frames: dict[str, tuple[str, str]] = {}
    for control in controls:
        made, note = _controlled(control, rows, frames)
        rows += made
        notes.append(note)
    rows = sorted(chosen_variants(name, rows))
    people, known = _people([source for _, source, _ in rows])
    if not known:
        notes.append("photos lie in no person's folder: the people in them are not known")
    return FaceTable(
        name=str(Name("cloaked", folder_name(root), options=dict(name.options))),
        table=face_table_columns(
            image=[image for image, _, _ in rows],
            identity=people,
            variant=[variant for _, _, variant in rows],
            source_image=[source for _, source, _ in rows],
        ),
        source=ControlledSource(FileSource(str(root.resolve())), frames),
        identities_known=known,
        evidence=evidence_of(root),
        licence="that of the photos: see RESPONSIBLE_USE.md",
        notes=(*photos.notes, *notes),
        left_out=photos.left_out,
    )


def _file(image: str) -> _File:
    """The variant of a photo by its file name and the names of the folders around it."""
    path = PurePosixPath(image)
    for pattern, variant in _ENDINGS:
        if match := pattern.fullmatch(path.name):
            named = variant.format(match[2].lower()) if "{}" in variant else variant
            folders = (_version(folder) for folder in path.parts[-2::-1])
            better = next((v for v in folders if v.startswith(f"{named.split('-')[0]}-")), named)
            return _File(image, match[1], path.parent.name, named if named == SMALL else better)
    return _File(image, path.stem, path.parent.name, CLEAN)


def _version(folder: str) -> str:
    """``fawkes_v03_high`` as ``fawkes-v0.3-high``; "" for a folder of another kind of name."""
    match = _VERSION.fullmatch(folder)
    if match is None:
        return ""
    minor = f".{match[3]}" if match[3] else ""
    mode = f"-{match[4].lower()}" if match[4] else ""
    return f"{match[1].lower()}-v{match[2]}{minor}{mode}"


def _clean_ones(files: list[_File], small: bool) -> tuple[list[_File], list[_File]]:
    """The clean photos and all others. A scaled photo is clean where ``small``, or without original."""
    originals = {(f.folder, f.key) for f in files if f.variant == CLEAN}
    scaled = {(f.folder, f.key) for f in files if f.variant == SMALL}
    clean, others = [], []
    for file in files:
        place = (file.folder, file.key)
        if file.variant == SMALL and (small or place not in originals):
            clean.append(replace(file, variant=CLEAN))
        elif file.variant == CLEAN:
            if not (small and place in scaled):
                clean.append(file)
        else:
            others.append(file)
    return clean, others


def _paired(
    name: Name, clean: list[_File], files: list[_File], listed: dict[str, tuple[str, str]]
) -> tuple[list[tuple[str, str, str]], list[str]]:
    """(image, clean photo, variant) of every row, and notes on what is left out."""
    if not files and not listed:
        raise BadInput(
            f"{name} holds no cloaked photos: none is called *_attacked.png or *_cloaked.png, and no folder "
            f"has a {CLOAK_FILE}"
        )
    by_place, by_key = defaultdict(list), defaultdict(list)
    for file in clean:
        by_place[file.folder, file.key].append(file.image)
        by_key[file.key].append(file.image)
    rows = [(file.image, file.image, CLEAN) for file in clean]
    lost: Counter[str] = Counter()
    for file in files:
        found = by_place[file.folder, file.key] or by_key[file.key]
        if len(found) == 1:
            rows.append((file.image, found[0], file.variant))
        else:
            lost[file.variant] += 1
    images = [file.image for file in clean]
    for image, (variant, source) in listed.items():
        found = [i for i in images if i == source or i.endswith(f"/{source}")]
        if len(found) == 1:
            rows.append((image, found[0], variant))
        else:
            lost[variant] += 1
    if len(rows) == len(clean):
        raise BadInput(f"{name}: none of its {sum(lost.values()):,} cloaked photos has a clean photo")
    without = [f"{n:,} {v} photos have no clean photo, or several, and are left out" for v, n in lost.items()]
    return rows, sorted(without)


def _controlled(
    control: str, rows: list[tuple[str, str, str]], frames: dict[str, tuple[str, str]]
) -> tuple[list[tuple[str, str, str]], str]:
    """The rows that a control adds, and a note. For framed photos, ``frames`` gets their two origins."""
    if control != "framed":
        variant, ending = CONTROLS[control]
        cloaked = {source for _, source, v in rows if v != CLEAN}
        return [(f"{source}{ending}", source, variant) for source in sorted(cloaked)], control_note(control)
    variant, ending = FRAMED
    reframed = {source: image for image, source, v in rows if v in REFRAMED}
    frames |= {f"{source}{ending}": (source, image) for source, image in reframed.items()}
    made = [(f"{source}{ending}", source, variant) for source in reframed]
    return made, f"{variant}: {len(made):,} clean photos in the border of their Fawkes version, in memory"


def _listed(root: Path) -> dict[str, tuple[str, str]]:
    """{photo: (id of the cloak, clean photo as faceprobe cloak was given it)} of every ``cloak.json``."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(path for path in root.rglob(CLOAK_FILE) if path.is_file()):
        document: Any = read_json(path)
        try:
            cloak = str(document["cloak"]["id"])
            listed = [(str(p["output"]), str(p["source"])) for p in document["photos"]]
        except (KeyError, TypeError) as error:
            raise BadInput(f"{path} was not written by faceprobe cloak; remove it") from error
        folder = path.parent.relative_to(root)
        found |= {(folder / output).as_posix(): (cloak, source) for output, source in listed}
    return found


def _people(sources: list[str]) -> tuple[list[str], bool]:
    """The person of each row, by the folder of its clean photo, and whether all people are known."""
    known = all("/" in source for source in sources)
    if known:
        return [PurePosixPath(source).parent.name for source in sources], True
    return [f"photo-{PurePosixPath(source).with_suffix('').as_posix()}" for source in sources], False


DATASET = Dataset(
    card=DatasetCard(
        name="cloaked",
        title="Your own cloaked photos with the clean ones",
        use="cloaked:PATH[?variant=clean,lowkey&control=png]",
        status="your own",
        consent="yours to obtain: face embeddings can be biometric data",
        licence="your own",
        non_commercial=None,
        note="by file names: *_attacked.png, *_cloaked.png, *_high_cloaked.png, or a cloak.json",
    ),
    load=load,
)
