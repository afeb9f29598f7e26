"""Real small studies with cloaks: rows, files, resuming, what is drawn and made only once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from PIL import Image

from faceprobe.cli.main import run
from faceprobe.data.photo import decode_image
from faceprobe.metrics.bootstrap import identity_weights
from faceprobe.results.result import Result
from faceprobe.study.run import RunResult, run_study
from faceprobe.study.schema import Study, parse_study
from tests.helpers.child import child_environment

SMALL = "synthetic?people=14&photos=4&split=test&seed=0&size=48"
NOISE = "noise[jpeg-75]"
KEPT = ("results.json", "results.parquet")


def small(**changes: Any) -> Study:
    base: dict[str, Any] = {
        "title": "t",
        "models": ["pixels:8", "pixels:12"],
        "datasets": [SMALL],
        "cloaks": {"none": None, "jpeg-75": {"purifiers": ["none", "blur-1"]}, NOISE: None},
        "protocols": ["verification/all-pairs", "cloak/poisoning", "cloak/verification"],
        "cloak_people": 11,
        "replicates": 20,
    }
    return parse_study({**base, **changes}, "x")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEPROBE_CACHE", str(folder / "cache"))
        return run_study(small(), folder / "run", quiet=True)


def kept(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in KEPT}


def by(rows: list[Result], **wanted: str) -> list[Result]:
    return [r for r in rows if all(getattr(r, key) == value for key, value in wanted.items())]


def test_clean_cells_hold_clean_protocols_and_cloak_cells_those_for_cloaks(whole: RunResult) -> None:
    assert whole.measured == 2 * (1 + 2 + 1)
    plain = by(whole.rows, cloak="none")
    assert plain and not any(r.protocol.startswith("cloak/") for r in plain)
    cloaked = [r for r in whole.rows if r.cloak != "none"]
    assert {r.protocol for r in cloaked if r.model != "none"} == {"cloak/poisoning", "cloak/verification"}
    assert all(r.protocol.startswith("cloak/") for r in cloaked)
    assert {r.evidence for r in whole.rows} == {"synthetic"}
    assert {(r.model, r.purifier) for r in by(cloaked, cloak="jpeg-75")} == {
        ("none", "none"),
        *((model, purifier) for model in ("pixels:8", "pixels:12") for purifier in ("none", "blur-1")),
    }
    (row,) = by(cloaked, model="pixels:12", cloak=NOISE, protocol="cloak/poisoning", metric="protection@1nn")
    assert row.n_identities == 11 and row.ci_low is not None


def test_a_purifier_changes_the_figures_of_the_same_photos(whole: RunResult) -> None:
    def figures(purifier: str) -> list[float | None]:
        rows = by(whole.rows, model="pixels:8", cloak="jpeg-75", purifier=purifier)
        return [r.value for r in rows]

    assert len(figures("none")) == len(figures("blur-1")) and figures("none") != figures("blur-1")


def test_quality_rows_are_those_of_a_plain_program(whole: RunResult) -> None:
    from faceprobe.cloaks.base import Subject
    from faceprobe.cloaks.registry import load_cloak
    from faceprobe.datasets import load_dataset
    from faceprobe.study.plan import plan_study

    table, (job, _) = load_dataset(SMALL), plan_study(small()).jobs.values()
    cloak, each = load_cloak("jpeg-75"), {}
    for row in job.rows:
        photo = table.photo(row)
        (done,) = cloak.apply([Subject(photo.content_hash, photo)], seed=0)
        error = np.mean((photo.pixels.astype(float) - done.pixels) ** 2)
        each.setdefault(str(table.identities[row]), []).append(10 * np.log10(255**2 / error))
    people = np.array([np.mean(each[person]) for person in sorted(each)])
    (psnr,) = by(whole.rows, cloak="jpeg-75", protocol="cloak/quality", metric="psnr")
    assert psnr.value == pytest.approx(people.mean(), abs=1e-9) and len(people) == psnr.n_identities == 11
    assert psnr.n == len(job.rows) and (psnr.model, psnr.crop) == ("none", "as-is")
    influence = (people - people.mean()) / 10
    variance, fourth = (influence**2).sum(), (influence**4).sum()
    freedom = min(2 * variance**2 / (fourth - variance**2 / 11), 10)
    wider = scipy.stats.t.ppf(0.975, freedom) / scipy.stats.norm.ppf(0.975)
    draws = people.mean() + wider * (identity_weights(11, 20, 0) @ influence)
    assert [psnr.ci_low, psnr.ci_high] == pytest.approx(np.percentile(draws, [2.5, 97.5]), abs=1e-6)
    (noisy,) = by(whole.rows, cloak=NOISE, protocol="cloak/quality", metric="psnr")
    assert noisy.value == pytest.approx(psnr.value, abs=0.1)
    (share,) = by(whole.rows, cloak=NOISE, protocol="cloak/quality", metric="share_changed")
    assert share.value == 1.0


def test_the_manifest_tells_of_every_cloak(whole: RunResult) -> None:
    manifest = json.loads((whole.out / "manifest.json").read_text())
    first, second = manifest["cloaks"]
    assert (first["id"], second["id"]) == ("jpeg-75", NOISE) and first["dataset"] == SMALL
    assert first["card"]["control"] and first["n_photos"] == second["n_photos"] == 44
    assert first["unchanged"] == {} and first["seconds_a_photo"] >= 0 and "sample" not in first
    assert {c["purifier"] for c in manifest["cells"]} == {"none", "blur-1"}
    assert set(manifest["hashes"]["models"]) == set(manifest["models"]) == {"pixels:8", "pixels:12"}
    assert "data:image/png" in whole.report.read_text()


def test_a_second_run_elsewhere_gives_the_same_bytes(whole: RunResult, tmp_path: Path) -> None:
    again = run_study(small(), tmp_path / "run", quiet=True)
    assert kept(again.out) == kept(whole.out)


def test_a_finished_run_cloaks_and_loads_nothing(whole: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("made again")

    monkeypatch.setattr("faceprobe.study.execute.make_cloaked", never)
    before = kept(whole.out)
    again = run_study(small(), whole.out, quiet=True)
    assert (again.measured, again.resumed) == (0, 8) and kept(whole.out) == before


@pytest.mark.parametrize("moment", ["third cloaked photo", "second cell", "quality"])
def test_a_run_killed_at_any_instant_goes_on_with_the_same_bytes(
    whole: RunResult, tmp_path: Path, moment: str
) -> None:
    out = tmp_path / "run"
    code = f"from tests.study.test_cloak_run import run_and_die; run_and_die({str(out)!r}, {moment!r})"
    environment = child_environment()
    child = subprocess.run([sys.executable, "-c", code], env=environment, timeout=300, check=False)
    assert child.returncode == -signal.SIGKILL
    result = run_study(small(), out, quiet=True)
    assert result.measured + result.resumed == 8
    assert kept(out) == kept(whole.out)
    assert [p.name for p in (out / "cells").iterdir() if p.name.startswith(".")] == []


def run_and_die(out: str, moment: str) -> None:
    """Run the small study in a process that kills itself at ``moment``."""
    from faceprobe.cloaks.photos import dataset_cache
    from faceprobe.results import files
    from faceprobe.study import execute as work

    left = [2]

    def die_after(real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return call

    if moment == "third cloaked photo":
        dataset_cache._write = die_after(dataset_cache._write)
    elif moment == "second cell":
        files.write_bytes = die_after(files.write_bytes)
    else:
        left[0] = 1
        work.measure_quality = die_after(work.measure_quality)
    run_study(small(), Path(out), quiet=True)


def test_a_changed_cloak_is_measured_again_and_nothing_else(tmp_path: Path, monkeypatch: Any) -> None:
    asked = small(models=["pixels:8"])
    run_study(asked, tmp_path / "run", quiet=True)
    from faceprobe.study import checkpoint

    real = checkpoint.cloak_signature

    def other(job: Any, *arguments: Any) -> str:
        return real(job, *arguments) + ("x" if job.cloak == NOISE else "")

    monkeypatch.setattr(checkpoint, "cloak_signature", other)
    again = run_study(asked, tmp_path / "run", quiet=True)
    assert (again.measured, again.resumed) == (1, 3)


def test_the_files_of_a_dataset_are_used_as_cloaks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(1, 13):
        clean = rng.integers(0, 200, (24, 20, 3), dtype=np.uint8)
        Image.fromarray(clean).save(tmp_path / f"{number:06d}.jpg", quality=100)
        decoded = decode_image((tmp_path / f"{number:06d}.jpg").read_bytes(), "x")
        change = np.uint8(2 if number == 1 else 4)
        Image.fromarray(decoded + change).save(tmp_path / f"{number:06d}_cloaked.png")
    (tmp_path / "who.txt").write_text("".join(f"{k:06d}.jpg {1 + (k - 1) // 4}\n" for k in range(1, 13)))
    dataset = f"perturbed-faces:{tmp_path}?identities={tmp_path}/who.txt&control=png"
    asked = small(
        models=["pixels:8"],
        datasets=[dataset],
        protocols=None,
        cloaks=["none", "fawkes", "clean-png", "noise[fawkes]"],
    )
    result = run_study(asked, tmp_path / "run", quiet=True)
    assert {r.cloak for r in result.rows} == {"none", "fawkes", "clean-png", "noise[fawkes]"}
    (psnr,) = by(result.rows, cloak="fawkes", metric="psnr")
    usual, barely = (10 * np.log10(255**2 / change**2) for change in (4, 2))
    assert psnr.value == pytest.approx(usual + (barely - usual) / 12) and psnr.evidence == "real-photos"
    assert "1 photo barely changed (by at most 2 of 255)" in psnr.text
    (noise,) = by(result.rows, cloak="noise[fawkes]", metric="psnr")
    assert noise.value == pytest.approx(psnr.value, abs=0.1)
    (share,) = by(result.rows, cloak="clean-png", metric="share_changed")
    assert share.value == 0 and not by(result.rows, cloak="clean-png", metric="psnr")
    assert {r.n for r in by(result.rows, cloak="none", metric="n_photos")} <= {12}
    assert "data:image/png" not in result.report.read_text(), "photos of real people are not shown"
    assert str(tmp_path) not in (result.out / "results.json").read_text()


def test_eval_measures_a_cloak_under_a_purifier(capsys: pytest.CaptureFixture[str]) -> None:
    base = ["eval", "--model", "pixels:8", "--dataset", SMALL, "--replicates", "10", "--cloak-people", "11"]
    assert run([*base, "--cloak", "blur-1", "--purifier", "jpeg-75", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {r["cloak"] for r in rows} == {"blur-1"} and {r["protocol"][:6] for r in rows} == {"cloak/"}
    assert {r["purifier"] for r in rows if r["model"] != "none"} == {"jpeg-75"}
    assert run([*base, "--cloak", "blur-1"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("Cloaked photos enrolled, clean ones searched: blur-1 ") and "pixels:8" in said
    assert "Clean photos enrolled" in said and said.endswith(f"All {len(rows):,} figures: --all")
    assert run([*base, "--cloak", "blur-1", "--all"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Cloaked photos enrolled") and "cloak/quality: how visible a cloak is" in shown
    assert run([*base, "--purifier", "blur-1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {(r["cloak"], r["purifier"]) for r in rows} == {("none", "blur-1")}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--cloak", "fawks"], "did you mean 'fawkes"),
        (["--cloak", "lowkey"], "it comes as files with a dataset's clean photos"),
        (["--cloak", "blur-1", "--protocol", "verification/all-pairs"], "leave --cloak out"),
        (["--protocol", "cloak/evasion"], "name a --cloak"),
        (["--purifier", "jpg"], "did you mean 'jpeg-75'"),
    ],
)
def test_eval_refuses_what_does_not_go_together(
    capsys: pytest.CaptureFixture[str], arguments: list[str], part: str
) -> None:
    assert run(["eval", "--model", "pixels:8", "--dataset", SMALL, *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1 and part in shown.err


@pytest.mark.slow
def test_a_cloak_with_gradients_end_to_end(tmp_path: Path) -> None:
    fawkes = "fawkes-1.0.1-low[bundled:clip-s]"
    asked = small(
        models=["bundled:clip-s"],
        datasets=["synthetic?people=6&photos=3&split=test&seed=0"],
        cloaks=[fawkes, f"noise[{fawkes}]"],
        cloak_people=3,
        cloak_photos=1,
    )
    result = run_study(asked, tmp_path / "run", quiet=True)
    (most,) = by(result.rows, cloak=fawkes, metric="dssim_crop_max")
    assert most.value is not None and 0 < most.value <= 1.1 * 0.005
    assert run_study(asked, tmp_path / "again", quiet=True).rows == result.rows
