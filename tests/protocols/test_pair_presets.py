"""The presets of listed pairs as protocols: what they print, on made-up pairs and on all of LFW."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceprobe.core.errors import BadInput
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.pairs import PairList
from faceprobe.data.vector_files import read_embeddings
from faceprobe.protocols import PROTOCOLS, evaluate
from faceprobe.results.result import Metric
from tests.helpers.pairs_oracle import small_world

PRESETS = ("lfw/insightface", "lfw/facexzoo")


def listed(n: int, folds: int, order: str = "contiguous") -> Embeddings:
    data = small_world(2, n=40)
    rng = np.random.default_rng(1)
    left = rng.integers(len(data), size=n)
    right = (left + rng.integers(1, len(data), size=n)) % len(data)
    fold = np.arange(n) * folds // n if order == "contiguous" else np.arange(n) % folds
    return replace(data, pairs=PairList(left, right, data.identities[left] == data.identities[right], fold))


def rows(data: Embeddings, protocol: str) -> dict[str, Metric]:
    return {m.metric: m for m in evaluate(data, [protocol], replicates=20).metrics}


def plain(data: Embeddings, protocol: str) -> list[float]:
    """The accuracies of ten folds by the published definitions, in plain numpy over full matrices."""
    pairs = data.pairs
    assert pairs is not None
    unit = data.vectors.astype(np.float64)
    unit /= np.sqrt((unit**2).sum(axis=1, keepdims=True))
    a, b, same = unit[pairs.left], unit[pairs.right], pairs.same
    accuracies = []
    for held in np.array_split(np.arange(len(same)), 10):
        train = np.setdiff1d(np.arange(len(same)), held)
        if protocol == "lfw/insightface":
            distance, grid = ((a - b) ** 2).sum(axis=1), np.arange(0, 4, 0.01)
            right = (distance[train, None] < grid) == same[train, None]
            t = grid[np.argmax(right.mean(axis=0))]
            accuracies.append(np.mean((distance[held] < t) == same[held]))
        else:
            score = (a * b).sum(axis=1)
            low, high = score[train].min(), score[train].max()
            grid = low + np.arange(1, 1001) * (high - low) / 1000
            above = score[train, None] > grid
            t = grid[np.argmax(above[same[train]].mean(axis=0) - above[~same[train]].mean(axis=0))]
            accuracies.append(np.mean(np.where(same[held], score[held] > t, score[held] < t)))
    return accuracies


@pytest.mark.parametrize("protocol", PRESETS)
@pytest.mark.parametrize("n", [60, 113])
def test_figures_and_their_names(protocol: str, n: int) -> None:
    data = listed(n, 10)
    got, expected = rows(data, protocol), plain(data, protocol)
    assert got["accuracy"].value == pytest.approx(np.mean(expected), abs=1e-12)
    spread = np.std(expected, ddof=0) if protocol == "lfw/insightface" else np.std(expected, ddof=1) / 10**0.5
    name = "accuracy_sd" if protocol == "lfw/insightface" else "accuracy_se"
    assert set(got) == {"accuracy", name}
    assert got[name].value == pytest.approx(spread, abs=1e-12)
    assert got["accuracy"].ci_method.startswith("mean +- t(9)")
    assert f"not a list that this preset is published for: {n} pairs" in got["accuracy"].text


@pytest.mark.parametrize("protocol", PRESETS)
def test_the_order_of_rows_changes_nothing(protocol: str) -> None:
    data = listed(80, 10)
    assert data.pairs is not None
    order = np.random.default_rng(5).permutation(len(data))
    place = np.argsort(order)
    moved = Embeddings(
        vectors=data.vectors[order],
        identities=data.identities[order],
        paths=data.paths[order],
        pairs=replace(data.pairs, left=place[data.pairs.left], right=place[data.pairs.right]),
    )
    assert rows(moved, protocol) == rows(replace(data, events=None), protocol)


@pytest.mark.parametrize("protocol", PRESETS)
def test_folds_are_the_presets_own(protocol: str) -> None:
    """Another division in the list, or none, gives the same figure; a division is then mentioned."""
    contiguous, other, none = listed(60, 10), listed(60, 10, "interleaved"), listed(60, 1)
    values = [rows(data, protocol)["accuracy"] for data in (contiguous, other, none)]
    assert len({row.value for row in values}) == 1
    assert ["not the list's own folds" in row.text for row in values] == [False, True, False]


def test_conventions_say_what_is_not_a_standard_error_and_who_mirrors() -> None:
    protocol = PROTOCOLS.get("lfw/insightface")
    assert "not a standard error" in protocol.short and "flip=sum" in protocol.short
    assert "property of the model" in protocol.conventions["mirror"]
    for name in PRESETS:
        assert PROTOCOLS.get(name).on_request and PROTOCOLS.get(name).kind == "pair-list"


def test_too_few_pairs_or_one_kind() -> None:
    for protocol in PRESETS:
        with pytest.raises(BadInput, match="10 folds need as many pairs; the list has 9"):
            evaluate(listed(9, 1), [protocol])
        data = listed(30, 10)
        assert data.pairs is not None
        with pytest.raises(BadInput, match="all 30 listed pairs show two people"):
            evaluate(replace(data, pairs=replace(data.pairs, same=np.zeros(30, dtype=bool))), [protocol])


@pytest.mark.slow
def test_all_of_lfw_equals_the_plain_computation(shared: Path) -> None:
    folder = shared / "data" / "lfw_vectors"
    data = read_embeddings(
        folder / "embeddings.npy", folder / "samples.csv", shared / "data" / "lfw_meta" / "pairs.txt"
    )
    for protocol in PRESETS:
        got, expected = rows(data, protocol), plain(data, protocol)
        assert got["accuracy"].value == np.mean(expected)
        assert got["accuracy"].text == "" and got["accuracy"].n == 6000
        spread = got.get("accuracy_sd") or got["accuracy_se"]
        ddof, scale = (0, 1.0) if protocol == "lfw/insightface" else (1, 10**-0.5)
        assert spread.value == pytest.approx(np.std(expected, ddof=ddof) * scale, abs=1e-15)
        print(protocol, got["accuracy"].value, spread.metric, spread.value)
