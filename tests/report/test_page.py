"""``report.html``: complete, self-contained, escaped, and honest about what is absent."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Missing
from faceprobe.report import write_report
from faceprobe.results.run import read_run
from tests.helpers.html_page import Page
from tests.helpers.run_writer import MODELS, Writer


def page(run_dir: Path) -> Page:
    return Page(write_report(run_dir).read_text(encoding="utf-8"))


def test_the_page_is_whole_and_refers_to_nothing_outside(run_dir: Path) -> None:
    target = write_report(run_dir)
    html = target.read_text(encoding="utf-8")
    found = Page(html)
    assert target == run_dir / "report.html"
    assert len(html) < 400_000
    assert len(found.ids) == len(set(found.ids))
    assert all(r.startswith("data:") for r in found.resources)
    assert "@import" not in html and "url(" not in html and "fetch(" not in html
    for link in found.links:
        if link.startswith("#"):
            assert link[1:] in found.ids, link
        elif link.startswith("figures/"):
            assert (run_dir / link).is_file(), link
        else:
            assert link.startswith("https://"), link


def test_the_headline_is_led_by_its_evidence_and_computed(run_dir: Path) -> None:
    words = page(run_dir).words
    run = read_run(run_dir)
    row = run.get("bundled:clip-l", run.scenes[0], "identification/leave-one-out-cross-event", "rank1")
    assert row is not None and row.value is not None and row.ci_low is not None and row.ci_high is not None
    figure = f"{100 * row.value:.0f} % [{100 * row.ci_low:.0f}, {100 * row.ci_high:.0f}]"
    assert (
        "In the built-in world (synthetic people, small bundled models): the best zero-shot CLIP-style "
        f"model, bundled:clip-l, finds the same person first in {figure} of searches among 300 people, "
        "7 other photos of each person enrolled (photos of the same event left out); chance is 0.3 %."
    ) in words
    assert "In the built-in world, the model made for faces, bundled:face, does so in" in words


def test_sections_stand_in_order(run_dir: Path) -> None:
    ids = page(run_dir).ids
    wanted = [
        "findings",
        "leaderboard",
        "crops",
        "size",
        "curves",
        "failures",
        "reference",
        "published",
        "data",
        "methods",
        "cite",
    ]
    assert [i for i in ids if i in wanted] == wanted


def test_published_figures_stand_apart(run_dir: Path) -> None:
    html = write_report(run_dir).read_text(encoding="utf-8")
    panel = html[html.index('id="published"') : html.index('id="data"')]
    assert "Published by others, not measured here" in panel
    for text in ("95.90", "arXiv 2509.14921", "81.73", "leave comparisons of a photo with itself in"):
        assert text in panel
    assert "bundled:" not in panel


def test_the_leaderboard_is_sorted_and_shows_both_weightings(run_dir: Path) -> None:
    html = write_report(run_dir).read_text(encoding="utf-8")
    board = html[
        html.index('<table class="board">') : html.index("</table>", html.index('<table class="board">'))
    ]
    names = [re.sub("<[^>]+>", "", n) for n in re.findall(r'<th scope="row">(.*?)<small>', board)]
    assert names == ["bundled:face", "bundled:clip-l", "bundled:clip-m", "bundled:clip-s", "bundled:clip-vit"]
    assert board.count("pairs ") == 5 * 6
    assert board.count('class="ci"') == 5 * 6


def test_unsupported_and_unstable_figures_say_why(
    writer: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.helpers import run_writer

    monkeypatch.setattr(run_writer, "FMRS", ("1e-5", "1e-6"))
    run_dir = writer(crops=("as-is",)).write()
    document = json.loads((run_dir / "results.json").read_text())
    for row in document["rows"]:
        row["metric"] = {"tmr@fmr=1e-6": "tmr@fmr=1e-3"}.get(row["metric"], row["metric"])
    (run_dir / "results.json").write_text(json.dumps(document))
    words = page(run_dir).words
    assert "2 non-mated comparisons would have to be accepted: not supported" in words
    assert "unstable: 28 false matches" in words


def keep(run_dir: Path, wanted: Callable[[dict[str, Any]], bool]) -> Path:
    """``run_dir`` with the rows and cells that are ``wanted`` only."""
    document = json.loads((run_dir / "results.json").read_text())
    document["rows"] = [r for r in document["rows"] if wanted(r)]
    manifest = json.loads((run_dir / "manifest.json").read_text())
    manifest["cells"] = [c for c in manifest["cells"] if wanted(c)]
    (run_dir / "results.json").write_text(json.dumps(document))
    (run_dir / "manifest.json").write_text(json.dumps(manifest))
    return run_dir


def test_a_model_with_a_crop_of_its_own_joins_the_headline_board(writer: Callable[..., Writer]) -> None:
    """As in the quickstart: the other models' crops come first, context-only is common to all."""
    run_dir = writer(crops=("as-is", "context-only", "margin-0.5", "aligned-112")).write()
    face, others = {"context-only", "margin-0.5", "aligned-112"}, {"as-is", "context-only"}
    keep(run_dir, lambda r: r["crop"] in (face if r["model"] == "bundled:face" else others))
    words = page(run_dir).words
    assert "bundled:face on its own crop (aligned-112), does so in" in words
    assert "on its own crop, aligned-112" in words
    assert words.count("on its own crop") == 2 and "margin-0.5), does so" not in words


