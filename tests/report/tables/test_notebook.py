"""Tables of a notebook: every figure with its interval and remarks, escaped, and never silently cut."""

from __future__ import annotations

import re
from typing import Any

from faceprobe.data.remarks import remark
from faceprobe.report.tables.notebook import MOST, results_html, table_html
from faceprobe.results.result import Metric, Result, attach


def rows(*metrics: Metric, **where: Any) -> list[Result]:
    place = {"model": "m", "dataset": "lfw", "crop": "as-is", "evidence": "real-photos"} | where
    return attach(metrics, **place)


RANK = Metric("identification/leave-one-out", "rank1", "identity", 0.5, 0.4, 0.6, n=1200)


def cells(html: str) -> list[list[str]]:
    return [re.findall(r"<t[hd]>(.*?)</t[hd]>", line) for line in re.findall(r"<tr>(.*?)</tr>", html)]


def test_common_columns_stand_above_the_table() -> None:
    html = results_html(rows(RANK))
    assert html.startswith("<p>m, lfw, as-is, identification/leave-one-out. Real photos.</p>")
    head, line = cells(html)
    assert head == ["metric", "weighting", "value", "95 % interval", "n", "remarks"]
    assert line == ["rank1", "identity", "0.500", "[0.400, 0.600]", "1,200", ""]


def test_differing_columns_are_columns_and_the_weakest_evidence_is_named() -> None:
    html = results_html(rows(RANK) + rows(RANK, model="other", evidence="synthetic"))
    head, first, second = cells(html)
    assert head[0] == "model" and (first[0], second[0]) == ("m", "other")
    assert "Built-in world: synthetic people" in html


def test_an_unsupported_figure_says_why() -> None:
    reason = remark("not-supported", "2 comparisons would have to be accepted: not supported")
    metric = Metric("verification/all-pairs", "tmr@fmr=1e-6", "identity", None, remarks=reason)
    line = cells(results_html(rows(metric)))[1]
    assert line[2:4] == ["-", ""] and line[-1] == reason[0].text


def test_names_are_escaped() -> None:
    html = results_html(rows(RANK, model="<b>x</b>")) + table_html([{"model": "<i>", "value": None}])
    assert "<b>x" not in html and "&lt;b&gt;x" in html and "<td><i>" not in html


def test_a_long_table_counts_what_it_leaves_out() -> None:
    many = [Metric("p", f"rank{k}", "identity", 0.5) for k in range(1, MOST + 6)]
    html = results_html(rows(*many))
    assert len(cells(html)) == 1 + MOST and "<p>5 more rows" in html
    assert "more rows" not in results_html(rows(*many[:MOST]))


def test_no_rows() -> None:
    assert results_html([]) == table_html([]) == "<p>no rows</p>"


def test_a_table_of_mappings() -> None:
    html = table_html([{"model": "m", "difference": 0.25}, {"model": "n", "difference": None}])
    assert cells(html) == [["model", "difference"], ["m", "0.2500"], ["n", "-"]]
