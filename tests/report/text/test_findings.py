"""What the findings lead with, and what they say of untrained baselines and of the user's own models."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from faceprobe.report import write_report
from faceprobe.report.comparison.floors import floor_verdicts
from faceprobe.report.scenes import headline_scenes
from faceprobe.report.text.findings import findings
from faceprobe.results.run import Run, read_run
from tests.helpers.html_page import Page
from tests.helpers.run_writer import MODELS, PIXELS, Invented, Writer

CLIP, FACE = MODELS[2], MODELS[4]
OWN = Invented(replace(CLIP.card, id="local:mine.pt?arch=ViT-B-32", synthetic=False, own=True), 1.9)
RANDOM = Invented(
    replace(PIXELS.card, id="random:ViT-B-32", family="random weights", n_params=88_000_000), 1.0, 0.3
)


def said(run_dir: Path) -> list[str]:
    run = read_run(run_dir)
    return [str(s).replace("\u00a0", " ") for s in findings(run, headline_scenes(run)[0])]


def test_the_best_floor_never_leads(writer: Callable[..., Writer]) -> None:
    """A strong floor beside a weak checkpoint: the checkpoint leads, and the headline says what it is."""
    strong = replace(PIXELS, strength=2.6)
    texts = said(writer(models=(OWN, strong), crops=("as-is",), evidence="real-photos").write())
    assert texts[0].startswith("On real photos: the zero-shot CLIP-style model, local:mine.pt, finds")
    assert "less than an untrained baseline, pixels:32 in " in texts[0]
    assert texts[1] == (
        "On real photos, local:mine.pt is not shown to do so more often than the untrained baseline "
        "(pixels:32); local:mine.pt less often."
    )


def test_a_bundled_model_never_leads_over_the_users_own(writer: Callable[..., Writer]) -> None:
    texts = said(writer(models=(CLIP, FACE, OWN, PIXELS), evidence="real-photos").write())
    assert "the zero-shot CLIP-style model, local:mine.pt, finds" in texts[0]
    assert "an untrained baseline, pixels:32 in" in texts[0]
    assert any("the bundled zero-shot CLIP-style model, bundled:clip-l, does so in" in t for t in texts)


def test_an_own_specialist_on_its_own_crop_leads_too(writer: Callable[..., Writer]) -> None:
    own = Invented(replace(FACE.card, id="onnx:face.onnx?size=112", synthetic=False, own=True), 3.0)
    run_dir = writer(models=(CLIP, own), crops=("as-is", "aligned-112"), evidence="real-photos").write()
    document = json.loads((run_dir / "results.json").read_text())
    wanted = {"bundled:clip-l": "as-is", own.card.id: "aligned-112"}
    document["rows"] = [r for r in document["rows"] if wanted[r["model"]] == r["crop"]]
    (run_dir / "results.json").write_text(json.dumps(document))
    texts = said(run_dir)
    assert "the model made for faces, onnx:face.onnx on its own crop (aligned-112), finds" in texts[0]
    assert any("no untrained baseline was measured on the same crop as" in t for t in texts)


def test_random_weights_are_compared_first_and_every_model_is_judged(writer: Callable[..., Writer]) -> None:
    weak = Invented(replace(MODELS[0].card, id="weak"), PIXELS.strength)
    texts = said(writer(models=(CLIP, weak, PIXELS, RANDOM), crops=("as-is",)).write())
    assert "untrained baselines, random:ViT-B-32 in " in texts[0]
    assert texts[1] == (
        "In the built-in world, 1 of 2 models is shown to do so more often than the untrained baselines "
        "(pixels:32 and random:ViT-B-32); not shown: weak."
    )


def test_a_run_of_floors_alone_says_so(writer: Callable[..., Writer]) -> None:
    texts = said(writer(models=(PIXELS, RANDOM), crops=("as-is",)).write())
    assert "only untrained baselines were measured" in texts[0] and "the best" not in texts[0]


def verdict(run: Run) -> str:
    (found,) = floor_verdicts(run, headline_scenes(run)[0])
    return found.word


@pytest.mark.parametrize(("people", "word"), [(5, "not shown"), (6, "yes")])
def test_few_people_show_nothing(writer: Callable[..., Writer], people: int, word: str) -> None:
    run_dir = writer(models=(CLIP, PIXELS), crops=("as-is",)).write()
    change(run_dir, lambda row: row.update(n_identities=people))
    assert verdict(read_run(run_dir)) == word


def test_without_pairing_intervals_must_lie_apart(writer: Callable[..., Writer]) -> None:
    run_dir = writer(models=(CLIP, PIXELS), crops=("as-is",), curves=False).write()
    assert verdict(read_run(run_dir)) == "yes"
    change(run_dir, lambda row: row.update(ci_low=0.0))
    assert verdict(read_run(run_dir)) == "not shown"


def test_a_figures_remarks_follow_every_sentence_with_it(writer: Callable[..., Writer]) -> None:
    run_dir = writer(models=(CLIP, PIXELS)).write()
    note = {"code": "zero-width-interval", "level": "caution", "text": "no width: too few errors"}

    def certain(row: dict[str, Any]) -> None:
        if row["metric"] == "rank1" and row["model"] == CLIP.card.id and row["crop"] == "as-is":
            row.update(value=1.0, ci_low=1.0, ci_high=1.0, remarks=[note])

    change(run_dir, certain)
    texts = said(run_dir)
    quoting = [t for t in texts if "100.0 % [100.0, 100.0]" in t]
    assert len(quoting) == 2, "the headline and the one about events"
    assert all(t.endswith(" (no width: too few errors).") for t in quoting)
    words = Page(write_report(run_dir).read_text(encoding="utf-8")).words
    assert words.count("(no width: too few errors).") >= len(quoting), "on the page too"


def change(run_dir: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads((run_dir / "results.json").read_text())
    for row in document["rows"]:
        edit(row)
    (run_dir / "results.json").write_text(json.dumps(document))
