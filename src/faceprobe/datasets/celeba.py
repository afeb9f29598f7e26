"""``celeba:PATH[?split=...&group=...]``: CelebFaces Attributes in its official layout.

Z. Liu, P. Luo, X. Wang, X. Tang, Deep Learning Face Attributes in the Wild, ICCV 2015: 202,599 photos. PATH
holds ``img_align_celeba/`` (aligned, 178 x 218) or ``img_celeba/`` and the text files, which may also lie
in the folders ``Anno/``, ``Eval/`` and ``Img/`` of the download: ``identity_CelebA.txt`` (``000001.jpg
2880``), ``list_eval_partition.txt`` (``000001.jpg 0``; 0 train, 1 val, 2 test) and ``list_attr_celeba.txt``
(the number of photos, the names of the attributes, then ``000001.jpg -1 1 ...``). With
``list_landmarks_align_celeba.txt`` (two such lines, then ``000001.jpg`` and x y of five points) the face of
each aligned photo is known, and crops need no detector.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from faceprobe.core.errors import BadInput, Missing, UnknownName, WrongUsage
from faceprobe.core.names import Name
from faceprobe.core.text_files import text_lines, words_of
from faceprobe.data.face_table import FaceTable, face_table_columns
from faceprobe.data.labels import label_text
from faceprobe.datasets.base import PUBLIC_FIGURES, Dataset, DatasetCard
from faceprobe.datasets.files import FileSource, local_folder
from faceprobe.datasets.landmarked import LandmarkedFiles
from faceprobe.datasets.listing import list_folder

N_PHOTOS = 202_599
SPLITS = ("train", "val", "test")
ALIGNED = "img_align_celeba"
FOLDERS = (ALIGNED, "img_celeba")
LICENCE = "non-commercial research agreement of its authors"


def load(name: Name) -> FaceTable:
    """``celeba:PATH?split=train|val|test|all&group=ATTRIBUTE``; all splits by default.

    ``group`` is an attribute by its name in the file (``Male``, ``Young``, ...): a person's group is
    ``Male`` or ``not-Male``, by the majority of all of their photos, "" where these are even. Notes say how
    many people occur in several splits, and how many have photos of both groups. Raises :class:`Missing`,
    :class:`BadInput`, :class:`WrongUsage` and, for an attribute not in the file, :class:`UnknownName`.
    """
    name.check_options({"split", "group"})
    split, attribute = name.option("split", "all"), name.option("group", "")
    if split not in (*SPLITS, "all"):
        raise WrongUsage(f"{name}: unknown split {split!r}; known: {', '.join(SPLITS)}, all")
    root = local_folder(name)
    photos, existing = _photos(root)
    people = {
        i: person for i, person in read_identities(_file(root, "identity_CelebA.txt")).items() if person
    }
    partition = _partition(root, people, needed=split != "all")
    notes = _overlap(people, partition)
    listed = {image: person for image, person in people.items() if image in existing}
    if absent := len(people) - len(listed):
        notes.append(f"{absent:,} photos of identity_CelebA.txt are not in {photos.name}/ and are left out")
    if unnamed := len(existing) - len(listed):
        notes.append(f"{unnamed:,} photos in {photos.name}/ have no identity and are left out")
    images = sorted(i for i in listed if split == "all" or partition.get(i) == split)
    if len({listed[i] for i in images}) < 2:
        raise BadInput(f"{name} leaves {len(images)} photos of fewer than two people; comparing needs two")
    columns = {
        "image": images,
        "identity": [listed[i] for i in images],
        "variant": ["clean"] * len(images),
    }
    if partition:
        columns["split"] = [partition.get(i, "") for i in images]
    if attribute:
        groups, note = _groups(_file(root, "list_attr_celeba.txt"), attribute, people)
        columns["group"] = [groups.get(listed[i], "") for i in images]
        notes.append(note)
    if len(people) != N_PHOTOS:
        notes.append(f"{len(people):,} photos are listed; complete CelebA has {N_PHOTOS:,}")
    options = {k: v for k, v in name.options.items() if k in ("split", "group")}
    return FaceTable(
        name=str(Name("celeba", "", options=options)),
        table=face_table_columns(**columns),
        source=_source(root, photos, images),
        licence=LICENCE,
        notes=tuple(notes),
    )


def read_identities(path: Path) -> dict[str, str]:
    """``{photo: person}`` of ``identity_CelebA.txt``; "" where a line names nobody (``000001.jpg nan``)."""
    people: dict[str, str] = {}
    for number, words in _lines(path):
        if len(words) != 2 or words[0] in people:
            raise BadInput(
                f"{path}, line {number}: expected a photo that was not named before and its person's number, "
                "such as '000001.jpg 2880'"
            )
        people[words[0]] = label_text(words[1])
    if not people:
        raise BadInput(f"{path} is empty; it should name each photo's person")
    return people


def _photos(root: Path) -> tuple[Path, set[str]]:
    """The folder of photos and their names."""
    for folder in (p / f for p in (root, root / "Img") for f in FOLDERS):
        if folder.is_dir():
            found = set(list_folder(folder).photos)
            if not found:
                raise BadInput(f"{folder} holds no photos; unpack img_align_celeba.zip there")
            return folder, found
    raise Missing(f"celeba {root} has no folder {' or '.join(FOLDERS)}; unpack the photos there")


def _file(root: Path, name: str) -> Path:
    for folder in (root, root / "Anno", root / "Eval"):
        if (folder / name).is_file():
            return folder / name
    raise Missing(f"celeba {root} has no {name}; put it into that folder or into Anno/")


def _partition(root: Path, people: Mapping[str, str], needed: bool) -> dict[str, str]:
    """``{photo: split}``; {} where the file is missing and not ``needed``."""
    try:
        path = _file(root, "list_eval_partition.txt")
    except Missing:
        if needed:
            raise
        return {}
    partition: dict[str, str] = {}
    for number, words in _lines(path):
        if len(words) != 2 or words[1] not in ("0", "1", "2") or words[0] in partition:
            raise BadInput(f"{path}, line {number}: expected a photo and 0, 1 or 2, such as '000001.jpg 0'")
        partition[words[0]] = SPLITS[int(words[1])]
    without = sum(image not in partition for image in people)
    if without:
        raise BadInput(f"{path} gives {without:,} of the {len(people):,} photos with an identity no split")
    return partition


def _source(root: Path, photos: Path, images: Sequence[str]) -> FileSource:
    """The photos ``images``, with five points each where the landmarks of the aligned photos are known."""
    try:
        path = _file(root, "list_landmarks_align_celeba.txt")
    except Missing:
        return FileSource(str(photos.resolve()))
    if photos.name != ALIGNED:
        return FileSource(str(photos.resolve()))
    points: dict[str, list[float]] = {}
    for number, words in _lines(path):
        if number > 2:
            try:
                points[words[0]] = [float(word) for word in words[1:]]
            except ValueError as error:
                raise BadInput(f"{path}, line {number}: expected a photo and ten numbers") from error
    wrong = [image for image in images if len(points.get(image, ())) != 10]
    if wrong:
        raise BadInput(f"{path} gives {len(wrong):,} photos no five points (first: {wrong[0]})")
    rows = np.array([points[image] for image in images], dtype=np.float32).reshape(-1, 5, 2)
    names, score = np.array(images, dtype=np.str_), np.ones(len(images), dtype=np.float32)
    return LandmarkedFiles.of(photos, names, rows, score)


def _overlap(people: Mapping[str, str], partition: Mapping[str, str]) -> list[str]:
    """A note on the people who occur in several splits, counted in the files."""
    if not partition:
        return ["no list_eval_partition.txt: splits are not known"]
    splits = defaultdict(set)
    for image, person in people.items():
        splits[person].add(partition[image])
    shared = {person for person, own in splits.items() if len(own) > 1}
    counts = Counter(split for own in splits.values() for split in own)
    sizes = ", ".join(f"{split} {counts[split]:,}" for split in SPLITS)
    photos = sum(person in shared for person in people.values())
    found = f"{len(shared):,} with {photos:,} photos" if shared else "none"
    return [f"people in more than one split: {found} of {len(splits):,} ({sizes})"]


def _groups(path: Path, attribute: str, people: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Each person's group by the majority of their photos, and a note on people whose photos differ."""
    lines = _lines(path)
    _, count = next(lines, (0, []))
    _, names = next(lines, (0, []))
    if len(count) != 1 or not count[0].isdecimal() or not names:
        raise BadInput(f"{path}: its first lines should be the number of photos and the attributes' names")
    if attribute not in names:
        raise UnknownName("attribute of celeba", attribute, names)
    column = names.index(attribute) + 1
    votes: Counter[str] = Counter()
    values: dict[str, set[str]] = defaultdict(set)
    for number, words in lines:
        if len(words) != len(names) + 1 or words[column] not in ("1", "-1"):
            raise BadInput(f"{path}, line {number}: expected a photo and {len(names)} values of 1 or -1")
        person = people.get(words[0])
        if person is not None:
            votes[person] += int(words[column])
            values[person].add(words[column])
    groups = {
        person: attribute if votes[person] > 0 else f"not-{attribute}" if votes[person] < 0 else ""
        for person in values
    }
    both = sum(len(own) > 1 for own in values.values())
    even = sum(not group for group in groups.values())
    return groups, (
        f"group {attribute} is each person's majority: {both:,} of {len(groups):,} people have photos of "
        f"both kinds, {even:,} as many of one as of the other (no group)"
    )


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and words of every line that is not blank."""
    for number, line in text_lines(path):
        yield number, words_of(line, (2,))


DATASET = Dataset(
    card=DatasetCard(
        name="celeba",
        title="CelebFaces Attributes",
        use="celeba:PATH[?split=test&group=Male]",
        status="available",
        consent=PUBLIC_FIGURES,
        licence="non-commercial research agreement",
        non_commercial=True,
        photos=N_PHOTOS,
        people=10_177,
        note="from mmlab.ie.cuhk.edu.hk/projects/CelebA.html; aligned photos 1.3 GB; read from a folder",
    ),
    load=load,
)
