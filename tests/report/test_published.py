"""Published figures as data: complete, sourced, and set beside only what may stand beside them."""

from __future__ import annotations

from faceprobe.core.result import Metric, Result, attach
from faceprobe.report.published import benchmark, beside, published_figures, published_tables


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


def test_what_may_stand_beside() -> None:
    (figure,) = beside(row())
    assert (figure.value, figure.source.id) == (0.959, "arxiv-2509.14921")
    tmr = beside(row(protocol="verification/all-pairs", metric="tmr@fmr=1e-3", crop="as-is"))
    assert [f.crop for f in tmr] == ["112 px", "160 px", "250 px"]
    assert beside(row(model="ViT-H-14/laion2b_s32b_b79k", metric="tmr@fmr=1e-4"))[2].value == 0.8173


def test_what_may_not() -> None:
    for changes in (
        {"weighting": "identity"},
        {"crop": "context-only"},
        {"cloak": "fawkes"},
        {"dataset": "celeba:x"},
        {"model": "ViT-L-14/laion400m_e32"},
        {"protocol": "verification/all-pairs-cross-event", "metric": "tmr@fmr=1e-3"},
    ):
        assert beside(row(**changes)) == [], changes


def test_benchmarks_by_dataset_name() -> None:
    assert benchmark("lfw:data/lfw?pairs=p.txt") == "lfw"
    assert benchmark("insightface-bin:dir/cfp_fp.bin") == "cfp-fp"
    assert benchmark("insightface-bin:agedb_30.bin?x=1") == "agedb-30"
