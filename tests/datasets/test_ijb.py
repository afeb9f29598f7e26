"""IJB-B and IJB-C on a small replica in the exact layout, written here."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.data.face_table import FaceTable
from faceprobe.data.photo import UnreadablePhoto, digest_faces
from faceprobe.datasets import load_dataset
from faceprobe.datasets.ijb_meta import read_subjects
from faceprobe.embedding import embed
from faceprobe.embedding.preparation import PhotoPreparation
from faceprobe.embedding.store import EmbeddingStore
from faceprobe.faces.crops import CropPolicy
from faceprobe.models.preprocess import Preprocess
from faceprobe.protocols import evaluate

POINTS = [(20, 22), (40, 22), (30, 34), (22, 44), (38, 44)]
HEADER = "TEMPLATE_ID,SUBJECT_ID,FILENAME,SIGHTING_ID,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT"
TEMPLATES = {
    1: (10, [(69, 0.9), (69, 0.8)]),
    4: (10, [(7, 1.0)]),
    2: (20, [(8, 0.5), (9, 0.25)]),
    9: (20, [(3, 1.0)]),
}
"""template: (subject, [(medium, detector score)])"""


def write_replica(root: Path, stem: str = "ijbc", galleries: tuple[str, str] = ("G1", "G2")) -> Path:
    (root / "loose_crop").mkdir(parents=True)
    meta = root / "meta"
    meta.mkdir()
    tid, points, k = [], [], 0
    for template, (_, photos) in TEMPLATES.items():
        for medium, score in photos:
            k += 1
            rng = np.random.default_rng(k)
            Image.fromarray(rng.integers(0, 256, (60, 56, 3), dtype=np.uint8)).save(
                root / "loose_crop" / f"{k}.jpg"
            )
            tid.append(f"{k}.jpg {template} {medium}")
            numbers = " ".join(f"{x + k / 8:.6f} {y:.6f}" for x, y in POINTS)
            points.append(f"{k}.jpg {numbers} {score}")
    write(meta / f"{stem}_face_tid_mid.txt", tid)
    write(meta / f"{stem}_name_5pts_score.txt", points)
    write(meta / f"{stem}_template_pair_label.txt", ["1 4 1", "1 9 0", "2 9 1", "2 4 0"])
    for gallery, template in zip(galleries, (1, 2), strict=True):
        subject = TEMPLATES[template][0]
        lines = [f"{template},{subject},img/{k}.jpg,{k},1,2,3,4" for k in range(2)]  # one line a photo
        write(meta / f"{stem}_1N_gallery_{gallery}.csv", [HEADER, *lines])
    write(
        meta / f"{stem}_1N_probe_mixed.csv",
        [HEADER, "4,10,frames/1.png,5,1,2,3,4", "9,20,frames/2.png,6,1,2,3,4"],
    )
    return root


def write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_replica(tmp_path / "IJBC")


def load(root: Path) -> FaceTable:
    return load_dataset(f"ijb-c:{root}")


def test_everything_is_where_the_files_say(root: Path) -> None:
    table = load(root)
    t = table.templates
    assert t is not None
    assert table.name == "ijb-c:IJBC" and table.default_protocol == "ijb/1:1" and table.identities_known
    assert table.images.tolist() == [f"{k}.jpg" for k in range(1, 7)]
    assert table.identities.tolist() == ["10", "10", "10", "20", "20", "20"]
    assert t.names.tolist() == ["1", "2", "4", "9"] and t.identities.tolist() == ["10", "20", "10", "20"]
    members = sorted(
        zip(t.row.tolist(), t.names[t.template], t.media.tolist(), t.weight.tolist(), strict=True)
    )
    assert members == [(0, "1", 69, pytest.approx(0.9)), (1, "1", 69, pytest.approx(0.8)), (2, "4", 7, 1.0),
                       (3, "2", 8, 0.5), (4, "2", 9, 0.25), (5, "9", 3, 1.0)]  # fmt: skip
    listed = zip(t.names[t.left], t.names[t.right], t.same.tolist(), strict=True)
    assert list(listed) == [("1", "4", True), ("1", "9", False), ("2", "9", True), ("2", "4", False)]
    assert {k: t.names[g].tolist() for k, g in t.galleries.items()} == {"G1": ["1"], "G2": ["2"]}
    assert t.names[t.probes].tolist() == ["4", "9"]
    assert any("469,375" in note for note in table.notes)


def test_more_than_nine_photos_are_sorted_as_text(root: Path) -> None:
    """Rows are sorted by name, in which 10.jpg comes before 2.jpg; every column must follow."""
    meta = root / "meta"
    for name in ("ijbc_face_tid_mid.txt", "ijbc_name_5pts_score.txt"):
        path = meta / name
        path.write_text(path.read_text().replace("1.jpg", "10.jpg"))
    (root / "loose_crop" / "1.jpg").rename(root / "loose_crop" / "10.jpg")
    table = load(root)
    assert table.images[0] == "10.jpg" and table.images[1] == "2.jpg"
    assert table.photo(0).faces[0].landmarks[0].tolist() == [20.125, 22]
    assert table.photo(1).faces[0].landmarks[0].tolist() == [20.25, 22]
    shuffled = (meta / "ijbc_name_5pts_score.txt").read_text().splitlines()[::-1]
    write(meta / "ijbc_name_5pts_score.txt", shuffled)  # the two files may differ in order
    again = load(root)
    assert again.photo(0).faces[0].landmarks[0].tolist() == [20.125, 22]
    order = np.lexsort((table.templates.media, table.templates.row))
    other = np.lexsort((again.templates.media, again.templates.row))
    assert (table.templates.weight[order] == again.templates.weight[other]).all()


def test_the_five_points_are_the_photos_face_and_need_no_detector(root: Path) -> None:
    table = load(root)
    photo = table.photo(2)
    (face,) = photo.faces
    np.testing.assert_allclose(face.landmarks, np.add(POINTS, [3 / 8, 0]), atol=1e-6)
    assert face.score == 1.0 and table.photo(3).faces[0].score == 0.5
    x0, y0, x1, y1 = face.box
    assert (x1 - x0, y1 - y0) == (44, 44) and ((x0 + x1) / 2, (y0 + y1) / 2) == (30.375, 33)
    assert table.source.digest("3.jpg") == (photo.content_hash, digest_faces(photo.faces))
    preparation = PhotoPreparation(
        table.source, CropPolicy.parse("aligned-112"), (0, 0, 0), Preprocess((112, 112), (0,) * 3, (1,) * 3)
    )
    prepared = pickle.loads(pickle.dumps(preparation)).prepare("3.jpg")  # noqa: S301 - as worker processes do
    assert prepared.pixels.shape == (112, 112, 3) and not prepared.failure
    with pytest.raises(UnreadablePhoto, match="no such photo"):
        table.source.faces("99.jpg")


def test_ijb_b_calls_its_galleries_s1_and_s2(tmp_path: Path) -> None:
    table = load_dataset(f"ijb-b:{write_replica(tmp_path / 'IJBB', 'ijbb', ('S1', 'S2'))}")
    assert sorted(table.templates.galleries) == ["S1", "S2"]
    assert any("227,630" in note for note in table.notes)


def test_without_the_search_files_subjects_are_unknown(root: Path) -> None:
    for path in (root / "meta").glob("*1N*"):
        path.unlink()
    table = load(root)
    assert not table.identities_known and not table.templates.galleries
    assert table.identities.tolist() == ["template-1"] * 2 + ["template-4"] + ["template-2"] * 2 + [
        "template-9"
    ]
    assert any("no ijbc_1N_probe_mixed.csv" in note for note in table.notes)


def edit(root: Path, name: str, old: str, new: str) -> None:
    path = root / "meta" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("ijbc_face_tid_mid.txt", "3.jpg 4 7", "3.jpg four 7", "a name, a template and a medium a line"),
        ("ijbc_face_tid_mid.txt", "3.jpg 4 7", "33.jpg 4 7", "line 3: '33.jpg' has no line with its"),
        ("ijbc_face_tid_mid.txt", "3.jpg 4 7\n", "", "1 faces no template|template 4 has no photos"),
        ("ijbc_name_5pts_score.txt", "2.jpg", "1.jpg", "names a photo twice"),
        ("ijbc_name_5pts_score.txt", "2.jpg", "../2.jpg", "is not the name of a photo"),
        ("ijbc_name_5pts_score.txt", " 0.9", " nan", "a value is missing"),
        ("ijbc_name_5pts_score.txt", " 0.9", " inf", "not a number, or a detector score below 0"),
        ("ijbc_name_5pts_score.txt", " 0.9", " -1", "not a number, or a detector score below 0"),
        ("ijbc_name_5pts_score.txt", " 0.9", "", "a name, five points and a score a line"),
        ("ijbc_template_pair_label.txt", "1 9 0", "1 9 2", "label other than 0 and 1"),
        ("ijbc_template_pair_label.txt", "1 9 0", "1 8 0", "template 8 has no photos"),
        ("ijbc_template_pair_label.txt", "1 9 0", "1 9", "two templates and 0 or 1 a line"),
        ("ijbc_1N_gallery_G1.csv", "TEMPLATE_ID", "TEMPLATE", "no column 'TEMPLATE_ID'"),
        ("ijbc_1N_gallery_G1.csv", "1,10,", "1,11,", "shows subject 10, in another file it shows 11"),
        ("ijbc_1N_probe_mixed.csv", "9,20,", "8,20,", "the probes: template 8 has no photos"),
    ],
)  # fmt: skip
def test_wrong_files_are_named(root: Path, name: str, old: str, new: str, message: str) -> None:
    edit(root, name, old, new)
    with pytest.raises(BadInput, match=message):
        load(root)


def test_missing_parts_are_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(Missing, match="ijb-c:PATH"):
        load_dataset("ijb-c")
    with pytest.raises(WrongUsage, match="unknown option"):
        load_dataset(f"ijb-c:{root}?split=test")
    (root / "meta" / "ijbc_template_pair_label.txt").unlink()
    with pytest.raises(Missing, match=r"ijbc_template_pair_label\.txt"):
        load(root)
    (root / "meta" / "ijbc_1N_gallery_G2.csv").unlink()
    with pytest.raises(Missing, match=r"no ijbc_1N_gallery_G2\.csv"):
        load(root)
    shutil.rmtree(root / "loose_crop")
    with pytest.raises(Missing, match="no folder loose_crop/"):
        load(root)


def test_from_photos_to_the_store_and_back(root: Path, tmp_path: Path) -> None:
    """Embedded with a photo that cannot be read: templates are renumbered, stored and read back alike."""
    from faceprobe.core.names import parse_name
    from faceprobe.models.floors.pixels import FAMILY

    encoder = FAMILY.load(parse_name("pixels:8"), device="cpu", offline=True)
    (root / "loose_crop" / "2.jpg").write_bytes(b"")
    (root / "loose_crop" / "6.jpg").write_bytes(b"")
    table = load(root)
    done = embed(table, encoder, out=tmp_path / "store", workers=0, quiet=True, max_excluded=0.5)
    t = done.data.templates
    assert t is not None
    assert t.names.tolist() == ["1", "2", "4"] and (t.lost_templates, t.lost_pairs) == (1, 2)
    assert done.data.paths[t.row].tolist() == ["1.jpg", "3.jpg", "4.jpg", "5.jpg"]
    assert t.names[t.probes].tolist() == ["4"] and t.names[t.left].tolist() == ["1", "2"]
    back = EmbeddingStore.open(tmp_path / "store")
    back.verify()
    labelled = back.to_embeddings()
    assert labelled.templates is not None and labelled.templates.digest() == t.digest()
    assert (labelled.templates.lost_templates, labelled.templates.lost_pairs) == (1, 2)
    outcome = evaluate(labelled, ["ijb/1:1"], replicates=0)
    notes = {m.metric: m.text for m in outcome.metrics}
    assert "2 listed pairs are left out with their templates" in notes["n_nonmated"]
    assert "1 template has no usable photo" in notes["tmr@fmr=1e-1"]
    assert evaluate(done.data, ["ijb/1:1"], replicates=0).metrics == outcome.metrics
    (tmp_path / "store" / "template_pairs.parquet").unlink()
    with pytest.raises(BadInput, match=r"lacks template_pairs\.parquet"):
        back.to_embeddings()


def test_templates_are_part_of_what_a_result_stands_on(root: Path) -> None:
    from faceprobe.core.names import parse_name
    from faceprobe.models.floors.pixels import FAMILY

    encoder = FAMILY.load(parse_name("pixels:8"), device="cpu", offline=True)
    table = load(root)
    first = embed(table, encoder, workers=0, quiet=True).dataset_hash
    assert embed(load(root), encoder, workers=0, quiet=True).dataset_hash == first
    t = table.templates
    assert t is not None and t.weight is not None
    for other in (
        replace(t, weight=t.weight * np.float32(0.5)),
        replace(t, same=~t.same),
        replace(t, media=t.media + 1),
        replace(t, probes=t.probes[:1]),
        replace(t, galleries={"G1": t.galleries["G2"], "G2": t.galleries["G1"]}),
        replace(t, identities=np.array(["10", "20", "10", "21"])),
    ):
        assert other.digest() != t.digest()
        assert embed(replace(table, templates=other), encoder, workers=0, quiet=True).dataset_hash != first


def test_from_the_command_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """aligned-112 from the set's own five points (no detector), both protocols, in one command."""
    from faceprobe.cli.main import run

    arguments = ["eval", "--model", "pixels:8", "--dataset", f"ijb-c:{root}", "--crop", "aligned-112"]
    arguments += ["--protocol", "ijb/1:1", "--protocol", "ijb/1:N", "--replicates", "20", "--json"]
    assert run(arguments) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    values = {(r["protocol"], r["metric"], r["weighting"]): r["value"] for r in rows}
    assert values["ijb/1:1", "n_mated", "none"] == values["ijb/1:1", "n_nonmated", "none"] == 2
    assert values["ijb/1:1", "auc", "pair"] is not None
    assert values["ijb/1:N", "rank1", "pair"] == 1.0  # one person in each gallery
    assert {r["evidence"] for r in rows} == {"real-photos"} and {r["dataset"] for r in rows} == {"ijb-c:IJBC"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("TEMPLATE_ID,SUBJECT_ID\n1,5\n2,\n", "lacks a template or subject"),
        ("TEMPLATE_ID,SUBJECT_ID\n1,5.0\n2,nan\n", "lacks a template or subject"),
        ("TEMPLATE_ID,SUBJECT_ID\n1,ada\n2, \n", "lacks a template or subject"),
        ("TEMPLATE_ID,SUBJECT_ID\n1,5\n,6\n", "lacks a template or subject"),
        ("TEMPLATE_ID,SUBJECT_ID,subject_id\n1,5,6\n", "2 columns called 'SUBJECT_ID'"),
    ],
)
def test_a_subject_that_is_missing_or_there_twice_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "probes.csv").write_text(text)
    with pytest.raises(BadInput, match=says):
        read_subjects({}, tmp_path / "probes.csv")


def test_a_subject_is_one_whether_its_file_has_integers_or_floats(tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text("\ufeffTEMPLATE_ID,SUBJECT_ID\n1,5\n2,6\n", encoding="utf-8")
    (tmp_path / "p.csv").write_text("TEMPLATE_ID,SUBJECT_ID\n1,5.0\n3,6.0\n")
    assert read_subjects({"G1": tmp_path / "g.csv"}, tmp_path / "p.csv").of == {1: "5", 2: "6", 3: "6"}
