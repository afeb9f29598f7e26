"""``faceprobe compare``: same figures side by side, differences, and what only one run has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceprobe.cli.main import run
from faceprobe.core.files import write_json
from faceprobe.data.remarks import remark
from faceprobe.results.manifest import SCHEMA
from faceprobe.results.result import Metric, Result, attach, to_document

PEOPLE = np.array(["ann", "bob"])


def rows(
    value: float, *, model: str = "ViT-L-14/openai", dataset: str = "lfw:lfw", **more: str
) -> list[Result]:
    metrics = [
        Metric("identification/leave-one-out", "rank1", "identity", value, value - 0.1, value + 0.1, n=9),
        Metric("identification/leave-one-out", "rank1", "pair", value + 0.05, n=9),
        Metric("verification/all-pairs", "tmr@fmr=1e-3", "pair", 0.8, n=9),
        Metric(
            "verification/all-pairs",
            "tmr@fmr=1e-6",
            "identity",
            None,
            remarks=remark("not-supported", "not supported"),
        ),
        Metric("lfw/official", "accuracy", "pair", 0.95, n=6000),
    ]
    return attach(metrics, model=model, dataset=dataset, crop="as-is", evidence="real-model", **more)


def write_run(
    folder: Path, found: list[Result], replicates: np.ndarray[Any, Any] | None = None, seed: int | None = None
) -> Path:
    cells = []
    if replicates is not None:
        target = folder / "cells" / "one"
        target.mkdir(parents=True)
        key = "replicates//identification/leave-one-out//rank1//identity"
        np.savez(target / "curves.npz", **{key: replicates, "identities": PEOPLE})
        cells = [{"key": "one", "model": found[0].model, "dataset": found[0].dataset, "crop": "as-is"}]
    write_json(folder / "results.json", to_document(found))
    seeds = {} if seed is None else {"seeds": {"seed": seed, "replicates": 200}}
    write_json(folder / "manifest.json", {"schema": SCHEMA, "cells": cells, **seeds})
    return folder


def compare(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = run(["compare", *map(str, arguments)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_differences_with_a_paired_interval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draws = np.random.default_rng(0).normal(0, 0.05, 200)
    a = write_run(tmp_path / "a", rows(0.5), 0.5 + draws)
    b = write_run(tmp_path / "b", rows(0.6), 0.6 + draws + np.random.default_rng(1).normal(0, 0.01, 200))
    code, out, _ = compare(capsys, a, b, "--json")
    document = json.loads(out)
    assert code == 0 and document["schema"] == "faceprobe.compare/3" and document["runs"] == ["a", "b"]
    assert len(document["rows"]) == 5
    by_key = {(r["metric"], r["weighting"]): r for r in document["rows"]}
    difference = by_key["rank1", "identity"]["differences"][1]
    assert difference["value"] == pytest.approx(0.1)
    assert 0.07 < difference["ci_low"] < 0.1 < difference["ci_high"] < 0.13
    pair = by_key["rank1", "pair"]["differences"][1]
    assert pair["value"] == pytest.approx(0.1) and pair["ci_low"] is None and "replicates" in pair["reason"]
    assert by_key["tmr@fmr=1e-6", "identity"]["differences"] == [None, None]
    assert all(r["published"] == [] for r in document["rows"])


@pytest.mark.parametrize(
    ("seed", "photos", "reason"),
    [
        (0, "1", ""),
        (1, "1", "the runs used different seeds"),
        (0, "2", "the two were not measured on the same photos or labels"),
    ],
)
def test_replicates_are_paired_only_with_one_seed_and_the_same_photos(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int, photos: str, reason: str
) -> None:
    draws = np.random.default_rng(0).normal(0, 0.05, 200)
    a = write_run(tmp_path / "a", rows(0.5, dataset_hash="1"), 0.5 + draws, seed=0)
    b = write_run(tmp_path / "b", rows(0.6, dataset_hash=photos), 0.61 + draws, seed=seed)
    document = json.loads(compare(capsys, a, b, "--json")[1])
    (row,) = [r for r in document["rows"] if (r["metric"], r["weighting"]) == ("rank1", "identity")]
    difference = row["differences"][1]
    assert difference["value"] == pytest.approx(0.1) and difference["reason"] == reason
    assert (difference["ci_low"] is None) == (difference["p"] is None) == bool(reason)


def test_rows_of_only_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = write_run(tmp_path / "a", rows(0.5))
    b = write_run(tmp_path / "b", rows(0.6) + rows(0.7, model="other/model"))
    code, out, err = compare(capsys, a, b)
    assert code == 0 and err == ""
    assert "absent" in out and "5 only in b" in out and "0 only in a" in out
    assert "+0.100" in out and "[0.400, 0.600]" in out
    assert "Evidence: real-model." in out
    document = json.loads(compare(capsys, a, b, "--json")[1])
    assert [r["values"][0] is None for r in document["rows"]].count(True) == 5


def test_the_table_shows_the_main_metrics_by_people_and_all_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = write_run(tmp_path / "a", rows(0.5)), write_run(tmp_path / "b", rows(0.6))
    out = compare(capsys, a, b)[1]
    assert "(pairs)" in out, "a metric that has no identity-weighted row keeps its pair-weighted one"
    assert out.count("rank1") == 1 and "1e-6" not in out and "2 not shown" in out
    every = compare(capsys, a, b, "--all")[1]
    assert every.count("rank1") == 2 and "1e-6" in every and "not shown" not in every
    one = compare(capsys, a, b, "--metric", "tmr@fmr=1e-6")[1]
    assert "1e-6" in one and "rank1" not in one


def test_other_photos_or_weights_are_pointed_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = write_run(tmp_path / "a", rows(0.5, model_hash="1", dataset_hash="1"))
    b = write_run(tmp_path / "b", rows(0.6, model_hash="2", dataset_hash="2"))
    document = json.loads(compare(capsys, a, b, "--json")[1])
    assert document["rows"][0]["cautions"] == [
        "not the same weights or preprocessing",
        "not the same photos or labels",
    ]
    assert "weights" in compare(capsys, a, b)[1]


def test_published_figures_beside_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = write_run(tmp_path / "a", rows(0.5))
    code, out, _ = compare(capsys, a, "--published")
    assert code == 0
    assert "Published by others, not measured here" in out
    assert "0.9590" in out and "arXiv 2509.14921" in out and "0.8875" in out
    assert "leave comparisons of a photo with itself in" in out
    document = json.loads(compare(capsys, a, "--published", "--json")[1])
    (accuracy,) = [r for r in document["rows"] if r["metric"] == "accuracy"]
    assert accuracy["published"][0]["value"] == 0.959
    assert accuracy["published"][0]["evidence"] == "published"
    assert accuracy["published"][0]["source"] == "arXiv 2509.14921"
    assert accuracy["values"][0]["evidence"] == "real-model"


@pytest.mark.parametrize(
    ("dataset", "value"), [("cfp-fp", 0.9066), ("agedb-30:agedb_30.bin", 0.7982), ("cplfw", 0.8273)]
)
def test_published_figures_of_the_pair_sets(
    dataset: str, value: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = [Metric("lfw/insightface", "accuracy", "pair", 0.9, n=7000, conventions="lfw/insightface v1")]
    found = attach(
        metrics, model="ViT-L-14/openai", dataset=dataset, crop="aligned-112", evidence="real-model"
    )
    a = write_run(tmp_path / "a", found)
    code, shown, _ = compare(capsys, a, "--published")
    assert code == 0 and f"{value:.4f}" in shown and "arXiv 2509.14921" in shown
    (line,) = json.loads(compare(capsys, a, "--published", "--json")[1])["rows"]
    assert [figure["value"] for figure in line["published"]] == [value]


def test_no_published_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = write_run(tmp_path / "a", rows(0.5, dataset="synthetic"))
    assert "No published figure" in compare(capsys, a, "--published")[1]


def test_results_files_and_runs_of_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = write_run(tmp_path / "x" / "run", rows(0.5)), write_run(tmp_path / "y" / "run", rows(0.6))
    document = json.loads(compare(capsys, a, b, "--json")[1])
    assert document["runs"] == [str(a), str(b)]
    document = json.loads(compare(capsys, a / "results.json", b, "--json")[1])
    assert document["rows"][0]["differences"][1]["value"] == pytest.approx(0.1)


def test_three_runs_are_compared_with_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [write_run(tmp_path / name, rows(v)) for name, v in (("a", 0.5), ("b", 0.6), ("c", 0.4))]
    document = json.loads(compare(capsys, *paths, "--json")[1])
    (row,) = [r for r in document["rows"] if (r["metric"], r["weighting"]) == ("rank1", "identity")]
    assert [None if d is None else round(d["value"], 9) for d in row["differences"]] == [None, 0.1, -0.1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["{a}"], 2, "two runs or more"),
        (["{a}", "{a}/nothing"], 1, "nothing is not there"),
        (["{a}", "{empty}"], 1, "results.json is absent"),
        (["{a}", "{a}/manifest.json"], 1, "not a faceprobe results file"),
        ([], 2, "missing argument"),
    ],
)
def test_wrong_use_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    a = write_run(tmp_path / "a", rows(0.5))
    (tmp_path / "empty").mkdir()
    given = [x.format(a=a, empty=tmp_path / "empty") for x in arguments]
    got, out, err = compare(capsys, *given)
    assert got == code and out == ""
    assert err.count("\n") == 1 and said.lower() in err.lower()


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = compare(capsys, "--help")
    assert code == 0 and "Example: faceprobe compare" in out and "--published" in out


def test_an_unknown_metric_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = write_run(tmp_path / "a", rows(0.5)), write_run(tmp_path / "b", rows(0.6))
    code, shown, said = compare(capsys, first, second, "--metric", "rank2")
    assert code == 2 and shown == "" and "unknown metric 'rank2'" in said


def test_p_values_are_corrected_over_all_differences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two runs against the first: each p counts twice at most, and the table names the family."""
    draws = np.random.default_rng(0).normal(0, 0.05, 200)
    noise = [np.random.default_rng(k).normal(0, 0.02, 200) for k in (1, 2)]
    a = write_run(tmp_path / "a", rows(0.5), 0.5 + draws)
    b = write_run(tmp_path / "b", rows(0.6), 0.6 + draws + noise[0])
    c = write_run(tmp_path / "c", rows(0.53), 0.53 + draws + noise[1])
    code, out, _ = compare(capsys, a, b, c, "--json")
    document = json.loads(out)
    assert code == 0 and document["family"].startswith("Holm over the 2 paired differences of rank1, tmr")
    row = next(r for r in document["rows"] if (r["metric"], r["weighting"]) == ("rank1", "identity"))
    _, first, second = row["differences"]
    assert first["p"] < second["p"]
    assert first["p_holm"] == pytest.approx(2 * first["p"])
    assert second["p_holm"] == pytest.approx(max(second["p"], 2 * first["p"]))
    assert "p_holm" in next(r for r in document["rows"] if r["weighting"] == "pair")["differences"][1]
    _, shown, _ = compare(capsys, a, b, c, "--metric", "rank1")
    assert "Holm over the 2 paired differences of rank1 (" in " ".join(shown.split())
    assert "p = " in shown


