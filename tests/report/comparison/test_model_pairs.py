"""``faceprobe compare --pair`` and ``--baseline``: models against each other, from the stored draws."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceprobe.cli.main import run
from tests.helpers.run_writer import MODELS, Writer

A, B = "bundled:clip-s", "bundled:clip-l"
RANK1 = "identification/leave-one-out"


def compare(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = run(["compare", *map(str, arguments)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def rows_of(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[dict[str, Any]]:
    code, out, err = compare(capsys, *arguments, "--json")
    assert code == 0, err
    document = json.loads(out)
    assert document["schema"] == "faceprobe.compare-models/3"
    found: list[dict[str, Any]] = document["rows"]
    return found


def only(rows: list[dict[str, Any]], models: tuple[str, str], crop: str = "as-is") -> dict[str, Any]:
    wanted = (list(models), crop, RANK1, "rank1", "identity")
    found = [
        r for r in rows if (r["models"], r["crop"], r["protocol"], r["metric"], r["weighting"]) == wanted
    ]
    assert len(found) == 1
    return found[0]


def draws(folder: Path, model: str) -> np.ndarray[Any, Any]:
    manifest = json.loads((folder / "manifest.json").read_text())
    cell = next(c for c in manifest["cells"] if c["model"] == model and c["crop"] == "as-is")
    with np.load(folder / "cells" / cell["key"] / "curves.npz") as stored:
        return np.asarray(stored[f"replicates//{RANK1}//rank1//identity"])


def test_a_pair_is_compared_by_its_common_draws(
    writer: Callable[..., Writer], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = writer().write()
    rows = rows_of(capsys, folder, "--pair", f"{A}={B}", "--all")
    row = only(rows, (A, B))
    apart = draws(folder, B) - draws(folder, A)
    found = row["difference"]
    assert found["value"] == pytest.approx(row["values"][1]["value"] - row["values"][0]["value"])
    assert [found["ci_low"], found["ci_high"]] == pytest.approx(np.quantile(apart, [0.025, 0.975]))
    side = min(np.sum(apart <= 0), np.sum(apart >= 0))
    assert found["p"] == pytest.approx(min(1, 2 * (1 + side) / (len(apart) + 1)))
    back = only(rows_of(capsys, folder, "--pair", f"{B}={A}"), (B, A))["difference"]
    assert back["value"] == pytest.approx(-found["value"]) and back["ci_low"] == pytest.approx(
        -found["ci_high"]
    )
    given = sorted(r["difference"]["p"] for r in rows if r["difference"] and r["difference"]["p"] is not None)
    smallest = min(r["difference"]["p_holm"] for r in rows if r["difference"] and r["difference"]["p"])
    assert smallest == pytest.approx(min(1, len(given) * given[0])), "Holm over the family"


def test_a_baseline_is_compared_with_every_other_model_across_runs(
    writer: Callable[..., Writer], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = writer(models=MODELS[:2]).write(), writer(models=MODELS[2:]).write()
    rows = rows_of(capsys, one, two, "--baseline", A)
    others = [m.card.id for m in MODELS if m.card.id != A]
    assert list(dict.fromkeys(tuple(r["models"]) for r in rows)) == [(A, other) for other in others]
    across = only(rows, (A, B))["difference"]
    assert across["reason"] == "" and across["p"] is not None, "same seed, same people: paired across runs"
    whole = writer().write()
    assert only(rows_of(capsys, whole, "--baseline", A), (A, B))["difference"]["ci_low"] == across["ci_low"]


def test_other_seeds_or_people_are_not_paired(
    writer: Callable[..., Writer], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = writer(models=MODELS[:1]).write(), writer(models=MODELS[2:3]).write()
    manifest = json.loads((two / "manifest.json").read_text())
    (two / "manifest.json").write_text(json.dumps({**manifest, "seeds": {"seed": 1}}))
    found = only(rows_of(capsys, one, two, "--pair", f"{A}={B}"), (A, B))["difference"]
    assert (found["reason"], found["p"]) == ("the runs used different seeds", None)
    assert found["value"] is not None
    (two / "manifest.json").write_text(json.dumps(manifest))
    for path in two.glob("cells/*/curves.npz"):
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        np.savez(path, **{**arrays, "identities": arrays["identities"][::-1]})
    found = only(rows_of(capsys, one, two, "--pair", f"{A}={B}"), (A, B))["difference"]
    assert (found["reason"], found["p"]) == ("the two were not measured on the same people", None)


def test_the_table_shows_the_main_figures_and_names_the_family(
    writer: Callable[..., Writer], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = compare(capsys, writer().write(), "--pair", f"{A}={B}", "--metric", "rank1")
    assert code == 0 and "B - A" in out and "p = " in out and "caution" not in out
    # leave-one-out, the same across events, and enrol-1, each as-is and context-only
    words = " ".join(out.split())
    assert "Holm over the 6 paired differences of rank1" in words and "Evidence: synthetic" in words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pair", f"{A}=bundled:clip-z"], "unknown model 'bundled:clip-z'; did you mean"),
        (["--pair", A], "write two models with = between them"),
        (["--pair", f"{A}={A}"], "not compared with itself"),
        (["--baseline", "bundled:clip"], "unknown model 'bundled:clip'"),
        (["--baseline", A, "--metric", "rank2"], "unknown metric 'rank2'"),
        (["--baseline", A, "--published"], "go with none of --published"),
    ],
)
def test_wrong_use(
    writer: Callable[..., Writer], capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, out, err = compare(capsys, writer().write(), *arguments)
    assert (code, out) == (2, "") and message in err


def test_names_with_an_equals_sign_and_models_without_a_common_figure(
    writer: Callable[..., Writer], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = writer(models=MODELS[:2]).write()
    odd = "onnx:face.onnx?size=112"
    for name in ("results.json", "manifest.json"):
        (folder / name).write_text((folder / name).read_text().replace("bundled:clip-m", odd))
    assert only(rows_of(capsys, folder, "--pair", f"{odd}={A}"), (odd, A))["difference"]["p"] is not None
    other = writer(models=MODELS[2:3], datasets=("elsewhere",)).write()
    code, _, err = compare(capsys, folder, other, "--pair", f"{A}={B}")
    assert code == 1 and f"{A} and {B} have no figure in common" in err