def test_another_crop_is_not_called_the_models_own(writer: Callable[..., Writer]) -> None:
    run_dir = writer(crops=("as-is", "face-only")).write()
    keep(run_dir, lambda r: (r["model"] == "bundled:face") == (r["crop"] == "face-only"))
    words = page(run_dir).words
    assert "bundled:face on another crop (face-only), does so in" in words
    assert "on the crop face-only" in words and "on its own crop" not in words


def test_a_specialist_seen_without_the_face_only_is_not_set_beside_the_others(
    writer: Callable[..., Writer],
) -> None:
    run_dir = keep(writer().write(), lambda r: r["model"] != "bundled:face" or r["crop"] == "context-only")
    assert "the model made for faces, bundled" not in page(run_dir).words


@pytest.mark.parametrize(("above", "said"), [(1e-6, True), (0.0, False), (-1e-6, False)])
def test_above_chance_is_decided_by_the_numbers_not_by_their_text(
    writer: Callable[..., Writer], above: float, said: bool
) -> None:
    """Chance is 7/2399 = 0.292 %, written 0.3 %."""
    run_dir = writer().write()
    document = json.loads((run_dir / "results.json").read_text())
    for row in document["rows"]:
        if row["crop"] == "context-only" and row["metric"] == "rank1":
            row.update(value=0.01, ci_low=7 / 2399 + above, ci_high=0.02)
    (run_dir / "results.json").write_text(json.dumps(document))
    words = page(run_dir).words
    assert ("so part of the match is not the face" in words) == said
    assert ("which is not shown to exceed chance (0.3 %)" in words) == (not said)


def test_hostile_names_are_escaped(writer: Callable[..., Writer]) -> None:
    bad = "hf-hub:<script>alert(1)</script>&\"'"
    models = (
        replace(MODELS[0], card=replace(MODELS[0].card, id=bad, notes="<img src=x onerror=y>")),
        MODELS[1],
    )
    run_dir = writer(
        models=models,
        datasets=("folder:<b>&x",),
        title="</title><script>alert(2)</script>",
        missing=("<iframe src=//evil>",),
        notes={"description": "{{ 7 * 7 }} <svg onload=z>"},
    ).write()
    html = write_report(run_dir).read_text(encoding="utf-8")
    for text in ("<script>alert", "<img src=x", "<iframe", "<svg onload", "<b>&x"):
        assert text not in html
    found = Page(html)
    assert "alert(1)" in found.words and "{{ 7 * 7 }}" in found.words
    for figure in (run_dir / "figures").iterdir():
        assert re.fullmatch(r"[a-z0-9-]+\.svg", figure.name)
        ElementTree.parse(figure)


def test_figures_are_whole_files_of_their_own(run_dir: Path) -> None:
    write_report(run_dir)
    names = {p.stem for p in (run_dir / "figures").glob("*.svg")}
    for kind in ("roc", "det", "cmc", "size"):
        assert f"{kind}-synthetic-as-is" in names
    assert {"crops-all-synthetic", "crops-cross-event-synthetic", "roc-synthetic-context-only"} <= names
    assert "scores-synthetic-as-is-bundled-clip-m" in names
    for path in (run_dir / "figures").glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        assert "var(--" not in text and "href" not in text
        assert root.find("{*}title") is not None and root.find("{*}desc") is not None
    roc = (run_dir / "figures" / "roc-synthetic-as-is.svg").read_text(encoding="utf-8")
    assert all(m.card.id in roc for m in MODELS), "a copy carries its own legend"


def photos(dataset: str, image: str) -> NDArray[np.uint8]:
    assert dataset == "synthetic"
    shade = int(image[1:5]) % 256
    return np.full((120, 90, 3), shade, dtype=np.uint8)


