"""Published figures as data: complete, sourced, and set beside only what may stand beside them."""

from __future__ import annotations

import pytest

from faceprobe.report.tables.published import (
    benchmark,
    comparable_figures,
    published_figures,
    published_tables,
)
from faceprobe.results.result import Metric, Result, attach


def row(**changes: str) -> Result:
    given = {"model": "ViT-L-14/openai", "dataset": "lfw:x", "crop": "aligned-112", "cloak": "none"} | changes
    metric = Metric(
        changes.get("protocol", "lfw/official"),
        changes.get("metric", "accuracy"),
        changes.get("weighting", "pair"),  # type: ignore[arg-type]
        0.9,
    )
    places = {k: given[k] for k in ("model", "dataset", "crop", "cloak")}
    return attach([metric], evidence="real-model", **places)[0]


def test_tables_are_complete() -> None:
    accuracy, tmr = published_tables()
    assert [len(t.rows) for t in (accuracy, tmr)] == [5, 9]
    assert all(len(cells) == len(t.columns) for t in (accuracy, tmr) for _, _, cells in t.rows)
    assert len(published_figures()) == 5 * 5 - 2 + 9 * 9
    for figure in published_figures():
        assert 0 < figure.value < 1 and figure.source.protocol and figure.source.url.startswith("https://")
        assert figure.value == round(float(figure.printed) / 100, 6)


def test_some_figures_as_printed() -> None:
    found = {(f.model, f.column, f.crop, f.metric): f.printed for f in published_figures()}
    assert found["LAION H/14", "0.01 %", "250 px", "tmr@fmr=1e-4"] == "81.73"
    assert found["DINOv2-L", "1 %", "112 px", "tmr@fmr=1e-2"] == "15.75"
    assert found["OpenAI CLIP ViT-B/16, zero-shot", "AgeDB-30", "aligned-112", "accuracy"] == "74.67"


def test_both_traps_of_the_tmr_table_are_stated() -> None:
    cautions = " ".join(published_tables()[1].sources[0].cautions)
    assert "before the projection" in cautions and "with itself" in cautions


def test_what_may_stand_comparable_figures() -> None:
    (figure,) = comparable_figures(row())
    assert (figure.value, figure.source.id) == (0.959, "arxiv-2509.14921")
    tmr = comparable_figures(row(protocol="verification/all-pairs", metric="tmr@fmr=1e-3", crop="as-is"))
    assert [f.crop for f in tmr] == ["112 px", "160 px", "250 px"]
    assert (
        comparable_figures(row(model="ViT-H-14/laion2b_s32b_b79k", metric="tmr@fmr=1e-4"))[2].value == 0.8173
    )


def test_what_may_not() -> None:
    for changes in (
        {"weighting": "identity"},
        {"crop": "context-only"},
        {"cloak": "fawkes"},
        {"dataset": "celeba:x"},
        {"model": "ViT-L-14/laion400m_e32"},
        {"protocol": "verification/all-pairs-cross-event", "metric": "tmr@fmr=1e-3"},
    ):
        assert comparable_figures(row(**changes)) == [], changes


def test_benchmarks_by_dataset_name() -> None:
    assert benchmark("lfw:data/lfw?pairs=p.txt") == "lfw"
    assert benchmark("insightface-bin:dir/cfp_fp.bin") == "cfp-fp"
    assert benchmark("insightface-bin:agedb_30.bin?x=1") == "agedb-30"
    assert benchmark("cfp-fp") == benchmark("cfp-fp:cfp_fp.bin") == "cfp-fp"
    assert benchmark("cfp-fp?part=ff") == benchmark("cfp-fp:cfp_ff.bin?part=ff") == "cfp-ff"


@pytest.mark.parametrize(
    ("kind", "printed"), [("cfp-fp", "90.66"), ("agedb-30", "79.82"), ("calfw", "83.10"), ("cplfw", "82.73")]
)
@pytest.mark.parametrize("form", ["", ":file.bin"])
@pytest.mark.parametrize("model", ["ViT-L-14/openai", "ViT-L-14-quickgelu/openai?flip=sum"])
def test_figures_of_the_pair_sets_stand_beside_rows_under_their_own_names(
    kind: str, printed: str, form: str, model: str
) -> None:
    (figure,) = comparable_figures(row(dataset=kind + form, model=model, protocol="lfw/insightface"))
    assert (figure.printed, figure.benchmark, figure.source.id) == (printed, kind, "arxiv-2509.14921")
    assert comparable_figures(row(dataset=kind + form, model=model, metric="accuracy_sd")) == []


def test_other_pairs_of_a_set_have_no_figure() -> None:
    assert comparable_figures(row(dataset="cfp-fp?part=ff", protocol="lfw/insightface")) == []
    assert comparable_figures(row(dataset="rfw", protocol="lfw/insightface")) == []
