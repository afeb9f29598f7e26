"""Rule 8: a sentence claims no more than its weakest evidence, whatever is filled in."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.resources import files
from itertools import combinations, product
from pathlib import Path
from string import Formatter

import pytest

from faceprobe.core.errors import FaceprobeError
from faceprobe.data.evidence import EVIDENCE_ORDER, Evidence, weakest
from faceprobe.data.remarks import CODES, remark
from faceprobe.report.text.sentences import (
    CLAUSE,
    LABEL,
    SENSITIVE,
    TEMPLATES,
    Basis,
    check,
    lead,
    quote,
    say,
)
from faceprobe.results.result import Result
from faceprobe.results.run import Run

COMBINATIONS = [c for n in range(1, 5) for c in combinations(EVIDENCE_ORDER, n)]
FLAGS = list(product((False, True), repeat=2))


def fields_of(template: str) -> dict[str, str]:
    """Values that are as tempting as a study could make them."""
    names = {name for _, name, _, _ in Formatter().parse(TEMPLATES[template]) if name}
    return {name: f"ViT-B-32/openai CLIP Fawkes LowKey {name}" for name in names - {"lead"}}


@pytest.mark.parametrize("template", sorted(TEMPLATES))
@pytest.mark.parametrize("evidence", COMBINATIONS, ids="+".join)
def test_every_template_in_every_combination(template: str, evidence: tuple[Evidence, ...]) -> None:
    for people, models in FLAGS:
        said = say(template, Basis(evidence, people, models), **fields_of(template))
        limit = weakest(evidence)
        assert said.evidence == limit
        assert CLAUSE[limit] in said.text.lower()
        assert said.text.startswith(said.lead) and said.lead + said.rest == said.text
        assert CLAUSE[limit] in said.lead.lower(), "the label leads the sentence"
        stronger = EVIDENCE_ORDER[EVIDENCE_ORDER.index(limit) + 1 :]
        for claim in {CLAUSE[e] for e in stronger} - {"on real photos"}:
            assert claim not in said.text.lower(), "claims stronger evidence than it has"
        if limit == "synthetic":
            assert "real photos" not in said.text.lower()


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_a_template_without_its_lead_is_caught(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = re.sub(r"^\{lead\}[,:] ", "", TEMPLATES[template])
    assert bare != TEMPLATES[template], "every template begins with its lead"
    monkeypatch.setitem(TEMPLATES, template, bare)
    with pytest.raises(FaceprobeError, match="built-in world"):
        say(template, Basis(("synthetic",)), **fields_of(template))


@pytest.mark.parametrize("word", SENSITIVE)
def test_synthetic_figures_never_speak_of_real_models_without_the_clause(word: str) -> None:
    with pytest.raises(FaceprobeError, match=word):
        check(f"{word.title()} stops nine searches in ten.", "synthetic")
    check(f"In the built-in world, {word} stops nine searches in ten.", "synthetic")


ROW = Result(
    *("m", "d", "as-is", "none", "p", "rank1", "identity", 1.0, 1.0, 1.0, "how", 9, 3, "real-photos"),
    remarks=remark("zero-width-interval", "no width"),
    conventions="",
    model_hash="",
    dataset_hash="",
)
RUN = Run(Path(), (ROW,))


def test_a_figure_carries_its_remarks_into_every_sentence() -> None:
    said = say("folds", RUN, model="m", value=quote(ROW), protocol="p")
    assert str(said).endswith("correctly (p) (no width).") and said.caution == " (no width)."
    assert said.lead + said.rest == said.text, "no page that shows both can lose the caution"
    counted = say("no_rank", RUN, ROW, dataset="d")
    assert counted.caution == " (no width).", "also where the figure is not quoted"


def test_an_interval_without_its_row_is_an_error() -> None:
    for text in ("71\u00a0% [68,\u00a074]", "+3.1\u00a0points [0.4,\u00a05.9]", "0.5 [0.400, 0.600]"):
        with pytest.raises(FaceprobeError, match="has no row"):
            say("folds", RUN, ROW, model="m", value=text, protocol="p")
    say("folds", RUN, ROW, model="fawkes[bundled:face;dssim]", value="7", protocol="noise[jpeg-75, 2]")
    with pytest.raises(FaceprobeError, match="need the run"):
        say("folds", Basis(("real-photos",)), model="m", value=quote(ROW), protocol="p")


def test_remarks_that_differ_in_their_numbers_are_one_and_many_are_named_by_their_kinds() -> None:
    rows = [replace(ROW, remarks=remark("weak-threshold", f"{n} false matches")) for n in range(3)]
    assert say("no_rank", RUN, *rows, dataset="d").caution == " (0 to 2 false matches)."
    codes = ("weak-threshold", "no-interval", "scope")
    rows = [replace(ROW, remarks=remark(code, f"about {code}")) for code in codes]
    assert say("no_rank", RUN, *rows, dataset="d").caution == f" ({'; '.join(CODES[c][1] for c in codes)})."


def test_the_lead_says_what_is_built_in() -> None:
    assert lead(Basis(("synthetic",), True, True), full=True) == (
        "In the built-in world (synthetic people, small bundled models)"
    )
    assert lead(Basis(("synthetic",), True, False), full=True) == "In the built-in world (synthetic people)"
    assert lead(Basis(("real-model", "synthetic")), full=False) == "In the built-in world"
    assert lead(Basis(("real-model", "real-photos")), full=True) == "On real photos"


def test_every_evidence_has_a_clause_and_a_label() -> None:
    assert set(CLAUSE) == set(LABEL) == set(EVIDENCE_ORDER)


def test_templates_of_the_page_make_no_claims_of_their_own() -> None:
    """Sentences about CLIP and cloaks live in sentences.py; the page may name CLIP in the citation only."""
    folder = files("faceprobe.report").joinpath("templates")
    for page in folder.iterdir():
        if page.name.endswith(".j2") and page.name != "cite.html.j2":
            text = page.read_text(encoding="utf-8").lower()
            for word in ("clip", "fawkes", "lowkey", "protect"):
                assert not re.search(rf"\b{word}", text), f"{page.name} speaks of {word}"
