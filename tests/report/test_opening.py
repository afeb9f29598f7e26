"""The packaged quickstart leads with a real CLIP, and no other report does."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from faceprobe import __version__
from faceprobe.core.files import read_json, write_json
from faceprobe.data.evidence import Evidence
from faceprobe.report import write_report
from faceprobe.report.opening import REAL_CLIP, opening_of, real_clip
from faceprobe.report.plots.theme import DARK, LIGHT
from faceprobe.results.run import read_run
from faceprobe.study.packaged import packaged_studies, resolve_study
from tests.helpers.html_page import Page
from tests.helpers.run_writer import Writer

ROOT = Path(__file__).parents[2]
STORED = json.loads(
    files("faceprobe.report").joinpath("data/reference_celeba_clip.json").read_text(encoding="utf-8")
)


def asked(folder: Path, **card: Any) -> Path:
    """The run at ``folder``, its study asking for the opening, ``card`` on the card of its first model."""
    manifest = read_json(folder / "manifest.json")
    manifest["study"]["opening"] = REAL_CLIP
    manifest["models"][next(iter(manifest["models"]))].update(card)
    write_json(folder / "manifest.json", manifest)
    return folder


def plain(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())


def row(use: str) -> dict[str, Any]:
    return next(r for r in STORED["rows"] if STORED["models"][r["model"]]["use"] == use)


def rounded(found: dict[str, Any], digits: int) -> str:
    value, low, high = (f"{100 * found[k]:.{digits}f}" for k in ("value", "ci_low", "ci_high"))
    return f"{value} % [{low}, {high}]"


def test_the_first_sentence_of_the_quickstart_is_about_the_real_clip(run_dir: Path) -> None:
    words = plain(Page(write_report(asked(run_dir)).read_text(encoding="utf-8")).words)
    said = plain(str(real_clip().sentences[0]))
    label = f"Measured with faceprobe {__version__}: one model, 1,088 people"
    assert words.index(label) < words.index(said) < words.index("The laboratory: a world of drawn people")
    assert words.index("a laboratory that can be rerun on any machine") < words.index("In the built-in world")


def test_its_figures_are_those_of_the_packaged_file() -> None:
    model, floor, face, objects = (row(use) for use in ("model", "random", "faces", "objects"))
    assert model["evidence"] == "real-model" and model["model"] == "CLIP ViT-B/32 (OpenAI)"
    first, second, third = (plain(str(sentence)) for sentence in real_clip().sentences)
    assert first.startswith(f"With published weights on real photos, {model['model']}, which was not built")
    assert f"in {rounded(model, 0)} of searches among {STORED['n_identities']:,} people" in first
    assert f"{face['model']}, which was made for faces, does so in {rounded(face, 0)}" in second
    assert f"{objects['model']}, which was trained to name objects, does so in {rounded(objects, 0)}" in third
    assert f"{floor['model']}, with random weights, in {rounded(floor, 1)}" in third
    assert {r["code"] for r in floor["remarks"]} == {"coverage-not-assured"}
    assert "coverage not assured" in third


def test_the_packaged_file_is_a_part_of_the_committed_one_and_of_this_version() -> None:
    committed = read_json(ROOT / "docs" / "reference" / "celeba_clip.json")
    keys = ("model", "crop", "protocol", "metric", "weighting")
    everything = {tuple(r[k] for k in keys): r for r in committed["rows"]}
    for found in STORED["rows"]:
        same = everything[tuple(found[k] for k in keys)]
        assert all(found[k] == same[k] for k in ("value", "ci_low", "ci_high", "n", "evidence"))
    assert STORED["faceprobe"] == committed["versions"]["faceprobe"] == __version__
    assert {r["evidence"] for r in committed["rows"] if r["model"].startswith("CLIP")} == {"real-model"}


@pytest.mark.parametrize(
    ("evidence", "card"),
    [("synthetic", {"synthetic": False, "role": "clip"}), ("real-photos", {}), ("real-model", {})],
)
def test_a_report_on_own_models_or_photos_leads_with_its_own(
    writer: Callable[..., Writer], evidence: Evidence, card: dict[str, Any]
) -> None:
    run = read_run(asked(writer(evidence=evidence).write(), **card))
    assert opening_of(run) is None
    assert 'id="opening"' not in write_report(run.folder).read_text(encoding="utf-8")


def test_only_the_quickstart_asks_for_it(run_dir: Path) -> None:
    asking = [name for name in packaged_studies() if resolve_study(name)[1].opening]
    assert asking == ["quickstart"]
    assert opening_of(read_run(run_dir)) is None, "a study that does not ask for it"
    assert opening_of(read_run(asked(run_dir))) is not None


def test_the_readme_says_the_same_and_its_figures_are_drawn_from_the_same_file() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first, *others = real_clip().sentences
    assert plain(str(first)) in plain(readme)
    for sentence in others:  # the first says where the photos come from
        assert plain(sentence.rest) in plain(readme)
    assert readme.index("docs/images/real-clip-light.svg") < readme.index("make demo")
    for plot in (real_clip().wide, real_clip().narrow):
        for name, colors in (("light", LIGHT), ("dark", DARK)):
            place = ROOT / "docs" / "images" / f"{plot.name}-{name}.svg"
            assert place.read_text(encoding="utf-8") == plot.file(colors)
