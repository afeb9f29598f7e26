"""Results: a sequence of rows that shows itself, narrows down, converts and compares."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import faceprobe as fp
from faceprobe.core.errors import BadInput, UnknownName

PEOPLE = [f"p{k // 3}" for k in range(18)]
RANK = "identification/leave-one-out"


@pytest.fixture(scope="module")
def results() -> fp.Results:
    vectors = np.random.default_rng(2).normal(size=(18, 8))
    return fp.score(vectors, PEOPLE, name="noise", dataset="eighteen", replicates=50)


def test_a_sequence_of_rows(results: fp.Results) -> None:
    assert len(results) == len(list(results)) > 10
    assert isinstance(results[0], fp.Result) and isinstance(results[:3], fp.Results)
    assert "noise" in repr(results)


def test_one_metric_and_one_value(results: fp.Results) -> None:
    rank1 = results.metric("rank1", protocol=RANK)
    assert {row.metric for row in rank1} == {"rank1"} and {row.weighting for row in rank1} == {
        "identity",
        "pair",
    }
    people = next(row for row in rank1 if row.weighting == "identity")
    pairs = next(row for row in rank1 if row.weighting == "pair")
    assert results.value("rank1", protocol=RANK) == people.value
    assert results.value("rank1", protocol=RANK, weighting="pair") == pairs.value


def test_unknown_and_ambiguous_names(results: fp.Results) -> None:
    with pytest.raises(UnknownName, match="rank1"):
        results.metric("rank-1")
    with pytest.raises(UnknownName, match="protocol of rank1"):
        results.metric("rank1", protocol="nothing")
    with pytest.raises(UnknownName, match="column"):
        results.metric("rank1", modell="noise")
    with pytest.raises(BadInput, match="model= one of noise, other"):
        other = fp.score(np.random.default_rng(3).normal(size=(18, 8)), PEOPLE, name="other", replicates=0)
        (results + other).value("auc", dataset="eighteen") if False else (
            results + fp.Results([*other])
        ).value("auc")


def test_a_value_that_the_data_do_not_support_says_why() -> None:
    few = fp.score(np.random.default_rng(2).normal(size=(6, 8)), ["a", "a", "b", "b", "c", "c"], replicates=0)
    unsupported = next(row for row in few if row.value is None)
    with pytest.raises(BadInput, match="gives no"):
        few.value(unsupported.metric, protocol=unsupported.protocol, weighting=unsupported.weighting)


def test_tables(results: fp.Results) -> None:
    frame, table = results.to_pandas(), results.to_arrow()
    assert len(frame) == table.num_rows == len(results)
    assert list(frame.columns) == table.column_names
    assert frame["value"].dropna().tolist() == [row.value for row in results if row.value is not None]
    document = json.loads(results.to_json())
    assert len(document["rows"]) == len(results) and document["schema"].startswith("faceprobe.results/")


def test_a_notebook_shows_a_table_and_a_plot(results: fp.Results, tmp_path: Path) -> None:
    shown = results._repr_html_()
    assert "<table" in shown and "rank1" in shown
    figure = results.plot("rank1")
    assert figure.svg.startswith("<svg") and "noise" in figure.svg
    assert figure.save(tmp_path / "rank1.svg").read_text(encoding="utf-8") == figure.svg
    with pytest.raises(BadInput, match="svg"):
        figure.save(tmp_path / "rank1.pdf")


def test_nothing_in_common_is_said(results: fp.Results) -> None:
    elsewhere = fp.score(np.random.default_rng(3).normal(size=(18, 8)), PEOPLE, dataset="other", replicates=0)
    with pytest.raises(BadInput, match="no figure in common"):
        results.compare(elsewhere)
