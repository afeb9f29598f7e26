"""From a study to its cells: what is checked before any model is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceprobe.core.errors import Missing, UnknownName, Unreachable, WrongUsage
from faceprobe.data.templates import TemplateList
from faceprobe.study.plan import only_paired, plan_study
from faceprobe.study.schema import Study, parse_study
from faceprobe.study.types import Plan


def study(**changes: Any) -> Study:
    return parse_study({"title": "t", "models": ["fake:a"], "datasets": ["drawn"], **changes}, "x")


def cells(plan: Plan) -> list[tuple[str, str, str]]:
    return [(c.model, c.dataset, c.crop) for c in plan.cells]


def test_cells_are_models_by_datasets_by_crops_with_a_models_cells_together(bench: Any) -> None:
    asked = study(
        models={"fake:a": None, "fake:b": {"crops": ["margin-0.50"], "label": "B", "family": "mine"}},
        datasets=["drawn", "real"],
        crops=["as-is", "face-only"],
    )
    plan = plan_study(asked)
    assert cells(plan) == [
        ("fake:a", "drawn", "as-is"),
        ("fake:a", "drawn", "face-only"),
        ("fake:a", "real", "as-is"),
        ("fake:a", "real", "face-only"),
        ("B", "drawn", "margin-0.5"),
        ("B", "real", "margin-0.5"),
    ]
    assert plan.cards["B"].family == "mine" and plan.cards["fake:a"].family == "fakes"
    assert plan.n_photos == 6 * 6
    assert plan.missing == []
    assert bench.loaded == []
    keys = [cell.key for cell in plan.cells]
    assert len(set(keys)) == 6
    assert all(key == Path(key).name and len(key) <= 81 for key in keys)
    assert keys == [cell.key for cell in plan_study(asked).cells]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": ["fake:a", "fak:b"]}, "unknown model kind 'fak'; did you mean 'fake'"),
        ({"datasets": ["drown"]}, "unknown dataset 'drown'; did you mean 'drawn'"),
        ({"crops": ["face-olny"]}, "unknown crop 'face-olny'; did you mean 'face-only'"),
        ({"models": {"fake:a": {"crops": ["whole"]}}}, "unknown crop 'whole'"),
        (
            {"protocols": ["verification/all-pears"]},
            "unknown protocol .* did you mean 'verification/all-pairs",
        ),
    ],
)
def test_unknown_names_are_wrong_usage_even_where_missing_is_allowed(
    bench: Any, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnknownName, match=message) as caught:
        plan_study(study(**changes, allow_missing=True))
    assert caught.value.exit_code == 2
    assert bench.loaded == []


@pytest.mark.parametrize(
    "changes",
    [
        {"models": {"fake:a": {"label": "same"}, "fake:b": {"label": "same"}}},
        {"models": ["onnx:one/face.onnx", "onnx:two/face.onnx"]},
        {"datasets": {"drawn": {"label": "same"}, "real": {"label": "same"}}},
    ],
)
def test_two_things_of_one_name_need_a_label(
    bench: Any, tmp_path: Path, changes: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "face.onnx").touch()
    with pytest.raises(WrongUsage, match=r"would both be called .* give one a label"):
        plan_study(study(**changes))


def test_a_local_model_that_is_not_there_is_found_out_before_any_load(bench: Any, tmp_path: Path) -> None:
    absent = f"onnx:{tmp_path}/none.onnx?size=112"
    with pytest.raises(Missing, match=r"none\.onnx does not exist"):
        plan_study(study(models=["fake:a", absent]))
    optional = {"fake:a": None, absent: {"optional": True, "fetch": "ask us"}}
    plan = plan_study(study(models=optional))
    assert cells(plan) == [("fake:a", "drawn", "as-is")]
    assert len(plan.missing) == 1
    assert "none.onnx" in plan.missing[0] and "(ask us)" in plan.missing[0]


def test_what_is_absent_is_an_error_or_is_reported(bench: Any) -> None:
    bench.absent = {"fake:b", "real"}
    asked: dict[str, Any] = {"models": ["fake:a", "fake:b"], "datasets": ["drawn", "real"]}
    with pytest.raises(Missing, match="model fake:b is absent"):
        plan_study(study(**asked))
    plan = plan_study(study(**asked, allow_missing=True))
    assert cells(plan) == [("fake:a", "drawn", "as-is")]
    assert plan.missing == ["model fake:b is absent; fetch it", "dataset real is absent; fetch it"]


@pytest.mark.parametrize("dataset", ["celeba", "ijb-c", "vggface2", "perturbed-faces", "rfw", "folder"])
def test_a_forgotten_path_is_wrong_usage_or_missing_where_that_is_tolerated(bench: Any, dataset: str) -> None:
    with pytest.raises(WrongUsage, match=f"{dataset}:PATH") as caught:
        plan_study(study(datasets=["drawn", dataset]))
    assert caught.value.exit_code == 2
    for asked in (
        study(datasets=["drawn", dataset], allow_missing=True),
        study(datasets={"drawn": None, dataset: {"optional": True}}),
    ):
        plan = plan_study(asked)
        assert cells(plan) == [("fake:a", "drawn", "as-is")]
        assert len(plan.missing) == 1 and f"{dataset}:PATH" in plan.missing[0]


def test_later_steps_are_reported_not_refused(bench: Any) -> None:
    asked = study(
        datasets=["drawn", "ms-celeb:somewhere", "megaface"],
        needs_later=["more to come"],
    )
    plan = plan_study(asked)
    assert cells(plan) == [("fake:a", "drawn", "as-is")]
    assert plan.missing == [
        "more to come",
        "dataset ms-celeb: a later step of faceprobe reads it",
        "dataset megaface: a later step of faceprobe reads it",
    ]


def test_without_a_detector_the_cells_that_need_one_are_dropped_or_fail(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FACEPROBE_DETECTOR", raising=False)
    bench.tables["drawn"] = replace(bench.drawn(), source=replace(bench.drawn().source, known_faces=None))
    with pytest.raises(Unreachable, match="detector"):
        plan_study(study(crops=["as-is", "face-only"]), offline=True)
    plan = plan_study(study(crops=["as-is", "face-only"], allow_missing=True), offline=True)
    assert cells(plan) == [("fake:a", "drawn", "as-is")]
    assert len(plan.missing) == 1 and plan.missing[0].endswith("(left out: face-only of drawn)")


def test_offline_asks_for_no_download(bench: Any) -> None:
    with pytest.raises(Unreachable, match="lfw is not on this machine and --offline is set"):
        plan_study(study(datasets=["lfw"]), offline=True)
    plan = plan_study(study(datasets=["drawn", "lfw"], allow_missing=True), offline=True)
    assert cells(plan) == [("fake:a", "drawn", "as-is")]
    with pytest.raises(Missing, match="here"):  # a path of the user's own is looked at, not fetched
        plan_study(study(datasets=["lfw:here"]), offline=True)


def test_pair_protocols_look_at_the_photos_in_pairs_only(bench: Any) -> None:
    plan = plan_study(study(datasets=["paired"], protocols=["lfw/official"]))
    table = plan.tables["paired"]
    whole = bench.dataset("paired")
    assert table.images.tolist() == whole.images[[0, 1, 4, 5]].tolist()
    assert table.pairs is not None and whole.pairs is not None
    for side in ("left", "right"):
        now, before = getattr(table.pairs, side), getattr(whole.pairs, side)
        assert table.images[now].tolist() == whole.images[before].tolist()
    assert np.array_equal(table.pairs.same, whole.pairs.same)
    both = study(datasets=["paired"], protocols=["lfw/official", "verification/all-pairs"])
    assert len(plan_study(both).tables["paired"]) == 6
    assert len(plan_study(study(datasets=["paired"])).tables["paired"]) == 6


def test_templates_follow_the_photos_of_a_pair_list(bench: Any) -> None:
    table = bench.drawn("paired", paired=True)
    each = np.arange(6)
    templates = TemplateList(
        row=each,
        template=(each // 2).astype(np.int32),
        media=each,
        names=np.array(["a", "b", "c"]),
        identities=np.array(["p0", "p1", "p2"]),
    )
    cut = only_paired(replace(table, templates=templates))
    assert len(cut) == 4 and cut.templates is not None
    cut.templates.check(4)
    assert cut.templates.names.tolist() == ["a", "c"] and cut.templates.row.tolist() == [0, 1, 2, 3]


def test_a_table_without_pairs_is_left_as_it_is(bench: Any) -> None:
    table = bench.dataset("drawn")
    assert only_paired(table) is table


def test_protocols_that_the_data_does_not_allow_are_reported(bench: Any) -> None:
    asked = study(
        datasets=["drawn", "paired"],
        protocols=[
            "lfw/official",
            "verification/all-pairs",
            "verification/all-pairs-cross-event",
            "ijb/1:1",
        ],
    )
    plan = plan_study(asked)
    assert {c.dataset: c.protocols for c in plan.cells} == {
        "drawn": ("verification/all-pairs",),
        "paired": ("lfw/official", "verification/all-pairs"),
    }
    assert plan.missing == [
        "lfw/official on drawn: it has no list of pairs",
        "verification/all-pairs-cross-event on drawn: its events are not known",
        "ijb/1:1 on drawn: it has no templates",
        "verification/all-pairs-cross-event on paired: its events are not known",
        "ijb/1:1 on paired: it has no templates",
    ]
    none = plan_study(study(protocols=["lfw/official"]))
    assert none.cells == [] and len(none.missing) == 1
    alone = plan_study(study(protocols=["verification/all-pairs-s-norm"]))
    assert alone.cells == [] and "it has no cohort" in alone.missing[0]