def test_table_and_json_correct_over_one_family(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rank-1 of two datasets is the family; other rows count with --all only."""
    rng = np.random.default_rng(0)
    names = ["rank1//identity", "rank1//pair", "rank5//identity"]
    paths = []
    for k, name in enumerate("ab"):
        found, cells = [], []
        for dataset in ("lfw:lfw", "celeba:c"):
            metrics = [
                Metric("identification/leave-one-out", n.split("//")[0], n.split("//")[1], 0.5 + 0.03 * k)  # type: ignore[arg-type]
                for n in names
            ]
            more = attach(metrics, model="m", dataset=dataset, crop="as-is", evidence="real-model")
            found += more
            key = dataset.partition(":")[0]
            folder = tmp_path / name / "cells" / key
            folder.mkdir(parents=True)
            drawn = {n: 0.5 + 0.03 * k + rng.normal(0, 0.01, 400) for n in names}
            arrays = {f"replicates//identification/leave-one-out//{n}": d for n, d in drawn.items()}
            np.savez(folder / "curves.npz", **arrays, identities=PEOPLE)
            cells.append({"key": key, "model": "m", "dataset": dataset, "crop": "as-is"})
        write_json(tmp_path / name / "results.json", to_document(found))
        write_json(tmp_path / name / "manifest.json", {"schema": SCHEMA, "cells": cells})
        paths.append(tmp_path / name)

    def corrected(*arguments: str) -> tuple[dict[tuple[str, str, str], float], str, str]:
        document = json.loads(compare(capsys, *paths, "--json", *arguments)[1])
        rows = document["rows"]
        shown = " ".join(compare(capsys, *paths, *arguments)[1].split())
        assert document["family"] in shown
        keep = {
            (r["dataset"], r["metric"], r["weighting"]): r["differences"][1] for r in rows if r["in_family"]
        }
        assert all(r["differences"][1]["p_holm"] is None for r in rows if not r["in_family"])
        for d in keep.values():
            assert f"p = {d['p_holm']:.3f}" in shown or f"p ≤ {d['p_holm']:.3f}" in shown
        return {k: d["p_holm"] / d["p"] for k, d in keep.items()}, document["family"], shown

    main, family, _ = corrected()
    assert set(main) == {("celeba:c", "rank1", "identity"), ("lfw:lfw", "rank1", "identity")}
    assert max(main.values()) == pytest.approx(2) and "Holm over the 2 paired" in family
    every, _, _ = corrected("--all")
    assert len(every) == 6 and max(every.values()) == pytest.approx(6)
    one, _, shown = corrected("--dataset", "lfw:lfw")
    assert list(one.values()) == [pytest.approx(1)] and "celeba" not in shown
    assert corrected("--crop", "as-is", "--common")[0] == pytest.approx(main)


def test_runs_on_different_datasets_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = write_run(tmp_path / "a", rows(0.5))
    b = write_run(tmp_path / "b", rows(0.6, dataset="celeba:c"))
    code, out, err = compare(capsys, a, b)
    assert code == 1 and out == "" and err.count("\n") == 1
    assert "a has ViT-L-14/openai on lfw:lfw; b has ViT-L-14/openai on celeba:c" in err
    both = write_run(tmp_path / "both", rows(0.5) + rows(0.6, dataset="celeba:c"))
    code, out, err = compare(capsys, a, both)
    assert code == 0 and "absent" in out
    assert "different datasets (a: lfw:lfw; both: celeba:c, lfw:lfw)" in err
    assert "absent" not in compare(capsys, a, both, "--common")[1]
    for arguments in (["--dataset", "agedb"], ["--crop", "face-only"]):
        code, out, err = compare(capsys, a, both, *arguments)
        assert (code, out) == (2, "") and f"unknown {arguments[0][2:]} '{arguments[1]}'" in err


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), "0.7", True, 10**400],
    ids=["nan", "inf", "text", "bool", "huge"],
)
def test_values_that_are_no_numbers_are_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: object
) -> None:
    a = write_run(tmp_path / "a", rows(0.5))
    for name in ("results.json", "foreign.json"):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        document: dict[str, Any] = {"dataset": "d", "model": "m", "task": "t", "metrics": {"acc1": value}}
        if name == "results.json":
            document = json.loads((a / name).read_text())
            document["rows"][0]["value"] = value
            (folder / "manifest.json").write_text((a / "manifest.json").read_text())
        (folder / name).write_text(json.dumps(document))
        code, out, err = compare(capsys, a, folder / name)
        assert code == 1 and out == "" and err.count("\n") == 1, err
        assert name in err
