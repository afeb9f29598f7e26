"""``table:FILE``: your own photos, and who is in each, as a file of labels names them.

FILE is a CSV (commas, semicolons or tabs), TSV, parquet or JSONL file with a row a photo. Its columns
``path`` (or ``image``, ``image_path``) and ``identity``, and where there are any ``media``, ``event``,
``group``, ``split``, ``variant`` and ``source_image``, may have other names: ``?path=file&identity=who``.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.names import Name
from faceprobe.data.embeddings import CLEAN, PATH_COLUMNS
from faceprobe.data.face_table import COLUMNS, FaceTable, face_table_columns
from faceprobe.data.label_files import Columns, read_columns, texts_of
from faceprobe.data.labels import refuse_pathless
from faceprobe.datasets.base import Dataset, DatasetCard
from faceprobe.datasets.files import FileSource, existing_folder, path_of
from faceprobe.datasets.folder import PART_OPTIONS, evidence_of_files, take_part

MAPPED = ("path", *(column for column in COLUMNS if column != "image"))
"""Options that name a column."""

LOOKED_FOR = 1000
"""Photos of which one must be there: that none is means another folder than the one looked in."""


def load(name: Name) -> FaceTable:
    """``table:FILE?path=COLUMN&identity=COLUMN&root=DIR&people=N&photos=K&min_photos=M``.

    Paths are relative to ``root`` (default: the folder of FILE), or absolute. ``people``, ``photos`` and
    ``min_photos`` select a part as in ``folder:PATH``. A row without an identity is a photo of an unknown
    person: it can be embedded, and is left out and counted where people are compared. A photo whose file is
    missing or damaged is counted when it is read. Raises :class:`Missing` for a file or folder that does not
    exist, :class:`BadInput` for a file without the columns, a row without a path, a photo in two rows, and
    where no photo is found.
    """
    name.check_options({*MAPPED, "root", *PART_OPTIONS})
    file = path_of(name, "table:FILE, as in table:people.csv")
    if not file.exists():
        raise Missing(f"table {file}: no such file; check the path")
    if file.is_dir():
        raise BadInput(f"table {file} is a folder; give the file of labels, or write folder:{file}")
    texts = _columns(name, file)
    root = file.parent
    if name.option("root", ""):
        root = existing_folder(Path(name.option("root", "")).expanduser(), "table: ?root")
    images = _images(texts.pop("path"), root, file)
    if "variant" in texts:
        texts["variant"] = [variant or CLEAN for variant in texts["variant"]]
    if "source_image" in texts:
        made_from = [_image(path, root) if path else "" for path in texts["source_image"]]
        texts["source_image"] = [path or image for path, image in zip(made_from, images, strict=True)]
    order = sorted(range(len(images)), key=images.__getitem__)
    sorted_columns = {column: [values[k] for k in order] for column, values in texts.items()}
    table = FaceTable(
        name=str(
            Name(
                "table",
                file.name,
                options={k: v for k, v in name.options.items() if k not in ("root", "path")},
            )
        ),
        table=face_table_columns(image=[images[k] for k in order], **sorted_columns),
        source=FileSource(str(root.resolve())),
        evidence=evidence_of_files([root / image for image in images]),
        licence="your own photos: see RESPONSIBLE_USE.md",
    )
    return _part(table, name) if PART_OPTIONS & set(name.options) else table


def _columns(name: Name, file: Path) -> dict[str, list[str]]:
    """The known columns of the file as text, by their names in :data:`MAPPED`."""
    asked = {column: name.options[column] for column in MAPPED if column in name.options}
    read: Columns = read_columns(file, {*PATH_COLUMNS, *MAPPED, *asked.values()})
    listed = ", ".join(read) or "none"
    for column, wanted in asked.items():
        if wanted not in read:
            raise BadInput(f"table {file} has no column {wanted!r} (?{column}=); its columns: {listed}")
    asked.setdefault("path", next((column for column in PATH_COLUMNS if column in read), "path"))
    texts = {}
    for column in MAPPED:
        stored = asked.get(column, column)
        if stored in read:
            kind = column if column in ("path", "source_image") else stored
            texts[column] = texts_of({kind: read[stored]}, kind, f"table {file}")
        elif column in ("path", "identity"):
            raise BadInput(
                f"table {file} has no column {column!r}; name the one that it is, as in ?{column}=COLUMN; its"
                f" columns: {listed}"
            )
    lengths = {column: len(values) for column, values in texts.items()}
    if len(set(lengths.values())) > 1 or not texts["path"]:
        raise BadInput(f"table {file} holds no rows; it needs one for each photo")
    refuse_pathless(texts["path"], f"table {file}")
    return texts


def _images(paths: Sequence[str], root: Path, file: Path) -> list[str]:
    """The photos' names: paths from ``root`` where they lie below it, else absolute ones."""
    if not any(os.path.isfile(root / path) for path in paths[:LOOKED_FOR]) and any("\\" in p for p in paths):
        paths = [path.replace("\\", "/") for path in paths]  # a table that was written on Windows
    images = [_image(path, root) for path in paths]
    if len(set(images)) < len(images):
        twice = next(image for image, count in Counter(images).items() if count > 1)
        raise BadInput(f"table {file} names the photo {twice} in two rows; a photo stands in one")
    if not any(os.path.isfile(root / image) for image in images[:LOOKED_FOR]):
        inner = (path for path in sorted(root.iterdir()) if os.path.isfile(path / images[0]))
        fix = (
            f"write ?root={found}" if (found := next(inner, None)) else "say where its paths start: ?root=DIR"
        )
        raise Missing(f"table {file}: none of its photos is there (first: {root / images[0]}); {fix}")
    return images


def _image(path: str, root: Path) -> str:
    """One spelling of a path: ``./a/../b.jpg`` and ``/root/b.jpg`` are ``b.jpg``."""
    whole = Path(os.path.abspath(root / Path(path).expanduser()))
    base = Path(os.path.abspath(root))
    return (whole.relative_to(base) if whole.is_relative_to(base) else whole).as_posix()


def _part(table: FaceTable, name: Name) -> FaceTable:
    """The people and photos that the options of ``name`` select."""
    known = table.known_people()
    people = defaultdict(list)
    for image, person in zip(known.images.tolist(), known.identities.tolist(), strict=True):
        people[person].append(image)
    chosen = {image for images in take_part(dict(sorted(people.items())), name).values() for image in images}
    if not chosen:
        raise BadInput(f"{name} leaves no photo; no person has so many")
    return known.take([row for row, image in enumerate(known.images.tolist()) if image in chosen])


DATASET = Dataset(
    card=DatasetCard(
        name="table",
        title="Your own photos, named by a file of labels",
        use="table:FILE[?path=COLUMN&identity=COLUMN&root=DIR]",
        status="your own",
        consent="yours to obtain: face embeddings can be biometric data",
        licence="your own",
        non_commercial=None,
        note="CSV (also with semicolons), TSV, parquet or JSONL of path and identity",
    ),
    load=load,
)
