"""What ``faceprobe datasets`` tells."""

from __future__ import annotations

from faceprobe.core.files import cache_dir
from faceprobe.datasets import DATASETS
from faceprobe.datasets.info import INFOS, LATER, list_datasets


def test_every_registered_dataset_is_described() -> None:
    described = {info.name for info in INFOS}
    assert set(DATASETS.names()) <= described
    assert len(described) == len(INFOS)


def test_what_is_not_read_yet_says_so() -> None:
    for row in list_datasets():
        assert row["readable"] == (row["use"] != LATER), row["name"]
        assert row["consent"] and row["licence"] and row["status"]


def test_withdrawn_sets_are_never_downloaded() -> None:
    withdrawn = [info for info in INFOS if info.status == "withdrawn"]
    assert {info.name for info in withdrawn} == {"megaface", "ms-celeb", "vggface2"}
    assert all(info.download_mb == 0 and "never downloaded" in info.licence for info in withdrawn)


def test_cached_is_looked_up() -> None:
    def lfw() -> bool:
        return next(bool(row["cached"]) for row in list_datasets() if row["name"] == "lfw")

    assert not lfw()
    cache_dir("datasets", "lfw", "lfw").mkdir(parents=True)
    cache_dir("datasets", "lfw", "pairs.txt").write_text("10\t300\n")
    assert lfw()


def test_sets_named_for_later_are_there() -> None:
    names = {info.name for info in INFOS}
    assert names >= {
        "celeba",
        "perturbed-faces",
        "cloaked",
        "ijb-b",
        "ijb-c",
        "rfw",
        "cfp-fp",
        "agedb-30",
        "calfw",
        "cplfw",
    }


def test_third_parties_are_listed(monkeypatch: object) -> None:
    DATASETS.register("third-party-test", "nowhere:load")
    try:
        row = list_datasets()[-1]
        assert (row["name"], row["readable"], row["status"]) == ("third-party-test", True, "unknown")
    finally:
        del DATASETS._targets["third-party-test"]
