"""The table of metrics knows every name that a protocol, a study or a committed file uses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceprobe.data.embeddings import Embeddings
from faceprobe.metrics.table import METRICS, metric_info
from faceprobe.protocols import PROTOCOLS, evaluate
from faceprobe.protocols.kinds import KINDS

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("docs/reference/*.json"), *ROOT.glob("src/faceprobe/report/data/*.json")])


def _has_an_entry(name: str) -> bool:
    return metric_info(name).title != name


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("metric"), str):
            yield node["metric"]
        for value in node.values():
            yield from _names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _names(value)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_figure_of_a_kind_has_an_entry(kind: str) -> None:
    assert KINDS[kind].figures
    assert [name for name, _ in KINDS[kind].figures if not _has_an_entry(name)] == []


def test_every_metric_in_a_committed_file_has_an_entry() -> None:
    names = {name for path in FILES for name in _names(json.loads(path.read_text()))}
    assert len(names) > 30
    assert [name for name in names if not _has_an_entry(name)] == []


def test_every_metric_of_a_small_run_has_an_entry() -> None:
    rng = np.random.default_rng(3)
    who = np.repeat(np.arange(40), 4)
    rows = rng.standard_normal((40, 8))[who] + 0.7 * rng.standard_normal((160, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    data = Embeddings(
        rows.astype(np.float32),
        np.array([f"p{w:02d}" for w in who]),
        np.array([f"{k:03d}" for k in range(160)]),
        groups=np.where(who % 2, "odd", "even"),
    )
    asked = [
        p
        for p in map(PROTOCOLS.get, PROTOCOLS.names())
        if not KINDS[p.kind].cloaks and not KINDS[p.kind].lacking(p, data)
    ]
    found = evaluate(data, [p.name for p in asked], replicates=0).metrics
    names = {m.metric for m in found}
    assert {"fmr@groups=even|odd", "rank1@people=10", "n_enrolled", "n_groups"} <= names
    assert [name for name in names if not _has_an_entry(name)] == []
    for m in found:
        info = metric_info(m.metric)
        assert (info.unit == "count") == (m.metric.startswith("n_"))
        if m.value is not None and info.unit == "fraction":
            assert 0 <= m.value <= 1, m.metric


def test_every_count_that_the_code_names_has_an_entry() -> None:
    sources = sorted((ROOT / "src/faceprobe/protocols").glob("*.py"))
    counts = {name for path in sources for name in re.findall(r'"(n_[a-z_]+)["/]', path.read_text())}
    rows = {name for name in counts if name not in ("n_people", "n_identities")}
    assert {"n_mated", "n_trials", "n_ties"} <= rows
    assert [name for name in rows if not _has_an_entry(name)] == []


@pytest.mark.parametrize(
    "name",
    ["psnr", "ssim", "dssim", "lpips", "dssim_crop_max", "share_changed", "face_found", "face_found_clean"],
)
def test_every_measure_of_a_cloaked_photo_has_an_entry(name: str) -> None:
    assert _has_an_entry(name)


def test_digits_are_those_that_reports_print() -> None:
    assert {i.name: i.digits for i in METRICS if i.unit == "fraction" and i.digits != 3} == {"auc": 4}
    assert metric_info("d_prime").digits == 2
    assert metric_info("dssim").digits == 4
    assert metric_info("psnr").digits == 1
    assert all(i.digits == 0 for i in METRICS if i.unit == "count")


@pytest.mark.parametrize(
    ("name", "title", "direction"),
    [
        ("tmr@fmr=1e-3", "TMR at FMR 1e-3", "higher"),
        ("rank50", "Rank-50", "higher"),
        ("fnir@fpir=3e-3", "FNIR at FPIR 3e-3", "lower"),
        ("fpir[1e-2]@people=100", "FPIR at the T of FPIR 1e-2 among 100 people", "lower"),
        ("tmr@fmr=1e-6@distractors=all", "TMR at FMR 1e-6 among all distractors", "higher"),
        ("n_mated/G1", "Mated comparisons, gallery G1", None),
        ("fmr@groups=a,b|c/d,T@fmr=1e-4", "FMR, groups a,b|c/d, T at FMR 1e-4", "lower"),
        ("fmr_max_min,T@fmr=1e-4", "FMR, largest / smallest, T at FMR 1e-4", "lower"),
        ("added_protection@1nn", "Added protection, nearest photo", "higher"),
        ("protection@linear-seen_sd", "Protection, linear probe, cloaks known, standard deviation", None),
    ],
)
def test_parameters_stand_in_the_title(name: str, title: str, direction: str | None) -> None:
    info = metric_info(name)
    assert (info.name, info.title, info.direction) == (name, title, direction)


@pytest.mark.parametrize("name", ["sharpness", "sharpness@x=1", "", "?"])
def test_an_unknown_name_has_three_digits_and_no_direction(name: str) -> None:
    info = metric_info(name)
    assert (info.name, info.title, info.digits, info.direction) == (name, name, 3, None)
    assert metric_info("n_unheard_of").unit == "count"


def test_no_name_stands_twice() -> None:
    assert len({i.name for i in METRICS}) == len(METRICS)
