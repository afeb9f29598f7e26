"""``vggface2:PATH``: the test part of VGGFace2, ``test/n000001/0001_01.jpg``.

Q. Cao, L. Shen, W. Xie, O. M. Parkhi, A. Zisserman, VGGFace2, FG 2018: 500 people in the test part. The set
is no longer given out by its authors and is read from a folder only. Where ``identity_meta.csv`` exists
(``Class_ID, Name, Sample_Num, Flag, Gender``; Flag 0 = test), a person's group is the gender in it.
"""

from __future__ import annotations

import re
from pathlib import Path

from faceprobe.core.errors import BadInput
from faceprobe.core.names import Name
from faceprobe.core.text_files import text_lines
from faceprobe.data.face_table import FaceTable, face_table_columns
from faceprobe.data.labels import label_text
from faceprobe.data.left_out import left_out_note
from faceprobe.datasets.base import PUBLIC_FIGURES, Dataset, DatasetCard
from faceprobe.datasets.files import FileSource, local_folder
from faceprobe.datasets.folder import PART_OPTIONS, part_of_set, person_columns, photos_by_person

N_PEOPLE = 500
META = "identity_meta.csv"
LICENCE = "no longer given out by its authors; never downloaded by faceprobe"
GENDERS = {"m": "male", "f": "female"}


def load(name: Name) -> FaceTable:
    """``vggface2:PATH?people=N&photos=K&min_photos=M``; PATH holds ``test/``, or is that folder.

    The options select a part as in ``folder:PATH``. Raises :class:`faceprobe.core.errors.NoPath`,
    :class:`Missing` and :class:`BadInput`.
    """
    name.check_options(PART_OPTIONS)
    given = local_folder(name)
    root = given / "test" if (given / "test").is_dir() else given
    everyone, left_out = photos_by_person(root)
    for person in everyone:
        if not re.fullmatch(r"n\d{6}", person):
            raise BadInput(
                f"{root} is not in VGGFace2's layout: the folder {person} should be called n000001 or so; "
                f"for other photos use folder:{root}"
            )
    people = part_of_set(everyone, name)
    notes = list(left_out_note(left_out))
    if len(everyone) != N_PEOPLE:
        notes.append(f"{len(everyone):,} people; the test part has {N_PEOPLE}")
    candidates = (root / META, given / META, given / "meta" / META, root.parent / META)
    meta = next((path for path in candidates if path.is_file()), None)
    table = person_columns(people)
    if meta is None:
        notes.append(f"no {META}: groups are not known")
    else:
        genders = read_genders(meta)
        images, identities = (table.column(c).to_pylist() for c in ("image", "identity"))
        groups = [genders.get(person, "") for person in identities]
        table = face_table_columns(image=images, identity=identities, group=groups)
        without = sum(person not in genders for person in people)
        notes.append(f"group is the gender that {META} states; it states none for {without:,} people")
    return FaceTable(
        name=str(Name("vggface2", "", options=dict(name.options))),
        table=table,
        source=FileSource(str(root.resolve())),
        licence=LICENCE,
        notes=tuple(notes),
        left_out=left_out,
    )


def read_genders(path: Path) -> dict[str, str]:
    """``{person: "male" | "female"}`` of people with a stated gender. Names may hold commas: the
    first and the last value of a line are read.
    """
    lines = text_lines(path)
    header = [word.strip().lower() for word in next(lines, (1, ""))[1].split(",")]
    if header[:1] != ["class_id"] or header[-1:] != ["gender"]:
        raise BadInput(f"{path}: its first line should be Class_ID, Name, Sample_Num, Flag, Gender")
    genders: dict[str, str] = {}
    for number, line in lines:
        words = [word.strip() for word in line.rstrip(", ").split(",")]
        if words == [""]:
            continue
        if len(line.split(",")) == 5 and not label_text(line.split(",")[4]):
            continue  # no gender is stated
        if len(words) < 5 or words[-1] not in GENDERS:
            raise BadInput(f"{path}, line {number}: expected five values, the last of them m or f")
        genders[words[0]] = GENDERS[words[-1]]
    return genders


DATASET = Dataset(
    card=DatasetCard(
        name="vggface2",
        title="VGGFace2 (test part)",
        use="vggface2:PATH",
        status="withdrawn",
        consent=PUBLIC_FIGURES,
        licence="no longer given out by its authors; never downloaded by faceprobe",
        non_commercial=None,
        people=N_PEOPLE,
        note="read from a folder of the test part: test/n000001/0001_01.jpg",
    ),
    load=load,
)
