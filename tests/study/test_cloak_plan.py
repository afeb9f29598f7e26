"""Cloaks and purifiers in a plan: which photos, which cells, what is refused before anything is loaded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from faceprobe.api.evaluate import _cloak_note
from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.data.face_table import FaceTable, face_table_columns
from faceprobe.datasets import load_dataset
from faceprobe.study.cloak_plan import draw_people, keep_variants, target_rows, variants_of
from faceprobe.study.plan import plan_study
from faceprobe.study.schema import Study, parse_study
from faceprobe.study.types import Plan

PGD, NOISE = "pgd[bundled:face]", "noise[pgd[bundled:face]]"


def study(**changes: Any) -> Study:
    return parse_study({"title": "t", "models": ["fake:a"], "datasets": ["drawn"], **changes}, "x")


def cells(plan: Plan) -> list[tuple[str, str, str, str]]:
    return [(c.model, c.crop, c.cloak, c.purifier) for c in plan.cells]


def versions(bench: Any, variants: tuple[str, ...] = ("fawkes", "lowkey")) -> FaceTable:
    """Three people, two photos each; each variant has a version of every photo but the last."""
    clean = bench.drawn("real")
    images = clean.images.tolist()
    rows = [(image, image, "clean") for image in images]
    rows += [(f"{image}_{variant}", image, variant) for variant in variants for image in images[:-1]]
    rows.sort()
    columns = face_table_columns(
        image=[image for image, _, _ in rows],
        identity=[image.split("/")[0] for image, _, _ in rows],
        variant=[variant for _, _, variant in rows],
        source_image=[source for _, source, _ in rows],
    )
    return replace(clean, table=columns)


def test_cloaks_come_after_the_clean_cells_in_each_models_first_crop(bench: Any) -> None:
    asked = study(
        models={"fake:a": None, "fake:b": {"crops": ["margin-0.5", "as-is"]}},
        crops=["as-is", "face-only"],
        cloaks={"none": None, "jpeg-75": None, PGD: {"models": ["fake:b"], "purifiers": ["none", "blur"]}},
        cloak_people=2,
    )
    plan = plan_study(asked)
    assert cells(plan) == [
        ("fake:a", "as-is", "none", "none"),
        ("fake:a", "face-only", "none", "none"),
        ("fake:a", "as-is", "jpeg-75", "none"),
        ("fake:b", "margin-0.5", "none", "none"),
        ("fake:b", "as-is", "none", "none"),
        ("fake:b", "margin-0.5", "jpeg-75", "none"),
        ("fake:b", "margin-0.5", PGD, "none"),
        ("fake:b", "margin-0.5", PGD, "blur-1"),
    ]
    keys = [cell.key for cell in plan.cells]
    assert len(set(keys)) == len(keys) and all(len(key) <= 81 for key in keys)
    job = plan.jobs["drawn", PGD]
    assert len(job.rows) == 4 and {len(j.key) <= 81 for j in plan.jobs.values()} == {True}
    assert plan.n_photos == 4 * 6 + 4 * (6 + 4) + 2 * 4
    assert bench.loaded == []


def test_a_cloak_that_another_follows_is_made_before_it_and_once(bench: Any) -> None:
    plan = plan_study(study(cloaks=[NOISE]))
    assert list(plan.jobs) == [("drawn", PGD), ("drawn", NOISE)]
    assert plan.jobs["drawn", NOISE].noise_reference == PGD
    assert [cell.cloak for cell in plan.cells] == [NOISE]
    both = plan_study(study(cloaks=[NOISE, PGD]))
    assert list(both.jobs) == list(plan.jobs) and len(both.cells) == 2


def test_some_photos_of_each_person_are_taken_in_even_steps(bench: Any) -> None:
    bench.tables["drawn"] = bench.drawn("drawn", people=5, photos=8)
    plan = plan_study(study(cloaks=["jpeg-75"], cloak_people=2, cloak_photos=2))
    (job,) = plan.jobs.values()
    assert len(job.rows) == 4 and sorted(row % 8 for row in job.rows) == [0, 0, 4, 4]


def test_the_seed_draws_people_with_something_to_look_for_and_more_hold_fewer() -> None:
    table = load_dataset("synthetic?people=40&photos=3&split=test&seed=0")
    events = {p: set(table.events[table.identities == p]) for p in table.identities}  # type: ignore[index]
    some, others = draw_people(table, 5, 7)
    more, _ = draw_people(table, 30, 7)
    assert more[:5].tolist() == some.tolist() and not set(some) & set(others)
    assert all(len(events[person]) > 1 for person in more)
    assert any(len(seen) == 1 for seen in events.values())
    assert draw_people(table, 5, 8)[0].tolist() != some.tolist()
    aims = {str(table.identities[row]) for row in target_rows(table, 5, 7)}
    assert aims and aims == set(others) and not aims & set(some)


def test_a_targeted_cloak_needs_somebody_to_aim_at(bench: Any) -> None:
    with pytest.raises(WrongUsage, match=r"tip-im\[bundled:face\] aims at people .* cloak_people below 24"):
        plan_study(study(cloaks=["tip-im"]))
    assert len(plan_study(study(cloaks=["tip-im"], cloak_people=2)).cells) == 1


def test_a_datasets_own_variants_go_before_cloaks_that_are_made(bench: Any) -> None:
    table = bench.tables["real"] = versions(bench)
    assert variants_of(table) == ["fawkes", "lowkey"]
    plan = plan_study(study(datasets=["real"], cloaks=["none", "fawkes", "noise[fawkes]"]))
    clean = plan.tables["real"]
    assert clean.images.tolist() == bench.drawn("real").images.tolist()
    job = plan.jobs["real", "fawkes"]
    assert job.text == "" and job.rows == (0, 1, 2, 3, 4) and job.table is not None
    assert set(job.table.variants.tolist()) == {"clean", "fawkes"} and len(job.table) == 11  # type: ignore[union-attr]
    assert plan.jobs["real", "noise[fawkes]"].rows == job.rows
    assert [plan.photos_of(cell) for cell in plan.cells] == [6, 11, 11]
    odd = versions(bench, ("ours",))
    bench.tables["real"] = odd
    assert list(plan_study(study(datasets=["real"], cloaks=["ours"])).jobs) == [("real", "ours")]


def test_pairs_follow_the_clean_photos() -> None:
    table = load_dataset("synthetic?people=3&photos=2&split=test&seed=0&size=32")
    assert variants_of(table) == [] and len(keep_variants(table, ["clean"])) == len(table)


@pytest.mark.parametrize(
    ("cloaks", "message"),
    [
        (["none", "fawks"], "unknown cloak 'fawks'; did you mean"),
        (["none", "fawkes-1.0.2-middle"], "fawkes-1.0.2-mid'"),
        (["noise[pgt]"], "unknown cloak 'pgt'"),
        (["jpeg-101"], "takes a whole number from 1 to 100"),
        (["none", "pgd", PGD], "'pgd' and .* are the same"),
        (["fawkes"], r"cloak fawkes: it comes as files .* as in fawkes-1\.0\.2-mid"),
    ],
)
def test_wrong_cloaks_are_refused_with_exit_code_2(bench: Any, cloaks: list[str], message: str) -> None:
    with pytest.raises(WrongUsage, match=message) as caught:
        plan_study(study(cloaks=cloaks))
    assert caught.value.exit_code == 2
    assert bench.loaded == []


def test_wrong_purifiers_and_models_are_refused(bench: Any) -> None:
    with pytest.raises(UnknownName, match="unknown purifier 'jpg-75'; did you mean 'jpeg-75'"):
        plan_study(study(cloaks=["jpeg-75"], purifiers=["none", "jpg-75"]))
    for changes in ({"cloak_models": ["fake:b"]}, {"cloaks": {"jpeg-75": {"models": ["fake:b"]}}}):
        with pytest.raises(WrongUsage, match="'fake:b' is not one of the study's models"):
            study(**changes)
    with pytest.raises(WrongUsage, match=r"unknown key 'cloaks.jpeg-75.crop'; did you mean 'crops'"):
        study(cloaks={"jpeg-75": {"crop": ["as-is"]}})


def test_protocols_go_to_the_cells_that_they_are_for(bench: Any) -> None:
    names = ["verification/all-pairs", "cloak/evasion"]
    plan = plan_study(study(cloaks=["none", "jpeg-75"], protocols=names))
    assert [c.protocols for c in plan.cells] == [("verification/all-pairs",), ("cloak/evasion",)]
    plan = plan_study(study(cloaks=["none", "jpeg-75"], protocols=names[1:]))
    assert [c.cloak for c in plan.cells] == ["jpeg-75"]
    plan = plan_study(study(cloaks=["none", "jpeg-75"], protocols=names[:1]))
    assert [c.protocols for c in plan.cells] == [("verification/all-pairs",), None]


def test_where_nobody_is_known_the_clean_protocols_are_left_out(bench: Any) -> None:
    bench.tables["real"] = replace(versions(bench), identities_known=False)
    plan = plan_study(study(datasets=["real"], cloaks=["none", "fawkes"]))
    assert [c.cloak for c in plan.cells] == ["fawkes"]
    assert plan.missing == ["the protocols of clean photos on real: its people are not known"]


def test_cloaks_need_faces_and_controls_do_not(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEPROBE_DETECTOR", raising=False)
    bench.tables["drawn"] = replace(bench.drawn(), source=replace(bench.drawn().source, known_faces=None))
    plan = plan_study(study(cloaks=["none", "jpeg-75", NOISE, PGD], allow_missing=True))
    assert [c.cloak for c in plan.cells] == ["none", "jpeg-75"] and len(plan.missing) == 1
    assert "left out: pgd[bundled:face] of drawn" in plan.missing[0]
    assert list(plan.jobs) == [("drawn", "jpeg-75")]


def test_a_cloaks_rows_are_sorted_by_person(bench: Any) -> None:
    plan = plan_study(study(cloaks=["jpeg-75"]))
    (job,) = plan.jobs.values()
    assert np.array_equal(job.rows, np.arange(6))


def test_a_short_name_means_the_version_that_the_dataset_brings(bench: Any) -> None:
    brought = "pgd[onnx:face.onnx]"
    bench.tables["real"] = versions(bench, (brought, "lowkey", "own name, odd]"))
    plan = plan_study(study(datasets=["real"], cloaks=["pgd", "noise[pgd]"]))
    assert list(plan.jobs) == [("real", brought), ("real", f"noise[{brought}]")]
    job, noise = plan.jobs.values()
    assert job.text == "" and job.table is not None
    assert noise.noise_reference == brought and noise.rows == job.rows
    made = plan_study(study(datasets=["real"], cloaks=[PGD], cloak_people=2)).jobs
    assert list(made) == [("real", PGD)] and made["real", PGD].text == PGD  # another surrogate was asked for
    other = plan_study(study(datasets=["real"], cloaks=["fawkes-1.0.2-mid"])).jobs
    assert list(other) == [("real", "fawkes-1.0.2-mid[bundled:face]")]
    with pytest.raises(WrongUsage, match="the same: leave one out"):
        plan_study(study(datasets=["real"], cloaks=["pgd", brought]))
    bench.tables["real"] = versions(bench, (brought, PGD))
    with pytest.raises(
        WrongUsage, match=r"brings pgd\[bundled:face\] and pgd\[onnx:face.onnx\]; write which"
    ):
        plan_study(study(datasets=["real"], cloaks=["pgd"]))


def test_what_is_measured_is_said_where_the_dataset_brings_cloaked_photos(bench: Any) -> None:
    brought = "pgd[onnx:face.onnx]"
    table = versions(bench, (brought,))
    assert "pgd is pgd[onnx:face.onnx] here" in _cloak_note("pgd", brought, table)
    assert f"brings {brought}; {PGD} is another cloak and is made here" in _cloak_note(PGD, PGD, table)
    assert _cloak_note(brought, brought, table) == _cloak_note("none", "none", table) == ""
    assert _cloak_note("pgd", PGD, bench.drawn("real")) == ""
