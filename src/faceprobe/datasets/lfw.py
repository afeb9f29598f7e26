"""``lfw[:PATH][?pairs=FILE]``: Labeled Faces in the Wild in its official layout.

G. B. Huang, M. Ramesh, T. Berg, E. Learned-Miller, technical report 07-49, University of
Massachusetts, Amherst, 2007: 13,233 photos of 5,749 people, ``name/name_0001.jpg``; ``pairs.txt`` holds
the ten folds of View 2.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.files import cache_dir
from faceprobe.core.names import Name
from faceprobe.data.face_table import FaceTable
from faceprobe.data.left_out import left_out_note
from faceprobe.data.pairs import PairList, read_lfw_pairs, resolve_pairs
from faceprobe.datasets.base import PUBLIC_FIGURES, Dataset, DatasetCard
from faceprobe.datasets.files import FileSource, existing_folder, path_of
from faceprobe.datasets.folder import PART_OPTIONS, part_of_set, person_columns, photos_by_person
from faceprobe.datasets.lfw_download import fetch_lfw

N_PHOTOS, N_PEOPLE = 13_233, 5_749
LICENCE = "no licence stated by its authors; photos from the press (see `faceprobe datasets`)"


def load(name: Name) -> FaceTable:
    """``lfw:PATH?pairs=FILE&people=N&photos=K&min_photos=M``; without PATH, LFW in the cache or a download.

    The pairs come from ``?pairs=``, else ``PATH/pairs.txt``, else the cache. The options ``people``,
    ``photos`` and ``min_photos`` leave the official pairs out. Raises :class:`Missing`, :class:`BadInput`,
    and for a download :class:`faceprobe.core.errors.Unreachable`.
    """
    name.check_options(PART_OPTIONS | {"pairs"})
    pairs_option = name.option("pairs", "")
    if pairs_option and not Path(pairs_option).expanduser().is_file():
        raise Missing(f"lfw: ?pairs={pairs_option}: no such file; give the path of pairs.txt")
    root = existing_folder(path_of(name, "lfw:PATH"), "lfw") if name.body else fetch_lfw()
    root = _with_people(root)
    everyone, left_out = photos_by_person(root)
    _check_layout(everyone, root)
    people = part_of_set(everyone, name)
    table = person_columns(people)
    notes = list(left_out_note(left_out))
    if (table.num_rows, len(people)) != (N_PHOTOS, N_PEOPLE):
        notes.append(
            f"{table.num_rows:,} photos of {len(people):,} people; complete LFW has "
            f"{N_PHOTOS:,} of {N_PEOPLE:,}"
        )
    pairs: PairList | None = None
    if people != everyone:
        notes.append("a part of the people was asked for: the official pairs are left out")
    else:
        paths = np.array(table.column("image").to_pylist(), dtype=np.str_)
        pairs, without = _official_pairs(pairs_option, root, paths)
        notes += without
    return FaceTable(
        name=str(Name("lfw", "", options={k: v for k, v in name.options.items() if k in PART_OPTIONS})),
        table=table,
        source=FileSource(str(root.resolve())),
        default_protocol="lfw/official" if pairs is not None else "verification/all-pairs",
        pairs=pairs,
        licence=LICENCE,
        notes=tuple(notes),
        left_out=left_out,
    )


def _with_people(root: Path) -> Path:
    """The folder of people: ``root``, or ``root/lfw``, to which the archive unpacks."""
    inner = root / "lfw"
    around = inner.is_dir() and not any(inner.glob("*.[jJ][pP][gG]"))
    return inner if around else root


def _check_layout(people: dict[str, list[str]], root: Path) -> None:
    """Raise :class:`BadInput` unless every photo is called ``<name of its folder>_<four digits>.jpg``."""
    for person, photos in people.items():
        official = re.compile(re.escape(person) + r"_\d{4}\.jpg", re.IGNORECASE)
        for photo in photos:
            if not official.fullmatch(photo):
                raise BadInput(
                    f"{root} is not in LFW's layout: {person}/{photo} should be called "
                    f"{person}_0001.jpg; for other photos use folder:{root}"
                )


def _official_pairs(
    option: str, root: Path, paths: NDArray[np.str_]
) -> tuple[PairList | None, tuple[str, ...]]:
    """The pairs and no note, or None and the reason.

    The file of the option ``pairs`` is read, else ``pairs.txt`` in ``root`` or in the folder around it: these
    must fit the photos. Else the file in the cache is read; where it does not fit, there are no pairs.
    """
    places = [Path(option).expanduser()] if option else [root / "pairs.txt", root.parent / "pairs.txt"]
    for place in places:
        if place.is_file():
            return resolve_pairs(read_lfw_pairs(place), paths), ()
    cached = cache_dir("datasets", "lfw", "pairs.txt")
    if not cached.is_file():
        return None, ("no pairs.txt was found: give ?pairs=FILE for the protocol lfw/official",)
    try:
        return resolve_pairs(read_lfw_pairs(cached), paths), ()
    except BadInput as error:
        return None, (f"the official pairs in the cache do not fit: {error}",)


DATASET = Dataset(
    card=DatasetCard(
        name="lfw",
        title="Labeled Faces in the Wild",
        use="lfw[:PATH][?pairs=FILE]",
        status="available",
        consent=f"{PUBLIC_FIGURES} (press)",
        licence="none stated; research use",
        non_commercial=None,
        photos=N_PHOTOS,
        people=N_PEOPLE,
        pairs=6_000,
        download_mb=181.0,
        note="its authors warn that no result on it shows that a system is fit for commercial use",
    ),
    load=load,
    files=("lfw", "pairs.txt"),
)
