"""The registry of datasets and their cards, as ``faceprobe datasets`` prints them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from faceprobe.core.errors import NotYet, UnknownName
from faceprobe.core.files import cache_dir
from faceprobe.core.names import Name
from faceprobe.data.face_table import FaceTable
from faceprobe.datasets import DATASETS, Dataset, DatasetCard, list_datasets, load_dataset
from faceprobe.datasets.own import own_dataset
from faceprobe.datasets.registry import BUILT_IN


def test_a_datasets_card_bears_the_name_it_is_registered_under() -> None:
    assert {name: DATASETS.get(name).card.name for name in BUILT_IN} == {name: name for name in BUILT_IN}


def test_the_list_is_in_the_order_of_the_registry_without_what_exists_in_one_process() -> None:
    assert [row["name"] for row in list_datasets()] == [name for name in BUILT_IN if name != "own"]
    for row in list_datasets():
        assert row["consent"] and row["licence"] and row["status"] and row["use"]


def test_withdrawn_sets_are_never_downloaded() -> None:
    cards = [DATASETS.get(name).card for name in BUILT_IN]
    withdrawn = [card for card in cards if card.status == "withdrawn"]
    assert {card.name for card in withdrawn} == {"megaface", "ms-celeb", "vggface2"}
    assert all(card.download_mb == 0 and "never downloaded" in card.licence for card in withdrawn)


@pytest.mark.parametrize("name", ["megaface", "ms-celeb:photos"])
def test_a_set_that_is_only_known_says_how_to_read_its_photos(name: str) -> None:
    with pytest.raises(NotYet, match="folder:PATH reads"):
        load_dataset(name)
    row = next(row for row in list_datasets() if row["name"] == name.partition(":")[0])
    assert not row["readable"]


def test_an_unknown_dataset_answers_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'celeba'"):
        load_dataset("celebb:photos")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("faces", "own photos are folder:faces or, with a file of labels, table:FILE"),
        ("vgg/faces", "nor is it a path; your own photos are folder:PATH"),
        ("faces2.csv", "nor is it a path; your own photos are folder:PATH or, .*table:FILE"),
        ("here", "it is a path of yours: write folder:here"),
        ("here/p.csv", "it is a path of yours: write table:here/p.csv"),
        ("here/p.CSV?identity=who", "it is a path of yours: write table:here/p.CSV"),
        ("here/a.bin", "it is a path of yours: write insightface-bin:here/a.bin"),
        ("vgface2", "did you mean 'vggface2'"),
    ],
)
def test_a_path_is_answered_with_the_name_that_reads_it(
    text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    for file in ("p.csv", "p.CSV", "a.bin"):
        (tmp_path / "here" / file).write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownName, match=says) as raised:
        load_dataset(text)
    assert ("vggface2" in str(raised.value)) == (text == "vgface2")


def test_cached_is_looked_up() -> None:
    def is_cached() -> bool:
        return next(bool(row["cached"]) for row in list_datasets() if row["name"] == "lfw")

    assert not is_cached()
    cache_dir("datasets", "lfw", "lfw").mkdir(parents=True)
    assert not is_cached(), "the pairs are still missing"
    cache_dir("datasets", "lfw", "pairs.txt").write_text("10\t300\n")
    assert is_cached()


def test_drawn_people_are_synthetic_evidence_and_no_others() -> None:
    assert [name for name in BUILT_IN if DATASETS.get(name).evidence == "synthetic"] == ["synthetic"]


@pytest.fixture
def plugin() -> Iterator[Dataset]:
    """A dataset as another package would add it."""
    card = DatasetCard("plugin-test", "A plugin's photos", "plugin-test", "available", "asked", "CC0", False)

    def load(name: Name) -> FaceTable:
        return own_dataset([(np.zeros((4, 4, 3), np.uint8), "ada")], name=str(name))

    dataset = Dataset(card, load)
    DATASETS.register("plugin-test", dataset)
    yield dataset
    del DATASETS._objects["plugin-test"]


def test_a_plugins_card_is_listed_last_and_its_photos_load(plugin: Dataset) -> None:
    row = list_datasets()[-1]
    assert (row["name"], row["title"], row["licence"]) == ("plugin-test", "A plugin's photos", "CC0")
    assert row["readable"] and not row["cached"]
    assert load_dataset("plugin-test").identities.tolist() == ["ada"]


def test_a_plugin_that_cannot_be_imported_is_listed_with_the_reason() -> None:
    DATASETS.register("broken-test", "nowhere:DATASET")
    DATASETS.register("odd-test", "faceprobe.datasets.folder:load")
    try:
        broken, odd = list_datasets()[-2:]
    finally:
        for name in ("broken-test", "odd-test"):
            DATASETS._targets.pop(name)
            DATASETS._objects.pop(name, None)
    assert not broken["readable"] and "No module named 'nowhere'" in broken["note"]
    assert not odd["readable"] and "not a faceprobe.datasets.Dataset" in odd["note"]
