"""``table:FILE``: photos and people as a file of labels names them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import faceprobe as fp
from faceprobe.core.errors import BadInput, FaceprobeError, Missing, NoPath, WrongUsage
from faceprobe.data.face_table import FaceTable
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.datasets import load_dataset
from tests.helpers.fake_encoder import save_photo

PEOPLE = ["ada", "ada", "ada", "bo", "bo", "bo", "Jos\u00e9", "Jose\u0301 ", " Jos\u00e9", "", "nan"]
KNOWN = ["ada"] * 3 + ["bo"] * 3 + ["Jos\u00e9"] * 3 + ["", ""]
FILES = [f"photos/{k:02d}.png" for k in range(len(PEOPLE))]
EVENTS = ["e1", "", "e2", "e1", "e1", "e2", "", "", "", "", ""]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("album")
    for k, file in enumerate(FILES):
        save_photo(folder / file, k)
    return folder


def delimited(root: Path, separator: str, name: str = "people.csv") -> Path:
    rows = [("file", "who", "when"), *zip(FILES, PEOPLE, EVENTS, strict=True)]
    (root / name).write_text("".join(separator.join(row) + "\n" for row in rows), encoding="utf-8-sig")
    return root / name


def jsonl(root: Path) -> Path:
    rows = zip(FILES, PEOPLE, EVENTS, strict=True)
    text = "".join(json.dumps({"file": f, "who": p or None, "when": e or None}) + "\n" for f, p, e in rows)
    (root / "people.jsonl").write_text(text)
    return root / "people.jsonl"


def parquet(root: Path) -> Path:
    table = pa.table({"file": FILES, "who": [p or None for p in PEOPLE], "when": EVENTS, "size": [1] * 11})
    pq.write_table(table, root / "people.PARQ")
    return root / "people.PARQ"


FORMS: dict[str, Callable[[Path], Path]] = {
    "commas": lambda root: delimited(root, ","),
    "semicolons": lambda root: delimited(root, ";"),
    "tabs in a csv": lambda root: delimited(root, "\t"),
    "tsv": lambda root: delimited(root, "\t", "people.tsv"),
    "jsonl": jsonl,
    "parquet": parquet,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_rows(form: str, root: Path) -> None:
    file = FORMS[form](root)
    table = load_dataset(f"table:{file}?path=file&identity=who&event=when")
    assert table.name == f"table:{file.name}?identity=who&event=when"
    assert table.images.tolist() == FILES and table.identities.tolist() == KNOWN
    assert table.events is not None and table.events.tolist() == EVENTS
    assert table.evidence == "real-photos" and table.groups is None
    assert table.photo(4).content_hash == table.source.digest(FILES[4]).content
    bare = fp.load_dataset(f"{file}?path=file&identity=who")
    assert bare.identities.tolist() == KNOWN, "a path alone is named by its ending"


def write(root: Path, columns: dict[str, list[str]], name: str = "own.csv") -> str:
    rows = [tuple(columns), *zip(*columns.values(), strict=True)]
    (root / name).write_text("".join(",".join(row) + "\n" for row in rows))
    return f"table:{root / name}"


def test_paths_start_at_the_file_at_root_or_at_the_top(root: Path, tmp_path: Path) -> None:
    people = PEOPLE[:6]
    bare = [file.removeprefix("photos/") for file in FILES[:6]]
    whole = [str(root / file) for file in FILES[:6]]
    dotted = [f"./x/../{file}" for file in FILES[:6]]
    windows = [file.replace("/", "\\") for file in FILES[:6]]

    def rows(paths: list[str], options: str = "", folder: Path = root) -> tuple[list[str], list[str]]:
        table = load_dataset(write(folder, {"image_path": paths, "identity": people}) + options)
        assert table.photo(0).content_hash == load_dataset(expected).photo(0).content_hash
        return table.images.tolist(), table.identities.tolist()

    expected = write(root, {"path": FILES[:6], "identity": people}, "plain.csv")
    assert rows(FILES[:6]) == rows(whole) == rows(dotted) == rows(windows) == (FILES[:6], people)
    assert rows(bare, f"?root={root / 'photos'}", tmp_path) == (bare, people)
    assert rows(whole, "", tmp_path) == (whole, people), "elsewhere they keep their whole names"


def test_a_part_is_chosen_as_in_a_folder(root: Path) -> None:
    name = write(root, {"path": FILES, "identity": PEOPLE})
    table = load_dataset(f"{name}?people=2&photos=2")
    assert table.images.tolist() == [FILES[k] for k in (0, 1, 6, 7)], "Jos\u00e9 comes before ada"
    assert table.name == "table:own.csv?people=2&photos=2" and table.n_unknown == 2


def test_variants_and_their_clean_photos(root: Path) -> None:
    variants = ["", "fawkes", "clean", "fawkes", "", "fawkes"]
    sources = ["", f"./{FILES[0]}", "", str(root / FILES[2]), "", FILES[4]]
    columns = {"path": FILES[:6], "identity": PEOPLE[:6], "variant": variants, "source_image": sources}
    table = load_dataset(write(root, columns))
    assert table.variants is not None and table.variants.tolist() == ["clean", "fawkes"] * 3
    assert table.sources is not None
    assert table.sources.tolist() == [FILES[k] for k in (0, 0, 2, 2, 4, 4)]


def test_unknown_people_are_embedded_but_compared_with_nobody(root: Path) -> None:
    name = write(root, {"path": FILES, "identity": PEOPLE})
    measured = fp.evaluate("pixels:4", name, replicates=0)
    assert measured.excluded == {"no identity": 2}
    known = write(root, {"path": FILES[:9], "identity": PEOPLE[:9]}, "known.csv")
    alone = fp.evaluate("pixels:4", known, replicates=0)
    assert [(r.protocol, r.metric, r.value, r.n) for r in measured] == [
        (r.protocol, r.metric, r.value, r.n) for r in alone
    ]
    assert "identification/leave-one-out" in measured.protocols, "identification is measured by default"
    embedded = fp.embed(name, "pixels:4")
    assert len(embedded) == 11 and fp.score(embedded, replicates=0).excluded == {"no identity": 2}


def test_a_dataframe_with_unknown_people_measures_the_same(root: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"path": [str(root / f) for f in FILES], "identity": PEOPLE})
    frame["identity"] = frame["identity"].replace({"": None, "nan": float("nan")})
    measured = fp.evaluate("pixels:4", frame, replicates=0)
    from_file = fp.evaluate("pixels:4", write(root, {"path": FILES, "identity": PEOPLE}), replicates=0)
    assert [r.value for r in measured] == [r.value for r in from_file]
    assert measured.excluded == {"no identity": 2}


def test_unknown_people_are_nobodys_probes_and_fit_nothing(root: Path) -> None:
    name = write(root, {"path": FILES, "identity": PEOPLE})
    inner = name.replace("?", "%3F")
    table = load_dataset(f"distractors:{root / 'photos'}?of={inner}")
    assert table.templates is not None
    assert table.templates.identities[table.templates.probes].tolist() == KNOWN[:9]
    with pytest.raises(BadInput, match="the fit has 9 mated and 27 non-mated pairs"):
        others = [(root / FILES[0], "zoe"), (root / FILES[1], None)]
        fp.embed(others, f"fusion:pixels:4+pixels:6?fit={inner}")


@pytest.mark.parametrize(
    ("text", "options", "kind", "says"),
    [
        (
            "file,identity\nx,a\n",
            "",
            BadInput,
            "no column 'path'; name the one that it is.*columns: file, id",
        ),
        ("path,who\nx,a\n", "", BadInput, r"no column 'identity'.*\?identity=COLUMN"),
        (
            "path,who\nx,a\n",
            "?identity=name",
            BadInput,
            r"no column 'name' \(\?identity=\); its columns: path",
        ),
        ("path,identity\nx,a\n,b\n", "", BadInput, r"1 row without a path \(first: row 1\)"),
        ("path,identity,identity\nx,a,b\n", "", BadInput, "2 columns called 'identity'"),
        ("path,identity\n", "", BadInput, "holds no rows"),
        ("path,identity\nx,a\n./x,b\n", "", BadInput, "names the photo x in two rows"),
        ("path,identity\nx,a\n", "", Missing, r"none of its photos is there \(first: .*x\).*\?root=DIR"),
        ("path,identity\nx,a\n", "?root=nowhere", Missing, "nowhere: no such folder"),
        ("path,identity\nx,a\n", "?colour=red", WrongUsage, "unknown option 'colour'"),
    ],
)
def test_a_wrong_table_is_one_clear_line(
    tmp_path: Path, text: str, options: str, kind: type[FaceprobeError], says: str
) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(kind, match=says) as raised:
        load_dataset(f"table:{tmp_path / 't.csv'}{options}")
    assert "\n" not in str(raised.value)


def test_a_wrong_place_is_one_clear_line(root: Path) -> None:
    with pytest.raises(NoPath, match="table:people"):
        load_dataset("table")
    with pytest.raises(Missing, match="no such file"):
        load_dataset(f"table:{root / 'gone.csv'}")
    with pytest.raises(BadInput, match="is a folder; give the file of labels, or write folder:"):
        load_dataset(f"table:{root}")
    names = [file.removeprefix("photos/") for file in FILES]
    with pytest.raises(Missing, match=rf"none of its photos is there .*; write \?root={root / 'photos'}$"):
        load_dataset(write(root, {"path": names, "identity": PEOPLE}, "deep.csv"))
    nobody = write(root, {"path": FILES[:2], "identity": ["", "nan"]})
    table: FaceTable = load_dataset(nobody)
    with pytest.raises(BadInput, match="names nobody: none of its 2 photos has an identity"):
        table.known_people()


def test_a_name_that_no_file_can_have_is_one_photo_less(root: Path) -> None:
    file = root / "long.csv"
    file.write_text(f"path,identity\n{300 * 'x'}.png,ada\n{FILES[0]},ada\n")
    table = load_dataset(f"table:{file}")
    assert len(table) == 2
    with pytest.raises(UnreadablePhoto, match="file name too long"):
        table.source.check(str(table.images[1]))