def test_photos_only_when_asked_for(run_dir: Path) -> None:
    plain = page(run_dir)
    assert not plain.images and "--show-photos" in plain.words
    shown = Page(write_report(run_dir, photos).read_text(encoding="utf-8"))
    assert len(shown.images) == 2 * 2 * 2 * 6, "two models, two kinds, pairs of two, six each"
    for image in shown.images:
        assert (image["src"] or "").startswith("data:image/jpeg;base64,")
        assert image["alt"]
    assert "--show-photos" not in shown.words


def test_a_run_without_curves_or_crops_says_so(writer: Callable[..., Writer]) -> None:
    words = page(writer(curves=False, crops=("as-is",)).write()).words
    assert "No curves are stored with this run." in words
    assert "only one crop was measured" in words
    assert "cannot be compared: no bootstrap replicates are stored" in words


def test_an_empty_run(writer: Callable[..., Writer]) -> None:
    run_dir = writer(models=()).write()
    assert "This run holds no results." in page(run_dir).words


def test_missing_parts_exclusions_and_shares_are_listed(writer: Callable[..., Writer]) -> None:
    run_dir = writer(missing=("celeba: not found; give celeba:PATH",)).write()
    document = json.loads((run_dir / "results.json").read_text())
    for row in document["rows"]:
        if row["metric"] == "largest_identity_share":
            row["value"] = 0.58
    (run_dir / "results.json").write_text(json.dumps(document))
    words = page(run_dir).words
    assert "celeba: not found; give celeba:PATH" in words
    assert "3 × no face found" in words
    assert "58.0 %" in words and "above 10 %" in words
    assert "one person makes up 58.0 % of the mated comparisons" in words
    assert "Render groups support no demographic claim." in words


def test_real_photos_are_not_called_built_in(writer: Callable[..., Writer]) -> None:
    models = tuple(
        replace(m, card=replace(m.card, id=m.card.id.replace("bundled:clip", "ViT/openai"), synthetic=False))
        for m in MODELS[:2]
    )
    run_dir = writer(
        models=models, datasets=("lfw:lfw", "folder:x"), evidence="real-model", protocols=("",), folds=True
    )
    words = page(run_dir.write()).words
    assert "built-in world" not in words
    assert "With published weights on real photos: the best zero-shot CLIP-style model" in words
    assert "of searches among 300 people of lfw:lfw, 7 other photos of each person enrolled; chance" in words
    assert "decides" in words and "(lfw/official)" in words


def test_bundled_models_are_called_small_on_real_photos_too(writer: Callable[..., Writer]) -> None:
    words = page(writer(datasets=("folder:x",), evidence="real-photos", protocols=("",)).write()).words
    assert "On real photos: the best zero-shot CLIP-style model" in words
    assert "the bundled models are small and were trained on such people only" in words


def test_models_of_like_names_keep_their_own_figures(writer: Callable[..., Writer]) -> None:
    models = tuple(replace(MODELS[0], card=replace(MODELS[0].card, id=f"local:a{c}b")) for c in "/-")
    run_dir = writer(models=models, crops=("as-is",)).write()
    found = page(run_dir)
    assert len(found.ids) == len(set(found.ids))
    names = {p.name for p in (run_dir / "figures").glob("scores-*")}
    assert names == {"scores-synthetic-as-is-local-a-b.svg", "scores-synthetic-as-is-local-a-b-2.svg"}


def test_responsible_use_and_citation(run_dir: Path) -> None:
    words = page(run_dir).words
    for text in (
        "Article 9 of the GDPR",
        "BIPA",
        "EU AI Act",
        "not legal advice",
        "bundled models are small",
    ):
        assert text in words
    assert "arXiv:2301.07315" in words and "No figure on this page is taken from it." in words


def test_the_report_is_the_same_every_time(run_dir: Path) -> None:
    first = write_report(run_dir).read_bytes()
    assert write_report(run_dir).read_bytes() == first
    assert str(run_dir).encode() not in first


def test_what_is_no_run_is_refused(tmp_path: Path, run_dir: Path) -> None:
    with pytest.raises(Missing, match=r"results\.json"):
        write_report(tmp_path / "nothing")
    (run_dir / "manifest.json").write_text('{"cells": []}')
    with pytest.raises(BadInput, match="is not a manifest of schema"):
        write_report(run_dir)
    manifest = {"schema": "faceprobe.manifest/1", "cells": [{"key": "../x"}]}
    (run_dir / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match=r"manifest\.json: cells\.0\.model: "):
        write_report(run_dir)
    manifest["cells"] = [{"key": "../x", "model": "m", "dataset": "d"}]
    (run_dir / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match="plain folder name"):
        write_report(run_dir)
    (run_dir / "results.json").write_text('{"schema": "something/1", "rows": []}')
    with pytest.raises(BadInput, match="schema"):
        write_report(run_dir)
