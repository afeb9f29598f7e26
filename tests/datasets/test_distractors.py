"""Strangers around another dataset's people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from faceprobe.core.errors import BadInput, Missing, UnknownName, WrongUsage
from faceprobe.core.names import parse_name
from faceprobe.data.photo import UnreadablePhoto
from faceprobe.datasets import load_dataset
from faceprobe.embedding import embed
from faceprobe.models.floors.pixels import FAMILY
from faceprobe.protocols import evaluate
from tests.helpers.fake_encoder import save_photo


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    for k in range(15):
        save_photo(tmp_path / "crowd" / ("a" if k % 2 else "b/c") / f"{k}.jpg", 500 + k)
    for person in range(4):
        for k in range(3 if person else 1):
            save_photo(tmp_path / "people" / f"p{person}" / f"{k}.jpg", 10 * person + k)
    return tmp_path / "crowd", tmp_path / "people"


def test_each_photo_is_a_template_and_keeps_its_source(places: tuple[Path, Path]) -> None:
    crowd, people = places
    table = load_dataset(f"distractors:{crowd}?of=folder:{people}")
    t = table.templates
    assert t is not None
    assert (
        table.name == "distractors:crowd?of=folder:people"
        and table.default_protocol == "identification/megaface"
    )
    assert len(table) == len(t) == 25 and not table.identities_known
    assert table.images.tolist() == sorted(table.images.tolist())
    strangers = table.images[t.row[t.galleries["distractors"]]].tolist()
    assert len(strangers) == 15 and all(image.startswith("distractors/") for image in strangers)
    probes = table.images[t.row[t.probes]].tolist()
    assert len(probes) == 9 and not any(image.startswith("probes/p0/") for image in probes)
    assert t.identities[t.probes].tolist() == [image.split("/")[1] for image in probes]
    assert set(t.identities[t.galleries["distractors"]].tolist()) == {""}
    plain = load_dataset(f"folder:{people}")
    row = table.images.tolist().index("probes/p2/1.jpg")
    mine = plain.photo(plain.images.tolist().index("p2/1.jpg"))
    assert (table.photo(row).pixels == mine.pixels).all()
    assert table.source.digest("probes/p2/1.jpg") == (mine.content_hash, "")
    with pytest.raises(UnreadablePhoto):
        table.source.read("elsewhere/1.jpg")


def test_a_drawn_dataset_brings_its_faces_and_its_evidence(places: tuple[Path, Path]) -> None:
    table = load_dataset(f"distractors:{places[0]}?of=synthetic?people=3%26photos=2")
    assert len(table) == 21 and table.evidence == "synthetic"
    row = int(table.templates.probes[0])
    content, faces = table.source.digest(str(table.images[row]))
    assert table.photo(row).content_hash == content and faces


def test_bad_input(places: tuple[Path, Path], tmp_path: Path) -> None:
    crowd, people = places
    with pytest.raises(WrongUsage, match=r"distractors:PATH\?of=DATASET"):
        load_dataset(f"distractors:{crowd}")
    with pytest.raises(UnknownName):
        load_dataset(f"distractors:{crowd}?of=foldr:{people}")
    with pytest.raises(Missing, match="no such folder"):
        load_dataset(f"distractors:{tmp_path / 'nowhere'}?of=folder:{people}")
    with pytest.raises(BadInput, match="no person in folder:people"):
        load_dataset(f"distractors:{crowd}?of=folder:{people}?photos=1")


def test_from_photos_to_figures(places: tuple[Path, Path]) -> None:
    crowd, people = places
    encoder = FAMILY.load(parse_name("pixels:8"), device="cpu", offline=True)
    table = load_dataset(f"distractors:{crowd}?of=folder:{people}")
    done = embed(table, encoder, workers=0, quiet=True)
    outcome = evaluate(done.data, ["identification/megaface"], replicates=100)
    rows = {(m.metric, m.weighting): m for m in outcome.metrics}
    assert rows["n_trials", "none"].value == 3 * 3 * 2 and rows["n_distractors", "none"].value == 15
    vectors, images = done.data.vectors.astype(float), done.data.paths.tolist()
    hits = []
    for i, a in enumerate(images):
        for j, b in enumerate(images):
            if (
                i != j
                and a.startswith("probes/")
                and a.split("/")[1] == b.split("/")[1]
                and b.startswith("probes/")
            ):
                strangers = [k for k, c in enumerate(images) if c.startswith("distractors/")]
                hits.append(all(vectors[i] @ vectors[k] < vectors[i] @ vectors[j] for k in strangers))
    assert len(hits) == 18
    row = rows["rank1@distractors=all", "pair"]
    assert row.value == pytest.approx(np.mean(hits)) and row.n == 18 and row.n_identities == 3
    assert rows["rank1@distractors=10", "pair"].value >= row.value
    assert rows["tmr@fmr=1e-6@distractors=all", "pair"].value is None
